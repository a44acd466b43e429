// Owns the proof of the quorum client's promises over devices that fail in every way a device can.

import test from 'ava';
import fc from 'fast-check';
import { Fault, isFault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import { partitionOf } from '#core/ring/partition.ts';
import type { Chunk } from '#storage-nodes/chunks/chunk-store.ts';
import { chunkCluster } from '#tests/support/chunk-cluster.ts';
import type { DeviceMode, FailingDevice } from '#tests/support/failing-device.ts';
import type { DeviceOutcome } from './device-health.ts';

const readWhole = ({ client }: ReturnType<typeof chunkCluster>, chunk: Chunk) =>
  client.read(chunk.id, 0, chunk.data.length);

/** As deepEqual, which takes a millisecond per kilobyte. */
const isSame = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

/** The chunk's primaries in the order in which a healthy cluster is asked. */
function inReadingOrder(cluster: ReturnType<typeof chunkCluster>, chunk: Chunk): FailingDevice[] {
  const primaries = cluster.primaries(chunk);
  const start = partitionOf(chunk.id, cluster.ring().partitionPower) % primaries.length;
  return [...primaries.slice(start), ...primaries.slice(0, start)];
}

const outcomesOf = (error: unknown) => {
  if (!(error instanceof Fault)) throw error;
  return (error.details as DeviceOutcome[]).map(({ outcome }) => outcome).sort();
};

const setModes = (devices: readonly FailingDevice[], modes: readonly DeviceMode[]) =>
  modes.forEach((mode, i) => {
    (devices[i] as FailingDevice).mode = mode;
  });

test('a chunk goes to all its primaries and reads back from any offset', async (t) => {
  const cluster = chunkCluster(5);
  const chunk = cluster.chunk(200_000);
  const put = cluster.client.put(chunk);
  await put.durable;
  await put.released;
  t.is((await cluster.holders(chunk)).length, 3);
  for (const device of cluster.primaries(chunk)) t.true(await device.holds(chunk.id));
  t.true(isSame(await readWhole(cluster, chunk), chunk.data));
  t.true(isSame(await cluster.client.read(chunk.id, 70_000, 9), chunk.data.subarray(70_000, 70_009)));
});

test('one dead device of three leaves a quorum for writes and reads', async (t) => {
  const cluster = chunkCluster(3);
  setModes(cluster.devices, ['dead']);
  for (let i = 0; i < 20; i++) {
    const chunk = cluster.chunk();
    const put = cluster.client.put(chunk);
    await put.durable;
    await put.released;
    t.is((await cluster.holders(chunk)).length, 2);
    t.true(isSame(await readWhole(cluster, chunk), chunk.data));
  }
});

test('with fewer devices than replicas a quorum of replicas is still what counts', async (t) => {
  const two = chunkCluster(2);
  const chunk = two.chunk();
  await two.client.put(chunk).durable;
  t.is((await two.holders(chunk)).length, 2);
  const one = chunkCluster(1);
  const error = await t.throwsAsync(one.client.put(one.chunk()).durable);
  t.true(isFault(error, 'quorum-not-reached'));
});

test('a dead primary is replaced by the next handoff', async (t) => {
  const cluster = chunkCluster(6);
  const chunk = cluster.chunk();
  setModes(cluster.primaries(chunk), ['dead', 'dead', 'full']);
  const put = cluster.client.put(chunk);
  await put.durable;
  await put.released;
  t.is((await cluster.holders(chunk)).length, 3);
  t.is(cluster.client.counters.handoffPuts, 3);
  t.true(isSame(await readWhole(cluster, chunk), chunk.data));
});

test('a slow device delays the release of the buffer, not the durability of the chunk', async (t) => {
  const cluster = chunkCluster(3);
  setModes(cluster.devices, ['well', 'slow', 'well']);
  const chunk = cluster.chunk();
  const put = cluster.client.put(chunk);
  let released = false;
  const letGo = put.released.then(() => {
    released = true;
  });
  await put.durable;
  for (let turn = 0; turn < 20; turn++) await undefined;
  t.false(released);
  cluster.devices[1]?.release();
  await letGo;
  t.is((await cluster.holders(chunk)).length, 3);
});

test('without a quorum the put is refused and tells what each device said', async (t) => {
  const cluster = chunkCluster(3);
  setModes(cluster.devices, ['dead', 'well', 'dead']);
  const put = cluster.client.put(cluster.chunk());
  const error = await t.throwsAsync(put.durable);
  t.true(isFault(error, 'quorum-not-reached'));
  t.deepEqual(outcomesOf(error), ['closed', 'closed', 'stored']);
  await put.released;
});

test('a device that no connection leads to is told apart', async (t) => {
  const cluster = chunkCluster(3);
  cluster.devices.length = 1;
  const error = await t.throwsAsync(cluster.client.put(cluster.chunk()).durable);
  t.deepEqual(outcomesOf(error), ['stored', 'unreachable', 'unreachable']);
});

test('full devices are named as the reason where they are the reason', async (t) => {
  const cases: [DeviceMode[], string][] = [
    [['full', 'full', 'full'], 'no-space'],
    [['full', 'full', 'well'], 'no-space'],
    [['full', 'dead', 'well'], 'no-space'],
    [['full', 'dead', 'dead'], 'quorum-not-reached'],
  ];
  for (const [modes, code] of cases) {
    const cluster = chunkCluster(3);
    setModes(cluster.devices, modes);
    const error = await t.throwsAsync(cluster.client.put(cluster.chunk()).durable);
    t.true(isFault(error) && error.code === code, modes.join());
  }
});

test('a caller that only waits for the release is not ended by the refusal', async (t) => {
  const cluster = chunkCluster(3);
  setModes(cluster.devices, ['dead', 'dead', 'dead']);
  await cluster.client.put(cluster.chunk()).released;
  t.is(cluster.client.counters.putsFailed, 1);
});

test('a rotten or missing replica is read elsewhere and repaired behind the read', async (t) => {
  const cluster = chunkCluster(4);
  for (let i = 0; i < 12; i++) {
    const chunk = cluster.chunk(150_000, i);
    await cluster.client.put(chunk).released;
    const [rotten, missing] = inReadingOrder(cluster, chunk) as [FailingDevice, FailingDevice];
    rotten.rot(chunk.id);
    await missing.delete(chunk.id);
    t.true(isSame(await readWhole(cluster, chunk), chunk.data));
    await cluster.client.idle();
    t.is((await cluster.holders(chunk)).length, 3);
    t.is((await rotten.stat(chunk.id))?.owner, chunk.owner);
    t.true(isSame(await missing.read(chunk.id, 0, chunk.data.length), chunk.data));
    t.true(isSame(await readWhole(cluster, chunk), chunk.data));
  }
  t.like(cluster.client.counters, { reads: 24, readFailovers: 12, repaired: 24, repairsFailed: 0 });
});

test('a chunk that no device has whole is unreadable, with each outcome', async (t) => {
  const cluster = chunkCluster(3);
  const chunk = cluster.chunk();
  await cluster.client.put(chunk).released;
  setModes(cluster.devices, ['dead', 'dead']);
  cluster.devices[2]?.rot(chunk.id);
  const error = await t.throwsAsync(readWhole(cluster, chunk));
  t.true(isFault(error, 'chunk-unreadable'));
  t.deepEqual(outcomesOf(error), ['chunk-corrupt', 'closed', 'closed']);
});

test('a device that fails again and again is left alone for a while', async (t) => {
  const cluster = chunkCluster(3);
  const [dead] = cluster.devices as [FailingDevice];
  dead.mode = 'dead';
  const putSome = async (count: number) => {
    for (let i = 0; i < count; i++) await cluster.client.put(cluster.chunk()).released;
  };
  await putSome(10);
  t.is(dead.calls, limits.deviceFailuresInARow);
  cluster.clock.advance(limits.deviceAsideMs);
  await putSome(10);
  t.is(dead.calls, limits.deviceFailuresInARow + 1);
  dead.mode = 'well';
  cluster.clock.advance(limits.deviceAsideMs);
  await putSome(10);
  t.is(dead.calls, limits.deviceFailuresInARow + 11);
});

test('a device that is left alone is asked where there would be no quorum without it', async (t) => {
  const cluster = chunkCluster(3);
  setModes(cluster.devices, ['dead', 'well', 'well']);
  for (let i = 0; i < limits.deviceFailuresInARow; i++) await cluster.client.put(cluster.chunk()).released;
  setModes(cluster.devices, ['well', 'dead', 'well']);
  const chunk = cluster.chunk();
  await t.notThrowsAsync(cluster.client.put(chunk).durable);
  setModes(cluster.devices, ['well', 'dead', 'dead']);
  t.true(isSame(await readWhole(cluster, chunk), chunk.data));
});

test('reads spread over the primaries, and keep away from one that has become slow', async (t) => {
  const cluster = chunkCluster(3);
  const chunks = Array.from({ length: 60 }, () => cluster.chunk());
  for (const chunk of chunks) await cluster.client.put(chunk).released;
  const [slow] = cluster.devices as [FailingDevice];
  const callsOf = async () => {
    const before = cluster.devices.map((device) => device.calls);
    for (const chunk of chunks) {
      const slowCalls = slow.calls;
      const reading = readWhole(cluster, chunk);
      if (slow.mode === 'slow' && slow.calls > slowCalls) cluster.clock.advance(100);
      slow.release();
      t.true(isSame(await reading, chunk.data));
      cluster.clock.advance(1);
    }
    return cluster.devices.map((device, i) => device.calls - (before[i] as number));
  };
  for (const calls of await callsOf()) t.true(calls >= 10, `${calls}`);
  slow.mode = 'slow';
  const [calls, ...rest] = await callsOf();
  t.is(calls, 2, `of the others ${rest}`);
  cluster.clock.advance(limits.deviceSlowProbeMs);
  t.deepEqual((await callsOf())[0], 1);
});

test('a delete reaches primaries and handoffs', async (t) => {
  const cluster = chunkCluster(6);
  const chunk = cluster.chunk();
  setModes(cluster.primaries(chunk), ['dead', 'well', 'well']);
  await cluster.client.put(chunk).released;
  setModes(cluster.primaries(chunk), ['well', 'well', 'well']);
  t.is((await cluster.holders(chunk)).length, 3);
  const others = cluster.handoffs(chunk);
  await others[1]?.put(chunk);
  await cluster.client.delete(chunk.id);
  await cluster.client.idle();
  t.deepEqual(await cluster.holders(chunk), []);
});

test('a delete with dead devices deletes what it can', async (t) => {
  const cluster = chunkCluster(3);
  const chunk = cluster.chunk();
  await cluster.client.put(chunk).released;
  setModes(cluster.devices, ['dead', 'dead', 'well']);
  await cluster.client.delete(chunk.id);
  t.is((await cluster.holders(chunk)).length, 2);
});

const modeArbitrary = fc.constantFrom<DeviceMode>('well', 'well', 'dead', 'full');

test('whatever fails, an acknowledged chunk is readable while one of its holders lives', async (t) => {
  const step = fc.record({ modes: fc.array(modeArbitrary, { minLength: 6, maxLength: 6 }), rot: fc.nat(5) });
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 3, max: 6 }),
      fc.integer({ min: 1, max: 6 }),
      fc.array(step, { minLength: 1, maxLength: 12 }),
      async (deviceCount, zones, steps) => {
        const cluster = chunkCluster(deviceCount, (id) => `zone-${id % zones}`);
        const { devices, client, clock } = cluster;
        const stored: Chunk[] = [];
        for (const { modes, rot } of steps) {
          setModes(devices, modes.slice(0, deviceCount));
          const chunk = cluster.chunk(64);
          const put = client.put(chunk);
          const outcome = await put.durable.then(
            () => 'durable',
            (error) => error.code,
          );
          await put.released;
          const holders = await cluster.holders(chunk);
          if (outcome === 'durable') {
            if (holders.length < 2) throw new Error(`durable on ${holders.length} devices`);
            stored.push(chunk);
            const [first] = holders as [FailingDevice];
            if (rot < deviceCount) first.rot(chunk.id);
          } else {
            const well = modes.slice(0, deviceCount).filter((mode) => mode === 'well').length;
            if (well >= 2) throw new Error(`${outcome} though ${well} devices are well`);
          }
          clock.advance(1_000);
        }
        for (const chunk of stored) {
          for (const survivor of await cluster.holders(chunk)) {
            for (const device of devices) device.mode = device === survivor ? 'well' : 'dead';
            t.true(isSame(await readWhole(cluster, chunk), chunk.data));
          }
        }
        await client.close();
      },
    ),
    { numRuns: 150 },
  );
});
