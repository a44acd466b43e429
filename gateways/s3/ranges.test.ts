// Owns the proof of range arithmetic.

import test from 'ava';
import fc from 'fast-check';
import { S3Error } from './errors.ts';
import { copyRangeOf, rangeOf } from './ranges.ts';

test('a range gives the bytes between its ends, both included, as far as there are any', (t) => {
  t.deepEqual(rangeOf('bytes=0-0', 10), { offset: 0, length: 1 });
  t.deepEqual(rangeOf('bytes=2-5', 10), { offset: 2, length: 4 });
  t.deepEqual(rangeOf('bytes=2-', 10), { offset: 2, length: 8 });
  t.deepEqual(rangeOf('bytes=2-99', 10), { offset: 2, length: 8 });
  t.deepEqual(rangeOf('bytes=-3', 10), { offset: 7, length: 3 });
  t.deepEqual(rangeOf('bytes=-99', 10), { offset: 0, length: 10 });
  t.deepEqual(rangeOf('Bytes= 1-2 ', 10), { offset: 1, length: 2 });
});

test('what is malformed, of another unit or manifold is ignored', (t) => {
  for (const header of [
    'bytes=',
    'bytes=-',
    'bytes=a-b',
    'bytes=5-2',
    'lines=1-2',
    'bytes=0-1,4-5',
    '0-1',
    '',
  ]) {
    t.is(rangeOf(header, 10), undefined, header);
  }
  t.is(rangeOf(undefined, 10), undefined);
});

test('what lies beyond the object is refused with its size', (t) => {
  for (const [header, size] of [
    ['bytes=10-', 10],
    ['bytes=10-20', 10],
    ['bytes=-0', 10],
    ['bytes=0-', 0],
    ['bytes=-5', 0],
  ] as const) {
    const error = t.throws(() => rangeOf(header, size), { instanceOf: S3Error });
    t.is(error?.code, 'InvalidRange', header);
    t.is(error?.details.ActualObjectSize, String(size));
    t.deepEqual(error?.headers, ['Content-Range', `bytes */${size}`]);
  }
});

test('a range never leaves the object', (t) => {
  const number = fc.nat(40);
  fc.assert(
    fc.property(number, number, fc.integer({ min: 1, max: 30 }), (first, last, size) => {
      fc.pre(first < size && first <= last);
      const range = rangeOf(`bytes=${first}-${last}`, size);
      return range?.offset === first && range.length >= 1 && range.offset + range.length <= size;
    }),
  );
  t.pass();
});

test('a copy range has both ends, within the source', (t) => {
  t.deepEqual(copyRangeOf('bytes=0-9', 10), { offset: 0, length: 10 });
  t.is(copyRangeOf(undefined, 10), undefined);
  for (const header of ['bytes=0-', 'bytes=-5', 'bytes=5-2', 'bytes=0-10', '0-1', 'bytes=0-1,3-4']) {
    t.is(t.throws(() => copyRangeOf(header, 10), { instanceOf: S3Error })?.code, 'InvalidArgument', header);
  }
});
