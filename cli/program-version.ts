// Owns the version of the program, as its package has it.

import { readFileSync } from 'node:fs';

let version: string | undefined;

export function programVersion(): string {
  version ??= JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version as string;
  return version;
}
