// Owns one storage node of the simulated cluster: the production chunk store and its daemons on a simulated
// disk, started, crashed and started again.

import { KIB, limits } from '#core/kernel/limits.ts';
import type { Ring } from '#core/ring/ring.ts';
import { startDaemon } from '#core/runtime/daemon.ts';
import { createAuditor } from '#storage-nodes/audit/auditor.ts';
import { DiskChunkStore } from '#storage-nodes/chunks/disk-chunk-store.ts';
import { DeviceHealth, throwBug } from '#storage-nodes/client/device-health.ts';
import type { NodeChunks } from '#storage-nodes/client/device-port.ts';
import { FailureDetector } from '#storage-nodes/client/failure-detector.ts';
import { createReplicator } from '#storage-nodes/replication/replicator.ts';
import { serveNode } from '#storage-nodes/wire/node-server.ts';
import { SimulatedDisk } from './simulated-disk.ts';
import { SimulatedIndex } from './simulated-index-store.ts';
import type { SimulatedNetwork } from './simulated-network.ts';
import { CREDENTIALS, wireAddress } from './wire-access.ts';
import { Life, type World } from './world.ts';

const DIRECTORY = '/node';
const HOT_ENTRIES = 64;
const AUDIT_INTERVAL_MS = 5_000;
const REPLICATE_INTERVAL_MS = 4_000;
const COMPACT_INTERVAL_MS = 3_000;
const OPEN_RETRY_MS = 500;

export interface StorageNodeOptions {
  readonly world: World;
  readonly host: string;
  readonly zone: string;
  readonly skewMs: number;
  readonly diskPace: number;
  /** Given to this node by whoever knows the ring. */
  readonly ring: () => Ring;
  /** Told of whole passes. */
  readonly passed: (pass: 'audit' | 'replication', startedMs: number) => void;
  readonly network: SimulatedNetwork;
  readonly remote: (life: Life, deviceId: number) => NodeChunks | undefined;
}

export class SimulatedStorageNode {
  readonly host: string;
  readonly zone: string;
  readonly disk: SimulatedDisk;
  readonly index: SimulatedIndex;
  readonly #options: StorageNodeOptions;
  #lives = 0;
  #life: Life | undefined;
  #store: DiskChunkStore | undefined;

  constructor(options: StorageNodeOptions) {
    this.#options = options;
    this.host = options.host;
    this.zone = options.zone;
    this.disk = new SimulatedDisk(options.world, options.host, options.diskPace);
    this.index = new SimulatedIndex(options.world, options.host);
  }

  get isUp(): boolean {
    return this.#store !== undefined;
  }

  get isRunning(): boolean {
    return this.#life !== undefined;
  }

  get store(): DiskChunkStore | undefined {
    return this.#store;
  }

  start(): void {
    if (this.#life) return;
    const { world, skewMs } = this.#options;
    const life = new Life(world, this.host, `${this.host} ${++this.#lives}`, skewMs);
    this.#life = life;
    void this.#open(life);
  }

  /** Power is lost. */
  crash(): void {
    this.#end();
    this.disk.crash();
    this.index.crash();
  }

  /** Comes back with nothing on its disk. */
  loseDisk(): void {
    this.#end();
    this.disk.replaceByEmpty();
    this.index.replaceByEmpty();
  }

  rot(flips: number): boolean {
    return this.disk.rot(`${DIRECTORY}/segments`, flips);
  }

  #end(): void {
    this.#life?.end();
    this.#life = undefined;
    this.#store = undefined;
  }

  async #open(life: Life): Promise<void> {
    const { world } = this.#options;
    const { clock, random } = life;
    while (life.isAlive) {
      try {
        const store = await DiskChunkStore.open({
          ...{ directory: DIRECTORY, clock, random, hotEntries: HOT_ENTRIES, segmentBytes: 128 * KIB },
          ...{ disk: this.disk.view(life), indexEngine: this.index.engine(life) },
        });
        await this.#serve(life, store);
        if (!life.isAlive) return;
        this.#store = store;
        world.trace.note('node-up', `${this.host} ${store.status().chunks} chunks`);
        this.#startDaemons(life, store);
        return;
      } catch (error) {
        throwBug(error);
        world.trace.note('node-open-failed', `${this.host} ${error}`);
        await clock.sleep(OPEN_RETRY_MS);
      }
    }
  }

  async #serve(life: Life, store: DiskChunkStore): Promise<void> {
    const { network } = this.#options;
    const { clock, random } = life;
    await serveNode({
      ...{ network: network.of(life), address: wireAddress(this.host), credentials: CREDENTIALS },
      ...{ clock, random, node: this.host },
      device: (deviceId) => (this.#isOurs(deviceId) ? store : undefined),
    });
  }

  #isOurs(deviceId: number): boolean {
    return this.#options.ring().devices.find(({ id }) => id === deviceId)?.node === this.host;
  }

  #startDaemons(life: Life, store: DiskChunkStore): void {
    const { world, ring, remote, passed } = this.#options;
    const { clock } = life;
    const node = (deviceId: number) => remote(life, deviceId);
    const isOurs = (deviceId: number) => this.#isOurs(deviceId);
    const health = new DeviceHealth(clock);
    const detector = new FailureDetector({ ring, node, health });
    const replicator = createReplicator({ ring, node, clock, health, isOurs });
    const auditor = createAuditor({
      ring,
      store: (deviceId) => (isOurs(deviceId) ? store : undefined),
      repair: (id) => replicator.repair(id),
    });
    const daemon = (name: string, intervalMs: number, runOnce: (signal: AbortSignal) => Promise<unknown>) =>
      startDaemon({
        ...{
          name,
          clock,
          intervalMs,
          onFailure: (_, error) => world.trace.note(`${name}-failed`, `${error}`),
        },
        runOnce: async (signal) => {
          const report = await runOnce(signal);
          if (report) world.trace.note(`${name}-pass`, `${this.host} ${JSON.stringify(report)}`);
        },
      });
    daemon('auditor', AUDIT_INTERVAL_MS, async (signal) => {
      const startedMs = world.scheduler.nowMs;
      const report = await auditor.runOnce(signal);
      if (report.failed === 0) passed('audit', startedMs);
      return report;
    });
    daemon('replicator', REPLICATE_INTERVAL_MS, async (signal) => {
      const startedMs = world.scheduler.nowMs;
      const report = await replicator.runOnce(signal);
      if (report.failed === 0) passed('replication', startedMs);
      return report;
    });
    daemon('failure-detector', limits.heartbeatMs, async () => void (await detector.runOnce()));
    daemon('compactor', COMPACT_INTERVAL_MS, () => store.compact(4));
  }
}
