// Owns copies of the sources with one line changed, for a simulator that is to find out.

import { cpSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '#tests/support/source-files.ts';
import type { Mutation } from './mutations.ts';

const COPIED = [
  ...['core', 'storage-nodes', 'projections', 'services', 'tests/simulation', 'tests/support'],
  ...['package.json', 'tsconfig.json'],
];

/** How often the mutated text stands in the source: once, unless the source has moved on. */
export function occurrencesOf({ file, find }: Mutation): number {
  return readFileSync(join(root, file), 'utf8').split(find).length - 1;
}

/** The directory of the copy; the caller's to remove. */
export function mutatedCopy({ file, find, replace }: Mutation): string {
  const directory = mkdtempSync(join(tmpdir(), 'strata-'));
  for (const path of COPIED) cpSync(join(root, path), join(directory, path), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  const source = readFileSync(join(directory, file), 'utf8');
  writeFileSync(
    join(directory, file),
    source.replace(find, () => replace),
  );
  return directory;
}
