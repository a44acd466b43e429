// Tests named-blobs: a blob is named exactly as long as an object's or a part's row has it.

import test from 'ava';
import { type Content, objectStream, objects, versionAt } from '#core/objects/objects.events.ts';
import { partStream, parts, uploadStream, uploads } from '#core/objects/uploads.events.ts';
import { openTestReadModels, type TestReadModels } from '#tests/support/read-models.ts';

const blob = (number: number) => number.toString(16).padStart(32, '0');
const uploadId = 'ab'.repeat(16);

const content = (...blobs: readonly string[]): Content => ({
  sizeBytes: blobs.length,
  etag: 'e',
  segments: blobs.map((each, index) => ({ blob: each, sizeBytes: 1, chunkBytes: 1, partNumber: index + 1 })),
  contentType: 't',
  headers: {},
  metadata: { note: blob(99) },
  storageClass: 's',
  owner: 'o',
});
const put = (models: TestReadModels, key: string, ...blobs: readonly string[]) =>
  models.append(objects, objectStream('photos', key), { type: 'ObjectPut', data: content(...blobs) });

test('a blob is named by the object that has it, until that is overwritten or deleted', async (t) => {
  const models = await openTestReadModels();
  const owner = objectStream('photos', 'a/b');
  const { isNamed } = models.namedBlobs;
  t.false(isNamed(owner, blob(1)));
  await put(models, 'a/b', blob(1), blob(2));
  t.true(isNamed(owner, blob(1)));
  t.true(isNamed(owner, blob(2)));
  t.false(isNamed(owner, blob(3)));
  t.false(isNamed(owner, blob(99)), 'metadata name nothing');
  t.false(isNamed(objectStream('photos', 'a'), blob(1)));
  await put(models, 'a/b', blob(3));
  t.false(isNamed(owner, blob(1)));
  t.true(isNamed(owner, blob(3)));
  await models.append(objects, owner, { type: 'ObjectDeleted', data: {} });
  t.false(isNamed(owner, blob(3)));
  await models.close();
});

test("a part's blob is named by the part, then by the object, then by none", async (t) => {
  const models = await openTestReadModels();
  const { isNamed } = models.namedBlobs;
  const owner = `${partStream('photos', uploadId, 7)}\n${objectStream('photos', 'k')}`;
  const details = { owner: 'o', contentType: 't', headers: {}, metadata: {}, storageClass: 's' };
  const start = { type: 'UploadStarted', data: { ...details, key: 'k' } } as const;
  await models.append(uploads, uploadStream('photos', uploadId), start);
  t.false(isNamed(owner, blob(7)));
  const part = { sizeBytes: 1, chunkBytes: 1, etag: 'e' };
  const upload = (number: number) =>
    models.append(parts, partStream('photos', uploadId, 7), {
      type: 'PartUploaded',
      data: { ...part, blob: blob(number) },
    });
  await upload(6);
  await upload(7);
  t.true(isNamed(owner, blob(7)));
  t.false(isNamed(owner, blob(6)), 'a part sent again replaces the first');
  const completed = { type: 'ObjectCompleted', data: { ...content(blob(7)), uploadId } } as const;
  await models.append(objects, objectStream('photos', 'k'), completed);
  t.is(models.uploads.part('photos', uploadId, 7), undefined);
  t.true(isNamed(owner, blob(7)));
  await put(models, 'k', blob(8));
  t.false(isNamed(owner, blob(7)));
  await models.close();
});

test('an owner whose key has newlines, or looks like a list of streams, is still found', async (t) => {
  const models = await openTestReadModels();
  const { isNamed } = models.namedBlobs;
  const keys = ['a\nb', '\n', `x\n${partStream('photos', uploadId, 1)}`, 'x\nobjects/photos/a', 'x\n'];
  for (const [number, key] of keys.entries()) {
    await put(models, key, blob(number));
    const alone = objectStream('photos', key);
    const shared = `${partStream('photos', uploadId, 2)}\n${alone}`;
    for (const owner of [alone, shared]) {
      t.true(isNamed(owner, blob(number)), JSON.stringify(owner));
      t.false(isNamed(owner, blob(77)), JSON.stringify(owner));
    }
  }
  await models.close();
});

test('an owner that names no stream names nothing', async (t) => {
  const models = await openTestReadModels();
  await put(models, 'k', blob(1));
  const owners = [
    '',
    '\n',
    'objects',
    'objects/',
    'objects/photos',
    'objects/photos/',
    'parts/photos/1/1',
    'k',
  ];
  for (const owner of owners) t.false(models.namedBlobs.isNamed(owner, blob(1)), JSON.stringify(owner));
  await models.close();
});

test('the blobs of a version are named until the version goes, whatever its key names', async (t) => {
  const models = await openTestReadModels();
  const owner = objectStream('photos', 'k\0');
  const { isNamed } = models.namedBlobs;
  const putAs = (number: number) => {
    const data = { ...content(blob(number)), version: String(number).repeat(20) };
    return models.append(objects, owner, { type: 'ObjectPut', data });
  };
  const { revision } = await putAs(1);
  const first = versionAt(revision, '1'.repeat(20));
  await putAs(2);
  const uploaded = { ...content(blob(3), blob(4)), uploadId, version: '3'.repeat(20) };
  await models.append(objects, owner, { type: 'ObjectCompleted', data: uploaded });
  const part = `${owner}\n${partStream('photos', uploadId, 2)}`;
  await models.append(objects, owner, {
    type: 'ObjectMarked',
    data: { version: '4'.repeat(20), owner: 'o' },
  });
  t.is(models.objects.get('photos', 'k\0'), undefined);
  for (const number of [1, 2]) t.true(isNamed(owner, blob(number)), `${number}`);
  for (const number of [3, 4]) t.true(isNamed(part, blob(number)), `${number}`);
  await models.append(objects, owner, { type: 'VersionDeleted', data: { version: first } });
  t.false(isNamed(owner, blob(1)));
  t.true(isNamed(owner, blob(2)));
  await models.close();
});
