// Owns the storage nodes of a cloud in one process: their devices, the ring that places chunks on them, and
// what keeps them whole. A device that cannot be opened is left out, and the others serve: that is what
// replicas are for. Devices that are added or removed while the process runs are opened or closed.

import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Clock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Random } from '#core/kernel/random.ts';
import { type ClusterRing, placeFirstDevices } from '#core/runtime/cluster-ring.ts';
import { createAuditor } from '#storage-nodes/audit/auditor.ts';
import type { ChunkStore } from '#storage-nodes/chunks/chunk-store.ts';
import { DiskChunkStore } from '#storage-nodes/chunks/disk-chunk-store.ts';
import { FailureDetector } from '#storage-nodes/client/failure-detector.ts';
import { createChunkClient } from '#storage-nodes/client/quorum-client.ts';
import { ByteRate } from '#storage-nodes/replication/byte-rate.ts';
import { createReplicator } from '#storage-nodes/replication/replicator.ts';
import type { CloudNodes, ObservedNode } from './cloud-nodes.ts';
import type { DeviceStatus } from './control-messages.ts';
import { deviceStatus, devicesDaemons } from './device-daemons.ts';
import { programVersion } from './program-version.ts';

export interface StorageNodesOptions {
  /** One directory a node lies in it. */
  readonly directory: string;
  readonly cluster: ClusterRing;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export interface StorageNodes extends CloudNodes {
  /** By device id. */
  readonly stores: ReadonlyMap<number, ChunkStore>;
}

const FIRST_DEVICES = [1, 2, 3].map((number) => ({ node: `node-${number}`, zone: `zone-${number}` }));

export async function openStorageNodes(options: StorageNodesOptions): Promise<StorageNodes> {
  const { cluster, clock, logger } = options;
  await placeFirstDevices(cluster, clock, FIRST_DEVICES);
  const devices = new LocalDevices(options);
  await devices.settle();
  const forget = cluster.onChange(() => {
    devices.settle().catch((error) => logger.error({ err: error }, 'the devices did not settle'));
  });
  const ring = () => cluster.ring();
  const node = (deviceId: number) => devices.stores.get(deviceId);
  const chunks = createChunkClient({ ring, node, clock });
  const { health } = chunks;
  const detector = new FailureDetector({ ring, node, health, onBeat: () => chunks.beat() });
  const isOurs = (deviceId: number) => devices.stores.has(deviceId);
  const replicator = createReplicator({ ring, node, clock, health, isOurs });
  const rate = new ByteRate(clock, limits.auditorBytesPerSecond);
  const auditor = createAuditor({ ring, store: node, repair: (id) => replicator.repair(id), rate });
  return {
    stores: devices.stores,
    chunks,
    areHere: true,
    device: node,
    status: async () => statusOf(cluster, devices.stores, clock.nowMs()),
    daemons: devicesDaemons({ stores: devices.stores, auditor, replicator, detector }),
    runOnce: async () => {},
    async close() {
      forget();
      await chunks.close();
      await devices.close();
    },
  };
}

/** A process with the nodes in it says of each what it would say of itself. */
function statusOf(
  cluster: ClusterRing,
  stores: ReadonlyMap<number, ChunkStore>,
  nowMs: number,
): ObservedNode[] {
  const byNode = new Map<string, ObservedNode & { devices: DeviceStatus[] }>();
  for (const { id, node, zone } of cluster.state.devices) {
    const ringVersion = cluster.ring().version;
    const status = byNode.get(node) ?? {
      ...{ node, zone, version: programVersion(), nowMs, skewMs: 0 },
      ...{ ringVersion, devices: [], daemons: [] },
    };
    byNode.set(node, status);
    const store = stores.get(id);
    if (store) status.devices.push(deviceStatus(id, store));
  }
  return [...byNode.values()].filter(({ devices }) => devices.length > 0);
}

/** The open devices of this process, made to be those that the cluster has. */
class LocalDevices {
  readonly stores = new Map<number, ChunkStore>();
  readonly #options: StorageNodesOptions;
  /** Those that could not be opened are not tried again before a restart. */
  readonly #broken = new Set<number>();
  #settling: Promise<void> = Promise.resolve();

  constructor(options: StorageNodesOptions) {
    this.#options = options;
  }

  settle(): Promise<void> {
    this.#settling = this.#settling.then(() => this.#settleOnce());
    return this.#settling;
  }

  async close(): Promise<void> {
    await this.#settling;
    await Promise.all([...this.stores.values()].map((store) => store.close()));
  }

  async #settleOnce(): Promise<void> {
    const { devices } = this.#options.cluster.state;
    const missing = devices.filter(({ id }) => !this.stores.has(id) && !this.#broken.has(id));
    await Promise.all(missing.map(({ id, node }) => this.#open(id, node)));
    for (const [id, store] of this.stores) {
      if (devices.some((device) => device.id === id)) continue;
      this.stores.delete(id);
      await store.close();
    }
  }

  async #open(id: number, node: string): Promise<void> {
    const { directory, clock, random, logger } = this.#options;
    try {
      this.stores.set(id, await DiskChunkStore.open({ directory: join(directory, node), clock, random }));
    } catch (error) {
      this.#broken.add(id);
      logger.error({ device: id, node, err: error }, 'the device cannot be opened and is left out');
    }
  }
}
