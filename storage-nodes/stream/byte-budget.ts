// Owns the byte budget: a semaphore counted in bytes, so that no number of requests makes the process
// grow without bound. Fair: first come, first served, and a small request never overtakes a large one
// that waits.
// Budget: no promise; a grant is a callback; a wait is one object.
//
// Why nobody waits for ever. (1) What is in flight (handed to the chunk client and the digests) is given
// back by them, and they never ask for budget. (2) A writer holds, beyond what is in flight, at most one
// buffer that it fills, and it waits only while it holds none; so whoever waits holds nothing that does
// not come back by itself. (3) Whoever fills a buffer waits for its source alone: a client, whom the
// gateway's timeouts end, or a BlobSource. (4) A BlobSource takes its one buffer from a budget of its
// own, before the writer has asked for anything (the writer asks at the first byte), and keeps it to the
// end; so buffers of sources are never waited for by one that holds a buffer of a writer. (5) A reader
// waits only while it holds nothing, reads ahead only with what nobody else waits for, and its target
// must not draw on this budget: copies are made through BlobStream.source.

import { assert } from '#core/kernel/assert.ts';

/** One that waits for `sizeBytes`. */
export interface BudgetWaiter {
  readonly sizeBytes: number;
  /** Called once, when the bytes have been taken. */
  readonly granted: () => void;
}

export class ByteBudget {
  readonly totalBytes: number;
  #usedBytes = 0;
  readonly #waiters = new Set<BudgetWaiter>();
  #granting = false;

  constructor(totalBytes: number) {
    this.totalBytes = totalBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get waiting(): number {
    return this.#waiters.size;
  }

  /** False when the bytes are not there now, or others have waited longer. */
  tryTake(sizeBytes: number): boolean {
    if (this.#waiters.size > 0 || this.#usedBytes + sizeBytes > this.totalBytes) return false;
    this.#usedBytes += sizeBytes;
    return true;
  }

  /** Queues; to be used where {@link tryTake} failed. */
  take(sizeBytes: number, granted: () => void): BudgetWaiter {
    assert(
      sizeBytes <= this.totalBytes,
      `${sizeBytes} bytes can never come out of a budget of ${this.totalBytes}`,
    );
    const waiter = { sizeBytes, granted };
    this.#waiters.add(waiter);
    this.#grant();
    return waiter;
  }

  /** The waiter no longer wants its bytes. Nothing happens when it has been granted already. */
  cancel(waiter: BudgetWaiter): void {
    if (this.#waiters.delete(waiter)) this.#grant();
  }

  give(sizeBytes: number): void {
    this.#usedBytes -= sizeBytes;
    assert(this.#usedBytes >= 0, 'more bytes were given back than were taken');
    this.#grant();
  }

  #grant(): void {
    // Whoever is granted may give back at once: the loop outside goes on, so that calls do not nest.
    if (this.#granting) return;
    this.#granting = true;
    try {
      for (const waiter of this.#waiters) {
        if (this.#usedBytes + waiter.sizeBytes > this.totalBytes) break;
        this.#waiters.delete(waiter);
        this.#usedBytes += waiter.sizeBytes;
        waiter.granted();
      }
    } finally {
      this.#granting = false;
    }
  }
}
