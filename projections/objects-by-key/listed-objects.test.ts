// Tests the objects kept in memory for listings: whatever is put, deleted, flushed, listed and dropped for
// want of room, a listing shows what the table has, no more and no less.

import { setImmediate } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { objects } from '#core/objects/objects.events.ts';
import { compareKeys } from '../store/key-order.ts';
import { createMemoryStore } from '../store/memory-store.ts';
import type { RowRange, RowWatcher } from '../store/projection.ts';
import { anyKey } from '../store/read-store.suite.ts';
import type { ReadStore } from '../store/read-store.ts';
import { rowValue } from '../store/row-value.ts';
import { Table } from '../store/table.ts';
import { deletedRowKey, objectRowKey, objectsByKey } from './objects-by-key.projection.ts';
import { createObjectsByKey, type ListRequest, type ObjectsByKey } from './objects-by-key.query.ts';

/** The size tells one put from another. */
function rowOf(sizeBytes: number): Uint8Array {
  const data = {
    ...{ sizeBytes, etag: 'e', segments: [], contentType: 'text/plain', headers: {}, metadata: {} },
    ...{ storageClass: 'STANDARD', owner: `owner-${sizeBytes % 3}` },
  };
  return rowValue(1, 0, 1_000, objects.encode({ type: 'ObjectPut', data }));
}

/** A store whose scans take turns of the event loop, as those of a disk do. */
function slowStore(): ReadStore {
  const store = createMemoryStore();
  return {
    ...store,
    scan: (table, range) => {
      const cursor = store.scan(table, range);
      const next = async (limit: number) => {
        await setImmediate();
        return cursor.next(limit);
      };
      return { next, seek: (key) => cursor.seek(key), close: () => cursor.close() };
    },
  };
}

/** A table over such a store, with what its scans read. */
function openTable() {
  const store = slowStore();
  const table = new Table(objectsByKey, store, []);
  const read = { rows: 0, scans: 0 };
  const rows = {
    ...{ changes: 0, get: (key: string) => table.get(key) },
    watch: (watcher: RowWatcher) => table.watch(watcher),
    scan: (range: RowRange) => {
      read.scans++;
      const cursor = table.scan(range);
      const next = async (limit: number) => {
        const found = await cursor.next(limit);
        read.rows += found.length;
        return found;
      };
      return { next, seek: (key: string) => cursor.seek(key), close: () => cursor.close() };
    },
  };
  let flushed = 0;
  const flush = async () => {
    await store.write([table.freeze([++flushed])]);
    table.overlay.written();
  };
  /** As a rebuild does. */
  const writePast = async (bucket: string, key: string, size: number) => {
    const changes = new Map([[objectRowKey(bucket, key), rowOf(size)]]);
    const checkpoint = { version: 1, cursor: [++flushed] };
    await store.write([{ table: objectsByKey.name, checkpoint, rows: changes }]);
    table.changedUnseen();
  };
  return {
    ...{ rows, read, flush, writePast },
    put: (bucket: string, key: string, size: number) => table.put(objectRowKey(bucket, key), rowOf(size)),
    remove: (bucket: string, key: string) => {
      table.delete(objectRowKey(bucket, key));
      table.put(deletedRowKey(bucket, key), new Uint8Array(13));
    },
  };
}

const BUCKETS = ['photos', 'photo', 'photos-2'] as const;
const bucket = fc.constantFrom(...BUCKETS);
const happening = fc.oneof(
  { weight: 4, arbitrary: fc.record({ what: fc.constant('put' as const), bucket, key: fc.nat(23) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('remove' as const), bucket, key: fc.nat(23) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('flush' as const), waits: fc.boolean() }) },
  {
    weight: 5,
    arbitrary: fc.record({
      what: fc.constant('list' as const),
      bucket,
      prefix: fc.oneof({ weight: 2, arbitrary: fc.constant('') }, { weight: 1, arbitrary: anyKey }),
      delimiter: fc.constantFrom('', '', '/', 'a', '\u{10ffff}', '\0'),
      after: fc.oneof({ weight: 2, arbitrary: fc.constant('') }, { weight: 1, arbitrary: anyKey }),
      limit: fc.integer({ min: 1, max: 9 }),
      /** Otherwise the next happenings go on while it is read. */
      waits: fc.boolean(),
    }),
  },
);
type Happening = typeof happening extends fc.Arbitrary<infer Drawn> ? Drawn : never;

/** A table, its listings with some room and with none, and plain maps of what they must show. */
class World {
  readonly #t: ExecutionContext;
  readonly #keys: readonly string[];
  readonly #table = openTable();
  readonly #listed: ObjectsByKey;
  readonly #unlisted: ObjectsByKey;
  readonly #model = new Map<string, Map<string, number>>(BUCKETS.map((name) => [name, new Map()]));
  readonly #touched: string[] = [];
  #underWay: Promise<void>[] = [];
  #flushing = Promise.resolve();

  constructor(t: ExecutionContext, keys: readonly string[], budgetBytes: number) {
    this.#t = t;
    this.#keys = keys;
    this.#listed = createObjectsByKey(this.#table.rows, budgetBytes);
    this.#unlisted = createObjectsByKey(this.#table.rows, 0);
  }

  async happen(happening: Happening, number: number): Promise<void> {
    if (happening.what === 'flush') {
      this.#flushing = this.#flushing.then(this.#table.flush);
      if (happening.waits) await this.#flushing;
    } else if (happening.what === 'list') {
      const { what, waits, ...request } = happening;
      if (waits) await this.#listAlone(request);
      else this.#underWay.push(this.#listMeanwhile(request));
    } else {
      const { bucket } = happening;
      const key = this.#keys[happening.key] as string;
      this.#touched.push(`${bucket}/${key}`);
      if (happening.what === 'put') {
        this.#table.put(bucket, key, number);
        this.#model.get(bucket)?.set(key, number);
      } else {
        this.#table.remove(bucket, key);
        this.#model.get(bucket)?.delete(key);
      }
    }
  }

  async end(): Promise<void> {
    await this.#flushing;
    for (const bucket of BUCKETS) await this.#listAlone({ bucket, ...WHOLE });
    for (const bucket of BUCKETS) await this.#listAlone({ bucket, ...WHOLE });
  }

  /** Nothing else happens. */
  async #listAlone(request: ListRequest): Promise<void> {
    await Promise.all(this.#underWay);
    this.#underWay = [];
    const page = await this.#listed.list(request);
    this.#t.deepEqual(page, await this.#unlisted.list(request));
    const model = this.#model.get(request.bucket) as Map<string, number>;
    for (const { key, sizeBytes, owner } of page.objects) {
      this.#t.is(model.get(key), sizeBytes);
      this.#t.is(owner, `owner-${sizeBytes % 3}`);
    }
    if (request.delimiter === '') {
      const { prefix, after, limit } = request;
      const isBehind = (key: string) => after === '' || compareKeys(key, after) > 0;
      const expected = [...model.keys()].filter((key) => key.startsWith(prefix) && isBehind(key));
      this.#t.deepEqual(
        page.objects.map(({ key }) => key),
        expected.sort(compareKeys).slice(0, limit),
      );
      this.#t.is(page.truncated, expected.length > limit);
    }
  }

  /** Whatever happens, each key that nobody touches meanwhile is shown as it is. */
  async #listMeanwhile({ bucket, limit }: ListRequest): Promise<void> {
    const model = new Map(this.#model.get(bucket));
    const since = this.#touched.length;
    const page = await this.#listed.list({ bucket, ...WHOLE, limit });
    const touched = new Set(this.#touched.slice(since));
    const isLeft = (key: string) => !touched.has(`${bucket}/${key}`);
    const isOnPage = (key: string) => !page.truncated || compareKeys(key, page.last) <= 0;
    const expected = [...model].filter(([key]) => isLeft(key) && isOnPage(key));
    this.#t.deepEqual(
      page.objects.filter(({ key }) => isLeft(key)).map(({ key, sizeBytes }) => [key, sizeBytes] as const),
      expected.sort(([a], [b]) => compareKeys(a, b)),
    );
  }
}

const WHOLE = { prefix: '', delimiter: '', after: '', limit: 1_000 };

const room = { everything: 1 << 30, some: 6_000, 'one run': 900, nothing: 0 } as const;
for (const [what, budgetBytes] of Object.entries(room)) {
  test(`with room for ${what}, listings show what the table has, whatever happens meanwhile`, async (t) => {
    const keys = fc.uniqueArray(anyKey, { minLength: 24, maxLength: 24, size: 'max' });
    const happenings = fc.array(happening, { maxLength: 60, size: 'max' });
    const property = fc.asyncProperty(keys, happenings, async (drawn, happened) => {
      const world = new World(t, drawn, budgetBytes);
      for (const [number, one] of happened.entries()) await world.happen(one, number);
      await world.end();
    });
    await fc.assert(property, { numRuns: 120 });
  });
}

const keyNumber = (number: number) => `key-${String(number).padStart(6, '0')}`;

async function listAll(objects: ObjectsByKey, bucket: string, limit = 1_000): Promise<string[]> {
  const keys: string[] = [];
  for (let after = ''; ; ) {
    const page = await objects.list({ bucket, ...WHOLE, after, limit });
    for (const { key, sizeBytes } of page.objects) keys.push(`${key} ${sizeBytes}`);
    if (!page.truncated) return keys;
    after = page.last;
  }
}

test('a bucket that was listed once is listed without a read, however it changes after', async (t) => {
  const table = openTable();
  const listed = createObjectsByKey(table.rows);
  const model = new Map<string, number>();
  for (let number = 0; number < 3_000; number += 3) {
    table.put('photos', keyNumber(number), number);
    model.set(keyNumber(number), number);
  }
  await table.flush();
  await listAll(listed, 'photos', 300);
  const { scans } = table.read;
  for (let turn = 0; turn < 6_000; turn++) {
    const key = keyNumber((turn * 7_919) % 3_000);
    if (turn % 5 === 0) table.remove('photos', key);
    else table.put('photos', key, turn);
    if (turn % 5 === 0) model.delete(key);
    else model.set(key, turn);
    if (turn % 1_000 === 0) await table.flush();
  }
  const expected = [...model].map(([key, size]) => `${key} ${size}`).sort();
  for (const limit of [1_000, 77]) t.deepEqual(await listAll(listed, 'photos', limit), expected);
  t.is(table.read.scans, scans);
});

test('what changes between two pieces of a listing is shown by the next listing', async (t) => {
  const { rows, read, put, remove, flush } = openTable();
  const keysOf = (folder: string) => Array.from({ length: 40 }, (_, at) => `${folder}/${100 + at}`);
  for (const folder of ['a', 'b', 'c', 'd']) for (const key of keysOf(folder)) put('b', key, 1);
  await flush();
  const query = createObjectsByKey(rows);
  const folding = query.list({ bucket: 'b', prefix: '', delimiter: '/', after: '', limit: 10 });
  while (read.rows === 0) await setImmediate();
  // Behind where the scan stands, and not what it sees.
  put('b', 'd/100', 2);
  remove('b', 'd/101');
  put('b', 'd/1015', 3);
  t.deepEqual((await folding).commonPrefixes, ['a/', 'b/', 'c/', 'd/']);
  t.is(read.scans, 1);
  const { objects: listed } = await query.list({
    bucket: 'b',
    prefix: 'd/',
    delimiter: '',
    after: '',
    limit: 3,
  });
  t.deepEqual(
    listed.map(({ key, sizeBytes }) => [key, sizeBytes]),
    [
      ['d/100', 2],
      ['d/1015', 3],
      ['d/102', 1],
    ],
  );
});

test('rows that reach the store past the table are listed, though it was read before', async (t) => {
  const table = openTable();
  const listed = createObjectsByKey(table.rows);
  table.put('photos', 'a', 1);
  t.deepEqual(await listAll(listed, 'photos'), ['a 1']);
  await table.flush();
  await table.writePast('photos', 'b', 2);
  const meanwhile = listAll(listed, 'photos');
  await table.writePast('photos', 'c', 3);
  await meanwhile;
  t.deepEqual(await listAll(listed, 'photos'), ['a 1', 'b 2', 'c 3']);
});

test('a long listing drives out what is young, not what is in use', async (t) => {
  const table = openTable();
  const listed = createObjectsByKey(table.rows, 512 << 10);
  for (let number = 0; number < 200; number++) table.put('hot', keyNumber(number), number);
  for (let number = 0; number < 30_000; number++) table.put('cold', keyNumber(number), number);
  const rowsReadBy = async (listing: () => Promise<unknown>) => {
    const { rows } = table.read;
    await listing();
    return table.read.rows - rows;
  };
  const hot = () => rowsReadBy(() => listAll(listed, 'hot'));
  const cold = () => rowsReadBy(() => listAll(listed, 'cold', 100));
  t.is(await hot(), 200);
  await cold();
  t.is(await hot(), 200, 'listed once, it was as young as the rest');
  for (let page = 0; page < 20; page++) {
    await listed.list({ bucket: 'cold', ...WHOLE, after: keyNumber(page * 1_000), limit: 10 });
  }
  t.is(await hot(), 0);
  t.true((await cold()) > 20_000, 'the long one does not stay');
  t.is(await hot(), 0, 'nor does it drive out what is in use');
});
