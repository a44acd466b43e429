// Owns the daemons that keep the devices of one process whole, and what a device says of itself; in a storage
// node and in a cloud of one process alike.

import { limits } from '#core/kernel/limits.ts';
import type { Auditor } from '#storage-nodes/audit/auditor.ts';
import type { ChunkStore } from '#storage-nodes/chunks/chunk-store.ts';
import type { FailureDetector } from '#storage-nodes/client/failure-detector.ts';
import type { Replicator } from '#storage-nodes/replication/replicator.ts';
import type { DeviceStatus } from './control-messages.ts';
import type { DaemonSpec } from './node-daemons.ts';

/** The one that brings chunks to where the ring has them. */
export const MOVING_DAEMON = 'replicator';

export interface DevicesDaemonsParts {
  readonly stores: ReadonlyMap<number, ChunkStore>;
  readonly auditor: Auditor;
  readonly replicator: Replicator;
  readonly detector: FailureDetector;
}

export function devicesDaemons({ stores, auditor, replicator, detector }: DevicesDaemonsParts): DaemonSpec[] {
  return [
    {
      name: 'auditor',
      intervalMs: limits.auditIntervalMs,
      runOnce: (signal, report) =>
        auditor.runOnce(signal, ({ checked, total }) => report({ done: checked, total })),
    },
    {
      name: MOVING_DAEMON,
      intervalMs: limits.replicateIntervalMs,
      runOnce: (signal, report) =>
        replicator.runOnce(signal, ({ partitions, partitionsTotal }) =>
          report({ done: partitions, total: partitionsTotal }),
        ),
    },
    heartbeats(detector),
    { name: 'compactor', intervalMs: limits.compactIntervalMs, runOnce: () => compactOnce(stores) },
  ];
}

/** The failure detector as a daemon. */
export function heartbeats(detector: FailureDetector): DaemonSpec {
  return {
    name: 'failure-detector',
    intervalMs: limits.heartbeatMs,
    runOnce: () => detector.runOnce(),
  };
}

/** Gives back the space of deleted chunks on every device; resolves to how many segments were rewritten. */
async function compactOnce(stores: ReadonlyMap<number, ChunkStore>): Promise<{ rewritten: number }> {
  let rewritten = 0;
  for (const store of stores.values()) rewritten += await store.compact(limits.compactSegmentsPerPass);
  return { rewritten };
}

export function deviceStatus(device: number, store: Pick<ChunkStore, 'status'>): DeviceStatus {
  const { chunks, liveBytes, fileBytes, quarantined, full } = store.status();
  return { device, chunks, liveBytes, fileBytes, quarantined, full };
}
