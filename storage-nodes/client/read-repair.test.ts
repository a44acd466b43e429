// Owns the proof that repairs behind reads are bounded, forgotten on deletion, and end when the client
// closes.

import test from 'ava';
import { limits } from '#core/kernel/limits.ts';
import type { Chunk } from '#storage-nodes/chunks/chunk-store.ts';
import { chunkCluster } from '#tests/support/chunk-cluster.ts';
import type { FailingDevice } from '#tests/support/failing-device.ts';
import { ReadRepair } from './read-repair.ts';

function started() {
  const cluster = chunkCluster(3);
  const [from, to] = cluster.devices as [FailingDevice, FailingDevice];
  const counters = { repaired: 0, repairsFailed: 0, repairsDropped: 0 };
  const repairs = new ReadRepair(cluster.parts.node, counters);
  const stored = async (count: number): Promise<Chunk[]> => {
    const chunks = Array.from({ length: count }, () => cluster.chunk());
    for (const chunk of chunks) await from.put(chunk);
    return chunks;
  };
  return { from, to, counters, repairs, stored };
}

test('repairs wait in a bounded queue; what does not fit is dropped and counted', async (t) => {
  const { from, to, counters, repairs, stored } = started();
  const inFlight = limits.chunkRepairsInFlight;
  const chunks = await stored(limits.chunkRepairsWaiting + inFlight + 10);
  from.mode = 'slow';
  for (const { id } of chunks) repairs.add(id, 0, 1);
  t.is(counters.repairsDropped, 10);
  t.is(from.calls, chunks.length + inFlight);
  from.mode = 'well';
  from.release();
  await repairs.idle();
  t.is(counters.repaired, limits.chunkRepairsWaiting + inFlight);
  for (const [i, { id }] of chunks.entries()) t.is(await to.holds(id), i < chunks.length - 10);
});

test('one chunk is repaired once per device, however many reads ask for it', async (t) => {
  const { counters, repairs, stored } = started();
  const [chunk] = (await stored(1)) as [Chunk];
  for (let i = 0; i < 10; i++) repairs.add(chunk.id, 0, 1 + (i % 2));
  await repairs.idle();
  t.deepEqual(counters, { repaired: 2, repairsFailed: 0, repairsDropped: 0 });
});

test('a deleted chunk is not repaired any more', async (t) => {
  const { from, to, counters, repairs, stored } = started();
  const chunks = await stored(limits.chunkRepairsInFlight + 2);
  from.mode = 'slow';
  for (const { id } of chunks) repairs.add(id, 0, 1);
  const [forgotten, kept] = chunks.slice(-2) as [Chunk, Chunk];
  repairs.forget(forgotten.id);
  from.mode = 'well';
  from.release();
  await repairs.idle();
  t.is(counters.repaired, chunks.length - 1);
  t.false(await to.holds(forgotten.id));
  t.true(await to.holds(kept.id));
});

test('a repair that fails is counted and left to the replicator', async (t) => {
  const { to, counters, repairs, stored } = started();
  const chunks = await stored(3);
  to.mode = 'full';
  for (const { id } of chunks) repairs.add(id, 0, 1);
  await repairs.idle();
  t.deepEqual(counters, { repaired: 0, repairsFailed: 3, repairsDropped: 0 });
});

test('a device that went away fails its repairs and holds up nobody', async (t) => {
  const { counters, repairs, stored } = started();
  const chunks = await stored(10);
  for (const { id } of chunks) repairs.add(id, 0, 9);
  for (const { id } of chunks) repairs.add(id, 0, 1);
  await repairs.idle();
  t.deepEqual(counters, { repaired: 10, repairsFailed: 10, repairsDropped: 0 });
});

test('closing drops what waits and outlasts what runs', async (t) => {
  const { from, counters, repairs, stored } = started();
  const chunks = await stored(20);
  from.mode = 'slow';
  for (const { id } of chunks) repairs.add(id, 0, 1);
  const closed = repairs.close();
  from.mode = 'well';
  from.release();
  await closed;
  t.is(counters.repaired, limits.chunkRepairsInFlight);
  repairs.add((chunks[10] as Chunk).id, 0, 1);
  await repairs.idle();
  t.is(counters.repaired, limits.chunkRepairsInFlight);
});
