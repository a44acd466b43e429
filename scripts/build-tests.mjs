// Owns the tests as AVA runs them: each file with all of ours that it needs in few files, in dist/tests/,
// made anew for every run. A process that translates TypeScript as it loads it spends more time on that than
// most tests take. Sources keep their own addresses: what they find by `import.meta.url` lies beside them.

import { readdirSync, rmSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import stale from './stale.cjs';

const { root } = stale;
const FOLDERS = ['cli', 'core', 'gateways', 'projections', 'scripts', 'services', 'storage-nodes', 'tests'];
const OLD_MS = 60 * 60 * 1_000;

/** From the root, with a slash behind it. */
export const builtTests = 'dist/tests/';

const keepAddresses = {
  name: 'keep-addresses',
  setup: (bundle) =>
    bundle.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      const address = JSON.stringify(pathToFileURL(path).href);
      return { contents: source.replaceAll('import.meta.url', address), loader: 'ts' };
    }),
};

export async function buildTests() {
  const outdir = join(root, builtTests);
  await build({
    absWorkingDir: root,
    outdir,
    outbase: '.',
    entryPoints: FOLDERS.map((folder) => `${folder}/**/*.test.ts`),
    bundle: true,
    splitting: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: true,
    logLevel: 'warning',
    plugins: [keepAddresses],
  });
  // Of earlier builds; what is younger another run may be loading.
  for (const name of readdirSync(outdir, { recursive: true })) {
    const path = join(outdir, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isFile() && Date.now() - stat.mtimeMs > OLD_MS) rmSync(path, { force: true });
  }
}
