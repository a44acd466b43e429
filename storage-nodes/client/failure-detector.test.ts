// Owns the proof that a device which falls silent, or whose calls hang, is noticed, avoided, told of, and
// taken back when it is well again; and that nobody waits for it for long.

import test from 'ava';
import { isFault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Device } from '#core/ring/ring.ts';
import { type ChunkCluster, chunkCluster } from '#tests/support/chunk-cluster.ts';
import type { DeviceMode, FailingDevice } from '#tests/support/failing-device.ts';

const beatsOf = (ms: number) => Math.ceil(ms / limits.heartbeatMs) + 1;

function conditionOf(cluster: ChunkCluster, id: number) {
  return cluster.health.condition(cluster.ring().devices[id] as Device);
}

for (const mode of ['dead', 'slow'] as const) {
  test(`a device that is ${mode} is suspect, then down, then gone, and up when it answers`, async (t) => {
    const cluster = chunkCluster(4);
    const [watched] = cluster.devices as [FailingDevice];
    const device = cluster.ring().devices[0] as Device;
    await cluster.beat(3);
    t.like(conditionOf(cluster, 0), { state: 'up', why: '' });
    watched.mode = mode;
    await cluster.beat(beatsOf(limits.deviceSilentMs));
    const suspectMs = cluster.clock.nowMs();
    t.is(conditionOf(cluster, 0).state, 'suspect');
    t.true(cluster.health.isAside(device));
    await cluster.beat(beatsOf(limits.deviceDownMs - limits.deviceSilentMs));
    t.is(conditionOf(cluster, 0).state, 'down');
    t.true(conditionOf(cluster, 0).sinceMs > suspectMs);
    t.false(cluster.health.isGone(device));
    await cluster.beat(beatsOf(limits.deviceGoneMs));
    t.true(cluster.health.isGone(device));
    t.deepEqual(await cluster.detector.runOnce(), { up: 3, slow: 0, suspect: 0, down: 1 });
    watched.mode = 'well';
    watched.release();
    await cluster.beat(3);
    t.like(conditionOf(cluster, 0), { state: 'up' });
    t.false(cluster.health.isAside(device) || cluster.health.isGone(device));
  });
}

test('no call goes to a device that is silent, while there are others', async (t) => {
  const cluster = chunkCluster(5);
  const [silent] = cluster.devices as [FailingDevice];
  silent.mode = 'slow';
  await cluster.beat(beatsOf(limits.deviceSilentMs));
  const { calls } = silent;
  for (let i = 0; i < 20; i++) {
    const chunk = cluster.chunk();
    const put = cluster.client.put(chunk);
    await Promise.all([put.durable, put.released]);
    t.false(put.kept);
    t.is((await cluster.holders(chunk)).length, 3);
    t.deepEqual(await cluster.client.read(chunk.id, 0, 100), chunk.data);
  }
  t.is(silent.calls, calls);
});

test('a device that gives signs of life while its puts hang is found out by its calls', async (t) => {
  const cluster = chunkCluster(6);
  const chunk = cluster.chunk();
  const [stuck] = cluster.primaries(chunk) as [FailingDevice];
  const id = cluster.devices.indexOf(stuck);
  stuck.mode = 'stuck';
  const put = cluster.client.put(chunk);
  await put.durable;
  await cluster.beat(beatsOf(limits.deviceHungMs) + 1);
  await put.released;
  t.true(put.kept, 'the device may still read the buffer');
  t.is((await cluster.holders(chunk)).length, 3, 'a handoff stood in');
  t.like(conditionOf(cluster, id), { state: 'suspect', why: 'its calls hang' });
  const { calls } = stuck;
  await cluster.client.put(chunk).durable;
  t.is(stuck.calls, calls);
  stuck.mode = 'well';
  stuck.release();
  await cluster.beat(beatsOf(limits.deviceAsideMs));
  t.is(conditionOf(cluster, id).state, 'up');
});

function hang(cluster: ChunkCluster, modes: readonly DeviceMode[]): void {
  for (const [index, mode] of modes.entries()) (cluster.devices[index] as FailingDevice).mode = mode;
}

test('a put whose quorum hangs is made durable by handoffs', async (t) => {
  const cluster = chunkCluster(6);
  const chunk = cluster.chunk();
  for (const device of cluster.primaries(chunk).slice(0, 2)) device.mode = 'stuck';
  const put = cluster.client.put(chunk);
  let durable = false;
  put.durable.then(() => {
    durable = true;
  });
  await cluster.beat(2);
  t.false(durable);
  await cluster.beat(beatsOf(limits.deviceHungMs));
  await put.durable;
  t.is((await cluster.holders(chunk)).length, 3);
});

test('where no other device is left a put waits for those that hang, but not for ever', async (t) => {
  const cluster = chunkCluster(3);
  hang(cluster, ['stuck', 'stuck']);
  const late = cluster.client.put(cluster.chunk());
  await cluster.beat(beatsOf(limits.deviceHungMs) + 3);
  hang(cluster, ['well', 'well']);
  cluster.devices[0]?.release();
  await late.durable;
  cluster.devices[1]?.release();
  await late.released;
  t.false(late.kept);
  hang(cluster, ['stuck', 'stuck']);
  const hopeless = cluster.client.put(cluster.chunk());
  const refused = t.throwsAsync(hopeless.durable);
  await cluster.beat(beatsOf(limits.putGivenUpMs) + 2);
  t.true(isFault(await refused, 'quorum-not-reached'));
  await hopeless.released;
  t.true(hopeless.kept);
  cluster.devices[0]?.release();
  cluster.devices[1]?.release();
});

test('a process that stood still takes no device for dead', async (t) => {
  const cluster = chunkCluster(4);
  await cluster.beat(3);
  cluster.clock.advance(10 * limits.deviceGoneMs);
  t.deepEqual(await cluster.detector.runOnce(), { up: 4, slow: 0, suspect: 0, down: 0 });
});
