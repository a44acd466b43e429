// Owns the topic of a log: how it is made, and the refusal of one that would lose events. Nothing may be
// deleted by age or size, nothing compacted, no replica that lags may become leader, and where there are
// three replicas an acknowledgement is of two at least.

import kafkajs from 'kafkajs';
import type { Clock } from '#core/kernel/clock.ts';
import { Fault } from '#core/kernel/errors.ts';
import { limits, MIB } from '#core/kernel/limits.ts';
import { KafkaSession, type KafkaTarget } from './kafka-session.ts';

export interface KafkaTopic {
  readonly partitions: number;
  /** So many replicas have what was acknowledged. */
  readonly replicasAcknowledging: number;
}

export interface KafkaTopicOptions {
  /** Of a topic that is made; default `limits.kafkaPartitions`. */
  readonly partitions?: number | undefined;
  /** Of a topic that is made; default three, or one for each broker where there are fewer. */
  readonly replicas?: number | undefined;
}

/** A batch of one largest append. */
const MESSAGE_BYTES = limits.logBatchBytes + MIB;
const REPLICAS = 3;
const REQUIRED = {
  'cleanup.policy': 'delete',
  'retention.ms': '-1',
  'retention.bytes': '-1',
  'unclean.leader.election.enable': 'false',
} as const;

/** @throws Fault `corruption` when the topic would lose events; Error when Kafka does not answer */
export async function openTopic(
  target: KafkaTarget,
  clock: Clock,
  options: KafkaTopicOptions,
): Promise<KafkaTopic> {
  const session = new KafkaSession(target, clock);
  const admin = session.kafka.admin();
  try {
    await session.beginning(admin.connect());
    return await session.within(limits.kafkaOpenMs, open(admin, target, options));
  } finally {
    session.end();
    admin.disconnect().catch(() => undefined);
  }
}

async function open(
  admin: ReturnType<kafkajs.Kafka['admin']>,
  target: KafkaTarget,
  options: KafkaTopicOptions,
): Promise<KafkaTopic> {
  const { topic } = target;
  if (!(await admin.listTopics()).includes(topic)) await create(admin, target, options);
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  const partitions = topics[0]?.partitions ?? [];
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic }],
  });
  const entries = resources[0]?.configEntries ?? [];
  const settings = new Map(entries.map(({ configName, configValue }) => [configName, configValue]));
  refuseLossy(topic, settings, Math.min(...partitions.map(({ replicas }) => replicas.length)));
  return {
    partitions: partitions.length,
    replicasAcknowledging: Number(settings.get('min.insync.replicas')),
  };
}

function refuseLossy(topic: string, settings: ReadonlyMap<string, string>, replicas: number): void {
  const refuse = (why: string) => {
    throw new Fault('corruption', `topic ${topic} ${why}`);
  };
  for (const [name, wanted] of Object.entries(REQUIRED)) {
    const actual = settings.get(name);
    if (actual !== wanted) refuse(`would lose events: ${name} is ${actual}, not ${wanted}`);
  }
  const acknowledging = Number(settings.get('min.insync.replicas'));
  if (replicas >= REPLICAS && acknowledging < REPLICAS - 1) {
    refuse(`would lose events: min.insync.replicas is ${acknowledging}, less than ${REPLICAS - 1}`);
  }
  if (Number(settings.get('max.message.bytes')) < MESSAGE_BYTES) {
    refuse(`refuses large events: max.message.bytes < ${MESSAGE_BYTES}`);
  }
}

async function create(
  admin: ReturnType<kafkajs.Kafka['admin']>,
  { topic, seeds }: KafkaTarget,
  options: KafkaTopicOptions,
): Promise<void> {
  const { brokers } = await admin.describeCluster();
  // Those of the address count though they are still starting: a topic keeps what it was made with.
  const known = Math.max(brokers.length, seeds.order.length);
  const replicationFactor = options.replicas ?? Math.min(REPLICAS, known);
  if (brokers.length < replicationFactor) {
    throw new Error(`${brokers.length} of the ${replicationFactor} brokers are up that ${topic} is to be on`);
  }
  const values = {
    ...REQUIRED,
    'max.message.bytes': String(MESSAGE_BYTES),
    'min.insync.replicas': String(Math.max(1, replicationFactor - 1)),
  };
  const configEntries = Object.entries(values).map(([name, value]) => ({ name, value }));
  const numPartitions = options.partitions ?? limits.kafkaPartitions;
  // False where another process was first.
  await admin.createTopics({
    waitForLeaders: true,
    topics: [{ topic, numPartitions, replicationFactor, configEntries }],
  });
}
