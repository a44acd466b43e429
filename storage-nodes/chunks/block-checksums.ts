// Owns the checksums of a chunk's blocks, as every put carries them.

import { crc32 } from '@node-rs/crc32';
import { limits } from '#core/kernel/limits.ts';

/** CRC-32 (IEEE) of each limits.blockBytes of the data; the last block may be shorter. */
export function blockChecksums(data: Uint8Array): Uint32Array {
  const { blockBytes } = limits;
  if (data.length <= blockBytes && data.length > 0) return Uint32Array.of(crc32(data));
  const checksums = new Uint32Array(Math.ceil(data.length / blockBytes));
  for (let block = 0; block < checksums.length; block++) {
    checksums[block] = crc32(data.subarray(block * blockBytes, (block + 1) * blockBytes));
  }
  return checksums;
}
