// Owns a small cluster in memory for tests of the quorum client and the repair passes: a ring, and a device
// that can be made to fail for each of its places.

import { ManualClock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import { seededRandom } from '#core/kernel/random.ts';
import { partitionOf } from '#core/ring/partition.ts';
import type { PlacedRing } from '#core/ring/placed-ring.ts';
import type { Device } from '#core/ring/ring.ts';
import { rebalance } from '#core/ring/ring-builder.ts';
import { blockChecksums } from '#storage-nodes/chunks/block-checksums.ts';
import { type Chunk, chunkIdOf } from '#storage-nodes/chunks/chunk-store.ts';
import { FailureDetector } from '#storage-nodes/client/failure-detector.ts';
import { createChunkClient } from '#storage-nodes/client/quorum-client.ts';
import { createReplicator } from '#storage-nodes/replication/replicator.ts';
import { FailingDevice } from './failing-device.ts';

const SHAPE = { partitionPower: 6, replicas: 3, minMoveIntervalMs: 0, seed: 5 };

/** @param zoneOf by device id; a zone for each device when absent. */
export function chunkCluster(deviceCount: number, zoneOf = (id: number) => `zone-${id}`) {
  const clock = new ManualClock();
  const random = seededRandom(deviceCount);
  const placed = Array.from({ length: deviceCount }, (_, id) => ({
    id,
    node: `node-${id}`,
    zone: zoneOf(id),
    weight: 1,
  }));
  let ring = rebalance({ shape: SHAPE, devices: placed, nowMs: 0 }).ring;
  const devices = placed.map(() => new FailingDevice(clock));
  const parts = { ring: () => ring, node: (id: number) => devices[id], clock };
  const client = createChunkClient(parts);
  const { health } = client;
  const detector = new FailureDetector({ ...parts, health, onBeat: () => client.beat() });
  const deviceOf = (device: Device | undefined) => devices[device?.id ?? -1] as FailingDevice;
  return {
    clock,
    parts,
    client,
    devices,
    health,
    detector,
    /** Lets so many heartbeats pass. */
    async beat(count: number): Promise<void> {
      for (let beat = 0; beat < count; beat++) {
        clock.advance(limits.heartbeatMs);
        await detector.runOnce();
        await new Promise(setImmediate);
      }
    },
    replicator: createReplicator(parts),
    ring: () => ring,
    setRing(next: PlacedRing) {
      ring = next;
    },
    /** A fresh chunk of so many random bytes. */
    chunk(sizeBytes = 100, index = 0): Chunk {
      const blob = Buffer.from(random.fill(new Uint8Array(16))).toString('hex');
      const data = random.fill(new Uint8Array(sizeBytes));
      return { id: chunkIdOf(blob, index), data, checksums: blockChecksums(data), owner: 'objects/b/k' };
    },
    primaries: ({ id }: Pick<Chunk, 'id'>) =>
      ring.primaries(partitionOf(id, ring.partitionPower)).map(deviceOf),
    handoffs: ({ id }: Pick<Chunk, 'id'>) =>
      [...ring.handoffs(partitionOf(id, ring.partitionPower))].map(deviceOf),
    async holders({ id }: Pick<Chunk, 'id'>): Promise<FailingDevice[]> {
      const held = await Promise.all(devices.map((device) => device.holds(id)));
      return devices.filter((_, index) => held[index]);
    },
  };
}

export type ChunkCluster = ReturnType<typeof chunkCluster>;
