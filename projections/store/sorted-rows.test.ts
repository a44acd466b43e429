// Tests the immutable sorted rows and the order of keys against plain models.

import test from 'ava';
import fc from 'fast-check';
import { compareKeys, endOfPrefix } from './key-order.ts';
import { anyKey } from './read-store.suite.ts';
import { type RowChange, SortedRows } from './sorted-rows.ts';

const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

test('keys are ordered as their UTF-8 bytes are', (t) => {
  fc.assert(
    fc.property(anyKey, anyKey, (a, b) => t.is(Math.sign(compareKeys(a, b)), byBytes(a, b))),
    { numRuns: 2_000 },
  );
});

test('the end of a prefix stands above all that begin with it, and not above what comes next', (t) => {
  fc.assert(
    fc.property(anyKey, anyKey, anyKey, (prefix, rest, other) => {
      const end = endOfPrefix(prefix);
      if (end === undefined) return t.regex(prefix, /^\u{10ffff}*$/u);
      t.true(byBytes(prefix + rest, end) < 0);
      if (!other.startsWith(prefix) && byBytes(other, prefix) > 0) t.true(byBytes(other, end) >= 0);
      return true;
    }),
    { numRuns: 2_000 },
  );
});

/** Enough keys for many leaves. */
const numberedKey = fc.integer({ min: 0, max: 3_000 }).map((number) => `k${number}`);
const manyChanges = fc.array(
  fc.uniqueArray(fc.tuple(fc.oneof(anyKey, numberedKey), fc.boolean()), {
    selector: ([key]) => key,
    maxLength: 600,
    size: 'max',
  }),
  { maxLength: 6 },
);

const contents = (rows: SortedRows, gte = '', lt?: string) => {
  const found: RowChange[] = [];
  for (const cursor = rows.cursor(gte, lt); cursor.head; cursor.advance()) found.push(cursor.head);
  return found;
};

test('changed rows are those of a map, and the set before the change is as it was', (t) => {
  const property = fc.property(manyChanges, anyKey, anyKey, fc.boolean(), (steps, gte, lt, dropDeleted) => {
    const model = new Map<string, RowChange>();
    let rows = SortedRows.empty;
    for (const [step, changed] of steps.entries()) {
      const changes = changed
        .map(([key, kept]) => ({ key, value: kept ? Buffer.from([step]) : undefined }))
        .sort((a, b) => compareKeys(a.key, b.key));
      const before = rows;
      const held = contents(before);
      rows = before.with(changes, dropDeleted);
      t.deepEqual(contents(before), held);
      for (const change of changes) {
        if (change.value === undefined && dropDeleted) model.delete(change.key);
        else model.set(change.key, change);
      }
    }
    const expected = [...model.values()].sort((a, b) => byBytes(a.key, b.key));
    t.deepEqual(contents(rows), expected);
    const inRange = expected.filter(({ key }) => byBytes(key, gte) >= 0 && byBytes(key, lt) < 0);
    t.deepEqual(contents(rows, gte, lt), inRange);
    for (const row of expected) t.is(rows.get(row.key), row);
    t.is(rows.get('never there'), undefined);
  });
  fc.assert(property, { numRuns: 60 });
});

test('seek finds the first row not below the key, in any leaf, and never goes back', (t) => {
  const keys = Array.from({ length: 2_000 }, (_, number) => `k${String(number * 2).padStart(5, '0')}`);
  const rows = SortedRows.empty.with(
    keys.map((key) => ({ key, value: Buffer.from(key) })),
    false,
  );
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 4_100 }), { minLength: 1, maxLength: 10 }), (targets) => {
      const cursor = rows.cursor('', undefined);
      let highest = -1;
      for (const target of targets) {
        cursor.seek(`k${String(target).padStart(5, '0')}`);
        highest = Math.max(highest, target);
        const expected = Math.ceil(highest / 2) * 2;
        t.is(cursor.head?.key, expected < 4_000 ? `k${String(expected).padStart(5, '0')}` : undefined);
      }
    }),
  );
});
