// Owns time. Nothing else reads the wall clock or sets a timer; so the simulator and the tests own time too.

export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  nowMs(): number;
  /** Milliseconds on a clock that never goes back; only differences mean something. */
  monotonicMs(): number;
  /** Resolves after `delayMs`, or at once (without error) when `signal` is aborted. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (delayMs, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, delayMs);
      signal?.addEventListener('abort', done, { once: true });
    }),
};

/** A clock that moves only when it is told to. */
export class ManualClock implements Clock {
  #nowMs: number;
  #sleepers: { atMs: number; wake: () => void }[] = [];

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const sleeper = { atMs: this.#nowMs + delayMs, wake: done };
      this.#sleepers.push(sleeper);
      signal?.addEventListener('abort', done, { once: true });
    });
  }

  /** Moves time forward and wakes, in order of time, whoever is due. */
  advance(byMs: number): void {
    this.#nowMs += byMs;
    const due = this.#sleepers.filter((sleeper) => sleeper.atMs <= this.#nowMs);
    this.#sleepers = this.#sleepers.filter((sleeper) => sleeper.atMs > this.#nowMs);
    due.sort((a, b) => a.atMs - b.atMs);
    for (const sleeper of due) sleeper.wake();
  }
}
