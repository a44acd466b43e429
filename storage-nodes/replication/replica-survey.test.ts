// Tests that lost replicas are counted, and that those under way are not.

import test from 'ava';
import type { Clock } from '#core/kernel/clock.ts';
import { partitionOf } from '#core/ring/partition.ts';
import type { Chunk } from '#storage-nodes/chunks/chunk-store.ts';
import { type ChunkCluster, chunkCluster } from '#tests/support/chunk-cluster.ts';
import type { FailingDevice } from '#tests/support/failing-device.ts';
import { surveyReplicas } from './replica-survey.ts';
import { createReplicator } from './replicator.ts';

const nobodyIsGone = () => false;

/** @param pause what happens between two looks */
function survey(
  cluster: ChunkCluster,
  pause = async () => {},
  isGone: (device: { id: number }) => boolean = nobodyIsGone,
) {
  const clock: Clock = { ...cluster.clock, nowMs: () => 0, monotonicMs: () => 0, sleep: pause };
  return surveyReplicas({ ring: cluster.ring(), node: cluster.parts.node, clock, isGone });
}

async function stored(cluster: ChunkCluster, count: number): Promise<Chunk[]> {
  const chunks = Array.from({ length: count }, () => cluster.chunk());
  for (const chunk of chunks) await cluster.client.put(chunk).released;
  return chunks;
}

test('a whole cluster lacks nothing, and a chunk that is lost on one device is one partition', async (t) => {
  const cluster = chunkCluster(4);
  const [chunk] = (await stored(cluster, 50)) as [Chunk];
  t.deepEqual(await survey(cluster), { lacking: 0, differing: 0 });
  await cluster.primaries(chunk)[1]?.delete(chunk.id);
  t.deepEqual(await survey(cluster), { lacking: 0, differing: 1 });
  await cluster.replicator.runOnce();
  t.deepEqual(await survey(cluster), { lacking: 0, differing: 0 });
});

test('partitions of an empty disk differ, and those of a device that is away lack a replica', async (t) => {
  const cluster = chunkCluster(4);
  const chunks = await stored(cluster, 50);
  const device = cluster.devices[2] as FailingDevice;
  const power = cluster.ring().partitionPower;
  const used = new Set(
    chunks.filter((each) => cluster.primaries(each).includes(device)).map(({ id }) => partitionOf(id, power)),
  );
  await device.wipe();
  t.deepEqual(await survey(cluster), { lacking: 0, differing: used.size });
  device.mode = 'dead';
  const placed = Array.from({ length: 2 ** power }, (_, partition) => cluster.ring().primaries(partition));
  const held = placed.filter((primaries) => primaries.some(({ id }) => id === 2)).length;
  t.deepEqual(await survey(cluster), { lacking: held, differing: 0 });
});

test('a device that is gone is not missed once another keeps its share', async (t) => {
  const cluster = chunkCluster(6);
  await stored(cluster, 50);
  const isGone = ({ id }: { id: number }) => id === 1;
  (cluster.devices[1] as FailingDevice).mode = 'dead';
  t.true((await survey(cluster, undefined, isGone)).differing > 0);

  await createReplicator({ ...cluster.parts, health: { isAside: () => false, isGone } }).runOnce();
  t.deepEqual(await survey(cluster, undefined, isGone), { lacking: 0, differing: 0 });
});

test('a replica that comes between two looks is not missed', async (t) => {
  const cluster = chunkCluster(3);
  const chunk = cluster.chunk();
  for (const device of cluster.devices.slice(0, 2)) await device.put(chunk);
  let pauses = 0;
  const arrives = async () => {
    pauses++;
    await cluster.devices[2]?.put(chunk);
  };
  t.deepEqual(await survey(cluster, arrives), { lacking: 0, differing: 0 });
  t.is(pauses, 1);
});
