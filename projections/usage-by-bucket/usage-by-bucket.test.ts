// Tests usage-by-bucket: sums follow whatever happens to objects, as a model that keeps all of them says.

import test from 'ava';
import fastCheck from 'fast-check';
import { bucketStream, buckets } from '#core/buckets/buckets.events.ts';
import { type Content, objectStream, objects } from '#core/objects/objects.events.ts';
import { openTestReadModels } from '#tests/support/read-models.ts';

const contentOf = (sizeBytes: number, more: Partial<Content> = {}): Content => ({
  ...{ sizeBytes, etag: 'e', segments: [], contentType: 'text/plain', headers: {}, metadata: {} },
  ...{ storageClass: 'STANDARD', owner: 'anna', ...more },
});

const step = fastCheck.record({
  bucket: fastCheck.constantFrom('photos', 'anna:photos', 'music'),
  key: fastCheck.constantFrom('a', 'a/b', 'b'),
  type: fastCheck.constantFrom(
    'ObjectPut',
    'ObjectCompleted',
    'ObjectDescribed',
    'ObjectTagged',
    'ObjectDeleted',
  ),
  sizeBytes: fastCheck.oneof(fastCheck.nat(100), fastCheck.constant(2 ** 40)),
  assembled: fastCheck.boolean(),
  expiresMs: fastCheck.constantFrom(undefined, 1_000, 2_000, 10_000_000_000_000),
});

test('sums of buckets and owners are those of the objects that are there', async (t) => {
  await fastCheck.assert(
    fastCheck.asyncProperty(fastCheck.array(step, { maxLength: 30 }), async (steps) => {
      const models = await openTestReadModels();
      for (const [bucket, owner] of [
        ['photos', 'bert'],
        ['anna:photos', 'anna'],
        ['music', 'anna'],
      ] as const) {
        const data = { owner, region: 'eu-1' };
        await models.append(buckets, bucketStream(bucket), { type: 'BucketCreated', data });
      }
      const there = new Map<string, { bucket: string; sizeBytes: number; key: string; expiresMs: number }>();
      for (const { bucket, key, type, sizeBytes, assembled, expiresMs } of steps) {
        const end = expiresMs === undefined ? {} : { expiresMs };
        const endMs = expiresMs ?? Number.POSITIVE_INFINITY;
        const name = `${bucket}/${key}`;
        const isThere = there.has(name);
        const stream = objectStream(bucket, key);
        if (type === 'ObjectDeleted') {
          if (isThere) await models.append(objects, stream, { type, data: {} });
          there.delete(name);
        } else if (type === 'ObjectDescribed' || type === 'ObjectTagged') {
          const before = there.get(name)?.sizeBytes ?? 0;
          if (!isThere) continue;
          const data = { ...contentOf(before, end), modifiedMs: 5 };
          if (type === 'ObjectTagged') await models.append(objects, stream, { type, data });
          else await models.append(objects, stream, { type, data });
          there.set(name, { bucket, key, sizeBytes: before, expiresMs: endMs });
        } else {
          const assembly = { parts: [], bucket: 'music', prefix: 'x' };
          const data = contentOf(sizeBytes, { ...end, ...(assembled && { assembly }) });
          if (type === 'ObjectPut') await models.append(objects, stream, { type, data });
          else await models.append(objects, stream, { type, data: { ...data, uploadId: 'u' } });
          there.set(name, { bucket, key, sizeBytes: assembled ? 0 : sizeBytes, expiresMs: endMs });
        }
      }
      const sum = (names: readonly string[]) => {
        const mine = [...there.values()].filter(({ bucket }) => names.includes(bucket));
        return { objects: mine.length, bytes: mine.reduce((all, { sizeBytes }) => all + sizeBytes, 0) };
      };
      for (const bucket of ['photos', 'anna:photos', 'music']) {
        t.like(models.usage.ofBucket(bucket), sum([bucket]));
      }
      for (const nowMs of [999, 1_000, 1_500, 2_000, 10_000_000_000_000]) {
        const due = [...there.values()].filter(({ expiresMs }) => expiresMs <= nowMs);
        const ended = await models.usage.ended(nowMs, 100);
        const names = (of: readonly { bucket: string; key: string }[]) =>
          of.map(({ bucket, key }) => `${bucket}/${key}`).sort();
        t.deepEqual(names(ended), names(due));
      }
      t.deepEqual(await models.usage.ofOwner('anna'), { buckets: 2, ...sum(['anna:photos', 'music']) });
      t.deepEqual(await models.usage.ofOwner('bert'), { buckets: 1, ...sum(['photos']) });
      await models.close();
    }),
    { numRuns: 40 },
  );
});

test('a bucket that is deleted is no longer counted', async (t) => {
  const models = await openTestReadModels();
  const data = { owner: 'anna', region: 'eu-1' };
  const stream = bucketStream('photos');
  await models.append(buckets, stream, { type: 'BucketCreated', data });
  t.is((await models.usage.ofOwner('anna')).buckets, 1);
  await models.append(buckets, stream, { type: 'BucketClosed', data: {} });
  await models.append(buckets, stream, { type: 'BucketDeleted', data: {} });
  t.deepEqual(await models.usage.ofOwner('anna'), { buckets: 0, objects: 0, bytes: 0 });
  t.deepEqual(await models.usage.ofOwner('nobody'), { buckets: 0, objects: 0, bytes: 0 });
  await models.close();
});
