// Owns the storage nodes of a cloud in one process: their devices, the ring that places chunks on them, and
// what keeps them whole. A device that cannot be opened is left out, and the others serve: that is what
// replicas are for.

import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Clock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Random } from '#core/kernel/random.ts';
import type { EventLog } from '#core/log/event-log.ts';
import type { Ring } from '#core/ring/ring.ts';
import { obtainRing } from '#core/runtime/cluster-ring.ts';
import { type Auditor, createAuditor } from '#storage-nodes/audit/auditor.ts';
import type { ChunkStore } from '#storage-nodes/chunks/chunk-store.ts';
import { DiskChunkStore } from '#storage-nodes/chunks/disk-chunk-store.ts';
import { createChunkClient, type QuorumClient } from '#storage-nodes/client/quorum-client.ts';
import { createRepairer, type Repairer } from '#storage-nodes/replication/repairer.ts';

export interface StorageNodesOptions {
  /** One directory a node lies in it. */
  readonly directory: string;
  readonly log: EventLog;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export interface StorageNodes {
  readonly ring: Ring;
  /** By device id. */
  readonly stores: ReadonlyMap<number, ChunkStore>;
  readonly chunks: QuorumClient;
  readonly auditor: Auditor;
  readonly repairer: Repairer;
  /** Gives back the space of deleted chunks on every device; resolves to how many segments were rewritten. */
  compactOnce(): Promise<number>;
  close(): Promise<void>;
}

const FIRST_DEVICES = [1, 2, 3].map((number) => ({ node: `node-${number}`, zone: `zone-${number}` }));

export async function openStorageNodes(options: StorageNodesOptions): Promise<StorageNodes> {
  const { directory, log, clock, random, logger } = options;
  const { ring, devices } = await obtainRing(log, clock, FIRST_DEVICES);
  const stores = new Map<number, ChunkStore>();
  await Promise.all(
    devices.map(async ({ id, node }) => {
      try {
        stores.set(id, await DiskChunkStore.open({ directory: join(directory, node), clock, random }));
      } catch (error) {
        logger.error({ device: id, node, err: error }, 'the device cannot be opened and is left out');
      }
    }),
  );
  const ringOf = () => ring;
  const node = (deviceId: number) => stores.get(deviceId);
  const chunks = createChunkClient({ ring: ringOf, node, clock });
  const repairer = createRepairer({ ring: ringOf, node });
  const auditor = createAuditor({ ring: ringOf, store: node, repair: (id) => repairer.repair(id) });
  return {
    ring,
    stores,
    chunks,
    auditor,
    repairer,
    async compactOnce() {
      let compacted = 0;
      for (const store of stores.values()) compacted += await store.compact(limits.compactSegmentsPerPass);
      return compacted;
    },
    async close() {
      await chunks.close();
      await Promise.all([...stores.values()].map((store) => store.close()));
    },
  };
}
