// Owns the build: one bundle of the program and one of each worker thread in dist/. Packages go in, since one
// file loads faster than hundreds (250 ms of CPU for `strata --version` become 100); only those with native
// parts stay outside. A build is complete or it did not happen: files are renamed into place at the end.

import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { build } from 'esbuild';
import { nativePackages } from './native-packages.mjs';
import stale from './stale.cjs';

const { root, builtFrom, stampOf, isStale } = stale;
const dist = dirname(builtFrom);
const staging = join(dist, `staging-${process.pid}`);

const shared = {
  absWorkingDir: root,
  outdir: staging,
  bundle: true,
  platform: 'node',
  target: 'node20',
  sourcemap: true,
  metafile: true,
  write: true,
  logLevel: 'warning',
};

/** Packages that are CommonJS ask for Node's own modules by `require`. */
const requireInModule = [
  "import { createRequire as requireFor } from 'node:module';",
  'const require = requireFor(import.meta.url);',
].join('\n');

const bundles = [
  {
    format: 'esm',
    entryPoints: ['cli/strata.ts', 'storage-nodes/stream/digest-worker.ts'],
    external: nativePackages,
    banner: { js: requireInModule },
  },
  // The launcher is what `strata` runs: it sets the size of the thread pool, then imports the program.
  {
    format: 'cjs',
    outExtension: { '.js': '.cjs' },
    entryPoints: ['cli/launch.cjs'],
    external: ['./strata.js'],
  },
];

async function buildAll() {
  const stamps = {
    'package.json': stampOf('package.json'),
    'scripts/build.mjs': stampOf('scripts/build.mjs'),
    'scripts/native-packages.mjs': stampOf('scripts/native-packages.mjs'),
  };
  const outputs = [];
  try {
    mkdirSync(staging, { recursive: true });
    for (const bundle of bundles) {
      const { metafile } = await build({ ...shared, ...bundle, entryNames: '[name]' });
      for (const path of Object.keys(metafile.inputs)) stamps[path] = stampOf(path);
      outputs.push(...Object.keys(metafile.outputs));
    }
    writeFileSync(join(staging, basename(builtFrom)), JSON.stringify(stamps, null, 1));
    for (const path of outputs) renameSync(join(root, path), join(dist, basename(path)));
    renameSync(join(staging, basename(builtFrom)), builtFrom);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
  return outputs.length;
}

if (!process.argv.includes('--if-stale') || isStale()) {
  const files = await buildAll();
  process.stderr.write(`built ${files} files in ${relative(process.cwd(), dist) || '.'}\n`);
}
