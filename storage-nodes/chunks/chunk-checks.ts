// Owns what every chunk store asserts of its callers. Input from outside is judged at the gateway; what is
// wrong here is a bug of ours.

import { assert } from '#core/kernel/assert.ts';
import { limits } from '#core/kernel/limits.ts';
import { CHUNK_ID_BYTES, type Chunk, type ChunkId, type ListOptions } from './chunk-store.ts';

// Put together once: these checks are on the way of every small chunk.
const ID_LENGTH = `a chunk id has ${CHUNK_ID_BYTES} bytes`;
const DATA_LENGTH = `a chunk has at most ${limits.chunkBytes} bytes`;
const OWNER_LENGTH = `an owner has at most ${limits.chunkOwnerBytes} bytes`;

export function checkId(id: ChunkId): void {
  assert(id.length === CHUNK_ID_BYTES, ID_LENGTH);
}

export function checkRange(offset: number, length: number): void {
  assert(Number.isSafeInteger(offset) && offset >= 0, 'an offset is a whole number');
  assert(Number.isSafeInteger(length) && length >= 0, 'a length is a whole number');
}

export function checkListOptions(options: ListOptions | undefined): void {
  if (options?.after !== undefined) checkId(options.after);
  if (options?.partition === undefined) return;
  const { number, power } = options.partition;
  assert(power >= 1 && power <= limits.ringPartitionPower, 'a partition power of a ring');
  assert(Number.isInteger(number) && number >= 0 && number < 2 ** power, 'a partition of the ring');
}

/** @param ownerBytes length of the owner in UTF-8. */
export function checkChunk(chunk: Chunk, ownerBytes: number): void {
  checkId(chunk.id);
  assert(chunk.data.length <= limits.chunkBytes, DATA_LENGTH);
  const blocks = Math.ceil(chunk.data.length / limits.blockBytes);
  assert(chunk.checksums.length === blocks, 'a chunk has one checksum for each of its blocks');
  assert(ownerBytes <= limits.chunkOwnerBytes, OWNER_LENGTH);
}
