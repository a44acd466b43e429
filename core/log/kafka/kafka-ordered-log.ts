// Owns the ordered log on one topic of Kafka: what it must do, by sessions that are thrown away when they
// fail (kafka-session.ts). A stall is noticed by time, for each request has a limit, and by asking all
// brokers who leads (leader-watch.ts); either ends the session, and the next one goes on at the same offset.
// Budget of a consumed record: the library's decoding and one object.

import type { Clock } from '#core/kernel/clock.ts';
import { Fault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import type { LogNotices } from '../ordered/local-copies.ts';
import type { OrderedLog, OrderedRecord } from '../ordered/ordered-log.ts';
import { Outage } from '../ordered/outage.ts';
import { KafkaBarrier } from './kafka-barrier.ts';
import { KafkaProducer } from './kafka-producer.ts';
import { type FetchedMessage, KafkaSession, type KafkaTarget } from './kafka-session.ts';
import type { KafkaTopic } from './kafka-topic.ts';
import { LeaderWatch } from './leader-watch.ts';

export interface KafkaOrderedLogOptions {
  readonly target: KafkaTarget;
  readonly topic: KafkaTopic;
  readonly clock: Clock;
  readonly logger: LogNotices;
}

export class KafkaOrderedLog implements OrderedLog {
  readonly partitions: number;
  readonly #options: KafkaOrderedLogOptions;
  readonly #closing = new AbortController();
  readonly #producers: readonly KafkaProducer[];
  readonly #barrier: KafkaBarrier;
  readonly #outage: Outage;
  readonly #watch: LeaderWatch;
  readonly #watching: Promise<void>;
  /** By session, the partition that it follows. */
  readonly #following = new Map<KafkaSession, number>();

  constructor(options: KafkaOrderedLogOptions) {
    const { target, topic, clock, logger } = options;
    this.#options = options;
    this.partitions = topic.partitions;
    this.#producers = Array.from(
      { length: topic.partitions },
      (_, partition) => new KafkaProducer(target, clock, partition),
    );
    this.#barrier = new KafkaBarrier(target, topic, clock);
    this.#outage = new Outage(clock, logger, target.topic);
    const onMoved = (partition: number) => this.#moved(partition);
    this.#watch = new LeaderWatch({ target, topic, clock, onMoved });
    this.#watching = this.#watch.run(this.#closing.signal);
  }

  async produce(partition: number, records: readonly Uint8Array[]): Promise<void> {
    this.#assertOpen();
    const what = `produce to ${partition}`;
    try {
      await this.#producers[partition]?.produce(records);
      this.#outage.ended(what);
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#outage.began(what, error);
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
    let outOfRange = 0;
    while (!ending.aborted) {
      const session = new KafkaSession(this.#options.target, this.#options.clock);
      const end = () => session.end();
      ending.addEventListener('abort', end);
      this.#following.set(session, partition);
      try {
        for await (const records of this.#fetchAll(session, partition, next)) {
          this.#outage.ended(what);
          outOfRange = 0;
          if (records.length === 0) continue;
          next = (records.at(-1) as OrderedRecord).offset + 1;
          yield records;
          if (ending.aborted) return;
        }
      } catch (error) {
        if (ending.aborted) return;
        // A new leader may lag behind what it has for a moment.
        outOfRange = isOutOfRange(error) ? outOfRange + 1 : 0;
        if (outOfRange > limits.kafkaOutOfRangeTimes) throw lost(partition, next, error);
        this.#outage.began(what, error);
      } finally {
        ending.removeEventListener('abort', end);
        this.#following.delete(session);
        session.end();
      }
      await this.#options.clock.sleep(limits.orderedRetryMs, ending);
    }
  }

  async ends(): Promise<readonly number[]> {
    this.#assertOpen();
    const { clock } = this.#options;
    const untilMs = clock.monotonicMs() + limits.kafkaBarrierMs;
    for (;;) {
      try {
        const ends = await this.#barrier.ends();
        this.#outage.ended('barrier');
        return ends;
      } catch (error) {
        this.#assertOpen();
        this.#outage.began('barrier', error);
        if (clock.monotonicMs() < untilMs) {
          await clock.sleep(limits.orderedRetryMs, this.#closing.signal);
          continue;
        }
        throw new Fault('log-unavailable', 'Kafka does not tell where the log ends', { cause: error });
      }
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const producer of this.#producers) producer.end();
    this.#barrier.end();
    await this.#watching;
  }

  /** What waits for the leader that was waits in vain. */
  #moved(partition: number): void {
    this.#producers[partition]?.end();
    for (const [session, followed] of this.#following) if (followed === partition) session.end();
  }

  /** Records as they come; empty batches when none come for a while. @throws whatever ends the session */
  async *#fetchAll(
    session: KafkaSession,
    partition: number,
    from: number,
  ): AsyncGenerator<readonly OrderedRecord[]> {
    const leader = await this.#watch.leaderOf(partition);
    await session.connect();
    const fetch = (offset: number) => {
      const fetching = session.within(limits.kafkaFetchMs, session.fetch(leader, partition, offset));
      // It may fail before anybody waits for it.
      fetching.catch(() => undefined);
      return fetching;
    };
    let next = from;
    let fetching = fetch(next);
    for (;;) {
      const records = recordsFrom(await fetching, next);
      next = (records.at(-1)?.offset ?? next - 1) + 1;
      // The next ones come while these are worked on.
      fetching = fetch(next);
      yield records;
    }
  }

  #assertOpen(): void {
    if (this.#closing.signal.aborted) throw new Fault('closed', 'the log is closed');
  }
}

function recordsFrom(messages: readonly FetchedMessage[], from: number): readonly OrderedRecord[] {
  const records: OrderedRecord[] = [];
  for (const { offset, value } of messages) {
    // A batch is fetched whole, from its first record on.
    if (Number(offset) >= from) records.push({ offset: Number(offset), bytes: value ?? Buffer.alloc(0) });
  }
  return records;
}

function isOutOfRange(error: unknown): boolean {
  return error instanceof Error && 'type' in error && error.type === 'OFFSET_OUT_OF_RANGE';
}

function lost(partition: number, offset: number, cause: unknown): Fault {
  return new Fault('corruption', `partition ${partition} has no offset ${offset}: Kafka lost records`, {
    cause,
  });
}
