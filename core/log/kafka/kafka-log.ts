// Owns opening the event log on Kafka, by its address. The guarantees are those of GuardedLog, on a topic
// whose acknowledged records Kafka does not lose.

import type { Clock } from '#core/kernel/clock.ts';
import { Fault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Random } from '#core/kernel/random.ts';
import { GuardedLog } from '../ordered/guarded-log.ts';
import type { LogNotices } from '../ordered/local-copies.ts';
import { KafkaOrderedLog } from './kafka-ordered-log.ts';
import type { KafkaTarget } from './kafka-session.ts';
import { type KafkaTopic, openTopic } from './kafka-topic.ts';
import { Seeds } from './seeds.ts';

export interface KafkaLogOptions {
  /** `kafka://host:port,host:port/topic`; the topic is made when it is not there. */
  readonly address: string;
  /** Of this process alone: the local copy of the log. May be empty, and is then made anew from the log. */
  readonly directory: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: LogNotices;
  /** Of a topic that is made; default `limits.kafkaPartitions`. Fixed for ever once the log has begun. */
  readonly partitions?: number;
  /** Of a topic that is made; default three, or one for each broker where there are fewer. */
  readonly replicas?: number;
  /** How long an append waits for Kafka; default `limits.orderedAppendMs`. */
  readonly appendDeadlineMs?: number;
  /** Told once, of what stopped the log for good: the process should stop too. */
  readonly onFault?: (error: unknown) => void;
}

/**
 * Opens the log, begun when it is new, without waiting until the local copy has caught up: `tail()` does.
 * @throws Fault `log-unavailable` when Kafka does not answer; `locked` when another process has the
 * directory; `corruption` when the topic would lose events, or is not what the directory is a copy of; Error
 * when the address cannot be read
 */
export async function openKafkaLog(options: KafkaLogOptions): Promise<GuardedLog> {
  const target = parseKafkaAddress(options.address);
  const topic = await untilAnswered(target, options);
  const { clock, logger } = options;
  return GuardedLog.open({ ...options, ordered: new KafkaOrderedLog({ target, topic, clock, logger }) });
}

/** @throws Error when it is not `kafka://host:port,…/topic` */
export function parseKafkaAddress(address: string): KafkaTarget {
  const match = /^kafka:\/\/([^/]+)\/([A-Za-z0-9._-]{1,249})$/.exec(address);
  const brokers = match?.[1]?.split(',') ?? [];
  const topic = match?.[2];
  if (topic === undefined || !brokers.every((broker) => /^[^:\s]+:\d{1,5}$/.test(broker))) {
    throw new Error(`not an address of a log on Kafka (kafka://host:port,host:port/topic): ${address}`);
  }
  return { seeds: new Seeds(brokers), topic };
}

/** Brokers may be starting beside us. */
async function untilAnswered(target: KafkaTarget, options: KafkaLogOptions): Promise<KafkaTopic> {
  const { clock } = options;
  const untilMs = clock.monotonicMs() + (options.appendDeadlineMs ?? limits.orderedAppendMs);
  for (;;) {
    try {
      return await openTopic(target, clock, options);
    } catch (error) {
      if (error instanceof Fault) throw error;
      if (clock.monotonicMs() >= untilMs) {
        const brokers = target.seeds.order.join(', ');
        const why = error instanceof Error ? error.message : String(error);
        throw new Fault('log-unavailable', `no log on Kafka at ${brokers}: ${why}`, { cause: error });
      }
    }
    await clock.sleep(limits.orderedRetryMs);
  }
}
