// Owns the buffers of the streaming path, in shared memory so that digest threads read them without a
// copy. Fresh memory is ten times slower to touch than warm memory, so buffers are recycled, the warmest
// first; those that nobody needed for a while are let go. Bounded by the byte budgets: a buffer is taken
// only with a permit in hand, and a new one is made only while all others are out.

import { assert } from '#core/kernel/assert.ts';
import type { Clock } from '#core/kernel/clock.ts';
import { directBuffer } from '#core/kernel/direct-io.ts';
import { limits } from '#core/kernel/limits.ts';

export interface BufferPoolOptions {
  readonly clock: Clock;
  /** The memory has left the pool for good. */
  readonly dropped: (memory: SharedArrayBuffer) => void;
}

export class BufferPool {
  /** What a reader needs: a chunk, and a block more where the store aligns its read. */
  readonly bufferBytes = limits.chunkBytes + limits.blockBytes;
  readonly #clock: Clock;
  readonly #dropped: (memory: SharedArrayBuffer) => void;
  /** The last one given back is the last, and is taken first. */
  readonly #idle: Buffer[] = [];
  #out = 0;
  /** The fewest idle buffers since the last look: that many were not needed. */
  #leastIdle = 0;
  #watching = false;
  readonly #closing = new AbortController();

  constructor(options: BufferPoolOptions) {
    this.#clock = options.clock;
    this.#dropped = options.dropped;
  }

  get idleBuffers(): number {
    return this.#idle.length;
  }

  get buffersOut(): number {
    return this.#out;
  }

  take(): Buffer {
    this.#out++;
    const buffer = this.#idle.pop();
    if (buffer === undefined) return directBuffer(this.bufferBytes);
    if (this.#idle.length < this.#leastIdle) this.#leastIdle = this.#idle.length;
    return buffer;
  }

  give(buffer: Buffer): void {
    this.#out--;
    assert(this.#out >= 0, 'a buffer was given back twice');
    this.#idle.push(buffer);
    if (!this.#watching) void this.#watch();
  }

  /** Instead of `give`, for a buffer that must not be used again. */
  lose(buffer: Buffer): void {
    this.#out--;
    assert(this.#out >= 0, 'a buffer was given back twice');
    this.#dropped(buffer.buffer as unknown as SharedArrayBuffer);
  }

  /** Drops what is idle; buffers that are out may still be given back. */
  close(): void {
    this.#closing.abort();
    this.#drop(this.#idle.length);
  }

  async #watch(): Promise<void> {
    this.#watching = true;
    while (this.#idle.length > 0) {
      this.#leastIdle = this.#idle.length;
      await this.#clock.sleep(limits.streamBufferIdleMs, this.#closing.signal);
      this.#drop(this.#closing.signal.aborted ? this.#idle.length : this.#leastIdle);
    }
    this.#watching = false;
  }

  #drop(count: number): void {
    for (const buffer of this.#idle.splice(0, count))
      this.#dropped(buffer.buffer as unknown as SharedArrayBuffer);
  }
}
