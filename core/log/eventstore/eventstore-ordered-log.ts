// Owns the ordered log on EventStoreDB: one stream a partition, in which the revision is the offset. Guards
// are left to the void rule, those that EventStoreDB could check too (docs/decisions/0012). As with Kafka no
// client outlives a failure: whatever fails or takes too long ends it, and the next attempt has a new one.
// Budget of a consumed record: the library's decoding and one object.

import {
  ANY,
  BACKWARDS,
  binaryEvent,
  END,
  EventStoreDBClient,
  type ResolvedEvent,
  START,
  StreamNotFoundError,
  type StreamSubscription,
} from '@eventstore/db-client';
import type { Clock } from '#core/kernel/clock.ts';
import { Fault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import type { LogNotices } from '../ordered/local-copies.ts';
import type { OrderedLog, OrderedRecord } from '../ordered/ordered-log.ts';
import { Outage } from '../ordered/outage.ts';

export interface EventStoreOrderedLogOptions {
  /** `esdb://…` or `esdb+discover://…`, as EventStoreDB has it. */
  readonly connection: string;
  /** The streams are called `<name>-<partition>`. */
  readonly name: string;
  readonly partitions: number;
  readonly clock: Clock;
  readonly logger: LogNotices;
}

/** What the events are called; their data is a record of the ordered log. */
const EVENT_TYPE = 'StrataRecord';

export class EventStoreOrderedLog implements OrderedLog {
  readonly partitions: number;
  readonly #options: EventStoreOrderedLogOptions;
  readonly #closing = new AbortController();
  readonly #outage: Outage;
  #client: EventStoreDBClient | undefined;

  constructor(options: EventStoreOrderedLogOptions) {
    this.#options = options;
    this.partitions = options.partitions;
    this.#outage = new Outage(options.clock, options.logger, options.name);
  }

  async produce(partition: number, records: readonly Uint8Array[]): Promise<void> {
    this.#assertOpen();
    const what = `produce to ${partition}`;
    const client = this.#connected();
    try {
      for (const batch of batchesOf(records)) {
        const appending = client.appendToStream(this.#stream(partition), batch, { expectedRevision: ANY });
        await this.#within(limits.eventStoreAppendMs, appending);
      }
      this.#outage.ended(what);
    } catch (error) {
      this.#failed(client, what, error);
      throw error;
    }
  }

  async *consume(
    partition: number,
    from: number,
    signal: AbortSignal,
  ): AsyncIterable<readonly OrderedRecord[]> {
    const ending = AbortSignal.any([signal, this.#closing.signal]);
    const what = `follow ${partition}`;
    let next = from;
    while (!ending.aborted) {
      const client = this.#connected();
      try {
        for await (const records of this.#follow(client, partition, next, ending)) {
          this.#outage.ended(what);
          next = (records.at(-1) as OrderedRecord).offset + 1;
          yield records;
          if (ending.aborted) return;
        }
      } catch (error) {
        if (ending.aborted) return;
        if (error instanceof Fault) throw error;
        this.#failed(client, what, error);
      }
      await this.#options.clock.sleep(limits.orderedRetryMs, ending);
    }
  }

  /** Records as they come, until the connection fails. @throws Fault `corruption` where some are missing */
  async *#follow(
    client: EventStoreDBClient,
    partition: number,
    from: number,
    ending: AbortSignal,
  ): AsyncGenerator<readonly OrderedRecord[]> {
    const subscription = client.subscribeToStream(this.#stream(partition), {
      // Said as the last one that is known.
      fromRevision: from === 0 ? START : BigInt(from - 1),
      requiresLeader: true,
    });
    const arrivals = new Arrivals(subscription);
    const end = () => arrivals.end();
    ending.addEventListener('abort', end);
    try {
      let next = from;
      for (;;) {
        const events = await arrivals.next();
        if (!events) return;
        yield events.map((event) => recordOf(event, next++, partition));
      }
    } finally {
      ending.removeEventListener('abort', end);
      arrivals.end();
      await subscription.unsubscribe().catch(() => undefined);
    }
  }

  async ends(): Promise<readonly number[]> {
    this.#assertOpen();
    const client = this.#connected();
    try {
      const asked = Array.from({ length: this.partitions }, (_, partition) => this.#endOf(client, partition));
      const ends = await this.#within(limits.eventStoreReadMs, Promise.all(asked));
      this.#outage.ended('barrier');
      return ends;
    } catch (error) {
      this.#assertOpen();
      this.#failed(client, 'barrier', error);
      throw new Fault('log-unavailable', 'EventStoreDB does not tell where the log ends', { cause: error });
    }
  }

  async #endOf(client: EventStoreDBClient, partition: number): Promise<number> {
    const last = client.readStream(this.#stream(partition), {
      direction: BACKWARDS,
      fromRevision: END,
      maxCount: 1,
      // Another node may not have yet what was acknowledged.
      requiresLeader: true,
    });
    let end = 0;
    try {
      for await (const { event } of last) if (event) end = Number(event.revision) + 1;
    } catch (error) {
      if (!(error instanceof StreamNotFoundError)) throw error;
    }
    return end;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    if (this.#client) dispose(this.#client);
  }

  #connected(): EventStoreDBClient {
    this.#client ??= EventStoreDBClient.connectionString(this.#options.connection);
    return this.#client;
  }

  #failed(client: EventStoreDBClient, what: string, error: unknown): void {
    if (this.#client === client) this.#client = undefined;
    dispose(client);
    if (!this.#closing.signal.aborted) this.#outage.began(what, error);
  }

  /** The library's own deadlines are the server's to keep: one that hangs keeps none. */
  async #within<Result>(delayMs: number, work: Promise<Result>): Promise<Result> {
    const settled = new AbortController();
    const tooLate = this.#options.clock.sleep(delayMs, settled.signal).then(() => {
      if (!settled.signal.aborted) throw new Error(`no answer within ${delayMs} ms`);
    });
    try {
      return (await Promise.race([work, tooLate])) as Result;
    } finally {
      settled.abort();
    }
  }

  #stream(partition: number): string {
    return `${this.#options.name}-${partition}`;
  }

  #assertOpen(): void {
    if (this.#closing.signal.aborted) throw new Fault('closed', 'the log is closed');
  }
}

/** Cancels its calls. The library waits until each has said so, which not all do. */
function dispose(client: EventStoreDBClient): void {
  void client.dispose().catch(() => undefined);
}

/** What a subscription brought, as many events at a time as there are; paused when they are too many. */
class Arrivals {
  readonly #subscription: StreamSubscription;
  #events: ResolvedEvent[] = [];
  #ended = false;
  #failure: unknown;
  #wake = () => {};

  constructor(subscription: StreamSubscription) {
    this.#subscription = subscription;
    subscription.on('data', (event: ResolvedEvent) => {
      this.#events.push(event);
      if (this.#events.length >= limits.orderedProduceRecords) subscription.pause();
      this.#wake();
    });
    subscription.on('error', (error) => {
      this.#failure = error;
      this.end();
    });
    subscription.on('end', () => this.end());
  }

  /** Undefined: it was ended. @throws what the subscription failed with */
  async next(): Promise<readonly ResolvedEvent[] | undefined> {
    while (this.#events.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#events.length === 0) {
      if (this.#failure !== undefined) throw this.#failure;
      return undefined;
    }
    const events = this.#events;
    this.#events = [];
    this.#subscription.resume();
    return events;
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }
}

/** EventStoreDB takes limited bytes at once; a batch after a failed one is never sent. */
function* batchesOf(records: readonly Uint8Array[]) {
  let batch: ReturnType<typeof binaryEvent>[] = [];
  let bytes = 0;
  for (const data of records) {
    if (bytes + data.length > limits.eventStoreBatchBytes && batch.length > 0) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(binaryEvent({ type: EVENT_TYPE, data }));
    bytes += data.length;
  }
  if (batch.length > 0) yield batch;
}

function recordOf({ event }: ResolvedEvent, expected: number, partition: number): OrderedRecord {
  if (!event) throw new Fault('corruption', `partition ${partition} has a link without its event`);
  const offset = Number(event.revision);
  if (offset !== expected) {
    const message = `partition ${partition} has no offset ${expected}: EventStoreDB lost records`;
    throw new Fault('corruption', message);
  }
  if (event.isJson)
    throw new Fault('corruption', `offset ${offset} of ${partition} is not a record of a log`);
  return { offset, bytes: Buffer.from(event.data) };
}
