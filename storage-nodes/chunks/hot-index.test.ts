// Owns the proof that the hot index agrees with a map, also when it evicts.

import test from 'ava';
import fc from 'fast-check';
import { seededRandom } from '#core/kernel/random.ts';
import {
  DELETED,
  HotIndex,
  isQuarantined,
  pack,
  packedOwnerBytes,
  packedSize,
  QUARANTINED,
} from './hot-index.ts';
import { idOf } from './suite/suite-support.ts';

test('size, owner and quarantine are told apart in 32 bits', (t) => {
  fc.assert(
    fc.property(fc.nat(1 << 20), fc.nat(2048), fc.boolean(), (size, owner, quarantined) => {
      const packed = pack(size, owner) | (quarantined ? QUARANTINED : 0);
      return (
        packedSize(packed) === size &&
        packedOwnerBytes(packed) === Math.ceil(owner / 8) * 8 &&
        isQuarantined(packed) === quarantined
      );
    }),
  );
  t.pass();
});

test('a walk of changes, settlements and removals agrees with a map', (t) => {
  const random = seededRandom(7);
  const index = new HotIndex(1_000_000, true);
  const model = new Map<number, { segment: number; offset: number }>();
  const ids = Array.from({ length: 6000 }, (_, number) => idOf(number % 700, number));
  for (let step = 0; step < 60_000; step++) {
    const number = Math.floor(random.next() * ids.length);
    const id = ids[number] as Uint8Array;
    const known = model.get(number);
    if (known === undefined) {
      const place = { segment: 1 + (step % 9), offset: step };
      index.change(id, place.segment, place.offset, pack(step & 0xffff, 8));
      model.set(number, place);
    } else if (random.next() < 0.4) {
      index.settle(index.find(id), known.segment, known.offset, pack(known.offset & 0xffff, 8));
    } else {
      index.change(id, DELETED, 0, 0);
      index.settle(index.find(id), DELETED, 0, 0);
      model.delete(number);
    }
  }
  for (const [number, id] of ids.entries()) {
    const slot = index.find(id);
    const known = model.get(number);
    if (known === undefined) t.is(slot, -1);
    else t.deepEqual([index.segmentAt(slot), index.offsetAt(slot)], [known.segment, known.offset]);
  }
  t.true(index.complete);
});

test('a full index forgets settled entries only, and is complete no more', (t) => {
  const index = new HotIndex(2000, true);
  for (let number = 0; number < 2000; number++) {
    index.change(idOf(number), 1, number, pack(1, 0));
    if (number % 2 === 0) index.settle(index.find(idOf(number)), 1, number, pack(1, 0));
  }
  t.true(index.complete);
  for (let number = 2000; number < 3000; number++) index.remember(idOf(number), 1, number, pack(1, 0));
  t.false(index.complete);
  for (let number = 1; number < 2000; number += 2) t.is(index.offsetAt(index.find(idOf(number))), number);
  let found = 0;
  for (let number = 0; number < 3000; number++) found += index.find(idOf(number)) >= 0 ? 1 : 0;
  t.is(found, 2000);
});

test('what is remembered from a snapshot never hides what is newer', (t) => {
  const index = new HotIndex(2000, false);
  index.keepDeleted = true;
  index.change(idOf(1), 5, 50, pack(1, 0));
  index.change(idOf(2), DELETED, 0, 0);
  index.settle(index.find(idOf(2)), DELETED, 0, 0);
  for (const number of [1, 2, 3]) index.remember(idOf(number), 1, number, pack(1, 0));
  index.dropDeleted();
  t.is(index.segmentAt(index.find(idOf(1))), 5);
  t.is(index.find(idOf(2)), -1);
  t.is(index.segmentAt(index.find(idOf(3))), 1);
});
