// Owns the pace of work in the background: so many bytes a second, whoever takes part. Guarantee: in any time
// span no more is let through than the rate gives, a tenth of a second's worth and one item more.

import type { Clock } from '#core/kernel/clock.ts';

const BURST_MS = 100;

export class ByteRate {
  /** May be set at any time. */
  bytesPerSecond: number;
  readonly #clock: Clock;
  #freeAtMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, bytesPerSecond: number) {
    this.#clock = clock;
    this.bytesPerSecond = bytesPerSecond;
  }

  /** Undefined: go on at once. Otherwise resolves when it is this one's turn, or the signal is aborted. */
  take(bytes: number, signal?: AbortSignal): Promise<void> | undefined {
    const nowMs = this.#clock.monotonicMs();
    const startMs = Math.max(this.#freeAtMs, nowMs - BURST_MS);
    this.#freeAtMs = startMs + (bytes / this.bytesPerSecond) * 1_000;
    return startMs <= nowMs ? undefined : this.#clock.sleep(startMs - nowMs, signal);
  }
}
