// Owns one gateway of the simulated cluster: the production log, read models, use cases, quorum client and
// daemons, put together as cli/compose.ts does, on a simulated disk and network; started, crashed and started
// again.

import type { DevicesCommand } from '#core/devices/devices.commands.ts';
import { devicesDecider } from '#core/devices/devices.decider.ts';
import { DEVICES_STREAM, devices } from '#core/devices/devices.events.ts';
import { assert } from '#core/kernel/assert.ts';
import { isRejected } from '#core/kernel/decider.ts';
import { isFault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import { EmbeddedLog } from '#core/log/embedded/embedded-log.ts';
import type { EventLog } from '#core/log/event-log.ts';
import { GuardedLog } from '#core/log/ordered/guarded-log.ts';
import type { Ring } from '#core/ring/ring.ts';
import { ClusterRing } from '#core/runtime/cluster-ring.ts';
import { startDaemon } from '#core/runtime/daemon.ts';
import { openReadModels, projections, type ReadModels } from '#projections/all.ts';
import type { ProjectionRunner } from '#projections/store/projection.ts';
import { createProjectionRunner } from '#projections/store/runner.ts';
import { BucketCollection } from '#services/bucket-collection.ts';
import type { Cloud } from '#services/cloud.ts';
import { Collector } from '#services/collector.ts';
import { createCloud } from '#services/create-cloud.ts';
import { WritesInFlight } from '#services/writes-in-flight.ts';
import { throwBug } from '#storage-nodes/client/device-health.ts';
import type { NodeChunks } from '#storage-nodes/client/device-port.ts';
import { FailureDetector } from '#storage-nodes/client/failure-detector.ts';
import { createChunkClient, type QuorumClient } from '#storage-nodes/client/quorum-client.ts';
import { createBlobStream } from '#storage-nodes/stream/create-blob-stream.ts';
import { createInlineDigestPool } from '#storage-nodes/stream/digest.ts';
import { memorySubjectKeys } from '#tests/support/memory-cloud.ts';
import { type LogOracle, watchedLog } from './log-oracle.ts';
import type { SimulatedBroker } from './simulated-broker.ts';
import { SimulatedDisk } from './simulated-disk.ts';
import { SimulatedReadStore } from './simulated-read-store.ts';
import { Life, type World } from './world.ts';

export const LOG_DIRECTORY = '/log';
const LOG_SEGMENT_BYTES = 64 * 1024;
/** More than an append may take and a message may be late. */
const GRACE_MS = 8_000;
const APPEND_DEADLINE_MS = 4_000;
const COLLECT_INTERVAL_MS = 4_000;
const OPEN_RETRY_MS = 500;

export type FirstNode = Omit<Extract<DevicesCommand, { type: 'JoinNode' }>, 'type' | 'firstNodes' | 'nowMs'>;

export interface GatewayOptions {
  readonly world: World;
  readonly host: string;
  readonly skewMs: number;
  readonly diskPace: number;
  /** Of a log that several gateways share; without it the gateway has a log of its own. */
  readonly broker: SimulatedBroker | undefined;
  readonly oracle: LogOracle;
  readonly firstNodes: readonly FirstNode[];
  readonly remote: (life: Life, deviceId: number) => NodeChunks | undefined;
  /** Told of each ring in force. */
  readonly ringChanged: (ring: Ring) => void;
}

/** A gateway that serves. */
export interface OpenGateway {
  readonly life: Life;
  readonly cloud: Cloud;
  readonly log: EventLog;
  readonly runner: ProjectionRunner;
  readonly models: ReadModels;
  readonly cluster: ClusterRing;
  readonly chunks: QuorumClient;
  readonly blobs: ReturnType<typeof createBlobStream>;
  readonly writes: WritesInFlight;
  readonly detector: FailureDetector;
  readonly collector: Collector;
  readonly collection: BucketCollection;
}

export class SimulatedGateway {
  readonly host: string;
  readonly disk: SimulatedDisk;
  readonly store: SimulatedReadStore;
  readonly #options: GatewayOptions;
  #lives = 0;
  #life: Life | undefined;
  #open: OpenGateway | undefined;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.host = options.host;
    this.disk = new SimulatedDisk(options.world, options.host, options.diskPace);
    this.store = new SimulatedReadStore(options.world, options.host);
  }

  /** Undefined while it does not serve. */
  get open(): OpenGateway | undefined {
    return this.#open;
  }

  get isRunning(): boolean {
    return this.#life !== undefined;
  }

  start(): void {
    if (this.#life) return;
    const { world, skewMs } = this.#options;
    const life = new Life(world, this.host, `${this.host} ${++this.#lives}`, skewMs);
    this.#life = life;
    void this.#openSoon(life);
  }

  /** Power is lost. */
  crash(): void {
    this.#life?.end();
    this.#life = undefined;
    this.#open = undefined;
    this.disk.crash();
  }

  /** Comes back with nothing on its disk: only fair where the log is elsewhere. */
  loseDisk(): void {
    this.crash();
    this.disk.replaceByEmpty();
    this.store.replaceByEmpty();
  }

  async #openSoon(life: Life): Promise<void> {
    const { world } = this.#options;
    try {
      const open = await this.#compose(life);
      if (!life.isAlive) return;
      this.#open = open;
      world.trace.note('gateway-up', `${this.host} ${open.runner.applied()}`);
    } catch (error) {
      throwBug(error);
      if (!life.isAlive) return;
      world.trace.note('gateway-open-failed', `${this.host} ${error}`);
      this.#restartSoon(life);
    }
  }

  async #compose(life: Life): Promise<OpenGateway> {
    const { world, firstNodes, remote, ringChanged } = this.#options;
    const { clock, random } = life;
    const onFault = (error: unknown) => {
      if (!life.isAlive) return;
      world.trace.note('gateway-stopped', `${this.host} ${error}`);
      this.#restartSoon(life);
    };
    const log = watchedLog(await this.#openLog(life, onFault), this.#options.oracle);
    const store = this.store.view(life);
    const runner = await createProjectionRunner({ log, store, projections, clock, onFault });
    await makeSmallRing(log);
    const cluster = await ClusterRing.open({ log, onFault });
    for (const node of firstNodes) {
      // What another gateway did meanwhile is found done.
      await cluster.run({ type: 'JoinNode', ...node, firstNodes: firstNodes.length, nowMs: clock.nowMs() });
    }
    const ring = () => cluster.ring();
    cluster.onChange(() => ringChanged(ring()));
    ringChanged(ring());
    const node = (deviceId: number) => remote(life, deviceId);
    const chunks = createChunkClient({ ring, node, clock });
    const detector = new FailureDetector({ ring, node, health: chunks.health, onBeat: () => chunks.beat() });
    const digests = createInlineDigestPool();
    const budgetBytes = limits.streamBudgetBytes;
    const blobs = createBlobStream({ chunks, random, clock, digests, budgetBytes });
    await runner.whenCaughtUp(await log.tail());
    const models = openReadModels(runner);
    const writes = new WritesInFlight();
    const barrier = this.#options.broker
      ? async () => runner.whenCaughtUp(await log.tail())
      : () => undefined;
    const context = { ...models, log, runner, blobs, writes, random, barrier };
    const { cloud } = createCloud(context, memorySubjectKeys());
    const collection = new BucketCollection(context, clock, GRACE_MS);
    const collector = new Collector({
      ...{ clock, chunks, graceMs: GRACE_MS },
      isNamed: models.namedBlobs.isNamed,
      buckets: collection,
    });
    const open = {
      ...{
        life,
        cloud,
        log,
        runner,
        models,
        cluster,
        chunks,
        blobs,
        writes,
        detector,
        collector,
        collection,
      },
    };
    this.#startDaemons(open);
    return open;
  }

  #openLog(life: Life, onFault: (error: unknown) => void): Promise<EventLog> {
    const { clock, random } = life;
    const { broker, world } = this.#options;
    const options = {
      ...{ directory: LOG_DIRECTORY, segmentBytes: LOG_SEGMENT_BYTES, clock, random },
      ...{ disk: this.disk.view(life), lock: () => ({ release: () => {} }) },
    };
    if (!broker) return EmbeddedLog.open(options);
    const warn = (_: object, message: string) => world.trace.note('log-notice', message);
    return GuardedLog.open({
      ...options,
      ...{ ordered: broker.connect(life), logger: { warn }, appendDeadlineMs: APPEND_DEADLINE_MS, onFault },
    });
  }

  #startDaemons({ life, detector, collector, collection }: OpenGateway): void {
    const { trace } = this.#options.world;
    const daemon = (name: string, intervalMs: number, runOnce: (signal: AbortSignal) => Promise<unknown>) =>
      startDaemon({
        ...{ name, clock: life.clock, intervalMs },
        onFailure: (_, error) => trace.note(`${name}-failed`, `${error}`),
        runOnce: async (signal) => {
          const report = await runOnce(signal);
          if (report) trace.note(`${name}-pass`, `${this.host} ${JSON.stringify(report)}`);
        },
      });
    daemon('failure-detector', limits.heartbeatMs, async () => void (await detector.runOnce()));
    daemon('write-prolonger', GRACE_MS / 8, () => collection.runOnce());
    daemon('collector', COLLECT_INTERVAL_MS, (signal) => collector.runOnce(signal));
  }

  /** What makes going on unsafe ends the program; whoever watches it starts it again. */
  #restartSoon(life: Life): void {
    life.end();
    this.#open = undefined;
    this.#options.world.scheduler.after(OPEN_RETRY_MS, () => {
      if (this.#life !== life) return;
      this.#life = undefined;
      this.disk.crash();
      this.start();
    });
  }
}

/** A pass over the partitions costs messages; and a ring that may be changed again at once can be tested. */
async function makeSmallRing(log: EventLog): Promise<void> {
  const shape = { partitionPower: 4, replicas: 3, minMoveIntervalMs: 1_000, seed: 1 };
  const created = devicesDecider.decide(devicesDecider.initial, { type: 'CreateRing', ...shape });
  assert(!isRejected(created), 'the shape of the small ring is legal');
  const events = created.map((event) => ({ type: event.type, payload: devices.encode(event) }));
  const actor = { user: 'system', project: 'system', requestId: 'ring' };
  try {
    await log.append({ stream: DEVICES_STREAM, events, expect: 'none', actor });
  } catch (error) {
    // Another gateway, or an earlier life of this one, was first.
    if (!isFault(error, 'conflict')) throw error;
  }
}
