// Owns stored bytes as a source, for copies. It keeps one buffer, from a budget that only sources draw
// on, from its start to its end (byte-budget.ts says why), and pushes in pieces of a block so that a
// pause takes hold soon.
// Budget per chunk: no copy, one promise.

import { limits } from '#core/kernel/limits.ts';
import type { Activity } from './activity.ts';
import { type BlobReaderParts, readPiece } from './blob-reader.ts';
import type { BlobExtent, ByteSink, ByteSource } from './blob-stream.ts';
import type { BudgetWaiter } from './byte-budget.ts';
import { ChunkPieces } from './chunk-pieces.ts';
import type { Lease } from './stream-memory.ts';

export class BlobSource implements ByteSource {
  readonly sizeBytes: number;
  readonly #parts: BlobReaderParts;
  readonly #activity: Activity;
  readonly #pieces: ChunkPieces;
  #sink: ByteSink | undefined;
  #waiter: BudgetWaiter | undefined;
  #lease: Lease | undefined;
  #reading = false;
  /** Read and not yet pushed. */
  #bytes: Uint8Array | undefined;
  #paused = false;
  #pushing = false;
  #closed = false;

  constructor(
    parts: BlobReaderParts,
    activity: Activity,
    extents: readonly BlobExtent[],
    offset: number,
    length: number,
  ) {
    this.#parts = parts;
    this.#activity = activity;
    this.#pieces = new ChunkPieces(extents, offset, length);
    this.sizeBytes = length;
  }

  start(sink: ByteSink): void {
    this.#sink = sink;
    this.#activity.enter();
    if (this.sizeBytes === 0) {
      this.#close();
      sink.end();
      return;
    }
    const wantedBytes = limits.chunkBytes;
    const granted = (lease: Lease) => {
      this.#waiter = undefined;
      this.#lease = lease;
      this.#advance();
    };
    const lease = this.#parts.memory.tryTake(wantedBytes);
    if (lease !== undefined) granted(lease);
    else this.#waiter = this.#parts.memory.take(wantedBytes, granted);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#advance();
  }

  cancel(): void {
    this.#close();
  }

  #advance(): void {
    // The sink may pause and resume while it is being pushed to: the loop outside goes on.
    if (this.#pushing || this.#lease === undefined) return;
    this.#pushing = true;
    this.#push();
    this.#pushing = false;
    if (this.#closed || this.#paused || this.#reading) return;
    const piece = this.#pieces.next();
    if (piece === undefined) {
      this.#close();
      this.#sink?.end();
    } else {
      this.#reading = true;
      readPiece(this.#parts.chunks, piece, this.#lease.bytes).then(
        (bytes) => this.#read(bytes),
        (error) => this.#readFailed(error),
      );
    }
  }

  #push(): void {
    while (this.#bytes !== undefined && !this.#paused && !this.#closed) {
      const bytes = this.#bytes;
      this.#bytes = bytes.length > limits.blockBytes ? bytes.subarray(limits.blockBytes) : undefined;
      this.#sink?.write(bytes.subarray(0, limits.blockBytes));
    }
  }

  #read(bytes: Uint8Array): void {
    this.#reading = false;
    if (this.#closed) this.#returnLease();
    else {
      this.#bytes = bytes;
      this.#advance();
    }
  }

  #readFailed(error: Error): void {
    this.#reading = false;
    if (this.#closed) this.#returnLease();
    else {
      this.#close();
      this.#sink?.fail(error);
    }
  }

  /** The buffer goes back now, or when the read that fills it has settled. */
  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#bytes = undefined;
    if (this.#waiter !== undefined) this.#parts.memory.cancel(this.#waiter);
    this.#waiter = undefined;
    if (!this.#reading) this.#returnLease();
    this.#activity.leave();
  }

  #returnLease(): void {
    this.#lease?.release();
    this.#lease = undefined;
  }
}
