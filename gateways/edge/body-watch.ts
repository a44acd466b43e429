// Owns the finding of bodies that stopped moving: one sleep of the clock at a time for all of them, never a
// timer per request or packet. A body is called idle between one and one and a quarter time-outs after it
// last moved.

import type { Clock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';

/** What is watched. It says `moved` when it moves; the watch answers on its next round. */
export interface WatchedBody {
  moved: boolean;
  /** Since when it has not moved, as monotonic milliseconds; kept by the watch. */
  sinceMs: number;
  /** The body has not moved for the time-out; it is no longer watched. */
  idle(): void;
}

const ROUNDS_PER_TIMEOUT = 4;

export class BodyWatch {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #bodies = new Set<WatchedBody>();
  readonly #stopping = new AbortController();

  constructor(clock: Clock, timeoutMs: number = limits.httpBodyIdleTimeoutMs) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    void this.#rounds();
  }

  add(body: WatchedBody): void {
    body.moved = true;
    this.#bodies.add(body);
  }

  delete(body: WatchedBody): void {
    this.#bodies.delete(body);
  }

  /** One look at every body. */
  runOnce(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const body of this.#bodies) {
      if (body.moved) {
        body.moved = false;
        body.sinceMs = nowMs;
      } else if (nowMs - body.sinceMs >= this.#timeoutMs) {
        this.#bodies.delete(body);
        body.idle();
      }
    }
  }

  /** Ends the rounds. Bodies still there are not called idle any more. */
  stop(): void {
    this.#stopping.abort();
    this.#bodies.clear();
  }

  async #rounds(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.#clock.sleep(this.#timeoutMs / ROUNDS_PER_TIMEOUT, signal);
      if (!signal.aborted) this.runOnce();
    }
  }
}
