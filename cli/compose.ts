// Owns the composition of the programs that serve clients: which implementation stands behind each port.
// Nothing else chooses; a cloud in one process and a gateway of a cluster differ in their ports alone.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Clock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Address, Network, TlsIdentity } from '#core/kernel/network.ts';
import type { Random } from '#core/kernel/random.ts';
import { lockDirectory } from '#core/log/embedded/directory-lock.ts';
import { EmbeddedLog } from '#core/log/embedded/embedded-log.ts';
import type { EventLog } from '#core/log/event-log.ts';
import { ClusterRing } from '#core/runtime/cluster-ring.ts';
import { openReadModels, projections } from '#projections/all.ts';
import { openLevelStore } from '#projections/store/level-store.ts';
import type { ProjectionRunner } from '#projections/store/projection.ts';
import type { ReadStore } from '#projections/store/read-store.ts';
import { createProjectionRunner } from '#projections/store/runner.ts';
import type { AccountService } from '#services/accounts.service.ts';
import { BucketCollection } from '#services/bucket-collection.ts';
import { chunkSubjectKeys } from '#services/chunk-subject-keys.ts';
import type { Cloud } from '#services/cloud.ts';
import { Collector, type CollectorParts } from '#services/collector.ts';
import type { ServiceContext } from '#services/context.ts';
import { createCloud } from '#services/create-cloud.ts';
import { Expirer } from '#services/expirer.ts';
import type { Identity } from '#services/identity/identity.ts';
import { passwordCostOf } from '#services/identity/passwords.ts';
import type { KeyKeeper } from '#services/key-keeper.ts';
import { LifecycleKeeper } from '#services/lifecycle-keeper.ts';
import { KafkaQueue } from '#services/notifications/kafka-queue.ts';
import { Notifier } from '#services/notifications/notifier.ts';
import { type Receiver, Webhook } from '#services/notifications/webhook.ts';
import { WritesInFlight } from '#services/writes-in-flight.ts';
import { createBlobStream } from '#storage-nodes/stream/create-blob-stream.ts';
import { createWorkerDigestPool } from '#storage-nodes/stream/digest-pool.ts';
import type { WireCredentials } from '#storage-nodes/wire/node-wire.ts';
import type { CloudNodes } from './cloud-nodes.ts';
import { CallSigner, type ClusterSecret, obtainOwnSecret } from './cluster-secret.ts';
import type { ControlTransport } from './control-grpc.ts';
import type { IdentitySettings } from './identity-settings.ts';
import { joinCluster, type OpenNode } from './join-cluster.ts';
import { type DaemonSpec, NodeDaemons } from './node-daemons.ts';
import type { NotificationSettings } from './notification-settings.ts';
import type { LogSource } from './open-log.ts';
import { openRemoteNodes } from './remote-nodes.ts';
import type { HostAndPort } from './serve-clients.ts';
import { openStorageNodes, type StorageNodes } from './storage-nodes.ts';

export interface CloudOptions {
  /** The data directory; made where it is not. */
  readonly directory: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Of hashing a password: a power of two. Default: services/identity/passwords.ts. */
  readonly passwordCost?: number;
  readonly identitySettings?: IdentitySettings;
  /** Whom buckets may tell of their objects. */
  readonly notifications?: NotificationSettings;
  /** Told of what makes going on unsafe: the process should stop. */
  onFault(error: unknown): void;
}

export interface OpenCloud<Nodes extends CloudNodes = CloudNodes> {
  readonly directory: string;
  readonly clock: Clock;
  readonly cloud: Cloud;
  readonly accounts: AccountService;
  readonly identity: Identity;
  readonly keyKeeper: KeyKeeper;
  readonly log: EventLog;
  readonly runner: ProjectionRunner;
  readonly store: ReadStore;
  readonly cluster: ClusterRing;
  readonly nodes: Nodes;
  readonly writes: WritesInFlight;
  readonly collector: Collector;
  readonly daemons: NodeDaemons;
  /** Whom buckets may tell of their objects, by name. */
  readonly destinations: ReadonlySet<string>;
  readonly notifier: Notifier;
  /**
   * Ends the daemons, then everything else, in the order in which bytes flow. Nothing acknowledged is lost
   * without it.
   */
  close(): Promise<void>;
}

/** Where a cloud's log and chunks are: the whole difference between one process and a cluster. */
interface CloudPorts<Nodes extends CloudNodes> {
  openLog(): Promise<EventLog>;
  openNodes(cluster: ClusterRing): Promise<Nodes>;
  barrier(log: EventLog, runner: ProjectionRunner): ServiceContext['barrier'];
  /** Asked when the data directory is there. */
  secret(): ClusterSecret;
}

/**
 * One whole cloud in this process.
 * @throws Fault `locked` when another process serves the directory, `corruption` when its log is damaged.
 */
export function openCloud(options: CloudOptions): Promise<OpenCloud<StorageNodes>> {
  const { directory, clock, random, logger } = options;
  return compose(options, {
    openLog: () => EmbeddedLog.open({ directory: join(directory, 'log'), clock, random }),
    openNodes: (cluster) =>
      openStorageNodes({ directory: join(directory, 'nodes'), cluster, clock, random, logger }),
    barrier: onlyWriter,
    secret: () => obtainOwnSecret(directory, random),
  });
}

/** How the parts of a cluster reach and know each other. */
export interface ClusterAccess {
  readonly network: Network;
  readonly secret: ClusterSecret;
  /** Mutual TLS, on the wire and for control, in addition to the secret. */
  readonly tls?: TlsIdentity | undefined;
}

const wireCredentials = ({ secret, tls }: ClusterAccess): WireCredentials =>
  tls ? { tls } : { secret: secret.key('wire') };

export function controlTransport(access: ClusterAccess, clock: Clock): ControlTransport {
  return { signer: new CallSigner(access.secret), clock, tls: access.tls };
}

/** One gateway of a cluster: its log may be shared with others, its storage nodes are programs apart. */
export function openGateway(
  options: CloudOptions & { readonly access: ClusterAccess; readonly log: LogSource },
): Promise<OpenCloud> {
  const { directory, clock, random, logger, onFault, access, log: source } = options;
  return compose(options, {
    openLog: () => source.open({ directory, clock, random, logger, onFault }),
    openNodes: async (cluster) =>
      openRemoteNodes({
        ...{ cluster, clock, random, network: access.network, credentials: wireCredentials(access) },
        transport: controlTransport(access, clock),
      }),
    barrier: source.isShared ? atTheTail : onlyWriter,
    secret: () => access.secret,
  });
}

export interface StorageNodeOptions {
  readonly node: string;
  readonly zone: string;
  /** One a device. */
  readonly directories: readonly string[];
  readonly listen: Address;
  readonly control: HostAndPort;
  /** The host by which others reach this one; that of `listen` unless given. */
  readonly advertisedHost?: string | undefined;
  /** host:port of the control service of one gateway or more. */
  readonly gateways: readonly string[];
  readonly access: ClusterAccess;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Told when the cluster has no such node any more: the process should stop. */
  onRemoved(): void;
}

/** One storage node of a cluster. */
export function openStorageNode(options: StorageNodeOptions): Promise<OpenNode> {
  const { access, clock } = options;
  return joinCluster({
    ...options,
    network: access.network,
    credentials: wireCredentials(access),
    transport: controlTransport(access, clock),
  });
}

/** All reads that wait at a moment share one question to the log: EventLog.tail coalesces. */
const atTheTail = (log: EventLog, runner: ProjectionRunner) => async () => {
  await runner.whenCaughtUp(await log.tail());
};

/** The log's only writer has applied whatever is acknowledged. */
const onlyWriter = () => () => undefined;

async function compose<Nodes extends CloudNodes>(
  options: CloudOptions,
  ports: CloudPorts<Nodes>,
): Promise<OpenCloud<Nodes>> {
  const { directory, clock, random, onFault } = options;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const lock = lockDirectory(directory);
  const opened: (() => Promise<void> | void)[] = [() => lock.release()];
  const close = async () => {
    for (const end of opened.reverse()) await end();
  };
  try {
    const [log, store] = await Promise.all([ports.openLog(), openLevelStore(join(directory, 'read-models'))]);
    opened.push(
      () => store.close(),
      () => log.close(),
    );
    const runner = await createProjectionRunner({ log, store, projections, clock, onFault });
    opened.push(() => runner.close());
    const cluster = await ClusterRing.open({ log, onFault });
    opened.push(() => cluster.close());
    const nodes = await ports.openNodes(cluster);
    opened.push(() => nodes.close());
    const digests = createWorkerDigestPool({ workerUrl: digestWorkerUrl() });
    opened.push(() => digests.close());
    const blobs = createBlobStream({ chunks: nodes.chunks, random, clock, digests });
    opened.push(() => blobs.close());
    await runner.whenCaughtUp(await log.tail());

    const models = openReadModels(runner);
    const writes = new WritesInFlight();
    const barrier = ports.barrier(log, runner);
    const wrappingKey = ports.secret().key('subject-keys');
    const context: ServiceContext = { ...models, log, runner, blobs, writes, random, barrier };
    const { cloud, accounts, identity, keyKeeper } = createCloud(
      context,
      chunkSubjectKeys({ chunks: nodes.chunks, wrappingKey, random }),
      { passwordCost: passwordCostOf(options.passwordCost), ...options.identitySettings },
    );
    const { collector, daemons } = startDaemons(
      options,
      context,
      models.namedBlobs.isNamed,
      keyKeeper,
      nodes,
    );
    opened.push(() => daemons.stop());
    const { notifier, destinations } = notifying(options, context);
    opened.push(() => notifier.stop());
    const parts = { directory, clock, cloud, accounts, identity, keyKeeper, log, runner, store };
    return { ...parts, cluster, nodes, writes, collector, daemons, destinations, notifier, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Beside this file's bundle, or in the sources. */
function digestWorkerUrl(): URL {
  const path = import.meta.url.endsWith('.ts')
    ? '../storage-nodes/stream/digest-worker.ts'
    : './digest-worker.js';
  return new URL(path, import.meta.url);
}

function startDaemons(
  { clock, logger }: CloudOptions,
  context: ServiceContext,
  isNamed: CollectorParts['isNamed'],
  keyKeeper: KeyKeeper,
  nodes: CloudNodes,
): Pick<OpenCloud, 'collector' | 'daemons'> {
  const graceMs = limits.collectorGraceMs;
  const collection = new BucketCollection(context, clock, graceMs);
  const collector = new Collector({ clock, chunks: nodes.chunks, isNamed, buckets: collection, graceMs });
  const daemons = new NodeDaemons({
    clock,
    logger,
    daemons: [
      ...collecting(collector, collection),
      expiring(new Expirer(context, clock)),
      keeping(new LifecycleKeeper(context, clock)),
      resealing(keyKeeper),
      ...nodes.daemons,
    ],
  });
  return { collector, daemons };
}

function notifying(
  { notifications = new Map(), clock, random, logger }: CloudOptions,
  { log, runner, buckets }: ServiceContext,
): Pick<OpenCloud, 'notifier' | 'destinations'> {
  const receivers = new Map<string, Receiver>();
  for (const [name, { webhook, kafka }] of notifications) {
    if (webhook) receivers.set(name, new Webhook(webhook, clock));
    else if (kafka) receivers.set(name, new KafkaQueue(kafka, clock));
  }
  const notifier = new Notifier({ log, runner, buckets, clock, random, logger }, receivers);
  return { notifier, destinations: new Set(notifications.keys()) };
}

function expiring(expirer: Expirer): DaemonSpec {
  const intervalMs = limits.expireIntervalMs;
  return { name: 'expirer', intervalMs, runOnce: (signal) => expirer.runOnce(signal) };
}

function keeping(keeper: LifecycleKeeper): DaemonSpec {
  const intervalMs = limits.lifecycleIntervalMs;
  return { name: 'lifecycle', intervalMs, runOnce: (signal) => keeper.runOnce(signal) };
}

function resealing(keeper: KeyKeeper): DaemonSpec {
  const intervalMs = limits.resealIntervalMs;
  return { name: 'key-keeper', intervalMs, runOnce: (signal) => keeper.runOnce(signal) };
}

function collecting(collector: Collector, collection: BucketCollection): DaemonSpec[] {
  return [
    {
      name: 'collector',
      intervalMs: limits.collectorIntervalMs,
      runOnce: (signal, report) =>
        collector.runOnce(signal, ({ partitions, partitionsTotal }) =>
          report({ done: partitions, total: partitionsTotal }),
        ),
    },
    { name: 'write-prolonger', intervalMs: limits.writeProlongMs, runOnce: () => collection.runOnce() },
  ];
}
