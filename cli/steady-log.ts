// Owns the pace of the log of failures: of each kind one entry in a while, which says how many it stands for.
// A device that is full fails thousands of requests a second, and a log of them all would fill what is left.

import type { Clock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';

/** What is said, and to whom: the method of pino that this needs. */
export interface FailureLog {
  error(fields: object, message: string): void;
}

interface Kind {
  lastMs: number;
  unsaid: number;
}

export class SteadyLog implements FailureLog {
  readonly #log: FailureLog;
  readonly #clock: Clock;
  readonly #kinds = new Map<string, Kind>();

  constructor(log: FailureLog, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** @param fields its `err`, where there is one, tells the kind by code and name. */
  error(fields: { readonly err?: unknown; readonly [name: string]: unknown }, message: string): void {
    const { code = '', name = '' } = (fields.err ?? {}) as { code?: unknown; name?: unknown };
    const key = `${message} ${String(name)} ${String(code)}`;
    const nowMs = this.#clock.monotonicMs();
    const kind = this.#kinds.get(key);
    if (kind && nowMs - kind.lastMs < limits.failureLogIntervalMs) {
      kind.unsaid++;
      return;
    }
    // Codes come from a closed set but for what the system throws: the oldest kinds make room.
    if (!kind && this.#kinds.size >= limits.failureLogKinds) this.#kinds.clear();
    this.#kinds.set(key, { lastMs: nowMs, unsaid: 0 });
    this.#log.error(kind && kind.unsaid > 0 ? { ...fields, unsaid: kind.unsaid } : fields, message);
  }
}
