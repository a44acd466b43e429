// Owns who tells a destination, and from where on: the last event of the destination's stream, appended at
// the revision that was looked at. Guarantee: while `isSafe` says so nobody else tells the destination; it
// rests on durations alone, each measured by the clock of who waits, from no sooner than the append on
// (others) or from before it (the holder). Why: docs/decisions/0020-notifications.md.

import type { Clock } from '#core/kernel/clock.ts';
import { isFault } from '#core/kernel/errors.ts';
import type { Cursor, EventLog } from '#core/log/event-log.ts';
import { notificationStream, notifications } from '#core/notifications/notifications.events.ts';

const ACTOR = { user: 'system', project: 'system', requestId: 'notifications' } as const;

export interface DeliveryLeaseParts {
  readonly log: Pick<EventLog, 'append' | 'read' | 'tail'>;
  readonly clock: Clock;
  readonly destination: string;
  /** Of this process, and of no other. */
  readonly holder: string;
}

export class DeliveryLease {
  readonly #parts: DeliveryLeaseParts;
  readonly #stream: string;
  #revision = -1;
  #cursor: Cursor = [];
  #holder = '';
  /** When another's lease is over, if nothing more is heard of it; by the monotonic clock. */
  #othersUntilMs = 0;
  #ownUntilMs = Number.NEGATIVE_INFINITY;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: DeliveryLeaseParts) {
    this.#parts = parts;
    this.#stream = notificationStream(parts.destination);
  }

  get revision(): number {
    return this.#revision;
  }

  /** All before is told, as the log has it. */
  get cursor(): Cursor {
    return this.#cursor;
  }

  /** How long to wait at least before it may be taken. */
  get takenForMs(): number {
    if (this.#holder === this.#parts.holder) return 0;
    return Math.max(0, this.#othersUntilMs - this.#parts.clock.monotonicMs());
  }

  get isHeld(): boolean {
    return this.#ownUntilMs !== Number.NEGATIVE_INFINITY;
  }

  /** Whether nobody else tells the destination for so long. */
  isSafe(forMs: number): boolean {
    return this.#parts.clock.monotonicMs() + forMs < this.#ownUntilMs;
  }

  /** Resolves when the last word of the log is known. A destination that is new begins at the log's tail. */
  look(): Promise<void> {
    return this.#inTurn(async () => {
      const { log } = this.#parts;
      await this.#readOn();
      if (this.#revision >= 0) return;
      try {
        await this.#append(await log.tail(), 0, 'none');
      } catch (error) {
        if (!isFault(error, 'conflict')) throw error;
        await this.#readOn();
      }
    });
  }

  /** Takes, renews or, after 0 ms, gives up. @throws Fault `conflict`: somebody else was first */
  move(cursor: Cursor, leaseMs: number): Promise<void> {
    // From here on nothing is told under a lease that is about to be given up.
    if (leaseMs === 0) this.#ownUntilMs = Number.NEGATIVE_INFINITY;
    return this.#inTurn(async () => {
      const beganMs = this.#parts.clock.monotonicMs();
      await this.#append(cursor, leaseMs, this.#revision);
      this.#ownUntilMs = leaseMs === 0 ? Number.NEGATIVE_INFINITY : beganMs + leaseMs;
    });
  }

  /** Nothing is told any more, whatever the log says. */
  lose(): void {
    this.#ownUntilMs = Number.NEGATIVE_INFINITY;
  }

  #inTurn(step: () => Promise<void>): Promise<void> {
    const result = this.#turn.then(step);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #append(cursor: Cursor, leaseMs: number, expect: number | 'none'): Promise<void> {
    const { log, holder } = this.#parts;
    const offsets = Array.from(cursor, (offset = 0) => ({ offset }));
    const data = { holder, leaseMs, cursor: offsets };
    const payload = notifications.encode({ type: 'DeliveryMoved', data });
    const events = [{ type: 'DeliveryMoved', payload }];
    const { revision } = await log.append({ stream: this.#stream, events, expect, actor: ACTOR });
    this.#revision = revision;
    this.#holder = holder;
    this.#cursor = [...cursor];
  }

  async #readOn(): Promise<void> {
    const { log, clock } = this.#parts;
    for await (const event of log.read(this.#stream, { from: this.#revision + 1 })) {
      const { data } = notifications.decode('DeliveryMoved', event.payload);
      this.#revision = event.revision;
      this.#holder = data.holder;
      this.#cursor = data.cursor.map(({ offset }) => offset);
      this.#othersUntilMs = clock.monotonicMs() + data.leaseMs;
    }
  }
}
