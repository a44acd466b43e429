// Owns real Kafka brokers for the engines suite: version 3.9.1 in KRaft mode, each broker one Java process
// that is a controller too, from Maven Central's artefacts (resolved once by `mvn` into a cache
// directory). What is missing is an error that says so, never a skipped test.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import kafkajs from 'kafkajs';
import { systemClock } from '#core/kernel/clock.ts';
import { freePorts } from './free-ports.ts';
import { root } from './source-files.ts';

const run = promisify(execFile);
const VERSION = '3.9.1';
const CACHE = join(root, 'node_modules', '.cache', `kafka-${VERSION}`);
const CLUSTER_ID = 'c3RyYXRhLXRlc3RzLTAwMQ';
const READY_MS = 90_000;

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>strata</groupId><artifactId>kafka-server</artifactId><version>1</version><packaging>pom</packaging>
<dependencies><dependency>
<groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${VERSION}</version>
</dependency></dependencies></project>
`;

/** What this suite runs, for its log. */
export const KAFKA = `Kafka ${VERSION}, KRaft, from Maven Central, run by Java`;

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const broker of running) broker.kill('SIGKILL');
});

export class KafkaServer {
  readonly addresses: readonly string[];
  readonly #directory: string;
  readonly #configs: readonly string[];
  readonly #processes: (ChildProcess | undefined)[];
  readonly #paused = new Set<number>();

  private constructor(directory: string, addresses: readonly string[], configs: readonly string[]) {
    this.#directory = directory;
    this.addresses = addresses;
    this.#configs = configs;
    this.#processes = configs.map(() => undefined);
  }

  /** Resolves when so many brokers are one cluster. */
  static async start(brokers: 1 | 3): Promise<KafkaServer> {
    await resolveArtefacts();
    const directory = mkdtempSync(join(tmpdir(), 'strata-kafka-'));
    const ports = await freePorts(brokers * 2);
    const clients = ports.slice(0, brokers).map((port) => `127.0.0.1:${port}`);
    const controllers = ports.slice(brokers).map((port) => `127.0.0.1:${port}`);
    const voters = controllers.map((address, index) => `${index + 1}@${address}`).join(',');
    const configs = clients.map((address, index) => {
      const path = join(directory, `broker-${index}.properties`);
      const logs = join(directory, `broker-${index}`);
      writeFileSync(path, properties(index + 1, address, controllers[index] ?? '', voters, logs, brokers));
      return path;
    });
    const server = new KafkaServer(directory, clients, configs);
    try {
      for (const config of configs)
        await java(['kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', config]);
      for (const index of configs.keys()) server.startBroker(index);
      await server.untilBrokers(brokers);
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  address(topic: string): string {
    return `kafka://${this.addresses.join(',')}/${topic}`;
  }

  startBroker(index: number): void {
    const options = ['-Xms96m', '-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
    const args = [...options, '-cp', `${CACHE}/*`, 'kafka.Kafka', this.#configs[index] ?? ''];
    const broker = spawn('java', args, { stdio: 'ignore' });
    this.#processes[index] = broker;
    running.add(broker);
    broker.once('exit', () => running.delete(broker));
  }

  /** As kill -9 does it; resolves when the process is gone. */
  async killBroker(index: number): Promise<void> {
    const process = this.#processes[index];
    this.#processes[index] = undefined;
    if (!process || process.exitCode !== null || process.signalCode !== null) return;
    const exited = new Promise((resolve) => process.once('exit', resolve));
    process.kill('SIGCONT');
    process.kill('SIGKILL');
    await exited;
  }

  /** Brokers that hold their connections and answer nothing. */
  pause(index: number): void {
    this.#paused.add(index);
    this.#processes[index]?.kill('SIGSTOP');
  }

  resume(index: number): void {
    this.#paused.delete(index);
    this.#processes[index]?.kill('SIGCONT');
  }

  async stop(): Promise<void> {
    await Promise.all(this.#configs.map((_, index) => this.killBroker(index)));
    rmSync(this.#directory, { recursive: true, force: true });
  }

  untilBrokers(count: number): Promise<void> {
    return this.#until(`${count} brokers are up`, () =>
      this.#admin(async (admin) => (await admin.describeCluster()).brokers.length >= count),
    );
  }

  /** The broker, from 0, that leads a partition. */
  async leaderOf(topic: string, partition: number): Promise<number> {
    const { topics } = await this.#admin((admin) => admin.fetchTopicMetadata({ topics: [topic] }));
    const found = topics[0]?.partitions.find(({ partitionId }) => partitionId === partition);
    return (found?.leader ?? 0) - 1;
  }

  /** Resolves when the cluster has chosen another. */
  untilLeaderIsNot(leader: number, topic: string, partition: number): Promise<void> {
    return this.#until(`another broker leads partition ${partition}`, async () => {
      const leads = await this.leaderOf(topic, partition);
      return leads >= 0 && leads !== leader;
    });
  }

  /** Resolves when all replicas of all partitions have what was acknowledged. */
  untilInSync(topic: string): Promise<void> {
    return this.#until('all replicas are in sync', async () => {
      const { topics } = await this.#admin((admin) => admin.fetchTopicMetadata({ topics: [topic] }));
      const partitions = topics[0]?.partitions ?? [];
      return (
        partitions.length > 0 &&
        partitions.every(({ leader, isr, replicas }) => leader > 0 && isr.length === replicas.length)
      );
    });
  }

  async #until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    const untilMs = systemClock.monotonicMs() + READY_MS;
    while (!(await isSo().catch(() => false))) {
      if (systemClock.monotonicMs() > untilMs)
        throw new Error(`${KAFKA}: not within ${READY_MS} ms: ${what}`);
      await systemClock.sleep(200);
    }
  }

  /** Of one partition, with a replica on each broker. */
  async createTopic(topic: string, entries: Readonly<Record<string, string>>): Promise<void> {
    const configEntries = Object.entries(entries).map(([name, value]) => ({ name, value }));
    const replicationFactor = this.addresses.length;
    // The library's own waiting fails when a broker has not heard of the topic yet.
    await this.#admin((admin) =>
      admin.createTopics({
        waitForLeaders: false,
        topics: [{ topic, numPartitions: 1, replicationFactor, configEntries }],
      }),
    );
    await this.untilInSync(topic);
  }

  #answering(wanted: boolean): readonly string[] {
    const isAnswering = (index: number) => this.#processes[index] !== undefined && !this.#paused.has(index);
    return this.addresses.filter((_, index) => isAnswering(index) === wanted);
  }

  async #admin<Result>(ask: (admin: kafkajs.Admin) => Promise<Result>): Promise<Result> {
    const { logLevel } = kafkajs;
    // The library stays with the first, though it is paused, takes connections and answers nothing.
    const [answering, others] = [this.#answering(true), this.#answering(false)];
    const kafka = new kafkajs.Kafka({
      brokers: [...answering, ...others],
      logLevel: logLevel.NOTHING,
      requestTimeout: 3_000,
      retry: { retries: 2 },
    });
    const admin = kafka.admin();
    try {
      await admin.connect();
      return await ask(admin);
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
  }
}

function properties(
  nodeId: number,
  address: string,
  controller: string,
  voters: string,
  logs: string,
  brokers: number,
): string {
  return Object.entries({
    'process.roles': 'broker,controller',
    'node.id': nodeId,
    'controller.quorum.voters': voters,
    'controller.listener.names': 'CONTROLLER',
    listeners: `PLAINTEXT://${address},CONTROLLER://${controller}`,
    'advertised.listeners': `PLAINTEXT://${address}`,
    'log.dirs': logs,
    'auto.create.topics.enable': false,
    'offsets.topic.replication.factor': brokers,
    'transaction.state.log.replication.factor': brokers,
    'broker.session.timeout.ms': 6_000,
    'broker.heartbeat.interval.ms': 1_000,
    'controller.socket.timeout.ms': 3_000,
    'num.network.threads': 2,
    'num.io.threads': 2,
    'log.cleaner.enable': false,
  })
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

/** Resolves to the directory of the broker's jars. */
export async function resolveArtefacts(): Promise<string> {
  if (existsSync(CACHE)) return CACHE;
  mkdirSync(join(CACHE, '..'), { recursive: true });
  const draft = mkdtempSync(`${CACHE}-`);
  writeFileSync(join(draft, 'pom.xml'), POM);
  const args = ['-q', '-B', '-f', join(draft, 'pom.xml'), 'dependency:copy-dependencies'];
  try {
    await run('mvn', [...args, `-DoutputDirectory=${draft}`]);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    throw new Error(`no Kafka server: mvn could not resolve ${KAFKA}`, { cause: error });
  }
  if (existsSync(CACHE)) rmSync(draft, { recursive: true, force: true });
  else renameSync(draft, CACHE);
  return CACHE;
}

async function java(args: readonly string[]): Promise<void> {
  try {
    await run('java', ['-XX:TieredStopAtLevel=1', '-cp', `${CACHE}/*`, ...args]);
  } catch (error) {
    throw new Error('no Kafka server: java could not run it', { cause: error });
  }
}
