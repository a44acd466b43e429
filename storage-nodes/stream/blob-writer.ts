// Owns the way in: one body from its source to chunks on the storage nodes. Guarantees that a resolved
// write is durable, that a rejected one has let go of every buffer and deleted what it wrote, and that
// memory is bounded.
// Budget per chunk of 1 MiB: each byte copied once (from the source into the chunk, unless the source put it
// there; of a push that meets a full buffer, the rest once more), read once for the block CRCs and once for
// each digest; three promises, six small objects. A small body: the promise of the write and two reactions to
// the client's; one buffer of its size. With a key it is
// ciphered where it is, once it was digested: before, the digest needs the plain bytes.
//
// Every event (bytes, end, failure, budget, put, digest) is recorded, then #advance() does what has
// become possible.

import { Bug } from '#core/kernel/assert.ts';
import { Fault } from '#core/kernel/errors.ts';
import { newId } from '#core/kernel/ids.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Random } from '#core/kernel/random.ts';
import { blockChecksums } from '#storage-nodes/chunks/block-checksums.ts';
import { type ChunkId, chunkIdOf } from '#storage-nodes/chunks/chunk-store.ts';
import type { ChunkClient, QuorumPut } from '#storage-nodes/client/blob-client.ts';
import { ciphered } from './blob-cipher.ts';
import type { BlobWriteRequest, ByteSink, WrittenBlob } from './blob-stream.ts';
import type { BudgetWaiter } from './byte-budget.ts';
import { type DigestPool, type Digests, digestOnce, type RunningDigest } from './digest.ts';
import { discardChunks } from './discard-chunks.ts';
import type { Lease, StreamMemory } from './stream-memory.ts';

export interface BlobWriterParts {
  readonly chunks: ChunkClient;
  readonly random: Random;
  readonly memory: StreamMemory;
  readonly digests: DigestPool;
}

export interface Outcome {
  written(blob: WrittenBlob): void;
  failed(error: unknown): void;
}

const NOTHING = new Uint8Array(0);

export class BlobWriter implements ByteSink {
  readonly #parts: BlobWriterParts;
  readonly #request: BlobWriteRequest;
  readonly #outcome: Outcome;
  readonly #sizeBytes: number | undefined;

  // The source.
  #receivedBytes = 0;
  #paused = false;
  #ended = false;
  /** Copies of what was pushed while there was no buffer to put it in. */
  #spill: Uint8Array[] = [];
  #spillBytes = 0;

  // The chunk being filled.
  #lease: Lease | undefined;
  #filledBytes = 0;
  /** The source may write into the buffer at any time. */
  #roomIsOut = false;
  #waiter: BudgetWaiter | undefined;

  // Chunks handed on.
  #blob = '';
  #handedOn = 0;
  #notDurable = 0;
  #notLetGo = 0;

  // The result.
  #running: RunningDigest | undefined;
  #digests: Digests | undefined;
  #finishing = false;
  #failure: { readonly error: unknown } | undefined;
  #settled = false;

  constructor(parts: BlobWriterParts, request: BlobWriteRequest, outcome: Outcome) {
    this.#parts = parts;
    this.#request = request;
    this.#outcome = outcome;
    this.#sizeBytes = request.source.sizeBytes;
  }

  start(): void {
    try {
      this.#request.source.start(this);
    } catch (error) {
      this.#fail(error);
    }
  }

  write(bytes: Uint8Array): void {
    if (this.#closed()) return;
    this.#receivedBytes += bytes.length;
    if (this.#sizeBytes !== undefined && this.#receivedBytes > this.#sizeBytes) {
      this.#fail(new Fault('aborted', `the body is longer than the ${this.#sizeBytes} bytes announced`));
      return;
    }
    const taken = this.#spill.length === 0 ? this.#fill(bytes) : 0;
    if (taken < bytes.length) this.#keep(bytes.subarray(taken));
    if (!this.#closed() && !this.#readyForMore()) this.#pause();
  }

  room(): Uint8Array | undefined {
    this.#roomIsOut = false;
    if (this.#closed() || this.#spill.length > 0 || !this.#takeBuffer()) return undefined;
    const lease = this.#lease as Lease;
    if (!lease.pooled) return undefined;
    this.#roomIsOut = true;
    return lease.bytes.subarray(this.#filledBytes, limits.chunkBytes);
  }

  end(): void {
    if (this.#closed()) return;
    this.#ended = true;
    if (this.#sizeBytes === undefined || this.#receivedBytes === this.#sizeBytes) this.#advance();
    else {
      const announced = `${this.#receivedBytes} of the ${this.#sizeBytes} bytes announced`;
      this.#fail(new Fault('aborted', `the body ended after ${announced}`));
    }
  }

  fail(error: Error): void {
    if (this.#closed()) return;
    this.#ended = true;
    this.#fail(new Fault('aborted', 'the source of the body failed', { cause: error }));
  }

  #closed(): boolean {
    return this.#ended || this.#failure !== undefined;
  }

  #advance(): void {
    if (this.#failure !== undefined) this.#unwind();
    else if (!this.#drainSpill()) return;
    else if (this.#ended) this.#finish();
    else if (this.#paused && this.#readyForMore()) {
      this.#paused = false;
      this.#request.source.resume();
    }
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#request.source.pause();
  }

  /** Whether the next push will find a buffer, or nothing but the end is to come. */
  #readyForMore(): boolean {
    if (this.#spill.length > 0) return false;
    return this.#receivedBytes === this.#sizeBytes || this.#takeBuffer();
  }

  /** True when there is a buffer with room; else `#advance` is called once there may be one. */
  #takeBuffer(): boolean {
    if (this.#lease !== undefined) return true;
    if (this.#waiter !== undefined || this.#notLetGo >= limits.streamChunksInFlight) return false;
    const toCome = (this.#sizeBytes ?? Number.POSITIVE_INFINITY) - this.#handedOn * limits.chunkBytes;
    const wantedBytes = Math.min(limits.chunkBytes, toCome);
    this.#lease = this.#parts.memory.tryTake(wantedBytes);
    if (this.#lease !== undefined) return true;
    this.#waiter = this.#parts.memory.take(wantedBytes, (lease) => {
      this.#waiter = undefined;
      this.#lease = lease;
      this.#advance();
    });
    return false;
  }

  /**
   * Copies as much as there are buffers for, and hands on each chunk that is full. @returns how many
   * bytes.
   */
  #fill(bytes: Uint8Array): number {
    let taken = 0;
    while (taken < bytes.length && this.#takeBuffer()) {
      const lease = this.#lease as Lease;
      const room = Math.min(limits.chunkBytes, lease.bytes.length) - this.#filledBytes;
      const fits = Math.min(room, bytes.length - taken);
      const piece = fits === bytes.length ? bytes : bytes.subarray(taken, taken + fits);
      if (!this.#isInPlace(piece, lease)) lease.bytes.set(piece, this.#filledBytes);
      taken += fits;
      this.#filledBytes += fits;
      if (this.#filledBytes === limits.chunkBytes) this.#handOn();
      if (this.#failure !== undefined) return bytes.length;
    }
    return taken;
  }

  #isInPlace(piece: Uint8Array, lease: Lease): boolean {
    return (
      this.#roomIsOut &&
      piece.buffer === lease.bytes.buffer &&
      piece.byteOffset === lease.bytes.byteOffset + this.#filledBytes
    );
  }

  #keep(bytes: Uint8Array): void {
    this.#spillBytes += bytes.length;
    if (this.#spillBytes > limits.streamSpillBytes) {
      this.#fail(new Bug('the source goes on pushing while it is paused'));
    } else this.#spill.push(new Uint8Array(bytes));
  }

  #drainSpill(): boolean {
    let first = this.#spill[0];
    while (first !== undefined) {
      const taken = this.#fill(first);
      this.#spillBytes -= taken;
      if (taken < first.length) {
        this.#spill[0] = first.subarray(taken);
        return false;
      }
      this.#spill.shift();
      first = this.#spill[0];
    }
    return this.#failure === undefined;
  }

  #handOn(): void {
    const lease = this.#lease as Lease;
    const data = lease.bytes.subarray(0, this.#filledBytes);
    this.#lease = undefined;
    this.#filledBytes = 0;
    if (this.#handedOn === 0) this.#blob = this.#request.blob ?? newId(this.#parts.random);
    const offset = this.#handedOn * limits.chunkBytes;
    const id = chunkIdOf(this.#blob, this.#handedOn++);
    this.#notLetGo++;
    let holders = 1;
    let isReusable = true;
    const letGo = (put?: QuorumPut) => {
      if (put?.kept) isReusable = false;
      if (--holders > 0) return;
      this.#notLetGo--;
      lease.release(isReusable);
      this.#advance();
    };
    const digested = this.#digest(data);
    if (digested !== undefined) {
      holders++;
      digested.then(
        () => letGo(),
        (error) => {
          this.#fail(error);
          letGo();
        },
      );
    }
    if (this.#failure !== undefined) {
      letGo();
      return;
    }
    const { key } = this.#request;
    if (key === undefined) this.#put(id, data, letGo);
    else if (digested === undefined) this.#put(id, ciphered(key, offset, data, data), letGo);
    else {
      this.#notDurable++;
      digested.then(
        () => {
          this.#notDurable--;
          if (this.#failure === undefined) this.#put(id, ciphered(key, offset, data, data), letGo);
          else letGo();
        },
        () => {
          this.#notDurable--;
          letGo();
        },
      );
    }
  }

  #put(id: ChunkId, data: Uint8Array, letGo: (put?: QuorumPut) => void): void {
    const { owner } = this.#request;
    let put: QuorumPut;
    try {
      put = this.#parts.chunks.put({ id, data, checksums: blockChecksums(data), owner });
    } catch (error) {
      this.#fail(error);
      letGo();
      return;
    }
    this.#notDurable++;
    const settled = () => {
      this.#notDurable--;
      this.#advance();
    };
    put.durable.then(settled, (error) => {
      this.#fail(error);
      settled();
    });
    const released = () => letGo(put);
    put.released.then(released, released);
  }

  #digest(data: Uint8Array): Promise<void> | undefined {
    const algorithms = this.#request.digests;
    if (algorithms.length === 0) return undefined;
    if (this.#running === undefined) {
      // The whole of a small body: a state, let alone a thread, would cost more than the digest.
      if (this.#ended && data.length <= limits.streamSmallBytes) {
        this.#digests = digestOnce(algorithms, data);
        return undefined;
      }
      try {
        this.#running = this.#parts.digests.start(algorithms);
      } catch (error) {
        this.#fail(error);
        return undefined;
      }
    }
    return this.#running.update(data);
  }

  /** The body is complete. */
  #finish(): void {
    if (!this.#finishing) {
      this.#finishing = true;
      if (this.#filledBytes > 0) this.#handOn();
      this.#returnLease();
      this.#finishDigests();
    }
    if (this.#settled || this.#failure !== undefined) return;
    if (this.#notDurable > 0 || this.#digests === undefined) return;
    this.#settled = true;
    const { chunkBytes } = limits;
    const sizeBytes = this.#receivedBytes;
    this.#outcome.written({ blob: this.#blob, sizeBytes, chunkBytes, digests: this.#digests });
  }

  #finishDigests(): void {
    if (this.#failure !== undefined) return;
    const digests = this.#running?.finish() ?? this.#digests ?? digestOnce(this.#request.digests, NOTHING);
    if (!(digests instanceof Promise)) {
      this.#digests = digests;
      return;
    }
    digests.then(
      (finished) => {
        this.#digests = finished;
        this.#advance();
      },
      (error) => this.#fail(error),
    );
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined || this.#settled) return;
    this.#failure = { error };
    if (!this.#ended) this.#request.source.cancel();
    this.#running?.cancel();
    if (this.#waiter !== undefined) this.#parts.memory.cancel(this.#waiter);
    this.#waiter = undefined;
    this.#spill = [];
    this.#returnLease();
    this.#unwind();
  }

  #returnLease(): void {
    this.#lease?.release(!this.#roomIsOut);
    this.#lease = undefined;
    this.#filledBytes = 0;
  }

  /** After a failure: once nobody holds a buffer or writes, deletes what was written and reports. */
  #unwind(): void {
    if (this.#settled || this.#notLetGo > 0 || this.#notDurable > 0) return;
    this.#settled = true;
    const report = () => this.#outcome.failed(this.#failure?.error);
    if (this.#handedOn === 0) report();
    else discardChunks(this.#parts.chunks, this.#blob, this.#handedOn).then(report, report);
  }
}
