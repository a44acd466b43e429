// Owns the way out: a range of stored bytes, chunk by chunk and in order, to a target. The store verifies
// each block, so nothing is verified again here. Guarantees bounded memory, and that it stops when the
// target has gone.
// Budget per chunk of 1 MiB: no copy, two awaits, a buffer from the pool; up to two chunks are read
// ahead. A small read: one await of the client, one write; no pooled buffer.

import { assert } from '#core/kernel/assert.ts';
import { limits } from '#core/kernel/limits.ts';
import type { ChunkClient } from '#storage-nodes/client/blob-client.ts';
import { ciphered } from './blob-cipher.ts';
import type { BlobExtent, BlobTarget } from './blob-stream.ts';
import { type ChunkPiece, ChunkPieces } from './chunk-pieces.ts';
import type { Lease, StreamMemory } from './stream-memory.ts';

export interface BlobReaderParts {
  readonly chunks: ChunkClient;
  readonly memory: StreamMemory;
}

export async function readBlob(
  parts: BlobReaderParts,
  extents: readonly BlobExtent[],
  offset: number,
  length: number,
  target: BlobTarget,
): Promise<void> {
  const pieces = new ChunkPieces(extents, offset, length);
  const first = pieces.next();
  if (first === undefined) return;
  if (pieces.leftBytes === 0 && first.length <= limits.streamSmallBytes)
    return readSmall(parts, first, target);
  await readPieces(parts, first, pieces, target);
}

async function readSmall(parts: BlobReaderParts, piece: ChunkPiece, target: BlobTarget): Promise<void> {
  const { budget } = parts.memory;
  // The client brings its own memory; the permit stands for it.
  if (!budget.tryTake(piece.length)) {
    await new Promise<void>((resolve) => budget.take(piece.length, resolve));
  }
  try {
    const taken = target.write(await readPiece(parts.chunks, piece));
    if (taken !== undefined) await taken;
  } finally {
    budget.give(piece.length);
  }
}

interface Reading {
  readonly lease: Lease;
  readonly bytes: Promise<Uint8Array>;
}

async function readPieces(
  parts: BlobReaderParts,
  first: ChunkPiece,
  pieces: ChunkPieces,
  target: BlobTarget,
): Promise<void> {
  const { chunks, memory } = parts;
  const ahead: Reading[] = [];
  let piece: ChunkPiece | undefined = first;
  try {
    while (piece !== undefined || ahead.length > 0) {
      while (piece !== undefined && ahead.length <= limits.streamReadAhead) {
        // Nothing is in hand when this waits; what is only read ahead does not wait.
        const lease: Lease | undefined = ahead.length === 0 ? await takeLease(memory) : spareLease(memory);
        if (lease === undefined) break;
        const bytes = readPiece(chunks, piece, lease.bytes);
        // A failure is met when its turn comes, or never, when an earlier one ends the read.
        bytes.catch(() => undefined);
        ahead.push({ lease, bytes });
        piece = pieces.next();
      }
      const reading = ahead[0] as Reading;
      const taken = target.write(await reading.bytes);
      if (taken !== undefined) await taken;
      ahead.shift();
      reading.lease.release();
    }
  } finally {
    // Reads under way still fill their buffers, so each goes back when its read has settled.
    for (const { lease, bytes } of ahead) {
      const release = () => lease.release();
      bytes.then(release, release);
    }
  }
}

function spareLease(memory: StreamMemory): Lease | undefined {
  return memory.tryTakeSpare(limits.chunkBytes);
}

function takeLease(memory: StreamMemory): Lease | Promise<Lease> {
  const lease = memory.tryTake(limits.chunkBytes);
  return lease ?? new Promise((resolve) => memory.take(limits.chunkBytes, resolve));
}

/** @throws Fault `chunk-unreadable`. */
export async function readPiece(
  chunks: ChunkClient,
  piece: ChunkPiece,
  buffer?: Uint8Array,
): Promise<Uint8Array> {
  const bytes = await chunks.read(piece.id, piece.offset, piece.length, buffer);
  assert(bytes.length === piece.length, 'the client reads what it was asked for');
  return piece.cipher ? ciphered(piece.cipher.key, piece.cipher.offset, bytes, buffer) : bytes;
}
