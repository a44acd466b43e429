// Owns the suite of the ReadStore port: what every adapter must do.

import type { TestFn } from 'ava';
import fc from 'fast-check';
import { compareKeys } from './key-order.ts';
import type { Row, RowCursor, RowRange } from './projection.ts';
import type { ReadStore } from './read-store.ts';

export interface ReadStoreFactory {
  /** An empty store. */
  open(): Promise<ReadStore>;
  dispose(store: ReadStore): Promise<void>;
}

const bytes = (text: string) => Buffer.from(text);
const changes = (...rows: readonly (readonly [key: string, value: string | undefined])[]) =>
  new Map(rows.map(([key, value]) => [key, value === undefined ? undefined : bytes(value)]));
const at = (offset: number) => ({ version: 1, cursor: [offset] });

export async function readAll(cursor: RowCursor, limit = 1_000): Promise<Row[]> {
  const rows: Row[] = [];
  for (;;) {
    const more = await cursor.next(limit);
    if (more.length === 0) break;
    rows.push(...more);
  }
  await cursor.close();
  return rows;
}

const keysOf = async (store: ReadStore, table: string, range: RowRange, limit?: number) =>
  (await readAll(store.scan(table, range), limit)).map(({ key }) => key);

/** Any well-formed text, often with what sorts differently in UTF-16 and in UTF-8. */
export const anyKey = fc.string({
  unit: fc.oneof(
    fc.constantFrom(
      'a',
      'b',
      '/',
      '\0',
      '\u0001',
      '\ud7ff',
      '\ue000',
      '\uffff',
      '\u{10000}',
      '\u{10ffff}',
      'é',
    ),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  ),
  maxLength: 6,
});

export function readStoreSuite(test: TestFn, factory: ReadStoreFactory): void {
  const withStore = async (run: (store: ReadStore) => Promise<void>) => {
    const store = await factory.open();
    try {
      await run(store);
    } finally {
      await factory.dispose(store);
    }
  };

  test('rows and checkpoints of one write are seen together, each in its own table', (t) =>
    withStore(async (store) => {
      t.is(store.checkpoint('left'), undefined);
      t.is(store.get('left', 'a'), undefined);
      await store.write([
        {
          table: 'left',
          checkpoint: { version: 3, cursor: [7, 0, 9] },
          rows: changes(['a', '1'], ['b', '']),
        },
        { table: 'left-most', checkpoint: at(2), rows: changes(['a', '2']) },
      ]);
      t.deepEqual(store.checkpoint('left'), { version: 3, cursor: [7, 0, 9] });
      t.deepEqual(store.checkpoint('left-most'), at(2));
      t.is(Buffer.from(store.get('left', 'a') ?? '').toString(), '1');
      t.is(store.get('left', 'b')?.length, 0);
      t.is(Buffer.from(store.get('left-most', 'a') ?? '').toString(), '2');
      t.is(store.get('left-most', 'b'), undefined);
      t.deepEqual(await keysOf(store, 'left', { gte: '' }), ['a', 'b']);
      t.deepEqual(await keysOf(store, 'left-most', { gte: '' }), ['a']);
    }));

  test('a change without a value takes the row away', (t) =>
    withStore(async (store) => {
      await store.write([{ table: 'left', checkpoint: at(1), rows: changes(['a', '1'], ['b', '2']) }]);
      await store.write([
        { table: 'left', checkpoint: at(2), rows: changes(['a', undefined], ['c', undefined]) },
      ]);
      t.is(store.get('left', 'a'), undefined);
      t.deepEqual(await keysOf(store, 'left', { gte: '' }), ['b']);
      t.deepEqual(store.checkpoint('left'), at(2));
    }));

  test('what a batch holds is seen with its checkpoints once it is committed, and not before', (t) =>
    withStore(async (store) => {
      for (let turn = 1; turn <= 5; turn++) {
        const batch = store.batch();
        batch.put('left', `k${turn}`, bytes(String(turn)));
        batch.put('left-most', 'turn', bytes(String(turn)));
        batch.delete('left', `k${turn - 1}`);
        t.true(batch.bytes > 0);
        // The next one is gathered while this one is written.
        const dropped = store.batch();
        dropped.put('left', 'never', bytes('committed'));
        t.deepEqual(await keysOf(store, 'left', { gte: '' }), turn === 1 ? [] : [`k${turn - 1}`]);
        await batch.commit(
          new Map([
            ['left', at(turn)],
            ['left-most', at(2 * turn)],
          ]),
        );
        t.deepEqual(await keysOf(store, 'left', { gte: '' }), [`k${turn}`]);
        t.is(Buffer.from(store.get('left-most', 'turn') ?? '').toString(), String(turn));
        t.deepEqual([store.checkpoint('left'), store.checkpoint('left-most')], [at(turn), at(2 * turn)]);
      }
    }));

  test('a wiped table has neither rows nor a checkpoint, and the others are left alone', (t) =>
    withStore(async (store) => {
      const rows = changes(['a', '1'], ['\u{10ffff}', '2']);
      await store.write(['left', 'left-most', 'lefu'].map((table) => ({ table, checkpoint: at(1), rows })));
      await store.wipe('left');
      t.is(store.checkpoint('left'), undefined);
      t.deepEqual(await keysOf(store, 'left', { gte: '' }), []);
      t.deepEqual(await keysOf(store, 'left-most', { gte: '' }), ['a', '\u{10ffff}']);
      t.deepEqual(await keysOf(store, 'lefu', { gte: '' }), ['a', '\u{10ffff}']);
    }));

  test('a scan sees the table as it was when it was opened', (t) =>
    withStore(async (store) => {
      await store.write([{ table: 'left', checkpoint: at(1), rows: changes(['a', '1'], ['c', '3']) }]);
      const cursor = store.scan('left', { gte: '' });
      await store.write([
        {
          table: 'left',
          checkpoint: at(2),
          rows: changes(['a', 'x'], ['b', '2'], ['c', undefined]),
        },
      ]);
      const seen = await readAll(cursor);
      t.deepEqual(
        seen.map(({ key, value }) => [key, Buffer.from(value).toString()]),
        [
          ['a', '1'],
          ['c', '3'],
        ],
      );
    }));

  test('seek goes forward, stays inside the range and never goes back', (t) =>
    withStore(async (store) => {
      const rows = changes(...[...'abcdefgh'].map((key) => [key, key] as const));
      await store.write([{ table: 'left', checkpoint: at(1), rows }]);
      const cursor = store.scan('left', { gte: 'c', lt: 'g' });
      cursor.seek('a');
      t.deepEqual(
        (await cursor.next(1)).map(({ key }) => key),
        ['c'],
      );
      cursor.seek('e');
      cursor.seek('d');
      t.deepEqual(
        (await cursor.next(1)).map(({ key }) => key),
        ['e'],
      );
      cursor.seek('b');
      t.deepEqual(
        (await cursor.next(10)).map(({ key }) => key),
        ['f'],
      );
      t.deepEqual(await cursor.next(10), []);
      cursor.seek('h');
      t.deepEqual(await cursor.next(10), []);
      await cursor.close();
    }));

  test('rows come in the order of their UTF-8 bytes, whatever the pages and ranges', (t) =>
    withStore(async (store) => {
      let turn = 0;
      const property = fc.asyncProperty(
        fc.uniqueArray(anyKey, { maxLength: 40 }),
        anyKey,
        fc.option(anyKey, { nil: undefined }),
        fc.integer({ min: 1, max: 7 }),
        async (keys, gte, lt, limit) => {
          const table = `turn-${++turn}`;
          await store.write([
            { table, checkpoint: at(1), rows: changes(...keys.map((key) => [key, key] as const)) },
          ]);
          const byBytes = (a: string, b: string) => Buffer.compare(bytes(a), bytes(b));
          const expected = keys
            .filter((key) => byBytes(key, gte) >= 0 && (lt === undefined || byBytes(key, lt) < 0))
            .sort(byBytes);
          const range = lt === undefined ? { gte } : { gte, lt };
          t.deepEqual(await keysOf(store, table, range, limit), expected);
          t.deepEqual([...expected].sort(compareKeys), expected);
          for (const key of keys) t.is(Buffer.from(store.get(table, key) ?? '').toString(), key);
        },
      );
      await fc.assert(property, { numRuns: 150 });
    }));

  test('large rows are all read, in however many pages they come', (t) =>
    withStore(async (store) => {
      const value = Buffer.alloc(300_000, 1);
      const keys = Array.from({ length: 20 }, (_, number) => `k${String(number).padStart(3, '0')}`);
      const rows = new Map(keys.map((key) => [key, value]));
      await store.write([{ table: 'left', checkpoint: at(1), rows }]);
      t.deepEqual(await keysOf(store, 'left', { gte: '' }), keys);
    }));
}
