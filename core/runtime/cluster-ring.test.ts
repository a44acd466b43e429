// Owns the checks that a cluster has one ring, made once, whatever happens while it is made, and that every
// process that follows the log has the same one.

import test from 'ava';
import { ManualClock } from '#core/kernel/clock.ts';
import { newId } from '#core/kernel/ids.ts';
import { seededRandom } from '#core/kernel/random.ts';
import type { EventLog } from '#core/log/event-log.ts';
import { MemoryLog } from '#tests/support/memory-log.ts';
import { ClusterRing, placeFirstDevices } from './cluster-ring.ts';

const first = [1, 2, 3].map((number) => ({ node: `node-${number}`, zone: `zone-${number}` }));
const clock = new ManualClock();
const openLog = () => new MemoryLog({ clock, random: seededRandom(1) });
const onFault = (error: unknown) => {
  throw error;
};

async function openPlaced(log: EventLog): Promise<ClusterRing> {
  const cluster = await ClusterRing.open({ log, onFault });
  await placeFirstDevices(cluster, clock, first);
  return cluster;
}

test('the first start makes a ring of the first devices, and the next one finds it', async (t) => {
  const log = openLog();
  const made = await openPlaced(log);
  t.deepEqual(
    made.state.devices.map((device) => device.node),
    ['node-1', 'node-2', 'node-3'],
  );
  t.is(made.ring().primaries(0).length, 3);
  const tail = await log.tail();
  const found = await openPlaced(log);
  t.deepEqual(await log.tail(), tail);
  t.is(found.ring().version, made.ring().version);
  t.regex(found.id, /^[0-9a-f]{32}$/);
  t.is(found.id, made.id);
  await Promise.all([made.close(), found.close()]);
});

test('a start that ended between two events is made good by the next one', async (t) => {
  for (let events = 1; events < 5; events++) {
    const log = openLog();
    let left = events;
    const failing: EventLog = {
      append: (request) => (left-- > 0 ? log.append(request) : Promise.reject(new Error('power is out'))),
      read: (stream, options) => log.read(stream, options),
      follow: (options) => log.follow(options),
      tail: () => log.tail(),
      close: () => log.close(),
    };
    await t.throwsAsync(openPlaced(failing), { message: 'power is out' });
    const made = await openPlaced(log);
    t.is(made.state.devices.length, 3);
    t.is(made.ring().primaries(7).length, 3);
    await made.close();
    await log.close();
  }
});

test('a change by one process takes effect in every other that follows the log', async (t) => {
  const log = openLog();
  const [writer, follower] = [await openPlaced(log), await ClusterRing.open({ log, onFault })];
  const seen = new Promise<void>((resolve) => {
    follower.onChange(() => {
      if (follower.ring().version === 2) resolve();
    });
  });
  t.is(
    await writer.run({ type: 'AddDevice', node: 'node-4', zone: 'zone-4', weightMilli: 1_000 }),
    undefined,
  );
  t.is(await writer.run({ type: 'Rebalance', nowMs: clock.nowMs() }), undefined);
  t.is(writer.ring().version, 2);
  await seen;
  t.is(follower.revision, writer.revision);
  t.is(follower.ring().devices.length, 4);
  await Promise.all([writer.close(), follower.close()]);
});

test('of two processes that change the same thing at once, both succeed in one order', async (t) => {
  const log = openLog();
  const random = seededRandom(2);
  const [one, other] = await Promise.all([
    ClusterRing.open({ log, onFault }),
    ClusterRing.open({ log, onFault }),
  ]);
  const join = (cluster: ClusterRing, node: string) =>
    cluster.run({
      ...{ type: 'JoinNode', node, zone: node, address: `${node}:1`, controlAddress: `${node}:2` },
      ...{ disks: [newId(random)], firstNodes: 4, nowMs: clock.nowMs() },
    });
  const outcomes = await Promise.all([join(one, 'a'), join(other, 'b'), join(one, 'c'), join(other, 'd')]);
  t.deepEqual(outcomes, [undefined, undefined, undefined, undefined]);
  const last = await ClusterRing.open({ log, onFault });
  t.deepEqual(last.state.nodes.map(({ name }) => name).sort(), ['a', 'b', 'c', 'd']);
  t.deepEqual(
    last.state.devices.map(({ id }) => id),
    [0, 1, 2, 3],
  );
  t.is(last.ring().version, 1);
  await Promise.all([one.close(), other.close(), last.close()]);
});

test('before there is a ring, nothing is placed anywhere', async (t) => {
  const cluster = await ClusterRing.open({ log: openLog(), onFault });
  t.is(cluster.ring().version, 0);
  t.deepEqual(cluster.ring().primaries(3), []);
  t.deepEqual([...cluster.ring().handoffs(3)], []);
  await cluster.close();
});
