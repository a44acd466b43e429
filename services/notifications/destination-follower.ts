// Owns the telling of one destination: follows the log from where the destination has been told, and tells
// it what the rules of buckets say, at least once and of each key in order. Guarantees: a destination that
// is down holds up itself alone, in bounded memory; what is refused again and again is dropped, counted and
// logged; of several gateways one tells at a time, and an idle one writes nothing to the log.

import { setMaxListeners } from 'node:events';
import type { Clock } from '#core/kernel/clock.ts';
import { isFault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Random } from '#core/kernel/random.ts';
import type { Cursor, EventLog } from '#core/log/event-log.ts';
import type { BucketsByName, StoredBucket } from '#projections/buckets-by-name/buckets-by-name.query.ts';
import type { ProjectionRunner } from '#projections/store/projection.ts';
import { DeliveryLease } from './delivery-lease.ts';
import { DeliveryWindow } from './delivery-window.ts';
import { changeIn, eventNameOf, messageOf, type ObjectChange } from './event-message.ts';
import { isFor, NOTIFICATION_PROPERTY, rulesIn } from './notification-rules.ts';
import type { Message, Receiver } from './webhook.ts';

/** Where what went wrong is told; pino's Logger is one. */
export interface NotifierLogger {
  error(fields: object, message: string): void;
}

export interface FollowerParts {
  readonly log: EventLog;
  readonly runner: Pick<ProjectionRunner, 'whenApplied'>;
  readonly buckets: Pick<BucketsByName, 'get'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: NotifierLogger;
}

export interface FollowerFigures {
  delivered: number;
  retried: number;
  dropped: number;
}

export class DestinationFollower {
  readonly name: string;
  /** Only ever grow. */
  readonly counters: FollowerFigures = { delivered: 0, retried: 0, dropped: 0 };
  readonly #parts: FollowerParts;
  readonly #receiver: Receiver;
  readonly #lease: DeliveryLease;
  #window: DeliveryWindow | undefined;

  constructor(name: string, receiver: Receiver, holder: string, parts: FollowerParts) {
    this.name = name;
    this.#receiver = receiver;
    this.#parts = parts;
    const { log, clock } = parts;
    this.#lease = new DeliveryLease({ log, clock, destination: name, holder });
  }

  /** What lies behind the log, where this process knows: undefined while another one tells. */
  lag(tail: Cursor): { readonly events: number; readonly seconds: number } | undefined {
    const window = this.#window;
    if (!window || (!this.#lease.isHeld && this.#lease.takenForMs > 0)) return undefined;
    const cursor = window.cursor;
    const behind = tail.map((offset, partition) => Math.max(0, offset - (cursor[partition] ?? 0)));
    const { oldestMs } = window;
    return {
      events: behind.reduce((sum, events) => sum + events, 0),
      seconds: oldestMs === undefined ? 0 : Math.max(0, this.#parts.clock.nowMs() - oldestMs) / 1_000,
    };
  }

  /** Resolves when the signal told it to end, and nothing is under way. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#parts;
    while (!signal.aborted) {
      try {
        await this.#session(signal);
      } catch (error) {
        if (signal.aborted) return;
        // Somebody else was first: wait for what is said next.
        if (isFault(error, 'conflict')) continue;
        logger.error({ err: error, destination: this.name }, 'notifications are interrupted');
        await clock.sleep(this.#pauseMs(limits.notificationRefusals), signal);
      }
    }
  }

  /** From a look at the lease until it is lost, or the end. */
  async #session(signal: AbortSignal): Promise<void> {
    const ending = new AbortController();
    // Each message that is under way or waits listens, and no others.
    setMaxListeners(0, ending.signal);
    const end = () => ending.abort();
    signal.addEventListener('abort', end, { once: true });
    try {
      await this.#lease.look();
      const window = new DeliveryWindow({
        from: this.#lease.cursor,
        tell: (message) => this.#tell(message, ending.signal),
      });
      this.#window = window;
      ending.signal.addEventListener('abort', () => void window.end(), { once: true });
      const keeping = this.#keep(window, ending.signal).finally(end);
      // Looked at below; whoever is stopped meanwhile must not be taken for unheard.
      keeping.catch(() => undefined);
      try {
        await this.#follow(window, ending.signal);
      } finally {
        end();
        await window.end();
        await this.#leave(window);
      }
      await keeping;
    } finally {
      end();
      signal.removeEventListener('abort', end);
    }
  }

  async #follow(window: DeliveryWindow, signal: AbortSignal): Promise<void> {
    const { log, runner } = this.#parts;
    // All families: so the position moves on also where nothing happens to objects.
    for await (const batch of log.follow({ from: this.#lease.cursor, signal })) {
      for (const event of batch) {
        const change = changeIn(event);
        const behind = change && runner.whenApplied(event.position);
        if (behind) await behind;
        const telling = change && this.#messageFor(change);
        const message = telling && (await telling);
        if (signal.aborted) return;
        if (!message) {
          window.pass(event.position);
          continue;
        }
        if (!this.#lease.isHeld && !(await this.#take(window, signal))) return;
        await window.put(message, event.position, event.timeMs);
        if (signal.aborted) return;
      }
    }
  }

  /** Resolves to whether the lease is this process's, from where it has followed so far on. */
  async #take(window: DeliveryWindow, signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#parts;
    const { revision } = this.#lease;
    for (;;) {
      await this.#lease.look();
      // Another has told some of it: begin anew from there, when its time is over.
      const waitMs = this.#lease.takenForMs;
      if (waitMs === 0) break;
      await clock.sleep(waitMs, signal);
      if (signal.aborted) return false;
    }
    if (this.#lease.revision !== revision) return false;
    await this.#lease.move(window.cursor, limits.notificationLeaseMs);
    return true;
  }

  /** Notes how far it has come, renews the lease while there is something to tell, else gives it up. */
  async #keep(window: DeliveryWindow, signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    for (;;) {
      await clock.sleep(limits.notificationMoveMs, signal);
      if (signal.aborted) return;
      if (this.#lease.isHeld) {
        window.passed = 0;
        await this.#lease.move(window.cursor, window.pending > 0 ? limits.notificationLeaseMs : 0);
      } else if (window.passed >= limits.notificationIdleEvents && this.#lease.takenForMs === 0) {
        window.passed = 0;
        await this.#lease.move(window.cursor, 0);
      }
    }
  }

  /** What was told need not be told again by whoever comes next. */
  async #leave(window: DeliveryWindow): Promise<void> {
    if (!this.#lease.isHeld) return;
    try {
      await this.#lease.move(window.cursor, 0);
    } catch (error) {
      const { logger } = this.#parts;
      if (!isFault(error, 'conflict')) logger.error({ err: error, destination: this.name }, 'lease kept');
    } finally {
      this.#lease.lose();
    }
  }

  /** Undefined where there is nothing to tell; then at once, unless the bucket has rules. */
  #messageFor(change: ObjectChange): Promise<Message | undefined> | undefined {
    const bucket = this.#parts.buckets.get(change.bucketId);
    return bucket && NOTIFICATION_PROPERTY in bucket.properties ? this.#ruled(change, bucket) : undefined;
  }

  async #ruled(change: ObjectChange, bucket: StoredBucket): Promise<Message | undefined> {
    const { event } = change;
    const rules = rulesIn(bucket.properties).filter(({ destination }) => destination === this.name);
    if (rules.length === 0) return undefined;
    const name = await eventNameOf(this.#parts.log, event);
    const rule = rules.find((each) => isFor(each, name, change.key));
    if (!rule) return undefined;
    return { id: event.id, key: event.stream, body: messageOf(change, name, bucket, rule) };
  }

  /** Resolves to whether it was taken or dropped; not, only where it was cut off. */
  async #tell(message: Message, signal: AbortSignal): Promise<boolean> {
    const { clock, logger } = this.#parts;
    let refusals = 0;
    for (let attempt = 0; !signal.aborted; attempt++) {
      if (attempt > 0) await clock.sleep(this.#pauseMs(attempt), signal);
      if (signal.aborted) return false;
      // Renewed soon; or it cannot be, and then the session ends.
      if (!this.#lease.isSafe(limits.notificationAnswerMs)) continue;
      if (attempt > 0) this.counters.retried++;
      const { answer, reason } = await this.#receiver.tell(message, signal);
      if (answer === 'taken') {
        this.counters.delivered++;
        return true;
      }
      if (answer === 'refused') refusals++;
      if (refusals < limits.notificationRefusals) continue;
      this.counters.dropped++;
      const { id, key } = message;
      logger.error({ destination: this.name, event: id, object: key, reason }, 'notification dropped');
      return true;
    }
    return false;
  }

  /** Exponential, with jitter: those who wait do not come back all at once. */
  #pauseMs(attempt: number): number {
    const { notificationRetryMinMs, notificationRetryMaxMs } = limits;
    const most = Math.min(notificationRetryMaxMs, notificationRetryMinMs * 2 ** Math.min(attempt - 1, 20));
    return most * (0.5 + this.#parts.random.next() / 2);
  }
}
