// Owns the arithmetic of a read: which bytes of which chunks make up a range of several extents in a row.

import { assert } from '#core/kernel/assert.ts';
import { type ChunkId, chunkIdOf } from '#storage-nodes/chunks/chunk-store.ts';
import type { BlobExtent } from './blob-stream.ts';

export interface ChunkPiece {
  readonly id: ChunkId;
  readonly offset: number;
  readonly length: number;
  /** Of an enciphered blob: its key, and where the piece begins in the blob. */
  readonly cipher?: { readonly key: Uint8Array; readonly offset: number };
}

/** The pieces one after another: a body of terabytes has too many for a list. */
export class ChunkPieces {
  readonly #extents: readonly BlobExtent[];
  #extent = 0;
  /** In the current extent. */
  #offset: number;
  #leftBytes: number;

  constructor(extents: readonly BlobExtent[], offset: number, length: number) {
    const totalBytes = extents.reduce((sum, extent) => sum + extent.sizeBytes, 0);
    assert(offset >= 0 && length >= 0 && offset + length <= totalBytes, 'a range lies within its extents');
    this.#extents = extents;
    this.#offset = offset;
    this.#leftBytes = length;
    this.#skipFinishedExtents();
  }

  get leftBytes(): number {
    return this.#leftBytes;
  }

  /** Undefined after the last piece. */
  next(): ChunkPiece | undefined {
    if (this.#leftBytes === 0) return undefined;
    const extent = this.#extents[this.#extent];
    assert(extent, 'a range ends where the extents end');
    const { blob, sizeBytes, chunkBytes, key } = extent;
    const at = this.#offset;
    const index = Math.floor(this.#offset / chunkBytes);
    const offset = this.#offset - index * chunkBytes;
    const length = Math.min(chunkBytes - offset, sizeBytes - this.#offset, this.#leftBytes);
    this.#offset += length;
    this.#leftBytes -= length;
    this.#skipFinishedExtents();
    const id = chunkIdOf(blob, index);
    return key ? { id, offset, length, cipher: { key, offset: at } } : { id, offset, length };
  }

  #skipFinishedExtents(): void {
    let extent = this.#extents[this.#extent];
    while (extent !== undefined && this.#offset >= extent.sizeBytes) {
      this.#offset -= extent.sizeBytes;
      extent = this.#extents[++this.#extent];
    }
  }
}
