// Owns the checks that decoded rows are as fresh as the rows.

import test from 'ava';
import { limits } from '#core/kernel/limits.ts';
import { DecodedRows } from './decoded-rows.ts';
import type { RowReader } from './projection.ts';

function setUp() {
  const rows = new Map<string, string>();
  const table = {
    ...{ changes: 0, get: () => undefined },
    ...{ scan: () => never(), watch: () => never() },
  } satisfies RowReader;
  let reads = 0;
  const decoded = new DecodedRows(table, (key) => {
    reads++;
    return rows.get(key);
  });
  const put = (key: string, value: string) => {
    rows.set(key, value);
    table.changes++;
  };
  return { decoded, put, reads: () => reads };
}

const never = (): never => {
  throw new Error('decoded rows are not scanned');
};

test('a row is decoded once until the table changes', (t) => {
  const { decoded, put, reads } = setUp();
  put('a', '1');
  t.deepEqual([decoded.get('a'), decoded.get('a'), reads()], ['1', '1', 1]);
  put('b', '2');
  put('a', '3');
  t.deepEqual([decoded.get('a'), decoded.get('b'), reads()], ['3', '2', 3]);
});

test('what is not there is asked for each time, and takes no memory', (t) => {
  const { decoded, reads } = setUp();
  for (let n = 0; n < 10; n++) t.is(decoded.get('nobody'), undefined);
  t.is(reads(), 10);
});

test('no more than the limit is kept', (t) => {
  const { decoded, put, reads } = setUp();
  for (let n = 0; n <= limits.readModelDecodedRows; n++) put(`${n}`, 'x');
  for (let n = 0; n <= limits.readModelDecodedRows; n++) decoded.get(`${n}`);
  const before = reads();
  decoded.get('0');
  t.is(reads(), before + 1);
});
