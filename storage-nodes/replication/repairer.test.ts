// Owns the proof that a repair pass brings back every replica, returns handoffs, and never deletes the last
// good copy.

import test from 'ava';
import fc from 'fast-check';
import { limits } from '#core/kernel/limits.ts';
import { rebalance } from '#core/ring/ring-builder.ts';
import type { Chunk } from '#storage-nodes/chunks/chunk-store.ts';
import { type ChunkCluster, chunkCluster } from '#tests/support/chunk-cluster.ts';
import type { FailingDevice } from '#tests/support/failing-device.ts';
import { createRepairer } from './repairer.ts';

async function stored(cluster: ChunkCluster, count: number): Promise<Chunk[]> {
  const chunks = Array.from({ length: count }, () => cluster.chunk());
  for (const chunk of chunks) {
    const put = cluster.client.put(chunk);
    await put.durable;
    await put.released;
  }
  return chunks;
}

async function isAtHome(cluster: ChunkCluster, chunk: Chunk): Promise<boolean> {
  const holders = new Set(await cluster.holders(chunk));
  const primaries = cluster.primaries(chunk);
  return holders.size === primaries.length && primaries.every((device) => holders.has(device));
}

test('after a device lost everything, one pass restores three replicas', async (t) => {
  const cluster = chunkCluster(3);
  const chunks = await stored(cluster, 50);
  await (cluster.devices[1] as FailingDevice).wipe();
  t.deepEqual(await cluster.repairer.runOnce(), { checked: 50, copied: 50, returned: 0, failed: 0 });
  for (const chunk of chunks) {
    t.true(await isAtHome(cluster, chunk));
    t.deepEqual(await cluster.devices[1]?.read(chunk.id, 0, 100), chunk.data);
    t.is((await cluster.devices[1]?.stat(chunk.id))?.owner, chunk.owner);
  }
  t.deepEqual(await cluster.repairer.runOnce(), { checked: 50, copied: 0, returned: 0, failed: 0 });
  t.like(cluster.repairer.counters, { checked: 100, copied: 50 });
});

test('handoffs give back what they kept, once every primary has it', async (t) => {
  const cluster = chunkCluster(6);
  const away = cluster.devices[2] as FailingDevice;
  away.mode = 'dead';
  const chunks = await stored(cluster, 60);
  const strayed = cluster.client.counters.handoffPuts;
  t.true(strayed > 10);
  t.deepEqual(await cluster.repairer.runOnce(), { checked: 60, copied: 0, returned: 0, failed: 0 });
  away.mode = 'well';
  const report = await cluster.repairer.runOnce();
  t.deepEqual(report, { checked: 60, copied: strayed, returned: strayed, failed: 0 });
  for (const chunk of chunks) t.true(await isAtHome(cluster, chunk));
});

test('after a rebalance the chunks follow the ring', async (t) => {
  const cluster = chunkCluster(6);
  const chunks = await stored(cluster, 80);
  const devices = cluster.ring().devices.map((device) => ({ ...device, weight: device.id === 0 ? 0 : 1 }));
  const shape = { partitionPower: 6, replicas: 3, minMoveIntervalMs: 0, seed: 5 };
  const { ring, moved } = rebalance({ shape, devices, previous: cluster.ring(), nowMs: 1 });
  t.true(moved > 0);
  cluster.setRing(ring);
  for (const chunk of chunks) t.deepEqual(await cluster.client.read(chunk.id, 0, 100), chunk.data);
  await cluster.client.idle();
  await cluster.repairer.runOnce();
  for (const chunk of chunks) t.true(await isAtHome(cluster, chunk));
});

test('what no device has whole any more is counted as failed, the rest is repaired', async (t) => {
  const cluster = chunkCluster(3);
  const chunks = await stored(cluster, 10);
  const lost = chunks[4] as Chunk;
  await (cluster.devices[0] as FailingDevice).wipe();
  for (const device of cluster.devices.slice(1)) device.rot(lost.id);
  t.deepEqual(await cluster.repairer.runOnce(), { checked: 10, copied: 9, returned: 0, failed: 1 });
});

test('a rotten source is passed over for a good one', async (t) => {
  const cluster = chunkCluster(3);
  const [chunk] = (await stored(cluster, 1)) as [Chunk];
  const [first, second] = cluster.devices as [FailingDevice, FailingDevice];
  first.rot(chunk.id);
  await second.wipe();
  t.like(await cluster.repairer.runOnce(), { copied: 1, failed: 0 });
  t.true(await second.holds(chunk.id));
  t.like(await cluster.repairer.runOnce(), { copied: 1, failed: 0 });
  t.true(await isAtHome(cluster, chunk));
});

test('a device whose list breaks off is neither filled nor trusted', async (t) => {
  const cluster = chunkCluster(4);
  const away = cluster.devices[0] as FailingDevice;
  away.mode = 'dead';
  const chunks = await stored(cluster, 40);
  const strayed = cluster.client.counters.handoffPuts;
  away.mode = 'well';
  away.listBreaksAt = 0;
  for (const chunk of chunks.slice(0, 1)) await away.put(chunk);
  t.deepEqual(await cluster.repairer.runOnce(), { checked: 40, copied: 0, returned: 0, failed: 0 });
  away.listBreaksAt = Number.POSITIVE_INFINITY;
  t.like(await cluster.repairer.runOnce(), { returned: strayed, failed: 0 });
});

test('one chunk can be repaired by itself', async (t) => {
  const cluster = chunkCluster(5);
  const [chunk, other] = (await stored(cluster, 2)) as [Chunk, Chunk];
  const [first] = cluster.primaries(chunk) as [FailingDevice];
  await first.delete(chunk.id);
  await (cluster.primaries(other)[0] as FailingDevice).delete(other.id);
  const [handoff] = cluster.handoffs(chunk) as [FailingDevice];
  await handoff.put(chunk);
  const report = await cluster.repairer.repair(chunk.id);
  t.deepEqual(report, { checked: 1, copied: 1, returned: 1, failed: 0 });
  t.true(await isAtHome(cluster, chunk));
  t.false(await isAtHome(cluster, other));
});

test('a pass shows its progress and ends when it is told to', async (t) => {
  const cluster = chunkCluster(3);
  await stored(cluster, limits.repairerStepChunks * 3);
  const ending = new AbortController();
  const seen: number[] = [];
  const onProgress = ({ checked }: { checked: number }) => {
    seen.push(checked);
    if (checked >= limits.repairerStepChunks * 2) ending.abort();
  };
  const repairer = createRepairer({ ...cluster.parts, onProgress });
  const { checked } = await repairer.runOnce(ending.signal);
  t.is(checked, limits.repairerStepChunks * 2);
  t.deepEqual(seen.slice(0, 2), [limits.repairerStepChunks, limits.repairerStepChunks * 2]);
  t.is((await repairer.runOnce(ending.signal)).checked, 0);
});

test('whatever was lost, a pass brings home all that some device still has', async (t) => {
  const loss = fc.record({ chunk: fc.nat(7), device: fc.nat(5), how: fc.constantFrom('lost', 'rotten') });
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 3, max: 6 }),
      fc.array(loss, { maxLength: 20 }),
      fc.array(fc.nat(5), { maxLength: 2 }),
      async (deviceCount, losses, away) => {
        const cluster = chunkCluster(deviceCount);
        const deviceAt = (index: number) => cluster.devices[index % deviceCount] as FailingDevice;
        for (const index of away.slice(0, 1)) deviceAt(index).mode = 'dead';
        const chunks = await stored(cluster, 8);
        for (const device of cluster.devices) device.mode = 'well';
        for (const { chunk, device, how } of losses) {
          const { id } = chunks[chunk] as Chunk;
          if (how === 'lost') await deviceAt(device).delete(id);
          else if (await deviceAt(device).holds(id)) deviceAt(device).rot(id);
        }
        const alive = [];
        for (const chunk of chunks) if ((await cluster.holders(chunk)).length > 0) alive.push(chunk);
        // Rot comes to light only when it is read: as the auditor would.
        for (const { id } of chunks)
          for (const device of cluster.devices) await device.read(id, 0, 1).catch(() => {});
        const { failed } = await cluster.repairer.runOnce();
        t.is(failed, 0);
        for (const chunk of alive) t.true(await isAtHome(cluster, chunk));
      },
    ),
    { numRuns: 60 },
  );
});
