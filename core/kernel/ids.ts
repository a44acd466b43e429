// Owns the making of identifiers: 128 random bits, written as 32 lower-case hexadecimal digits.

import type { Random } from './random.ts';

export const ID_BYTES = 16;

/** A fresh, unguessable id: 32 hexadecimal digits. */
export function newId(random: Random): string {
  return random.fill(Buffer.allocUnsafe(ID_BYTES)).toString('hex');
}

export function isId(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text);
}
