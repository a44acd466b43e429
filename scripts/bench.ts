// Owns `npm run bench`: every bench of the repository, one after the other, each in a process of its own, so
// that none disturbs the next. Prints their JSON lines. With words, only the benches whose path has one: `npm
// run bench -- log`.

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const words = process.argv.slice(2);

function benchesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return benchesBelow(path);
    return entry.name.endsWith('.bench.ts') ? [path] : [];
  });
}

const folders = readdirSync(root, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !/^\.|^(node_modules|dist|data|docs|proto)$/.test(entry.name))
  .map((entry) => entry.name);
const benches = folders
  .flatMap(benchesBelow)
  .filter((path) => words.length === 0 || words.some((word) => path.includes(word)))
  .sort();

for (const path of benches) {
  console.error(`# ${path}`);
  const { status } = spawnSync(process.execPath, ['--import=tsx', join(root, path)], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== 0) {
    console.error(`# ${path} failed`);
    process.exitCode = 1;
  }
}
if (benches.length === 0) {
  console.error('no bench has such a path');
  process.exitCode = 1;
}
