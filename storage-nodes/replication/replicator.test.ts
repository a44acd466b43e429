// Owns the proof that the replicator brings back every replica, returns handoffs, follows the ring, keeps to
// its pace, and never deletes the last good copy.

import test from 'ava';
import fc from 'fast-check';
import { limits } from '#core/kernel/limits.ts';
import { partitionOf } from '#core/ring/partition.ts';
import { rebalance } from '#core/ring/ring-builder.ts';
import type { Chunk } from '#storage-nodes/chunks/chunk-store.ts';
import { type ChunkCluster, chunkCluster } from '#tests/support/chunk-cluster.ts';
import type { FailingDevice } from '#tests/support/failing-device.ts';
import { ByteRate } from './byte-rate.ts';
import { createReplicator, type Replicator } from './replicator.ts';

async function stored(cluster: ChunkCluster, count: number, sizeBytes = 100): Promise<Chunk[]> {
  const chunks = Array.from({ length: count }, () => cluster.chunk(sizeBytes));
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
  t.like(await cluster.replicator.runOnce(), { copied: 50, copiedBytes: 5_000, returned: 0, failed: 0 });
  for (const chunk of chunks) {
    t.true(await isAtHome(cluster, chunk));
    t.deepEqual(await cluster.devices[1]?.read(chunk.id, 0, 100), chunk.data);
    t.is((await cluster.devices[1]?.stat(chunk.id))?.owner, chunk.owner);
  }
  t.like(await cluster.replicator.runOnce(), { listed: 0, copied: 0, returned: 0, failed: 0 });
  t.like(cluster.replicator.counters, { copied: 50 });
});

test('handoffs give back what they kept, once every primary has it', async (t) => {
  const cluster = chunkCluster(6);
  const away = cluster.devices[2] as FailingDevice;
  away.mode = 'dead';
  const chunks = await stored(cluster, 60);
  const strayed = cluster.client.counters.handoffPuts;
  t.true(strayed > 10);
  t.like(await cluster.replicator.runOnce(), { copied: 0, returned: 0, failed: 0 });
  away.mode = 'well';
  const report = await cluster.replicator.runOnce();
  t.like(report, { copied: strayed, returned: strayed, failed: 0 });
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
  await cluster.replicator.runOnce();
  for (const chunk of chunks) t.true(await isAtHome(cluster, chunk));
});

test('what no device has whole any more is counted as failed, the rest is repaired', async (t) => {
  const cluster = chunkCluster(3);
  const chunks = await stored(cluster, 10);
  const lost = chunks[4] as Chunk;
  await (cluster.devices[0] as FailingDevice).wipe();
  for (const device of cluster.devices.slice(1)) device.rot(lost.id);
  t.like(await cluster.replicator.runOnce(), { copied: 9, returned: 0, failed: 1 });
});

test('a rotten source is passed over for a good one', async (t) => {
  const cluster = chunkCluster(3);
  const [chunk] = (await stored(cluster, 1)) as [Chunk];
  const [first, second] = cluster.primaries(chunk) as [FailingDevice, FailingDevice];
  first.rot(chunk.id);
  await second.wipe();
  t.like(await cluster.replicator.runOnce(), { copied: 1, failed: 0 });
  t.true(await second.holds(chunk.id));
  t.like(await cluster.replicator.runOnce(), { copied: 1, failed: 0 });
  t.true(await isAtHome(cluster, chunk));
});

test('a device whose list breaks off is neither filled nor trusted', async (t) => {
  const cluster = chunkCluster(4);
  const away = cluster.devices[0] as FailingDevice;
  const chunks = await stored(cluster, 60);
  const [lost, ...rest] = chunks.filter((chunk) => cluster.primaries(chunk).includes(away)) as [Chunk];
  const partition = partitionOf(lost.id, 6);
  const beside = rest.filter(({ id }) => partitionOf(id, 6) === partition);
  t.true(beside.length > 0);
  const [handoff] = cluster.handoffs(lost) as [FailingDevice];
  for (const chunk of [lost, ...beside]) await handoff.put(chunk);
  await away.delete(lost.id);
  away.listBreaksAt = 0;
  t.like(await cluster.replicator.runOnce(), { copied: 0 });
  t.false(await away.holds(lost.id));
  t.true(await handoff.holds(lost.id));
  away.listBreaksAt = Number.POSITIVE_INFINITY;
  t.like(await cluster.replicator.runOnce(), { copied: 1, failed: 0 });
  for (const chunk of chunks) t.true(await isAtHome(cluster, chunk));
});

test('one chunk can be repaired by itself', async (t) => {
  const cluster = chunkCluster(5);
  const [chunk, other] = (await stored(cluster, 2)) as [Chunk, Chunk];
  const [first] = cluster.primaries(chunk) as [FailingDevice];
  await first.delete(chunk.id);
  await (cluster.primaries(other)[0] as FailingDevice).delete(other.id);
  const [handoff] = cluster.handoffs(chunk) as [FailingDevice];
  await handoff.put(chunk);
  await cluster.replicator.repair(chunk.id);
  t.like(cluster.replicator.counters, { copied: 1, returned: 1, failed: 0 });
  t.true(await isAtHome(cluster, chunk));
  t.false(await isAtHome(cluster, other));
});

test('a pass shows its progress and ends when it is told to', async (t) => {
  const cluster = chunkCluster(3);
  await stored(cluster, 100);
  await (cluster.devices[2] as FailingDevice).wipe();
  const ending = new AbortController();
  const seen: number[] = [];
  const { replicator } = cluster;
  const { partitions } = await replicator.runOnce(ending.signal, (soFar) => {
    t.is(soFar.partitionsTotal, 3 * 64);
    seen.push(soFar.partitions);
    if (seen.length === 1) ending.abort();
  });
  t.is(partitions, 64);
  t.deepEqual(seen, [64, 64]);
  t.like(replicator.progress, { partitions: 64 });
  t.is((await replicator.runOnce(ending.signal)).partitions, 0);
});

test('only the partitions that differ are listed', async (t) => {
  const cluster = chunkCluster(3);
  const chunks = await stored(cluster, 200);
  t.like(await cluster.replicator.runOnce(), { partitions: 192, listed: 0 });
  await cluster.primaries(chunks[0] as Chunk)[1]?.delete((chunks[0] as Chunk).id);
  t.like(await cluster.replicator.runOnce(), { listed: 1, copied: 1 });
});

/** Runs until the pass ends while time goes by in small steps; resolves to how long it took. */
async function passingTime(cluster: ChunkCluster, pass: Promise<unknown>): Promise<number> {
  let ended = false;
  const startMs = cluster.clock.nowMs();
  const ending = pass.finally(() => {
    ended = true;
  });
  while (!ended) {
    await new Promise(setImmediate);
    cluster.clock.advance(1);
  }
  await ending;
  return cluster.clock.nowMs() - startMs;
}

test('a pass moves no more bytes than its rate gives, and the rate may be changed', async (t) => {
  const cluster = chunkCluster(3);
  await stored(cluster, 50, 10_000);
  await (cluster.devices[0] as FailingDevice).wipe();
  const rate = new ByteRate(cluster.clock, 1_000_000);
  const replicator = createReplicator({ ...cluster.parts, rate });
  // What is listed counts too: 50 chunks on two devices.
  const workBytes = 50 * 10_000 + 100 * limits.replicatorListedBytes;
  const takenMs = await passingTime(cluster, replicator.runOnce());
  t.like(replicator.counters, { copied: 50, copiedBytes: 500_000 });
  t.true(takenMs >= workBytes / 1_000 - 120, `${takenMs} ms`);
  await (cluster.devices[0] as FailingDevice).wipe();
  replicator.rate.bytesPerSecond = 10_000_000;
  const fasterMs = await passingTime(cluster, replicator.runOnce());
  t.true(fasterMs < takenMs / 2, `${fasterMs} ms after ${takenMs} ms`);
});

test('each process looks after its own devices, and together they look after all', async (t) => {
  const cluster = chunkCluster(5);
  const chunks = await stored(cluster, 60);
  await (cluster.devices[3] as FailingDevice).wipe();
  const processes = cluster.devices.map((_, id) =>
    createReplicator({ ...cluster.parts, isOurs: (deviceId) => deviceId === id }),
  );
  // All at once, as they do: double work must do no harm.
  await Promise.all(processes.map((replicator) => replicator.runOnce()));
  for (const chunk of chunks) t.true(await isAtHome(cluster, chunk));
  const missing = chunks.filter((chunk) =>
    cluster.primaries(chunk).includes(cluster.devices[3] as FailingDevice),
  );
  const copied = processes.reduce((sum, { counters }) => sum + counters.copied, 0);
  t.is(copied, missing.length);
});

test('what a device that is gone for good held is kept by others until it is back', async (t) => {
  const cluster = chunkCluster(6);
  const chunks = await stored(cluster, 60);
  const dead = cluster.devices[1] as FailingDevice;
  dead.mode = 'dead';
  const states = {
    isAside: () => false,
    isGone: ({ id }: { id: number }) => id === 1 && dead.mode === 'dead',
  };
  const replicator = createReplicator({ ...cluster.parts, health: states });
  const held = chunks.filter((chunk) => cluster.primaries(chunk).includes(dead));
  t.like(await replicator.runOnce(), { copied: held.length, returned: 0, failed: 0 });
  for (const chunk of chunks) {
    const holders = (await cluster.holders(chunk)).filter((device) => device !== dead);
    t.is(holders.length, 3);
  }
  t.like(await replicator.runOnce(), { copied: 0, returned: 0, listed: 0 });
  await dead.wipe();
  dead.mode = 'well';
  t.like(await replicator.runOnce(), { copied: held.length, failed: 0 });
  await replicator.runOnce();
  for (const chunk of chunks) t.true(await isAtHome(cluster, chunk));
});

test('while the ring changes and the chunks follow it, no read and no put fails', async (t) => {
  const cluster = chunkCluster(6);
  const shape = { partitionPower: 6, replicas: 3, minMoveIntervalMs: 0, seed: 5 };
  const chunks = await stored(cluster, 100, 1_000);
  const rate = new ByteRate(cluster.clock, 2_000_000);
  const replicator = createReplicator({ ...cluster.parts, rate });
  for (const drained of [0, 3, 5]) {
    const devices = cluster
      .ring()
      .devices.map((device) => ({ ...device, weight: device.id === drained ? 0 : 1 }));
    cluster.setRing(rebalance({ shape, devices, previous: cluster.ring(), nowMs: drained }).ring);
    let ended = false;
    const passing = passingTime(cluster, replicator.runOnce()).finally(() => {
      ended = true;
    });
    let calls = 0;
    while (!ended) {
      if (calls < 60) {
        const chunk = cluster.chunk(1_000);
        await cluster.client.put(chunk).durable;
        chunks.push(chunk);
      }
      const old = chunks[(calls * 31) % chunks.length] as Chunk;
      t.deepEqual(await cluster.client.read(old.id, 0, 1_000), old.data);
      calls++;
      await new Promise(setImmediate);
    }
    await passing;
    t.true(calls > 50, `${calls} calls`);
    await cluster.client.idle();
    await passingTime(cluster, replicator.runOnce());
    for (const chunk of chunks) t.true(await isAtHome(cluster, chunk));
  }
  t.is(cluster.client.counters.readsFailed + cluster.client.counters.putsFailed, 0);
});

test('whatever was lost, a pass brings home all that some device still has', async (t) => {
  const loss = fc.record({ chunk: fc.nat(7), device: fc.nat(5), how: fc.constantFrom('lost', 'rotten') });
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 3, max: 6 }),
      fc.array(loss, { maxLength: 20 }),
      fc.array(fc.nat(5), { maxLength: 2 }),
      fc.nat(12),
      async (deviceCount, losses, away, drained) => {
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
        if (drained < deviceCount && deviceCount > 3) {
          const devices = cluster
            .ring()
            .devices.map((each) => ({ ...each, weight: each.id === drained ? 0 : 1 }));
          const shape = { partitionPower: 6, replicas: 3, minMoveIntervalMs: 0, seed: 5 };
          cluster.setRing(rebalance({ shape, devices, previous: cluster.ring(), nowMs: 1 }).ring);
        }
        const { failed } = await cluster.replicator.runOnce();
        t.is(failed, 0);
        // What was pushed to a primary after a handoff had been looked at is given back by the next pass.
        await cluster.replicator.runOnce();
        for (const chunk of alive) t.true(await isAtHome(cluster, chunk));
      },
    ),
    { numRuns: 60 },
  );
});

type Blow =
  | { readonly kind: 'put'; readonly count: number }
  | { readonly kind: 'dead' | 'well' | 'wipe' | 'drain' | 'replicate'; readonly device: number };

const device = fc.nat(5);
const blow: fc.Arbitrary<Blow> = fc.oneof(
  fc.record({ kind: fc.constant('put' as const), count: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ kind: fc.constantFrom<('dead' | 'well' | 'drain')[]>('dead', 'well', 'drain'), device }),
  fc.record({ kind: fc.constantFrom<('wipe' | 'replicate')[]>('wipe', 'replicate', 'replicate'), device }),
);

function drain(cluster: ChunkCluster, drained: number): void {
  const shape = { partitionPower: 6, replicas: 3, minMoveIntervalMs: 0, seed: 5 };
  const devices = cluster.ring().devices.map((each) => ({ ...each, weight: each.id === drained ? 0 : 1 }));
  cluster.setRing(rebalance({ shape, devices, previous: cluster.ring(), nowMs: 1 }).ring);
}

test('after any blows each process heals its share: all at home, nothing extra, at the rate', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(blow, { minLength: 5, maxLength: 25 }), async (blows) => {
      const cluster = chunkCluster(6);
      const rate = new ByteRate(cluster.clock, 1_000_000);
      const { health } = cluster;
      const processes = cluster.devices.map((_, id) =>
        createReplicator({ ...cluster.parts, health, rate, isOurs: (deviceId) => deviceId === id }),
      );
      const chunks = await stored(cluster, 10, 500);
      const startMs = cluster.clock.nowMs();
      let wiped = false;
      for (const each of blows) {
        const struck = 'device' in each ? (cluster.devices[each.device] as FailingDevice) : undefined;
        if (each.kind === 'put') {
          for (let i = 0; i < each.count; i++) {
            const chunk = cluster.chunk(500);
            const put = cluster.client.put(chunk);
            await put.durable.then(() => chunks.push(chunk)).catch(() => {});
            await put.released;
          }
        } else if (each.kind === 'drain') drain(cluster, each.device);
        else if (each.kind === 'replicate') {
          await passingTime(cluster, (processes[each.device] as Replicator).runOnce());
        } else if (each.kind !== 'wipe' && struck) struck.mode = each.kind;
        else if (!wiped && struck) {
          // Two disks lost at once may take what only they had; that one is lost is what replicas are for.
          wiped = true;
          await struck.wipe();
        }
        await cluster.beat(1);
      }
      for (const each of cluster.devices) each.mode = 'well';
      await cluster.beat(15);
      for (let round = 0; round < 4; round++) {
        for (const each of processes) await passingTime(cluster, each.runOnce());
      }
      for (const chunk of chunks) t.true(await isAtHome(cluster, chunk));
      const copied = processes.reduce((sum, { counters }) => sum + counters.copiedBytes, 0);
      t.true(copied / 1_000 <= cluster.clock.nowMs() - startMs + 100 + 1);
    }),
    { numRuns: 15 },
  );
});
