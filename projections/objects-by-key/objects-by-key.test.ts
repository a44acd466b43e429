// Tests objects-by-key: what a key names, and listings against a naive model over any Unicode keys.

import test from 'ava';
import fc from 'fast-check';
import { bucketStream, buckets } from '#core/buckets/buckets.events.ts';
import { type Content, objectStream, objects } from '#core/objects/objects.events.ts';
import { openTestReadModels, type TestReadModels } from '#tests/support/read-models.ts';
import { anyKey } from '../store/read-store.suite.ts';
import { listedObject, rowNamesBlob, storedObject } from './object-row.ts';
import { objectRowKey } from './objects-by-key.projection.ts';
import { createObjectsByKey, type ListPage } from './objects-by-key.query.ts';

const plain: Content = {
  sizeBytes: 5,
  etag: 'd41d8cd98f00b204e9800998ecf8427e',
  segments: [{ blob: '00'.repeat(16), sizeBytes: 5, chunkBytes: 1_048_576, partNumber: 0 }],
  contentType: 'text/plain',
  headers: {},
  metadata: {},
  storageClass: 'STANDARD',
  owner: 'owner-1',
};

const put = (models: TestReadModels, bucket: string, key: string, content = plain) =>
  models.append(objects, objectStream(bucket, key), { type: 'ObjectPut', data: content });
const remove = (models: TestReadModels, bucket: string, key: string) =>
  models.append(objects, objectStream(bucket, key), { type: 'ObjectDeleted', data: {} });

const everything = { prefix: '', delimiter: '', after: '', limit: 1_000 };

test('a put object is found whole, with the revision and time of its event', async (t) => {
  const models = await openTestReadModels();
  models.clock.advance(5_000);
  await put(models, 'photos', 'a/b\0c');
  const object = models.objects.get('photos', 'a/b\0c');
  t.deepEqual(object, {
    ...plain,
    bucket: 'photos',
    key: 'a/b\0c',
    revision: 0,
    modifiedMs: models.clock.nowMs(),
  });
  t.is(models.objects.get('photo', 's\0a/b\0c'), undefined);
  await models.close();
});

test('a completed upload is found with its upload id', async (t) => {
  const models = await openTestReadModels();
  const data = { ...plain, uploadId: 'ab'.repeat(16) };
  await models.append(objects, objectStream('photos', 'k'), { type: 'ObjectCompleted', data });
  t.is(models.objects.get('photos', 'k')?.uploadId, data.uploadId);
  await models.close();
});

test('a deleted key names nothing, is not listed, and still answers its revision', async (t) => {
  const models = await openTestReadModels();
  t.is(models.objects.revision('photos', 'k'), undefined);
  await put(models, 'photos', 'k');
  t.is(models.objects.revision('photos', 'k'), 0);
  t.false(await models.objects.isEmpty('photos'));
  await remove(models, 'photos', 'k');
  t.is(models.objects.get('photos', 'k'), undefined);
  t.is(models.objects.revision('photos', 'k'), 1);
  t.true(await models.objects.isEmpty('photos'));
  t.deepEqual((await models.objects.list({ bucket: 'photos', ...everything })).objects, []);
  await put(models, 'photos', 'k');
  t.is(models.objects.revision('photos', 'k'), 2);
  t.is((await models.objects.list({ bucket: 'photos', ...everything })).objects.length, 1);
  await models.close();
});

test('a bucket is empty though its neighbours in name are not', async (t) => {
  const models = await openTestReadModels();
  await put(models, 'aa', 'k');
  await put(models, 'a', 'k');
  await put(models, 'a-b', 'k');
  await remove(models, 'a', 'k');
  t.true(await models.objects.isEmpty('a'));
  t.false(await models.objects.isEmpty('aa'));
  await models.close();
});

test('a listing shows what the whole event says', (t) => {
  const text = fc.string({ unit: 'binary', maxLength: 12 });
  const optionalText = fc.option(text, { nil: undefined });
  const content = fc.record({
    sizeBytes: fc.oneof(fc.nat(300), fc.maxSafeNat()),
    etag: text,
    segments: fc.array(
      fc.record({
        blob: fc.constantFrom('', 'ab'.repeat(16), '01'.repeat(16)),
        sizeBytes: fc.maxSafeNat(),
        chunkBytes: fc.nat(),
        partNumber: fc.nat(),
      }),
    ),
    contentType: text,
    headers: fc.dictionary(text, text),
    metadata: fc.dictionary(text, text),
    storageClass: text,
    owner: text,
    checksumAlgorithm: optionalText,
    checksumType: optionalText,
    checksum: optionalText,
  });
  fc.assert(
    fc.property(content, fc.boolean(), (drawn, completed) => {
      const data: Content = Object.fromEntries(
        Object.entries(drawn).filter(([, value]) => value !== undefined),
      ) as unknown as Content;
      const event = completed
        ? ({ type: 'ObjectCompleted', data: { ...data, uploadId: 'u' } } as const)
        : ({ type: 'ObjectPut', data } as const);
      const header = Buffer.alloc(13, 0);
      header[0] = completed ? 2 : 1;
      header.writeUIntBE(77, 1, 6);
      header.writeUIntBE(1_700_000_000_000, 7, 6);
      const value = Buffer.concat([header, objects.encode(event)]);
      const whole = storedObject('b', 'k', value);
      t.is(whole.revision, 77);
      const { sizeBytes, etag, modifiedMs, contentType, storageClass, owner } = whole;
      const { checksumAlgorithm, checksumType } = whole;
      t.is(modifiedMs, 1_700_000_000_000);
      t.deepEqual(listedObject('k', value), {
        ...{ key: 'k', sizeBytes, etag, modifiedMs, contentType, storageClass, owner },
        ...(checksumAlgorithm !== undefined && { checksumAlgorithm }),
        ...(checksumAlgorithm !== undefined && checksumType !== undefined && { checksumType }),
      });
      for (const { blob } of whole.segments) if (blob !== '') t.true(rowNamesBlob(value, blob));
    }),
    { numRuns: 300 },
  );
});

test('a blob id in the metadata is not taken for a segment', (t) => {
  const blob = 'ab'.repeat(16);
  const encode = (data: Content) =>
    Buffer.concat([Buffer.alloc(13), objects.encode({ type: 'ObjectPut', data })]);
  t.false(rowNamesBlob(encode({ ...plain, metadata: { note: blob } }), blob));
  const segments = [...plain.segments, { blob, sizeBytes: 1, chunkBytes: 1, partNumber: 2 }];
  t.true(rowNamesBlob(encode({ ...plain, segments }), blob));
});

// Listings against a model that sorts, filters and folds everything.

interface Listed {
  readonly objects: readonly string[];
  readonly commonPrefixes: readonly string[];
}

function modelListing(keys: readonly string[], prefix: string, delimiter: string, after: string): string[] {
  const names: string[] = [];
  const bytes = (text: string) => Buffer.from(text);
  for (const key of [...keys].sort((a, b) => Buffer.compare(bytes(a), bytes(b)))) {
    if (!key.startsWith(prefix)) continue;
    const at = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    const name = at < 0 ? key : key.slice(0, at + delimiter.length);
    const folded = at >= 0;
    if (after !== '' && Buffer.compare(bytes(name), bytes(after)) <= 0) continue;
    if (folded && after.startsWith(name)) continue;
    const marked = (folded ? 'prefix ' : 'object ') + name;
    if (names.at(-1) !== marked) names.push(marked);
  }
  return names;
}

const named = ({ objects, commonPrefixes }: Listed) =>
  [...objects.map((key) => `object ${key}`), ...commonPrefixes.map((prefix) => `prefix ${prefix}`)].sort();
const namedPage = ({ objects, commonPrefixes }: ListPage) =>
  named({ objects: objects.map(({ key }) => key), commonPrefixes });

test('pages of any listing, one after another, are those of a model that folds everything', async (t) => {
  const models = await openTestReadModels();
  let turn = 0;
  const property = fc.asyncProperty(
    fc.uniqueArray(
      anyKey.filter((key) => key !== ''),
      { maxLength: 60, size: 'max' },
    ),
    fc.oneof(fc.constant(''), anyKey),
    fc.oneof(fc.constantFrom('', '/', 'a', '\u{10000}', '\uffff', '/a', '\0'), anyKey),
    fc.oneof(fc.constant(''), anyKey),
    fc.integer({ min: 1, max: 5 }),
    async (keys, prefix, delimiter, after, limit) => {
      const bucket = `bucket-${++turn}`;
      for (const key of keys) await put(models, bucket, key);
      // Some are deleted, some are on disk already, some are not.
      if (turn % 3 === 0) await models.runner.flush();
      const kept = keys.filter((_, number) => number % 4 !== 3);
      for (const key of keys) if (!kept.includes(key)) await remove(models, bucket, key);
      if (turn % 3 === 1) await models.runner.flush();
      const expected = modelListing(kept, prefix, delimiter, after);
      let marker = after;
      for (let shown = 0; ; shown += limit) {
        const page = await models.objects.list({ bucket, prefix, delimiter, after: marker, limit });
        t.deepEqual(namedPage(page), expected.slice(shown, shown + limit).sort());
        t.is(page.truncated, shown + limit < expected.length);
        t.is(
          page.last,
          expected
            .slice(shown, shown + limit)
            .at(-1)
            ?.slice(7) ?? '',
        );
        if (!page.truncated) break;
        marker = page.last;
      }
    },
  );
  await fc.assert(property, { numRuns: 250 });
  await models.close();
});

test('a marker inside a common prefix hides it, one below it does not', async (t) => {
  const models = await openTestReadModels();
  for (const key of ['a', 'b/1', 'b/2', 'c']) await put(models, 'photos', key);
  const list = (after: string) =>
    models.objects.list({ bucket: 'photos', prefix: '', delimiter: '/', after, limit: 10 });
  t.deepEqual(namedPage(await list('b')), ['object c', 'prefix b/']);
  t.deepEqual(namedPage(await list('b/')), ['object c']);
  t.deepEqual(namedPage(await list('b/1')), ['object c']);
  await models.close();
});

test('a page of no keys is empty and not truncated', async (t) => {
  const models = await openTestReadModels();
  await put(models, 'photos', 'a');
  const page = await models.objects.list({ bucket: 'photos', ...everything, limit: 0 });
  t.deepEqual(page, { objects: [], commonPrefixes: [], truncated: false, last: '' });
  await models.close();
});

test('large folded ranges are jumped over, with rows pending and stored', async (t) => {
  const models = await openTestReadModels();
  for (let folder = 0; folder < 5; folder++) {
    for (let file = 0; file < 300; file++) await put(models, 'photos', `folder-${folder}/file-${file}`);
    if (folder % 2 === 0) await models.runner.flush();
  }
  const table = models.runner.table('objects-by-key');
  let read = 0;
  const counting = {
    changes: 0,
    watch: () => {},
    get: (key: string) => table.get(key),
    scan: (range: Parameters<typeof table.scan>[0]) => {
      const cursor = table.scan(range);
      return {
        ...{ seek: (key: string) => cursor.seek(key), close: () => cursor.close() },
        next: async (limit: number) => {
          const rows = await cursor.next(limit);
          read += rows.length;
          return rows;
        },
      };
    },
  };
  const page = await createObjectsByKey(counting).list({ bucket: 'photos', ...everything, delimiter: '/' });
  t.deepEqual(page.commonPrefixes, ['folder-0/', 'folder-1/', 'folder-2/', 'folder-3/', 'folder-4/']);
  t.true(read <= 5 * 16, `${read} rows were read of 1500`);
  await models.close();
});

test('other families leave no rows here', async (t) => {
  const models = await openTestReadModels();
  const data = { owner: 'o', region: 'r' };
  await models.append(buckets, bucketStream('photos'), { type: 'BucketCreated', data });
  t.is(models.runner.table('objects-by-key').get(objectRowKey('photos', '')), undefined);
  t.true(await models.objects.isEmpty('photos'));
  await models.close();
});
