// Owns the build: the program and each worker thread in dist/, in a few files, so that a command loads no
// more than it needs. Packages go in, since few files load faster than hundreds; only those with native parts
// stay outside. A build is complete or it did not happen: files are renamed into place at the end.

import { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { build } from 'esbuild';
import { nativePackages } from './native-packages.mjs';
import stale from './stale.cjs';

const { root, builtFrom, stampOf, isStale } = stale;
const dist = dirname(builtFrom);
const staging = join(dist, `staging-${process.pid}`);

const LEFTOVER_MS = 60 * 60 * 1_000;

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
    splitting: true,
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
    removeLeftovers(new Set(outputs.map((path) => basename(path))));
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
  return outputs.length;
}

/** Pieces of earlier builds; young ones may be about to be loaded by a program that has just started. */
function removeLeftovers(current) {
  for (const name of readdirSync(dist)) {
    const path = join(dist, name);
    if (!/-[A-Z0-9]{8}\.js(\.map)?$/.test(name) || current.has(name)) continue;
    if (Date.now() - statSync(path).mtimeMs > LEFTOVER_MS) rmSync(path, { force: true });
  }
}

if (!process.argv.includes('--if-stale') || isStale()) {
  const files = await buildAll();
  process.stderr.write(`built ${files} files in ${relative(process.cwd(), dist) || '.'}\n`);
}
