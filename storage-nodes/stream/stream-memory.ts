// Owns what a stage must have in hand to keep bytes of a body: a lease, which is a buffer together with
// its permit. Guarantees that memory in use never exceeds the budget and that each lease goes back
// exactly once.

import { assert } from '#core/kernel/assert.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Activity } from './activity.ts';
import type { BufferPool } from './buffer-pool.ts';
import type { BudgetWaiter, ByteBudget } from './byte-budget.ts';

export class StreamMemory {
  readonly budget: ByteBudget;
  readonly pool: BufferPool;
  readonly #activity: Activity;

  constructor(budget: ByteBudget, pool: BufferPool, activity: Activity) {
    assert(budget.totalBytes >= pool.bufferBytes, 'the budget must have room for one buffer');
    this.budget = budget;
    this.pool = pool;
    this.#activity = activity;
  }

  /** @param sizeBytes how many bytes the buffer must hold; small ones get no more than that. */
  tryTake(sizeBytes: number): Lease | undefined {
    return this.budget.tryTake(this.#permitBytes(sizeBytes)) ? this.#lease(sizeBytes) : undefined;
  }

  /** As tryTake, but leaves half of the budget alone: for what only saves time. */
  tryTakeSpare(sizeBytes: number): Lease | undefined {
    const permitBytes = this.#permitBytes(sizeBytes);
    return this.budget.usedBytes + permitBytes <= this.budget.totalBytes / 2
      ? this.tryTake(sizeBytes)
      : undefined;
  }

  /** Queues, where tryTake gave nothing. */
  take(sizeBytes: number, granted: (lease: Lease) => void): BudgetWaiter {
    return this.budget.take(this.#permitBytes(sizeBytes), () => granted(this.#lease(sizeBytes)));
  }

  cancel(waiter: BudgetWaiter): void {
    this.budget.cancel(waiter);
  }

  giveBack(lease: Lease, isReusable: boolean): void {
    if (lease.pooled && isReusable) this.pool.give(lease.bytes);
    else if (lease.pooled) this.pool.lose(lease.bytes);
    this.budget.give(lease.permitBytes);
    this.#activity.leave();
  }

  #permitBytes(sizeBytes: number): number {
    return sizeBytes <= limits.streamSmallBytes ? sizeBytes : this.pool.bufferBytes;
  }

  #lease(sizeBytes: number): Lease {
    this.#activity.enter();
    return sizeBytes <= limits.streamSmallBytes
      ? new Lease(this, Buffer.allocUnsafe(sizeBytes), false)
      : new Lease(this, this.pool.take(), true);
  }
}

export class Lease {
  readonly bytes: Buffer;
  readonly pooled: boolean;
  readonly #memory: StreamMemory;
  #released = false;

  constructor(memory: StreamMemory, bytes: Buffer, pooled: boolean) {
    this.bytes = bytes;
    this.pooled = pooled;
    this.#memory = memory;
  }

  get permitBytes(): number {
    return this.bytes.length;
  }

  /** @param isReusable false: somebody may still read the buffer, so it is left to the garbage collector. */
  release(isReusable = true): void {
    assert(!this.#released, 'a lease goes back once');
    this.#released = true;
    this.#memory.giveBack(this, isReusable);
  }
}
