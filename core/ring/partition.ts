// Owns the way from a chunk's id to its partition. Published with the data: a change would lose every
// chunk.

/** Odd, near 2^32 divided by the golden ratio: consecutive multiples fall far apart in their high bits. */
const GOLDEN = 0x9e3779b1;

/**
 * The partition of a chunk: the upper bits of its placement. The first 4 bytes of the blob are random
 * already; the chunk's index is mixed in so that the chunks of one blob spread over the partitions.
 * @param chunkId 20 bytes: blob, then index (big-endian 32 bit).
 * @param partitionPower 1 to 32.
 */
export function partitionOf(chunkId: Uint8Array, partitionPower: number): number {
  return (read32(chunkId, 0) ^ placementMask(chunkId, 0)) >>> (32 - partitionPower);
}

/** What turns the first 4 bytes of the id that begins at `at` into its placement, and back. */
export function placementMask(bytes: Uint8Array, at: number): number {
  return Math.imul(read32(bytes, at + 16), GOLDEN);
}

function read32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  );
}

/** Mixes 32 bits so that each bit of the result depends on all of them (the finaliser of MurmurHash3). */
export function mix32(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
