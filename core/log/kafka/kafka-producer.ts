// Owns producing to one partition: idempotent, acknowledged by all replicas in sync, one produce at a
// time, by a producer that is thrown away as soon as one fails.

import type { Producer } from 'kafkajs';
import type { Clock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import { KafkaSession, type KafkaTarget } from './kafka-session.ts';

const ALL_IN_SYNC = -1;

interface Live {
  readonly session: KafkaSession;
  readonly producer: Producer;
}

export class KafkaProducer {
  readonly #target: KafkaTarget;
  readonly #clock: Clock;
  readonly #partition: number;
  #live: Live | undefined;

  constructor(target: KafkaTarget, clock: Clock, partition: number) {
    this.#target = target;
    this.#clock = clock;
    this.#partition = partition;
  }

  /** @throws Error when it failed, or its outcome is not known in time */
  async produce(records: readonly Uint8Array[]): Promise<void> {
    this.#live ??= this.#begin();
    const { session, producer } = this.#live;
    try {
      await session.within(limits.kafkaProduceMs, this.#send(session, producer, records));
    } catch (error) {
      // Perhaps it was told of a leader by a broker that is cut off, and believes in itself.
      session.giveUp();
      this.end();
      throw error;
    }
  }

  /** What is under way fails; the next produce begins anew. */
  end(): void {
    const live = this.#live;
    this.#live = undefined;
    live?.session.end();
    live?.producer.disconnect().catch(() => undefined);
  }

  #begin(): Live {
    const session = new KafkaSession(this.#target, this.#clock);
    const producer = session.kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: () => () => this.#partition,
      // As few as it allows: the same batch is tried again by a new producer, and counted once by the fold.
      retry: { retries: 1, initialRetryTime: limits.orderedRetryMs },
    });
    return { session, producer };
  }

  async #send(session: KafkaSession, producer: Producer, records: readonly Uint8Array[]): Promise<void> {
    // Resolves at once when it is connected.
    await session.beginning(producer.connect());
    await producer.send({
      topic: this.#target.topic,
      acks: ALL_IN_SYNC,
      timeout: limits.kafkaAckMs,
      messages: records.map((record) => ({
        value: Buffer.from(record.buffer, record.byteOffset, record.byteLength),
      })),
    });
  }
}
