// Owns telling the operator of an outage: once when it begins, and once when it is over, however often the
// log is tried in between.

import type { Clock } from '#core/kernel/clock.ts';
import type { LogNotices } from '../ordered/local-copies.ts';

export class Outage {
  readonly #clock: Clock;
  readonly #logger: LogNotices;
  readonly #topic: string;
  readonly #sinceMs = new Map<string, number>();

  constructor(clock: Clock, logger: LogNotices, topic: string) {
    this.#clock = clock;
    this.#logger = logger;
    this.#topic = topic;
  }

  began(what: string, error: unknown): void {
    if (this.#sinceMs.has(what)) return;
    this.#sinceMs.set(what, this.#clock.monotonicMs());
    this.#logger.warn({ topic: this.#topic, what, err: error }, 'Kafka failed; trying until it answers');
  }

  ended(what: string): void {
    const sinceMs = this.#sinceMs.get(what);
    if (sinceMs === undefined) return;
    this.#sinceMs.delete(what);
    const outageMs = Math.round(this.#clock.monotonicMs() - sinceMs);
    this.#logger.warn({ topic: this.#topic, what, outageMs }, 'Kafka answers again');
  }
}
