// Tests buckets-by-name: the life of a bucket, its revision beyond its end, and whose buckets there are.

import test from 'ava';
import { bucketStream, buckets } from '#core/buckets/buckets.events.ts';
import { openTestReadModels, type TestReadModels } from '#tests/support/read-models.ts';

const create = (models: TestReadModels, name: string, owner = 'anna') =>
  models.append(buckets, bucketStream(name), { type: 'BucketCreated', data: { owner, region: 'eu-1' } });
const change = (
  models: TestReadModels,
  name: string,
  type: 'BucketClosed' | 'BucketReopened' | 'BucketDeleted',
) => models.append(buckets, bucketStream(name), { type, data: {} });
const namesOf = async (models: TestReadModels, owner: string, after = '', limit = 100) =>
  (await models.buckets.ofOwner(owner, after, limit)).map(({ name }) => name);

test('a bucket keeps its owner, region and day through closing and opening again', async (t) => {
  const models = await openTestReadModels();
  t.is(models.buckets.get('photos'), undefined);
  t.is(models.buckets.revision('photos'), undefined);
  const createdMs = models.clock.nowMs();
  await create(models, 'photos');
  const known = { id: 'photos', name: 'photos', properties: {} };
  const created = { ...known, owner: 'anna', region: 'eu-1', createdMs };
  t.deepEqual(models.buckets.get('photos'), { ...created, status: 'open', revision: 0, writesSince: 0 });
  models.clock.advance(1_000);
  await change(models, 'photos', 'BucketClosed');
  t.deepEqual(models.buckets.get('photos'), { ...created, status: 'closing', revision: 1, writesSince: 0 });
  await change(models, 'photos', 'BucketReopened');
  t.deepEqual(models.buckets.get('photos'), { ...created, status: 'open', revision: 2, writesSince: 0 });
  await models.close();
});

test('a deleted bucket is gone but for its revision, and may be created again by another', async (t) => {
  const models = await openTestReadModels();
  await create(models, 'photos');
  await change(models, 'photos', 'BucketClosed');
  await change(models, 'photos', 'BucketDeleted');
  t.is(models.buckets.get('photos'), undefined);
  t.is(models.buckets.revision('photos'), 2);
  t.deepEqual(await namesOf(models, 'anna'), []);
  models.clock.advance(5_000);
  await create(models, 'photos', 'bert');
  t.like(models.buckets.get('photos'), { owner: 'bert', revision: 3, createdMs: models.clock.nowMs() });
  t.deepEqual(await namesOf(models, 'anna'), []);
  t.deepEqual(await namesOf(models, 'bert'), ['photos']);
  await models.close();
});

test('an owner has the own buckets only, by name, page after page', async (t) => {
  const models = await openTestReadModels();
  for (const name of ['d', 'b', 'aa', 'c', 'a']) await create(models, name, 'anna');
  await create(models, 'b2', 'ann');
  await create(models, 'b3', 'annabel');
  t.deepEqual(await namesOf(models, 'anna'), ['a', 'aa', 'b', 'c', 'd']);
  t.deepEqual(await namesOf(models, 'anna', '', 2), ['a', 'aa']);
  t.deepEqual(await namesOf(models, 'anna', 'aa', 2), ['b', 'c']);
  t.deepEqual(await namesOf(models, 'anna', 'd', 2), []);
  t.deepEqual(await namesOf(models, 'ann'), ['b2']);
  t.deepEqual(await namesOf(models, 'nobody'), []);
  await models.close();
});

test('writes count since the announcement before the last, prolonged ones are kept so long', async (t) => {
  const models = await openTestReadModels();
  const blobs = ['a', 'b'].map((digit) => digit.repeat(32)) as [string, string];
  const prolong = (blob: string) =>
    models.append(buckets, bucketStream('photos'), { type: 'WriteProlonged', data: { blob } });
  const announce = () =>
    models.append(buckets, bucketStream('photos'), { type: 'CollectionAnnounced', data: {} });
  await create(models, 'photos');
  t.is(models.buckets.collection('music'), undefined);
  await prolong(blobs[0]);
  models.clock.advance(7_000);
  await announce();
  const announcedMs = models.clock.nowMs();
  const prolonged = new Map([[blobs[0], 1]]);
  t.deepEqual(models.buckets.collection('photos'), {
    writesSince: 0,
    announcedAt: 2,
    announcedMs,
    prolonged,
  });
  t.like(models.buckets.get('photos'), { status: 'open', revision: 2, writesSince: 0 });
  await prolong(blobs[1]);
  await announce();
  t.deepEqual(models.buckets.collection('photos')?.prolonged, new Map([[blobs[1], 3]]));
  t.like(models.buckets.get('photos'), { revision: 4, writesSince: 2 });
  await change(models, 'photos', 'BucketClosed');
  await change(models, 'photos', 'BucketDeleted');
  t.is(models.buckets.collection('photos'), undefined);
  await create(models, 'photos');
  t.like(models.buckets.get('photos'), { revision: 7, writesSince: 7 });
  await models.close();
});
