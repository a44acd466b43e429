// Owns the list of writes whose bytes may not have a name yet. It is how the collector knows, without
// guessing how long a slow upload may take, that no chunk made since the oldest of them may be judged.

import type { Clock } from '#core/kernel/clock.ts';

export class WritesInFlight {
  readonly #clock: Clock;
  /** Start time by ticket; insertion order is order of time, as the clock gives it. */
  readonly #startedMs = new Map<number, number>();
  #nextTicket = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs `write`, from before its first chunk until its name is applied or given up. */
  async track<Result>(write: () => Promise<Result>): Promise<Result> {
    const ticket = this.#nextTicket++;
    this.#startedMs.set(ticket, this.#clock.nowMs());
    try {
      return await write();
    } finally {
      this.#startedMs.delete(ticket);
    }
  }

  get count(): number {
    return this.#startedMs.size;
  }

  /** Chunks created at or after this time may belong to a write under way; Infinity when there is none. */
  oldestMs(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const startedMs of this.#startedMs.values()) if (startedMs < oldest) oldest = startedMs;
    return oldest;
  }
}
