// Tests uploads-by-bucket: parts in order, what an end takes away, and pages of uploads against a naive
// model.

import test from 'ava';
import fc from 'fast-check';
import { type Content, objectStream, objects } from '#core/objects/objects.events.ts';
import { partStream, parts, uploadStream, uploads } from '#core/objects/uploads.events.ts';
import { openTestReadModels, type TestReadModels } from '#tests/support/read-models.ts';
import { anyKey, readAll } from '../store/read-store.suite.ts';
import type { UploadListPage } from './uploads-by-bucket.query.ts';

const id = (number: number) => number.toString(16).padStart(32, '0');
const details = {
  owner: 'anna',
  contentType: 'text/plain',
  headers: { 'cache-control': 'no-cache' },
  metadata: { colour: 'red' },
  storageClass: 'STANDARD',
};
const start = (models: TestReadModels, bucket: string, uploadId: string, key: string) =>
  models.append(uploads, uploadStream(bucket, uploadId), {
    type: 'UploadStarted',
    data: { ...details, key },
  });
const addPart = (
  models: TestReadModels,
  bucket: string,
  uploadId: string,
  part: number,
  etag = `etag-${part}`,
) =>
  models.append(parts, partStream(bucket, uploadId, part), {
    type: 'PartUploaded',
    data: { blob: id(part), sizeBytes: part * 10, chunkBytes: 1_024, etag },
  });
const rowsLeft = async (models: TestReadModels) =>
  (await readAll(models.runner.table('uploads-by-bucket').scan({ gte: '' }))).length;

const content: Content = {
  sizeBytes: 1,
  etag: 'e-1',
  segments: [],
  contentType: 't',
  headers: {},
  metadata: {},
  storageClass: 's',
  owner: 'o',
};

const ends: Record<string, (models: TestReadModels, uploadId: string) => Promise<unknown>> = {
  'its completion': (models, uploadId) =>
    models.append(uploads, uploadStream('photos', uploadId), { type: 'UploadCompleted', data: {} }),
  'its abortion': (models, uploadId) =>
    models.append(uploads, uploadStream('photos', uploadId), { type: 'UploadAborted', data: {} }),
  'the object that it became': (models, uploadId) =>
    models.append(objects, objectStream('photos', 'a/k'), {
      type: 'ObjectCompleted',
      data: { ...content, uploadId },
    }),
};

test('an upload is found by its id, and its parts in order of number', async (t) => {
  const models = await openTestReadModels();
  const startedMs = models.clock.nowMs();
  await start(models, 'photos', id(1), 'a/k\0');
  models.clock.advance(1_000);
  for (const part of [10_000, 2, 1, 300]) await addPart(models, 'photos', id(1), part);
  await addPart(models, 'photos', id(1), 2, 'etag-again');
  t.deepEqual(models.uploads.get('photos', id(1)), {
    ...{ ...details, bucket: 'photos', key: 'a/k\0', uploadId: id(1), startedMs, revision: 0 },
  });
  t.is(models.uploads.get('photo', id(1)), undefined);
  const found = await models.uploads.parts('photos', id(1), 0, 100);
  t.deepEqual(
    found.map(({ partNumber, etag }) => [partNumber, etag]),
    [
      [1, 'etag-1'],
      [2, 'etag-again'],
      [300, 'etag-300'],
      [10_000, 'etag-10000'],
    ],
  );
  const page = await models.uploads.parts('photos', id(1), 2, 1);
  t.deepEqual(
    page.map(({ partNumber }) => partNumber),
    [300],
  );
  t.deepEqual(models.uploads.part('photos', id(1), 300), {
    ...{ partNumber: 300, blob: id(300), sizeBytes: 3_000, chunkBytes: 1_024, etag: 'etag-300' },
    modifiedMs: startedMs + 1_000,
  });
  t.is(models.uploads.part('photos', id(1), 3), undefined);
  await models.close();
});

for (const [what, end] of Object.entries(ends)) {
  test(`${what} takes an upload and all of its parts away, and no other's`, async (t) => {
    const models = await openTestReadModels();
    await start(models, 'photos', id(2), 'a/k');
    await addPart(models, 'photos', id(2), 1);
    const others = await rowsLeft(models);
    await start(models, 'photos', id(1), 'a/k');
    for (const part of [1, 7, 8, 9, 10_000]) await addPart(models, 'photos', id(1), part);
    await models.runner.flush();
    await end(models, id(1));
    t.is(models.uploads.get('photos', id(1)), undefined);
    t.is(models.uploads.part('photos', id(1), 7), undefined);
    t.deepEqual(await models.uploads.parts('photos', id(1), 0, 10), []);
    t.is(await rowsLeft(models), others);
    t.is(models.uploads.part('photos', id(2), 1)?.etag, 'etag-1');
    await models.close();
  });
}

test('the close of an upload that its object ended changes nothing', async (t) => {
  const models = await openTestReadModels();
  await start(models, 'photos', id(1), 'a/k');
  await ends['the object that it became']?.(models, id(1));
  await ends['its completion']?.(models, id(1));
  t.is(await rowsLeft(models), 0);
  await models.close();
});

interface Upload {
  readonly key: string;
  readonly uploadId: string;
}

/** The page's uploads and common prefixes, each told apart. */
const shown = ({ uploads: found, commonPrefixes }: UploadListPage) =>
  [
    ...found.map(({ key, uploadId }) => `upload ${key} ${uploadId}`),
    ...commonPrefixes.map((prefix) => `prefix ${prefix}`),
  ].sort();

function modelListing(all: readonly Upload[], prefix: string, delimiter: string): string[] {
  const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
  const sorted = [...all].sort((a, b) => byBytes(a.key, b.key) || byBytes(a.uploadId, b.uploadId));
  const names: string[] = [];
  for (const { key, uploadId } of sorted) {
    if (!key.startsWith(prefix)) continue;
    const at = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    const name = at < 0 ? `upload ${key} ${uploadId}` : `prefix ${key.slice(0, at + delimiter.length)}`;
    if (names.at(-1) !== name) names.push(name);
  }
  return names;
}

test('pages of any listing of uploads, one after another, are those of a naive model', async (t) => {
  const models = await openTestReadModels();
  let turn = 0;
  const someKeys = fc.array(
    anyKey.filter((key) => key !== ''),
    { minLength: 1, maxLength: 12, size: 'max' },
  );
  const property = fc.asyncProperty(
    someKeys,
    fc.array(fc.nat(100), { maxLength: 25, size: 'max' }),
    fc.oneof(fc.constant(''), anyKey),
    fc.oneof(fc.constantFrom('', '/', '\0', '\u{10000}'), anyKey),
    fc.integer({ min: 1, max: 4 }),
    async (keys, picks, prefix, delimiter, limit) => {
      const bucket = `bucket-${++turn}`;
      const all = picks.map((pick, number) => ({
        key: keys[pick % keys.length] as string,
        uploadId: id((number * 2_654_435_761) % 4_294_967_296),
      }));
      for (const { key, uploadId } of all) await start(models, bucket, uploadId, key);
      if (turn % 2 === 0) await models.runner.flush();
      const expected = modelListing(all, prefix, delimiter);
      let [keyMarker, uploadIdMarker] = ['', ''];
      for (let seen = 0; ; seen += limit) {
        const page = await models.uploads.list({
          bucket,
          prefix,
          delimiter,
          keyMarker,
          uploadIdMarker,
          limit,
        });
        t.deepEqual(shown(page), expected.slice(seen, seen + limit).sort());
        t.is(page.truncated, seen + limit < expected.length);
        if (!page.truncated) break;
        [keyMarker, uploadIdMarker] = [page.nextKeyMarker, page.nextUploadIdMarker];
      }
    },
  );
  await fc.assert(property, { numRuns: 150 });
  await models.close();
});

test('a key marker alone skips all uploads of that key, with an id those up to it', async (t) => {
  const models = await openTestReadModels();
  for (const [key, number] of [
    ['a', 1],
    ['b', 2],
    ['b', 3],
    ['b\0', 1],
    ['c', 1],
  ] as const) {
    await start(models, 'photos', id(number * 100 + key.length * 10 + key.charCodeAt(0)), key);
  }
  const request = { bucket: 'photos', prefix: '', delimiter: '', limit: 10 };
  const list = async (keyMarker: string, uploadIdMarker: string) =>
    (await models.uploads.list({ ...request, keyMarker, uploadIdMarker })).uploads.map(({ key }) => key);
  t.deepEqual(await list('b', ''), ['b\0', 'c']);
  t.deepEqual(await list('b', id(2 * 100 + 10 + 98)), ['b', 'b\0', 'c']);
  t.deepEqual(await list('', ''), ['a', 'b', 'b', 'b\0', 'c']);
  await models.close();
});
