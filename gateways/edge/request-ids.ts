// Owns the ids of requests: 16 upper-case hexadecimal digits, unguessable, so that nobody can ask for
// another's.

import type { Random } from '#core/kernel/random.ts';

const ID_BYTES = 8;

/** A function that returns a fresh id at each call. */
export function requestIds(random: Random): () => string {
  const bytes = Buffer.alloc(ID_BYTES);
  return () => random.fill(bytes).toString('hex').toUpperCase();
}
