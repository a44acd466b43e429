// Owns telling the operator of an outage: once when it begins, and once when it is over, however often the
// log is tried in between.

import type { Clock } from '#core/kernel/clock.ts';
import type { LogNotices } from './local-copies.ts';

export class Outage {
  readonly #clock: Clock;
  readonly #logger: LogNotices;
  readonly #log: string;
  readonly #sinceMs = new Map<string, number>();

  constructor(clock: Clock, logger: LogNotices, log: string) {
    this.#clock = clock;
    this.#logger = logger;
    this.#log = log;
  }

  began(what: string, error: unknown): void {
    if (this.#sinceMs.has(what)) return;
    this.#sinceMs.set(what, this.#clock.monotonicMs());
    this.#logger.warn({ log: this.#log, what, err: error }, 'the log failed; trying until it answers');
  }

  ended(what: string): void {
    const sinceMs = this.#sinceMs.get(what);
    if (sinceMs === undefined) return;
    this.#sinceMs.delete(what);
    const outageMs = Math.round(this.#clock.monotonicMs() - sinceMs);
    this.#logger.warn({ log: this.#log, what, outageMs }, 'the log answers again');
  }
}
