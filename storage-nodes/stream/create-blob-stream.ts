// Owns the putting together of the streaming path: its memory, its way in and its way out.

import { assert } from '#core/kernel/assert.ts';
import type { Clock } from '#core/kernel/clock.ts';
import { Fault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Random } from '#core/kernel/random.ts';
import type { ChunkClient } from '#storage-nodes/client/blob-client.ts';
import { Activity } from './activity.ts';
import { readBlob } from './blob-reader.ts';
import { BlobSource } from './blob-source.ts';
import type {
  BlobExtent,
  BlobStream,
  BlobTarget,
  BlobWriteRequest,
  ByteSource,
  WrittenBlob,
} from './blob-stream.ts';
import { BlobWriter, type BlobWriterParts } from './blob-writer.ts';
import { BufferPool } from './buffer-pool.ts';
import { ByteBudget } from './byte-budget.ts';
import type { DigestPool } from './digest.ts';
import { discardChunks } from './discard-chunks.ts';
import { StreamMemory } from './stream-memory.ts';

export interface BlobStreamOptions {
  readonly chunks: ChunkClient;
  readonly random: Random;
  readonly clock: Clock;
  /** Stays the caller's to close, after the stream. */
  readonly digests: DigestPool;
  /** For all bodies together; room for two buffers at least. */
  readonly budgetBytes?: number;
}

/** What is in use, for metrics. */
export interface BlobStreamStatus {
  readonly usedBytes: number;
  /** Writers, readers and sources that wait for budget. */
  readonly waiting: number;
  readonly buffersOut: number;
  readonly idleBuffers: number;
}

/** The share of the budget that sources of copies have for themselves. */
const SOURCES_SHARE = 1 / 8;

export function createBlobStream(options: BlobStreamOptions): BlobStream & { status(): BlobStreamStatus } {
  return new StreamOfChunks(options);
}

class StreamOfChunks implements BlobStream {
  readonly #chunks: ChunkClient;
  readonly #activity = new Activity();
  readonly #pool: BufferPool;
  /** Bodies on their way in and out. */
  readonly #bodies: StreamMemory;
  readonly #sources: StreamMemory;
  readonly #writerParts: BlobWriterParts;
  #closed = false;

  constructor(options: BlobStreamOptions) {
    const { chunks, random, clock, digests, budgetBytes = limits.streamBudgetBytes } = options;
    this.#chunks = chunks;
    this.#pool = new BufferPool({ clock, dropped: (memory) => digests.forget(memory) });
    const { bufferBytes } = this.#pool;
    assert(budgetBytes >= 2 * bufferBytes, 'a body and a source each need room for a buffer');
    const sourcesBytes = Math.max(bufferBytes, Math.floor(budgetBytes * SOURCES_SHARE));
    this.#sources = new StreamMemory(new ByteBudget(sourcesBytes), this.#pool, this.#activity);
    this.#bodies = new StreamMemory(new ByteBudget(budgetBytes - sourcesBytes), this.#pool, this.#activity);
    this.#writerParts = { chunks, random, memory: this.#bodies, digests };
  }

  write(request: BlobWriteRequest): Promise<WrittenBlob> {
    return new Promise((resolve, reject) => {
      this.#enter();
      const written = (blob: WrittenBlob) => {
        this.#activity.leave();
        resolve(blob);
      };
      const failed = (error: unknown) => {
        this.#activity.leave();
        reject(error);
      };
      new BlobWriter(this.#writerParts, request, { written, failed }).start();
    });
  }

  async read(
    extents: readonly BlobExtent[],
    offset: number,
    length: number,
    target: BlobTarget,
  ): Promise<void> {
    this.#enter();
    try {
      await readBlob({ chunks: this.#chunks, memory: this.#bodies }, extents, offset, length, target);
    } finally {
      this.#activity.leave();
    }
  }

  source(extents: readonly BlobExtent[], offset: number, length: number): ByteSource {
    const parts = { chunks: this.#chunks, memory: this.#sources };
    return new BlobSource(parts, this.#activity, extents, offset, length);
  }

  async discard(blob: BlobExtent): Promise<void> {
    this.#enter();
    try {
      await discardChunks(this.#chunks, blob.blob, Math.ceil(blob.sizeBytes / blob.chunkBytes));
    } finally {
      this.#activity.leave();
    }
  }

  status(): BlobStreamStatus {
    return {
      usedBytes: this.#bodies.budget.usedBytes + this.#sources.budget.usedBytes,
      waiting: this.#bodies.budget.waiting + this.#sources.budget.waiting,
      buffersOut: this.#pool.buffersOut,
      idleBuffers: this.#pool.idleBuffers,
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#activity.idle();
    this.#pool.close();
  }

  #enter(): void {
    if (this.#closed) throw new Fault('closed', 'the streaming path is closed');
    this.#activity.enter();
  }
}
