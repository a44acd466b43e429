// Owns one use of kafkajs that can be ended for good. The library's known faults are contained by never
// mending a client: whatever fails or takes too long ends its session, sockets and all, and the next
// attempt begins with a new one. So no state of the library outlives a failure: neither sequences of an
// idempotent producer that were rolled back though the broker had them, nor a connection that it holds for
// living, nor a consumer that a rebalance left without partitions, for its consumer groups are not used at
// all.

import type { Socket } from 'node:net';
import { connect } from 'node:net';
import type { Broker, Cluster, ISocketFactory, PartitionMetadata } from 'kafkajs';
import kafkajs from 'kafkajs';
import { assert } from '#core/kernel/assert.ts';
import type { Clock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Seeds } from './seeds.ts';

export interface KafkaTarget {
  readonly seeds: Seeds;
  readonly topic: string;
}

export interface FetchedMessage {
  readonly offset: string;
  readonly value: Buffer | null;
}

/** What the library's brokers answer, beyond its types. */
interface FetchedPartition {
  readonly partition: number;
  readonly messages: readonly FetchedMessage[];
}

interface ListedOffsets {
  readonly responses: readonly {
    readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
  }[];
}

type FullBroker = Broker & { listOffsets(request: object): Promise<ListedOffsets> };

const LATEST = -1;
const READ_UNCOMMITTED = 0;
const CLIENT_ID = 'strata';

export class KafkaSession {
  readonly kafka: kafkajs.Kafka;
  readonly #target: KafkaTarget;
  readonly #clock: Clock;
  readonly #seeds: readonly string[];
  readonly #sockets = new Set<Socket>();
  #cluster: Cluster | undefined;
  #isEnded = false;

  constructor(target: KafkaTarget, clock: Clock) {
    this.#target = target;
    this.#clock = clock;
    this.#seeds = target.seeds.order;
    this.kafka = new kafkajs.Kafka({
      clientId: CLIENT_ID,
      brokers: [...this.#seeds],
      connectionTimeout: limits.kafkaConnectionMs,
      requestTimeout: limits.kafkaRequestMs,
      retry: { retries: 0, initialRetryTime: limits.orderedRetryMs },
      // The adapter tells of failures itself, once.
      logLevel: kafkajs.logLevel.NOTHING,
      socketFactory: this.#socketFactory(),
    });
  }

  /** @throws Error when the work takes longer, or fails; the session should then be ended */
  async within<Result>(delayMs: number, work: Promise<Result>): Promise<Result> {
    const settled = new AbortController();
    const tooLate = this.#clock.sleep(delayMs, settled.signal).then(() => {
      if (!settled.signal.aborted) throw new Error(`no answer within ${delayMs} ms`);
    });
    try {
      return (await Promise.race([work, tooLate])) as Result;
    } finally {
      settled.abort();
    }
  }

  /** Connects, and knows the topic's brokers. */
  async connect(): Promise<void> {
    const cluster = clusterOf(this.kafka);
    this.#cluster = cluster;
    await this.beginning(cluster.connect().then(() => cluster.addTargetTopic(this.#target.topic)));
  }

  /** Waits for a first connection. @throws Error when it fails; the session is then given up */
  async beginning(connecting: Promise<void>): Promise<void> {
    try {
      await this.within(limits.kafkaConnectMs, connecting);
    } catch (error) {
      this.giveUp();
      throw error;
    }
  }

  brokers(): readonly number[] {
    return this.#open.getNodeIds().map(Number);
  }

  /** As this very broker tells it now. */
  async partitionsFrom(nodeId: number): Promise<readonly PartitionMetadata[]> {
    const broker = await this.#broker(nodeId);
    const { topicMetadata } = await broker.metadata([this.#target.topic]);
    return topicMetadata[0]?.partitionMetadata ?? [];
  }

  /** Durable records from the offset on, and perhaps some from before; none after a while without. */
  async fetch(nodeId: number, partition: number, from: number): Promise<readonly FetchedMessage[]> {
    const broker = await this.#broker(nodeId);
    const wanted = { partition, fetchOffset: String(from), maxBytes: limits.kafkaFetchBytes };
    const { responses } = await broker.fetch({
      maxWaitTime: limits.kafkaFetchWaitMs,
      isolationLevel: READ_UNCOMMITTED,
      maxBytes: limits.kafkaFetchBytes,
      topics: [{ topic: this.#target.topic, partitions: [wanted] }],
    });
    const fetched = responses[0]?.partitions as readonly FetchedPartition[] | undefined;
    return fetched?.[0]?.messages ?? [];
  }

  /** The offsets behind all durable records of partitions that this broker leads. */
  async ends(nodeId: number, partitions: readonly number[]): Promise<ReadonlyMap<number, number>> {
    const broker = await this.#broker(nodeId);
    const wanted = partitions.map((partition) => ({ partition, timestamp: LATEST }));
    const { responses } = await broker.listOffsets({
      isolationLevel: READ_UNCOMMITTED,
      topics: [{ topic: this.#target.topic, partitions: wanted }],
    });
    const answered = responses.flatMap((response) => response.partitions);
    return new Map(answered.map(({ partition, offset }) => [partition, Number(offset)]));
  }

  /** Ends it, for the broker that it began with did not serve: the next begins with another. Idempotent. */
  giveUp(): void {
    if (!this.#isEnded) this.#target.seeds.passOver(this.#seeds[0] as string);
    this.end();
  }

  /** Whatever is under way fails. Idempotent. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    // With an error, for of a bare end the library takes no notice.
    for (const socket of this.#sockets) socket.destroy(new Error('the session has ended'));
    this.#cluster?.disconnect().catch(() => undefined);
  }

  get #open(): Cluster {
    assert(this.#cluster, 'the session is connected');
    return this.#cluster;
  }

  async #broker(nodeId: number): Promise<FullBroker> {
    return (await this.#open.findBroker({ nodeId: String(nodeId) })) as FullBroker;
  }

  #socketFactory(): ISocketFactory {
    return ({ host, port, onConnect }) => {
      if (this.#isEnded) throw new Error('the session has ended');
      const socket = connect({ host, port, noDelay: true }, onConnect);
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      return socket;
    };
  }
}

/**
 * Requests to single brokers, by which one reads from any offset, without a consumer group. The library keeps
 * the way to them behind a symbol; its version is pinned for that.
 */
function clusterOf(kafka: kafkajs.Kafka): Cluster {
  const key = Object.getOwnPropertySymbols(kafka).find(({ description }) =>
    description?.endsWith('Kafka:createCluster'),
  );
  assert(key, 'kafkajs 2.2.4 makes clusters');
  const make = Reflect.get(kafka, key) as (options: object) => Cluster;
  return make.call(kafka, { allowAutoTopicCreation: false, metadataMaxAge: Number.MAX_SAFE_INTEGER });
}
