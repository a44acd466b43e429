// Tests that a rebuilt projection equals the running one after any history, and that the comparison can tell.

import test from 'ava';
import fc from 'fast-check';
import { bucketStream, buckets } from '#core/buckets/buckets.events.ts';
import { accountStream, accounts } from '#core/identity/accounts.events.ts';
import { ManualClock } from '#core/kernel/clock.ts';
import { type Content, objectStream, objects } from '#core/objects/objects.events.ts';
import { partStream, parts, uploadStream, uploads } from '#core/objects/uploads.events.ts';
import { openTestReadModels, type TestReadModels } from '#tests/support/read-models.ts';
import { projections } from './all.ts';
import { type ReplayResult, replayProjection } from './replay.ts';
import { createMemoryStore } from './store/memory-store.ts';
import { anyKey } from './store/read-store.suite.ts';

const clock = new ManualClock();

function replay(models: TestReadModels, name: string, scratch = createMemoryStore()): Promise<ReplayResult> {
  const projection = projections.find((one) => one.name === name);
  if (!projection) throw new Error(name);
  return replayProjection({ log: models.log, projection, running: models.runner, clock, scratch });
}

const content: Content = {
  sizeBytes: 1,
  etag: 'e',
  segments: [{ blob: 'ab'.repeat(16), sizeBytes: 1, chunkBytes: 1, partNumber: 0 }],
  contentType: 't',
  headers: {},
  metadata: {},
  storageClass: 's',
  owner: 'o',
};
const started = { key: 'k', owner: 'o', contentType: 't', headers: {}, metadata: {}, storageClass: 's' };

/** A few things that happen to a few aggregates; those that would not be legal are left out by the model. */
class History {
  readonly #models: TestReadModels;
  readonly #present = new Set<string>();
  readonly #status = new Map<string, string>();

  constructor(models: TestReadModels) {
    this.#models = models;
  }

  async object(bucket: string, key: string, remove: boolean): Promise<void> {
    const stream = objectStream(bucket, key);
    if (remove && !this.#present.delete(stream)) return;
    if (!remove) this.#present.add(stream);
    const data = { ...content, metadata: { key } };
    await this.#models.append(
      objects,
      stream,
      remove ? { type: 'ObjectDeleted', data: {} } : { type: 'ObjectPut', data },
    );
  }

  async bucket(name: string): Promise<void> {
    const next = { absent: 'BucketCreated', open: 'BucketClosed', closing: 'BucketDeleted' } as const;
    const status = (this.#status.get(name) ?? 'absent') as keyof typeof next;
    const type = next[status];
    this.#status.set(name, buckets.next(status, type) as string);
    const event = type === 'BucketCreated' ? { type, data: { owner: 'o', region: 'r' } } : { type, data: {} };
    await this.#models.append(buckets, bucketStream(name), event);
  }

  async upload(bucket: string, uploadId: string, part: number, key: string): Promise<void> {
    const stream = uploadStream(bucket, uploadId);
    const status = this.#status.get(stream);
    if (status === undefined) {
      this.#status.set(stream, 'active');
      await this.#models.append(uploads, stream, { type: 'UploadStarted', data: { ...started, key } });
    } else if (status === 'active' && part === 0) {
      this.#status.set(stream, 'ended');
      await this.#models.append(uploads, stream, { type: 'UploadAborted', data: {} });
    } else if (status === 'active' && part === 1) {
      this.#status.set(stream, 'ended');
      const data = { ...content, uploadId };
      await this.#models.append(objects, objectStream(bucket, key), { type: 'ObjectCompleted', data });
    } else if (status === 'active') {
      const data = { blob: 'cd'.repeat(16), sizeBytes: 1, chunkBytes: 1, etag: 'e' };
      await this.#models.append(parts, partStream(bucket, uploadId, part), { type: 'PartUploaded', data });
    }
  }

  async account(id: string): Promise<void> {
    const stream = accountStream(id);
    const step = Number(this.#status.get(stream) ?? 0);
    this.#status.set(stream, String(step + 1));
    const key = { accessKeyId: `key-${id}-${step}` };
    if (step === 0) {
      const data = { name: `name-${id}`, canonicalId: 'c', role: 'member' };
      await this.#models.append(accounts, stream, { type: 'AccountCreated', data });
    } else if (step < 3) {
      const data = { ...key, sealedSecret: Buffer.from(id) };
      await this.#models.append(accounts, stream, { type: 'AccessKeyCreated', data });
    } else if (step === 3) {
      await this.#models.append(accounts, stream, { type: 'AccountRemoved', data: {} });
    }
  }
}

const happening = fc.oneof(
  fc.record({ what: fc.constant('object' as const), key: anyKey, bucket: fc.nat(2), remove: fc.boolean() }),
  fc.record({ what: fc.constant('bucket' as const), bucket: fc.nat(2) }),
  fc.record({
    what: fc.constant('upload' as const),
    bucket: fc.nat(1),
    part: fc.nat(5),
    upload: fc.nat(2),
    key: anyKey,
  }),
  fc.record({ what: fc.constant('account' as const), account: fc.nat(2) }),
  fc.record({ what: fc.constant('flush' as const) }),
);

test('after any history every rebuilt projection equals the running one', async (t) => {
  const property = fc.asyncProperty(
    fc.array(happening, { maxLength: 60, size: 'max' }),
    async (happenings) => {
      const models = await openTestReadModels({ partitions: 2 });
      const history = new History(models);
      for (const what of happenings) {
        if (what.what === 'object') await history.object(`b${what.bucket}`, what.key, what.remove);
        else if (what.what === 'bucket') await history.bucket(`b${what.bucket}`);
        else if (what.what === 'upload')
          await history.upload(`b${what.bucket}`, `u${what.upload}`, what.part, what.key);
        else if (what.what === 'account') await history.account(`a${what.account}`);
        else await models.runner.flush();
      }
      const events = (await models.log.tail()).reduce((total, offset) => total + offset, 0);
      for (const { name } of projections) {
        const result = await replay(models, name);
        t.like(result, { events, equal: true, firstDifference: undefined }, name);
      }
      await models.close();
    },
  );
  await fc.assert(property, { numRuns: 40 });
});

async function withObjects(count: number): Promise<TestReadModels> {
  const models = await openTestReadModels();
  const history = new History(models);
  for (let number = 0; number < count; number++) await history.object('b', `key-${number}`, false);
  return models;
}

for (const [what, tamper, running] of [
  ['changed', Buffer.from('tampered'), 'different'],
  ['taken away', undefined, 'missing'],
] as const) {
  test(`a row that was ${what} is found and named`, async (t) => {
    const models = await withObjects(20);
    await models.runner.flush();
    const key = 'present/b\0key-7';
    const checkpoint = models.store.checkpoint('objects-by-key');
    if (!checkpoint) return t.fail();
    await models.store.write([{ table: 'objects-by-key', checkpoint, rows: new Map([[key, tamper]]) }]);
    const result = await replay(models, 'objects-by-key');
    t.false(result.equal);
    t.deepEqual(result.firstDifference, { key, running });
    await models.close();
  });
}

test('a row that should not be there is found and named', async (t) => {
  const models = await withObjects(3);
  await models.runner.flush();
  const checkpoint = models.store.checkpoint('objects-by-key');
  if (!checkpoint) return t.fail();
  const rows = new Map([['present/zzz', Buffer.from('1')]]);
  await models.store.write([{ table: 'objects-by-key', checkpoint, rows }]);
  const { firstDifference } = await replay(models, 'objects-by-key');
  t.deepEqual(firstDifference, { key: 'present/zzz', running: 'surplus' });
  await models.close();
});

test('an empty log is equal at once', async (t) => {
  const models = await openTestReadModels();
  t.deepEqual(await replay(models, 'buckets-by-name'), { events: 0, rows: 0, equal: true });
  await models.close();
});

test('what goes on while the replay runs is not compared, and progress reaches the end', async (t) => {
  const models = await withObjects(50);
  const history = new History(models);
  const seen: number[] = [];
  const projection = projections.find(({ name }) => name === 'objects-by-key');
  if (!projection) return t.fail();
  // In a directory of its own, as the program does it.
  const replaying = replayProjection({
    ...{ log: models.log, projection, running: models.runner, clock },
    onProgress: ({ events, totalEvents }) => {
      seen.push(events);
      t.true(events <= totalEvents);
    },
  });
  for (let number = 0; number < 50; number++) await history.object('b', `key-${number}`, true);
  const result = await replaying;
  t.true(result.equal);
  t.is(seen.at(-1), result.events);
  await models.close();
});
