// Owns the digests of a store's partitions: a count and the exclusive-or of a hash of each id, so that a
// chunk's coming and going costs a few instructions and the order of both does not matter.

import { assert } from '#core/kernel/assert.ts';
import { limits } from '#core/kernel/limits.ts';
import { mix32, partitionOf } from '#core/ring/partition.ts';
import { CHUNK_ID_BYTES, type ChunkId } from './chunk-store.ts';

/** Words of a partition's digest: how many chunks, and two of the hash. */
export const DIGEST_WORDS = 3;

export class DigestTable {
  readonly partitionPower: number;
  readonly #words: Uint32Array;

  constructor(partitionPower: number) {
    assert(partitionPower >= 1 && partitionPower <= limits.ringPartitionPower, 'a partition power of a ring');
    this.partitionPower = partitionPower;
    this.#words = new Uint32Array(DIGEST_WORDS * 2 ** partitionPower);
  }

  /** @param change 1: the chunk came; -1: it went. */
  count(id: ChunkId, change: 1 | -1): void {
    const view = new DataView(id.buffer, id.byteOffset, CHUNK_ID_BYTES);
    const at = DIGEST_WORDS * partitionOf(id, this.partitionPower);
    const words = this.#words;
    const index = view.getUint32(16);
    words[at] = (words[at] as number) + change;
    // The index goes through the mixer by itself: those of one blob must not cancel out.
    words[at + 1] = (words[at + 1] as number) ^ mix32(view.getUint32(0) ^ mix32(index + 1));
    words[at + 2] = (words[at + 2] as number) ^ mix32(view.getUint32(4) ^ mix32(~index));
  }

  read(partitions: Uint32Array): Uint32Array {
    assert(partitions.length <= limits.digestPartitions, 'a page of digests has a limit');
    const found = new Uint32Array(DIGEST_WORDS * partitions.length);
    for (let i = 0; i < partitions.length; i++) {
      const at = DIGEST_WORDS * (partitions[i] as number);
      assert(at < this.#words.length, `no partition ${partitions[i]}`);
      found.set(this.#words.subarray(at, at + DIGEST_WORDS), DIGEST_WORDS * i);
    }
    return found;
  }
}
