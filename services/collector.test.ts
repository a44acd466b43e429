// Owns the promises of the collector: what is named, or about to be, is never touched, whatever the order of
// things among several gateways with clocks of their own; and what nobody will name goes.

import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { limits } from '#core/kernel/limits.ts';
import {
  type CollectionRig,
  collectionRig,
  GRACE_MS,
  type RigGateway,
} from '#tests/support/collection-rig.ts';

async function rigOf(
  t: ExecutionContext,
  options?: Parameters<typeof collectionRig>[0],
): Promise<CollectionRig> {
  const rig = await collectionRig(options);
  t.teardown(() => rig.close());
  return rig;
}

/** A pass, a grace period later. */
async function passLater(rig: CollectionRig, gateway: RigGateway) {
  rig.clock.advance(GRACE_MS);
  return gateway.collector.runOnce();
}

test('an unnamed chunk goes after two announcements and the grace period, a named one stays', async (t) => {
  const rig = await rigOf(t);
  const [gateway] = rig.gateways;
  t.is(await gateway.put('kept').push().end().outcome, 'stored');
  await rig.orphan('objects/b/lost');
  t.like(await gateway.collector.runOnce(), { seen: 2, waiting: 0, deleted: 0 });
  t.like(await passLater(rig, gateway), { waiting: 1, deleted: 0 });
  rig.clock.advance(GRACE_MS - 1);
  t.like(await gateway.collector.runOnce(), { waiting: 1, deleted: 0 });
  rig.clock.advance(1);
  t.like(await gateway.collector.runOnce(), { waiting: 0, deleted: 1, failed: 0 });
  t.is(rig.chunks.held, 1);
  t.deepEqual(rig.lost(), []);
  t.like(gateway.collector.counters, { deleted: 1, failed: 0 });
});

test('what a deleted or replaced object named goes, in a deleted bucket too', async (t) => {
  const rig = await rigOf(t);
  const [gateway] = rig.gateways;
  for (const key of ['x', 'x', 'y']) {
    await gateway.put(key).push().end().outcome;
  }
  await gateway.cloud.objects.delete(rig.caller, 'b', 'y', {});
  await passLater(rig, gateway);
  t.like(await passLater(rig, gateway), { deleted: 2 });
  t.is(rig.chunks.held, 1);
  await gateway.cloud.objects.delete(rig.caller, 'b', 'x', {});
  await passLater(rig, gateway);
  t.is(await gateway.cloud.buckets.delete(rig.caller, 'b'), undefined);
  t.like(await passLater(rig, gateway), { deleted: 1 });
  t.is(rig.chunks.held, 0);
});

for (const [left, isEmpty] of [
  ['deleted', true],
  ['open', false],
] as const) {
  test(`a bucket whose deletion was left half done is ${left} in the end, and its chunks go`, async (t) => {
    const rig = await rigOf(t);
    const [gateway] = rig.gateways;
    if (!isEmpty) await gateway.put('kept').push().end().outcome;
    await rig.orphan('objects/b/lost');
    await rig.beginDeletion();
    let deleted = 0;
    for (let pass = 0; pass < 4; pass++) deleted += (await passLater(rig, gateway)).deleted;
    t.is(deleted, 1);
    t.is(rig.chunks.held, isEmpty ? 0 : 1);
    t.is(gateway.collection.state('b') === undefined, isEmpty);
    t.deepEqual(rig.lost(), []);
  });
}

test('chunks that belong to no bucket are left alone', async (t) => {
  const rig = await rigOf(t);
  await rig.orphan('accounts/ada');
  for (let pass = 0; pass < 4; pass++)
    t.like(await passLater(rig, rig.gateways[0]), { waiting: 0, deleted: 0 });
  t.is(rig.chunks.held, 1);
});

test('a write that is prolonged keeps its chunks as long as it takes, and is named in the end', async (t) => {
  const rig = await rigOf(t);
  const [slow, other] = rig.gateways;
  const write = slow.put('slow');
  write.push();
  await rig.settle();
  t.is(rig.chunks.held, 1);
  for (let passes = 0; passes < 100; passes++) {
    await passLater(rig, other);
    await slow.collection.runOnce();
  }
  write.push();
  write.end();
  t.is(await write.outcome, 'stored');
  await passLater(rig, other);
  t.is(rig.chunks.held, 2);
  t.deepEqual(rig.lost(), []);
});

test('a write that nobody prolonged is refused, not named without its bytes', async (t) => {
  const rig = await rigOf(t);
  const [slow, other] = rig.gateways;
  const write = slow.put('slow');
  write.push();
  await rig.settle();
  await passLater(rig, other);
  t.like(await passLater(rig, other), { deleted: 1 });
  write.end();
  t.is(await write.outcome, 'conflict');
  t.is(await slow.put('next').push().end().outcome, 'stored');
  t.deepEqual(rig.lost(), []);
});

test('a write that lasts from one announcement to the next is named without being prolonged', async (t) => {
  const rig = await rigOf(t);
  const [slow, other] = rig.gateways;
  const write = slow.put('slow');
  write.push();
  await rig.orphan('objects/b/lost');
  await passLater(rig, other);
  t.is(other.announcements(), 1);
  write.end();
  t.is(await write.outcome, 'stored');
});

test('two collectors announce no more often than one', async (t) => {
  const rig = await rigOf(t);
  await rig.orphan('objects/b/lost');
  rig.clock.advance(GRACE_MS);
  for (let pass = 0; pass < 5; pass++) for (const { collector } of rig.gateways) await collector.runOnce();
  t.is(rig.gateways[0].announcements(), 1);
});

test('a collector that lags counts no announcement from before it had caught up', async (t) => {
  const rig = await rigOf(t);
  const [other, late] = rig.gateways;
  late.lag(true);
  await rig.orphan('objects/b/lost');
  await passLater(rig, other);
  await passLater(rig, other);
  t.is(other.announcements(), 2);
  const write = other.put('slow').push();
  await rig.settle();
  rig.clock.advance(GRACE_MS);
  const pass = late.collector.runOnce();
  await rig.settle();
  rig.clock.advance(GRACE_MS / 2);
  late.lag(false);
  await pass;
  rig.clock.advance(GRACE_MS / 2);
  t.like(await late.collector.runOnce(), { deleted: 0 });
  t.is(await write.end().outcome, 'stored');
  t.deepEqual(rig.lost(), []);
});

test('a write whose gateway learns too late of announcements is not prolonged any more', async (t) => {
  const rig = await rigOf(t);
  const [other, late] = rig.gateways;
  const write = late.put('slow').push();
  await rig.settle();
  await passLater(rig, other);
  await rig.settle();
  late.lag(true);
  while (rig.chunks.held > 0) await passLater(rig, other);
  const tooLate = late.collection.runOnce();
  await rig.settle();
  late.lag(false);
  t.deepEqual(await tooLate, { prolonged: 0 });
  t.is(await write.end().outcome, 'conflict');
  t.deepEqual(rig.lost(), []);
});

type Writing = 'begin' | 'push' | 'end' | 'delete';
type Step =
  | { readonly kind: Writing; readonly gateway: number; readonly which: number }
  | { readonly kind: 'collect' | 'prolong' | 'lag' | 'catch up'; readonly gateway: number }
  | { readonly kind: 'wait'; readonly share: number };

const gateway = fc.nat(1);
const which = fc.nat(5);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant<Writing>('begin'), gateway, which }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom<Writing[]>('push', 'end'), gateway, which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant<Writing>('delete'), gateway, which }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('collect' as const), gateway }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom('prolong' as const, 'lag', 'catch up'), gateway }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), share: fc.constantFrom(0.1, 0.5, 1, 1.1) }),
  },
);

/** What runs is not waited for: it may stand still until a gateway catches up. */
function take(rig: CollectionRig, action: Step, running: Promise<unknown>[]): void {
  if (action.kind === 'wait') {
    rig.clock.advance(action.share * GRACE_MS);
    return;
  }
  const chosen = rig.gateways[action.gateway] as RigGateway;
  const write = 'which' in action ? chosen.open[action.which] : undefined;
  const key = 'which' in action ? `key-${action.which}` : '';
  const does = {
    begin: () => chosen.put(key).push(),
    push: () => write?.push(),
    end: () => write?.end(),
    delete: () => running.push(chosen.cloud.objects.delete(rig.caller, 'b', key, {})),
    collect: () => running.push(chosen.collector.runOnce()),
    prolong: () => running.push(chosen.collection.runOnce()),
    lag: () => chosen.lag(true),
    'catch up': () => chosen.lag(false),
  };
  does[action.kind]();
}

test('however things interleave, whatever the clocks say, nothing named loses its bytes', async (t) => {
  const skewMs = fc.integer({ min: -2 * GRACE_MS, max: 2 * GRACE_MS });
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(skewMs, skewMs, skewMs),
      fc.array(step, { minLength: 20, maxLength: 60 }),
      async (skewsMs, steps) => {
        const rig = await collectionRig({ skewsMs });
        const running: Promise<unknown>[] = [];
        for (const action of steps) {
          take(rig, action, running);
          await rig.settle();
          const lost = rig.lost();
          if (lost.length > 0) throw new Error(`lost ${lost} after ${JSON.stringify(action)}`);
        }
        for (const each of rig.gateways) each.lag(false);
        for (const each of rig.gateways) for (const write of each.open) write.end();
        await Promise.all([
          ...running,
          ...rig.gateways.flatMap(({ open }) => open.map(({ outcome }) => outcome)),
        ]);
        if (rig.lost().length > 0) throw new Error(`lost ${rig.lost()} at the end`);
        // What nobody names is gone in the end, and only that.
        for (let pass = 0; pass < 20; pass++) await passLater(rig, rig.gateways[0]);
        t.deepEqual(rig.lost(), []);
        t.is(rig.chunks.held, rig.namedChunks());
        await rig.close();
      },
    ),
    { numRuns: 60 },
  );
});

test('while writes are prolonged in time none is refused', async (t) => {
  const skewMs = fc.integer({ min: -GRACE_MS / 8, max: GRACE_MS / 8 });
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(skewMs, skewMs, skewMs),
      fc.array(fc.record({ put: fc.boolean(), end: fc.nat(3), collect: fc.boolean() }), {
        minLength: 30,
        maxLength: 60,
      }),
      async (skewsMs, steps) => {
        const rig = await collectionRig({ skewsMs });
        await rig.orphan('objects/b/lost');
        for (const [index, { put, end, collect }] of steps.entries()) {
          const chosen = rig.gateways[index % 2] as RigGateway;
          if (put && chosen.open.length < 4) chosen.put(`key-${index}`).push();
          chosen.open[end]?.end();
          if (collect) await chosen.collector.runOnce();
          for (const { collection } of rig.gateways) await collection.runOnce();
          rig.clock.advance(GRACE_MS / 4);
          await rig.orphan('objects/b/lost');
        }
        for (const { open } of rig.gateways) {
          for (const write of [...open]) t.is(await write.end().outcome, 'stored');
        }
        t.deepEqual(rig.lost(), []);
        await rig.close();
      },
    ),
    { numRuns: 25 },
  );
});

test('the time between prolongations leaves room for skew', (t) => {
  t.true(limits.writeProlongMs * 4 <= limits.collectorGraceMs);
});
