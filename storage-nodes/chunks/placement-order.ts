// Owns the order in which a store keeps its chunks: by placement, so that the chunks of a partition lie
// together, whatever the number of partitions. A chunk's key is its id with the first 4 bytes masked by what
// follows from its last 4; the same step turns a key back into the id.

import { placementMask } from '#core/ring/partition.ts';
import type { ChunkId } from './chunk-store.ts';

/** Turns the id that begins at `at` into its key, or a key into its id, in place. */
export function swapIdAndKey(bytes: Uint8Array, at = 0): void {
  const mask = placementMask(bytes, at);
  bytes[at] = (bytes[at] as number) ^ (mask >>> 24);
  bytes[at + 1] = (bytes[at + 1] as number) ^ ((mask >>> 16) & 0xff);
  bytes[at + 2] = (bytes[at + 2] as number) ^ ((mask >>> 8) & 0xff);
  bytes[at + 3] = (bytes[at + 3] as number) ^ (mask & 0xff);
}

function keyOfId(id: ChunkId): Buffer {
  const key = Buffer.from(id);
  swapIdAndKey(key);
  return key;
}

/** Below, at or above 0 as `a` comes before, is or comes after `b`. */
export function comparePlacement(a: ChunkId, b: ChunkId): number {
  return Buffer.compare(keyOfId(a), keyOfId(b));
}

/** The first 4 bytes of the keys of a partition and, where there is one, of the next. */
export function partitionRange(number: number, power: number): { first: Buffer; next: Buffer | undefined } {
  const first = Buffer.alloc(4);
  first.writeUInt32BE(number * 2 ** (32 - power));
  if (number + 1 === 2 ** power) return { first, next: undefined };
  const next = Buffer.alloc(4);
  next.writeUInt32BE((number + 1) * 2 ** (32 - power));
  return { first, next };
}
