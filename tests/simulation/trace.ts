// Owns what is known of a run afterwards: a hash over everything that happened, which must be the same for
// the same seed; counters of faults and deeds; and, where wanted, the lines themselves.

import { createHash } from 'node:crypto';
import type { Scheduler } from './scheduler.ts';

const LINES_AT_ONCE = 200;

export class Trace {
  readonly counters = new Map<string, number>();
  #lines: string[] = [];
  readonly #hash = createHash('sha256');
  readonly #scheduler: Scheduler;
  readonly #print: ((line: string) => void) | undefined;

  constructor(scheduler: Scheduler, print?: (line: string) => void) {
    this.#scheduler = scheduler;
    this.#print = print;
  }

  /** Something happened: `what` is counted, `details` are told. */
  note(what: string, details = ''): void {
    this.counters.set(what, (this.counters.get(what) ?? 0) + 1);
    const line = `${this.#scheduler.nowMs} ${what} ${details}`;
    this.#lines.push(line);
    if (this.#lines.length >= LINES_AT_ONCE) this.#hashLines();
    this.#print?.(line);
  }

  count(what: string): number {
    return this.counters.get(what) ?? 0;
  }

  #hashLines(): void {
    this.#hash.update(`${this.#lines.join('\n')}\n`);
    this.#lines = [];
  }

  digest(): string {
    this.#hashLines();
    return this.#hash.copy().digest('hex').slice(0, 32);
  }
}
