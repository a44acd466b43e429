// Owns the telling of messages to a topic of Kafka, each under the key of its object, so that those of one
// object lie in one partition in their order. Taken is what all replicas in sync have. A producer that failed
// is thrown away, with what else it had under way; the next message begins another.

import type { Clock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import type { KafkaSession } from '#core/log/kafka/kafka-session.ts';
import { Seeds } from '#core/log/kafka/seeds.ts';
import type { Answer, Message, Receiver } from './webhook.ts';

export interface KafkaSettings {
  /** `host:port` of one or more. */
  readonly brokers: readonly string[];
  /** There already: it is not made. */
  readonly topic: string;
}

type Producer = ReturnType<KafkaSession['kafka']['producer']>;

interface Live {
  readonly session: KafkaSession;
  readonly producer: Producer;
  readonly connected: Promise<void>;
}

const ALL_IN_SYNC = -1;

export class KafkaQueue implements Receiver {
  readonly #settings: KafkaSettings;
  readonly #clock: Clock;
  readonly #seeds: Seeds;
  #live: Promise<Live> | undefined;

  constructor(settings: KafkaSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
    this.#seeds = new Seeds(settings.brokers);
  }

  async tell(message: Message, signal: AbortSignal): Promise<{ answer: Answer; reason: string }> {
    this.#live ??= this.#begin();
    const beginning = this.#live;
    const { session, producer, connected } = await beginning;
    const end = () => session.end();
    signal.addEventListener('abort', end, { once: true });
    try {
      if (signal.aborted) throw new Error('cut off');
      await connected;
      await session.within(limits.kafkaProduceMs, this.#send(producer, message));
      return { answer: 'taken', reason: '' };
    } catch (error) {
      session.giveUp();
      if (this.#live === beginning) this.#live = undefined;
      producer.disconnect().catch(() => undefined);
      return { answer: 'later', reason: error instanceof Error ? error.message : String(error) };
    } finally {
      signal.removeEventListener('abort', end);
    }
  }

  async close(): Promise<void> {
    const live = await this.#live;
    this.#live = undefined;
    live?.session.end();
    live?.producer.disconnect().catch(() => undefined);
  }

  async #begin(): Promise<Live> {
    // Who has no such destination does not load the library.
    const { KafkaSession } = await import('#core/log/kafka/kafka-session.ts');
    const session = new KafkaSession({ seeds: this.#seeds, topic: this.#settings.topic }, this.#clock);
    const producer = session.kafka.producer({
      allowAutoTopicCreation: false,
      retry: { retries: 0, initialRetryTime: limits.orderedRetryMs },
    });
    const connected = session.beginning(producer.connect());
    // Whoever tells something looks at it.
    connected.catch(() => undefined);
    return { session, producer, connected };
  }

  async #send(producer: Producer, { id, key, body }: Message): Promise<void> {
    await producer.send({
      topic: this.#settings.topic,
      acks: ALL_IN_SYNC,
      timeout: limits.kafkaAckMs,
      messages: [
        // `<bucket>/<key>`
        { key: key.slice(key.indexOf('/') + 1), value: body, headers: { 'x-strata-event-id': id } },
      ],
    });
  }
}
