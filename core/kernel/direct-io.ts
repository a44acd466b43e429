// Owns what writing past the page cache asks for: O_DIRECT wants positions, lengths and memory on the
// device's block borders (open(2), "O_DIRECT"). Large data that nobody reads soon gains by it: the
// processor copies nothing, and no page of fresh memory is touched.

import { closeSync, constants, openSync, readSync } from 'node:fs';

/** Positions and lengths of direct writes are multiples of it: the block size of nearly all devices. */
export const DIRECT_BLOCK_BYTES = 4096;

/** Kernels ask for memory on 512-byte borders at most; allocators give 16. */
const MEMORY_BORDER_BYTES = 512;
const ALLOCATOR_BORDER_BYTES = 16;

/** A buffer on a border from which the kernel can write directly, in shared memory of its own. */
export function directBuffer(sizeBytes: number): Buffer {
  const memory = new SharedArrayBuffer(sizeBytes + MEMORY_BORDER_BYTES);
  return Buffer.from(memory, directOffsetIn(memory), sizeBytes);
}

/**
 * Where in `memory` a buffer for direct writes begins: JavaScript does not tell an address, so the kernel
 * is asked which offset it takes. 0 where there is no direct reading at all.
 */
function directOffsetIn(memory: SharedArrayBuffer): number {
  let file: number;
  try {
    file = openSync(process.execPath, constants.O_RDONLY | constants.O_DIRECT);
  } catch {
    return 0;
  }
  try {
    for (let offset = 0; offset < MEMORY_BORDER_BYTES; offset += ALLOCATOR_BORDER_BYTES) {
      if (takes(file, Buffer.from(memory, offset, DIRECT_BLOCK_BYTES))) return offset;
    }
    return 0;
  } finally {
    closeSync(file);
  }
}

function takes(file: number, target: Buffer): boolean {
  try {
    return readSync(file, target, 0, target.length, 0) > 0;
  } catch {
    return false;
  }
}
