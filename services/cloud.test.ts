// Owns the promises of the use cases: who wins a race, what a lost or refused write leaves behind, who may do
// what.

import { createHash } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { isRejected } from '#core/kernel/decider.ts';
import { limits } from '#core/kernel/limits.ts';
import { uploadStream } from '#core/objects/uploads.events.ts';
import { type MemoryCloud, openMemoryCloud } from '#tests/support/memory-cloud.ts';
import { ScriptedSource } from '#tests/support/scripted-source.ts';
import type { Caller, ContentDraft, PutObjectRequest, WriteCondition } from './cloud.ts';

const ADA: Caller = { accountId: 'ada', role: 'member', requestId: 'r1' };
const BOB: Caller = { accountId: 'bob', role: 'member', requestId: 'r2' };

async function withBucket(t: ExecutionContext): Promise<MemoryCloud> {
  const memory = await openMemoryCloud();
  t.teardown(() => memory.close());
  t.like(await memory.cloud.buckets.create(ADA, 'b', 'us-east-1'), { name: 'b', owner: 'ada' });
  return memory;
}

const md5 = (text: string) => createHash('md5').update(text).digest('hex');

const draftOf = (etag: string): ContentDraft => ({
  etag,
  contentType: 'text/plain',
  headers: {},
  metadata: {},
  storageClass: 'STANDARD',
});

const putting = (key: string, text: string, condition: WriteCondition = {}): PutObjectRequest => ({
  bucket: 'b',
  key,
  source: new ScriptedSource({ slices: [Buffer.from(text)], sizeBytes: text.length, eager: true }),
  digests: ['md5'],
  condition,
  describe: ({ digests }) => draftOf(Buffer.from(digests.md5 ?? []).toString('hex')),
});

async function contentOf({ cloud }: MemoryCloud, key: string): Promise<string | undefined> {
  const object = await cloud.objects.get(ADA, 'b', key);
  if (isRejected(object)) return undefined;
  const parts: Buffer[] = [];
  await cloud.objects.read(object, 0, object.sizeBytes, {
    write: (bytes) => {
      parts.push(Buffer.from(bytes));
      return undefined;
    },
  });
  return Buffer.concat(parts).toString();
}

test('what was put is there, with what the dialect said of it', async (t) => {
  const memory = await withBucket(t);
  t.like(await memory.cloud.objects.put(ADA, putting('k', 'hello')), {
    key: 'k',
    sizeBytes: 5,
    etag: md5('hello'),
  });
  t.is(await contentOf(memory, 'k'), 'hello');
  t.like(
    await memory.cloud.objects.list(ADA, { bucket: 'b', prefix: '', delimiter: '', after: '', limit: 10 }),
    {
      truncated: false,
      objects: { length: 1 },
    },
  );
});

test('of many puts that want an absent key exactly one wins', async (t) => {
  const memory = await withBucket(t);
  const outcomes = await Promise.all(
    Array.from({ length: 16 }, (_, n) =>
      memory.cloud.objects.put(ADA, putting('k', `${n}`, { ifAbsent: true })),
    ),
  );
  const winners = outcomes.filter((outcome) => !isRejected(outcome));
  t.is(winners.length, 1);
  t.is(
    outcomes.filter((outcome) => isRejected(outcome) && outcome.rejected === 'precondition-failed').length,
    15,
  );
  t.is(await contentOf(memory, 'k'), `${outcomes.findIndex((outcome) => !isRejected(outcome))}`);
});

test('of many puts that want the same etag exactly one wins', async (t) => {
  const memory = await withBucket(t);
  await memory.cloud.objects.put(ADA, putting('k', 'first'));
  const outcomes = await Promise.all(
    Array.from({ length: 8 }, (_, n) =>
      memory.cloud.objects.put(ADA, putting('k', `${n}`, { ifEtag: md5('first') })),
    ),
  );
  t.is(outcomes.filter((outcome) => !isRejected(outcome)).length, 1);
});

test('bytes whose description fails are named by nobody and do not stay', async (t) => {
  const memory = await withBucket(t);
  const request = {
    ...putting('k', 'damaged'),
    describe: () => {
      throw new Error('the digest differs');
    },
  };
  await t.throwsAsync(memory.cloud.objects.put(ADA, request), { message: 'the digest differs' });
  t.is(await contentOf(memory, 'k'), undefined);
  await memory.close();
  t.is(memory.chunks.chunks.size, 0);
});

test('a put that is refused when it is named leaves no bytes', async (t) => {
  const memory = await withBucket(t);
  await Promise.all(
    Array.from({ length: 4 }, (_, n) =>
      memory.cloud.objects.put(ADA, putting('k', `${n}`, { ifAbsent: true })),
    ),
  );
  await memory.close();
  t.is(memory.chunks.chunks.size, 1);
});

test('nobody but the owner gets at a bucket', async (t) => {
  const { cloud } = await withBucket(t);
  await cloud.objects.put(ADA, putting('k', 'secret'));
  const denied = { rejected: 'access-denied' } as const;
  t.deepEqual<unknown, unknown>(await cloud.buckets.get(BOB, 'b'), denied);
  t.deepEqual<unknown, unknown>(await cloud.objects.get(BOB, 'b', 'k'), denied);
  t.deepEqual<unknown, unknown>(await cloud.objects.put(BOB, putting('k', 'mine')), denied);
  t.deepEqual<unknown, unknown>(await cloud.objects.delete(BOB, 'b', 'k', {}), denied);
  t.deepEqual<unknown, unknown>(await cloud.buckets.delete(BOB, 'b'), denied);
  const listing = { bucket: 'b', prefix: '', delimiter: '', after: '', limit: 10 };
  t.deepEqual<unknown, unknown>(await cloud.objects.list(BOB, listing), denied);
  const uploading = { bucket: 'b', key: 'u', ...draftOf('') };
  t.deepEqual<unknown, unknown>(await cloud.uploads.start(BOB, uploading), denied);
  const uploadList = { bucket: 'b', prefix: '', delimiter: '', keyMarker: '', uploadIdMarker: '', limit: 10 };
  t.deepEqual<unknown, unknown>(await cloud.uploads.list(BOB, uploadList), denied);
  t.deepEqual(await cloud.buckets.list(BOB, '', 10), []);
});

test('a reader of the project reads, and changes nothing', async (t) => {
  const { cloud } = await withBucket(t);
  await cloud.objects.put(ADA, putting('k', 'kept'));
  const upload = await cloud.uploads.start(ADA, { bucket: 'b', key: 'u', ...draftOf('') });
  if (isRejected(upload)) return t.fail(upload.rejected);
  const reader: Caller = { ...ADA, role: 'reader' };
  t.like(await cloud.objects.get(reader, 'b', 'k'), { sizeBytes: 4 });
  t.like(await cloud.uploads.get(reader, 'b', 'u', upload.uploadId), { key: 'u' });
  t.is((await cloud.buckets.list(reader, '', 10)).length, 1);
  const source = new ScriptedSource({ slices: [Buffer.from('x')], sizeBytes: 1, eager: true });
  const part = { partNumber: 1, source, digests: ['md5'] as const, describe: () => ({ etag: md5('x') }) };
  const refusals = await Promise.all([
    cloud.buckets.create(reader, 'new', 'us-east-1'),
    cloud.buckets.delete(reader, 'b'),
    cloud.objects.put(reader, putting('k', 'lost')),
    cloud.objects.delete(reader, 'b', 'k', {}),
    cloud.uploads.start(reader, { bucket: 'b', key: 'u', ...draftOf('') }),
    cloud.uploads.putPart(reader, { upload, ...part }),
    cloud.uploads.abort(reader, upload),
  ]);
  for (const refused of refusals) t.deepEqual<unknown, unknown>(refused, { rejected: 'access-denied' });
  t.like(await cloud.objects.get(ADA, 'b', 'k'), { etag: md5('kept') });
});

test('a bucket with an object stays, an empty one goes, and its name is free again', async (t) => {
  const { cloud } = await withBucket(t);
  await cloud.objects.put(ADA, putting('k', 'x'));
  t.deepEqual<unknown, unknown>(await cloud.buckets.delete(ADA, 'b'), { rejected: 'bucket-not-empty' });
  t.deepEqual(await cloud.objects.delete(ADA, 'b', 'k', {}), { isDeletion: false });
  t.is(await cloud.buckets.delete(ADA, 'b'), undefined);
  t.deepEqual<unknown, unknown>(await cloud.buckets.get(ADA, 'b'), { rejected: 'no-such-bucket' });
  t.like(await cloud.buckets.create(BOB, 'b', 'us-east-1'), { owner: 'bob' });
});

test('a put that races with the deletion of its bucket lands in it or fails; it is never lost', async (t) => {
  for (let round = 0; round < 20; round++) {
    const memory = await withBucket(t);
    const [put, deleted] = await Promise.all([
      memory.cloud.objects.put(ADA, putting('k', 'x')),
      memory.cloud.buckets.delete(ADA, 'b'),
    ]);
    if (deleted === undefined) t.true(isRejected(put));
    else t.is(await contentOf(memory, 'k'), 'x');
  }
});

async function uploadOf(memory: MemoryCloud, texts: readonly string[]) {
  const { uploads } = memory.cloud;
  const upload = await uploads.start(ADA, { bucket: 'b', key: 'm', ...draftOf('') });
  if (isRejected(upload)) throw new Error(upload.rejected);
  const parts = await Promise.all(
    texts.map(async (text, index) => {
      const { source, digests } = putting('m', text);
      const partNumber = index + 1;
      await uploads.putPart(ADA, {
        upload,
        partNumber,
        source,
        digests,
        describe: () => ({ etag: md5(text) }),
      });
      return { partNumber, etag: md5(text) };
    }),
  );
  const completing = {
    upload,
    parts,
    condition: {},
    minPartBytes: 1,
    maxObjectBytes: limits.s3ObjectBytes,
    describe: () => draftOf('m-2'),
  };
  return { upload, completing };
}

test('parts sent in parallel become one object, in order of their numbers', async (t) => {
  const memory = await withBucket(t);
  const { completing, upload } = await uploadOf(memory, ['one ', 'two ', 'three']);
  t.like(await memory.cloud.uploads.complete(ADA, completing), { sizeBytes: 13, uploadId: upload.uploadId });
  t.is(await contentOf(memory, 'm'), 'one two three');
  t.deepEqual<unknown, unknown>(await memory.cloud.uploads.get(ADA, 'b', 'm', upload.uploadId), {
    rejected: 'no-such-upload',
  });
});

test('parts must be named in order, with their etags, and be large enough', async (t) => {
  const memory = await withBucket(t);
  const { completing } = await uploadOf(memory, ['one', 'two']);
  const [first, second] = completing.parts;
  const complete = (more: object) => memory.cloud.uploads.complete(ADA, { ...completing, ...more });
  const refused = async (more: object, rejected: string) =>
    t.deepEqual<unknown, unknown>(await complete(more), { rejected });
  await refused({ parts: [second, first] }, 'invalid-part-order');
  await refused({ parts: [first, first] }, 'invalid-part-order');
  await refused({ parts: [{ partNumber: 1, etag: md5('x') }] }, 'invalid-part');
  await refused({ parts: [{ partNumber: 3, etag: md5('x') }] }, 'invalid-part');
  await refused({ parts: [] }, 'invalid-part');
  await refused({ minPartBytes: 4 }, 'part-too-small');
  await refused({ maxObjectBytes: 5 }, 'object-too-large');
  t.is(await contentOf(memory, 'm'), undefined);
});

test('an upload is completed or aborted, never both', async (t) => {
  for (let round = 0; round < 10; round++) {
    const memory = await withBucket(t);
    const { upload, completing } = await uploadOf(memory, ['one']);
    const [completed, aborted] = await Promise.all([
      memory.cloud.uploads.complete(ADA, completing),
      memory.cloud.uploads.abort(ADA, upload),
    ]);
    if (isRejected(completed)) t.is(await contentOf(memory, 'm'), undefined);
    else t.is(await contentOf(memory, 'm'), 'one');
    t.true(isRejected(completed) !== isRejected(aborted) || !isRejected(completed));
  }
});

test('an aborted upload takes no more parts, and theirs do not stay', async (t) => {
  const memory = await withBucket(t);
  const { upload } = await uploadOf(memory, []);
  t.is(await memory.cloud.uploads.abort(ADA, upload), undefined);
  const { source, digests } = putting('m', 'late');
  const late = { upload, partNumber: 1, source, digests, describe: () => ({ etag: md5('late') }) };
  t.deepEqual<unknown, unknown>(await memory.cloud.uploads.putPart(ADA, late), {
    rejected: 'no-such-upload',
  });
  await memory.close();
  t.is(memory.chunks.chunks.size, 0);
});

test('a completed upload is closed on the log too', async (t) => {
  const memory = await withBucket(t);
  const { completing, upload } = await uploadOf(memory, ['one']);
  await memory.cloud.uploads.complete(ADA, completing);
  const types: string[] = [];
  for await (const event of memory.log.read(uploadStream('b', upload.uploadId))) types.push(event.type);
  t.deepEqual(types, ['UploadStarted', 'UploadCompleted']);
});

test('a bucket takes its uploads with it, and a later one of its name knows nothing of them', async (t) => {
  const memory = await withBucket(t);
  const { upload } = await uploadOf(memory, ['one']);
  t.is(await memory.cloud.buckets.delete(ADA, 'b'), undefined);
  await memory.cloud.buckets.create(BOB, 'b', 'us-east-1');
  const listing = { bucket: 'b', prefix: '', delimiter: '', keyMarker: '', uploadIdMarker: '', limit: 10 };
  t.like(await memory.cloud.uploads.list(BOB, listing), { uploads: [] });
  t.deepEqual<unknown, unknown>(await memory.cloud.uploads.get(BOB, 'b', 'm', upload.uploadId), {
    rejected: 'no-such-upload',
  });
});

test('accounts have keys that open until they are revoked, and one administrator stays', async (t) => {
  const { accounts } = await withBucket(t);
  const root = await accounts.obtainAdministrator('root', {
    accessKeyId: 'ROOTKEY',
    secretAccessKey: 's3cret',
  });
  t.like(root, { accessKeyId: 'ROOTKEY', secretAccessKey: 's3cret' });
  t.deepEqual(await accounts.obtainAdministrator('root', { accessKeyId: 'ROOTKEY' }), {
    accessKeyId: 'ROOTKEY',
    secretAccessKey: 's3cret',
  });
  const carol = await accounts.addAccount('carol');
  if (isRejected(carol)) return t.fail(carol.rejected);
  t.like(accounts.accessKey(carol.accessKeyId), { accountName: 'carol', secret: carol.secretAccessKey });
  t.deepEqual<unknown, unknown>(await accounts.addAccount('carol'), { rejected: 'account-exists' });
  t.deepEqual<unknown, unknown>(await accounts.addAccount('../carol'), { rejected: 'invalid-name' });
  t.deepEqual<unknown, unknown>(await accounts.removeAccount('root'), { rejected: 'last-admin' });
  t.deepEqual<unknown, unknown>(await accounts.revokeKey('ROOTKEY'), { rejected: 'last-admin' });
  t.is(await accounts.revokeKey(carol.accessKeyId), undefined);
  t.is(accounts.accessKey(carol.accessKeyId), undefined);
  t.is(await accounts.removeAccount('carol'), undefined);
  t.deepEqual<unknown, unknown>(await accounts.createKey('carol'), { rejected: 'no-such-account' });
});

test('an account that owns buckets cannot be removed', async (t) => {
  const { accounts, cloud } = await withBucket(t);
  const dave = await accounts.addAccount('dave');
  if (isRejected(dave)) return t.fail(dave.rejected);
  await cloud.buckets.create(
    { accountId: dave.accountId, role: 'member', requestId: 'r' },
    'daves',
    'us-east-1',
  );
  t.deepEqual<unknown, unknown>(await accounts.removeAccount('dave'), { rejected: 'account-owns-buckets' });
});
