// Owns the proof that a ring's bytes are the ring, that damage is refused, and that chunks spread over
// partitions.

import test from 'ava';
import fc from 'fast-check';
import { isFault } from '#core/kernel/errors.ts';
import { seededRandom } from '#core/kernel/random.ts';
import { partitionOf } from './partition.ts';
import { PlacedRing } from './placed-ring.ts';
import { rebalance } from './ring-builder.ts';

const shape = { partitionPower: 6, replicas: 3, minMoveIntervalMs: 0, seed: 1 };
const devices = ['eins', 'zwei', 'drü', 'vier'].map((zone, id) => ({
  id: id * 300,
  node: `node-${zone}`,
  zone,
  weight: id + 0.5,
}));
const ring = rebalance({ shape, devices, nowMs: 0 }).ring;

test('a ring read back from its bytes is the same ring', (t) => {
  const copy = PlacedRing.decode(ring.encode());
  t.deepEqual(copy.devices, ring.devices);
  t.is(copy.version, 1);
  t.is(copy.replicas, 3);
  t.is(copy.partitionPower, 6);
  for (let partition = 0; partition < 64; partition++) {
    t.deepEqual(copy.primaries(partition), ring.primaries(partition));
    t.deepEqual([...copy.handoffs(partition)], [...ring.handoffs(partition)]);
  }
  t.deepEqual(copy.encode(), ring.encode());
});

test('bytes that were cut or changed anywhere are refused', (t) => {
  const whole = ring.encode();
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const changed = whole.slice();
      changed[at] = (changed[at] as number) ^ flip;
      for (const bytes of [changed, whole.slice(0, at)]) {
        const error = t.throws(() => PlacedRing.decode(bytes));
        if (!isFault(error, 'corruption')) throw error;
      }
    }),
  );
});

test('a look-up of a partition that does not exist is a bug', (t) => {
  t.throws(() => ring.primaries(64), { name: 'Bug' });
});

test('blobs spread evenly over the partitions, and so do the chunks of one blob', (t) => {
  const random = seededRandom(3);
  const id = Buffer.alloc(20);
  const byBlob = new Uint32Array(64);
  for (let i = 0; i < 64_000; i++) {
    random.fill(id.subarray(0, 16));
    const partition = partitionOf(id, 6);
    byBlob[partition] = (byBlob[partition] as number) + 1;
  }
  t.true(Math.min(...byBlob) > 850 && Math.max(...byBlob) < 1150);
  const byIndex = new Uint32Array(64);
  for (let i = 0; i < 640; i++) {
    id.writeUInt32BE(i, 16);
    const partition = partitionOf(id, 6);
    byIndex[partition] = (byIndex[partition] as number) + 1;
  }
  t.true(Math.min(...byIndex) >= 5 && Math.max(...byIndex) <= 15, `${[...byIndex]}`);
});

test('the partition of a chunk never changes', (t) => {
  const id = Buffer.from('00112233445566778899aabbccddeeff00000000', 'hex');
  t.is(partitionOf(id, 10), 0);
  t.is(partitionOf(id, 32), 0x00112233);
  id.writeUInt32BE(1, 16);
  t.is(partitionOf(id, 10), 632);
  id.writeUInt32BE(0xffffffff, 16);
  t.is(partitionOf(id, 16), 0x61d9);
});
