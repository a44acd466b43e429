// Owns the proof of both sources of chance: the system's is never twice the same, a seeded one always is.

import test from 'ava';
import { isId, newId } from './ids.ts';
import { seededRandom, systemRandom } from './random.ts';

const draw = (seed: number) => {
  const random = seededRandom(seed);
  return [random.next(), random.next(), Buffer.from(random.fill(new Uint8Array(32))).toString('hex')];
};

test('the same seed gives the same numbers, another seed others', (t) => {
  t.deepEqual(draw(7), draw(7));
  t.notDeepEqual(draw(7), draw(8));
  t.notDeepEqual(draw(0), draw(1));
});

test('seeded numbers are spread evenly from 0 to 1', (t) => {
  const random = seededRandom(42);
  const tenths = new Array<number>(10).fill(0);
  for (let i = 0; i < 100_000; i++) {
    const tenth = Math.floor(random.next() * 10);
    tenths[tenth] = (tenths[tenth] ?? 0) + 1;
  }
  for (const count of tenths) t.true(Math.abs(count - 10_000) < 500, `${tenths}`);
});

test('every byte of the system source takes every value, across the borders of its pool', (t) => {
  const seen = new Set<number>();
  for (let i = 0; i < 2_000; i++) for (const byte of systemRandom.fill(new Uint8Array(33))) seen.add(byte);
  t.is(seen.size, 256);
});

test('a request larger than the pool is filled whole', (t) => {
  const bytes = systemRandom.fill(new Uint8Array(100_000));
  t.false(bytes.subarray(-64).every((byte) => byte === 0));
});

test('ten thousand ids are ten thousand ids, and look like it', (t) => {
  const ids = new Set(Array.from({ length: 10_000 }, () => newId(systemRandom)));
  t.is(ids.size, 10_000);
  for (const id of ids) if (!isId(id)) t.fail(id);
  t.is(newId(seededRandom(3)), newId(seededRandom(3)));
});

test('only 32 lower-case hexadecimal digits are an id', (t) => {
  t.true(isId('0123456789abcdef0123456789abcdef'));
  for (const text of [
    '',
    'x'.repeat(32),
    '0123456789ABCDEF0123456789abcdef',
    'a'.repeat(31),
    `${'a'.repeat(32)}\n`,
  ]) {
    t.false(isId(text), text);
  }
});
