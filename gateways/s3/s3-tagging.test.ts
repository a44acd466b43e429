// Owns the proof that tags of objects and buckets are what they are at Amazon.

import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketTaggingCommand,
  DeleteObjectTaggingCommand,
  GetBucketTaggingCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  PutBucketTaggingCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  type S3Client,
  type Tag,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import test from 'ava';
import { limits } from '#core/kernel/limits.ts';
import { errorOf, failureOf, S3Server } from '#tests/support/s3-server.ts';

const Bucket = 'tagged';
let server: S3Server;
let s3: S3Client;

test.before(async () => {
  server = await S3Server.start();
  s3 = server.client;
  await s3.send(new CreateBucketCommand({ Bucket }));
});

test.after.always(() => server?.stop());

const put = (Key: string, more: object = {}) =>
  s3.send(new PutObjectCommand({ Bucket, Key, Body: 'hello', ...more }));
const head = (Key: string) => s3.send(new HeadObjectCommand({ Bucket, Key }));
const tag = (Key: string, TagSet: Tag[]) =>
  s3.send(new PutObjectTaggingCommand({ Bucket, Key, Tagging: { TagSet } }));
const tagBucket = (TagSet: Tag[]) => s3.send(new PutBucketTaggingCommand({ Bucket, Tagging: { TagSet } }));
const tagsOf = async (Key: string) =>
  (await s3.send(new GetObjectTaggingCommand({ Bucket, Key }))).TagSet ?? [];
const textOf = async (Key: string) =>
  (await tagsOf(Key)).map(({ Key: name, Value }) => `${name}=${Value}`).join('&');
const many = (count: number): Tag[] =>
  Array.from({ length: count }, (_, at) => ({ Key: `k${at}`, Value: `v${at}` }));

test('an object is put with tags, which are counted where it is read', async (t) => {
  await put('put', { Tagging: 'b=2&a=%C3%A9%20x&empty' });
  t.is(await textOf('put'), 'a=é x&b=2&empty=');
  t.is((await head('put')).TagCount, 3);
  t.is((await s3.send(new GetObjectCommand({ Bucket, Key: 'put' }))).TagCount, 3);
  await put('put');
  t.deepEqual(await tagsOf('put'), []);
  t.is((await head('put')).TagCount, undefined);
});

test('tags come and go without making an object younger, and nothing else of it is lost', async (t) => {
  await put('later', { Metadata: { a: 'b' }, ContentType: 'text/plain', StorageClass: 'STANDARD_IA' });
  const before = await head('later');
  await tag('later', many(10));
  const after = await head('later');
  t.is(after.TagCount, 10);
  await tag('later', [{ Key: 'only', Value: 'one' }]);
  t.is(await textOf('later'), 'only=one');
  await s3.send(new DeleteObjectTaggingCommand({ Bucket, Key: 'later' }));
  t.deepEqual(await tagsOf('later'), []);
  const last = await head('later');
  for (const same of ['ETag', 'LastModified', 'Metadata', 'ContentType', 'StorageClass'] as const) {
    t.deepEqual(after[same], before[same], same);
    t.deepEqual(last[same], before[same], same);
  }
  const { modifiedMs } = await stored('later');
  await tag('later', many(1));
  t.is((await stored('later')).modifiedMs, modifiedMs);
  t.is(await failureOf(tag('missing', [])), 'NoSuchKey 404');
  t.is(await failureOf(tagsOf('missing')), 'NoSuchKey 404');
});

async function stored(key: string) {
  const { accountId } =
    (await server.memory.accounts.listAccounts()).find(({ name }) => name === 'owner') ?? {};
  const caller = { accountId: accountId ?? '', role: 'member', requestId: 'r' } as const;
  const object = await server.memory.cloud.objects.get(caller, Bucket, key);
  if ('rejected' in object) throw new Error(object.rejected);
  return object;
}

test('an upload brings its tags along', async (t) => {
  const Key = 'upload';
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key, Tagging: 'a=b' }));
  const { ETag } = await s3.send(
    new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: 'hello' }),
  );
  const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
  await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload }));
  t.is(await textOf(Key), 'a=b');
});

test('a copy has the tags of its source, or those that it asks for', async (t) => {
  await put('source', { Tagging: 'a=b' });
  const copy = (more: object = {}) =>
    s3.send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource: `${Bucket}/source`, ...more }));
  await copy();
  t.is(await textOf('copy'), 'a=b');
  await copy({ TaggingDirective: 'REPLACE', Tagging: 'c=d' });
  t.is(await textOf('copy'), 'c=d');
  await copy({ TaggingDirective: 'REPLACE' });
  t.is(await textOf('copy'), '');
});

test('what is no tag of an object is refused', async (t) => {
  await put('refused');
  const refused: readonly (readonly [Tag[], string])[] = [
    [many(11), 'InvalidTag 400'],
    [[{ Key: 'k'.repeat(limits.s3TagKeyCharacters + 1), Value: '' }], 'InvalidTag 400'],
    [[{ Key: 'k', Value: 'v'.repeat(limits.s3TagValueCharacters + 1) }], 'InvalidTag 400'],
    [[{ Key: '', Value: '' }], 'InvalidTag 400'],
    [[{ Key: 'aws:x', Value: '' }], 'InvalidTag 400'],
    [[{ Key: 'a?', Value: '' }], 'InvalidTag 400'],
    [[{ Key: 'a', Value: '{' }], 'InvalidTag 400'],
    [[...many(1), ...many(1)], 'InvalidTag 400'],
  ];
  for (const [tags, failure] of refused) t.is(await failureOf(tag('refused', tags)), failure);
  t.is(await failureOf(put('refused', { Tagging: 'a=1&a=2' })), 'InvalidArgument 400');
  t.is(await failureOf(put('refused', { Tagging: 'a=%zz' })), 'InvalidArgument 400');
  t.is(await failureOf(put('refused', { Tagging: 'aws:a=b' })), 'InvalidTag 400');
  const eleven = many(11).map(({ Key }) => `${Key}=`);
  t.is(await failureOf(put('refused', { Tagging: eleven.join('&') })), 'BadRequest 400');
  t.deepEqual(await tagsOf('refused'), []);
  await t.notThrowsAsync(
    tag('refused', [{ Key: 'é'.repeat(limits.s3TagKeyCharacters), Value: '+-=._:/@ '.repeat(28) }]),
  );
  for (const body of ['', '<Tagging/>', '<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>']) {
    const raw = { method: 'PUT', path: `/${Bucket}/refused`, query: { tagging: '' }, body };
    t.is(errorOf(await server.raw(raw)), 'MalformedXML 400', body);
  }
});

test('a bucket is made with tags', async (t) => {
  const CreateBucketConfiguration = { Tags: [{ Key: 'made', Value: 'with' }] };
  await s3.send(new CreateBucketCommand({ Bucket: 'made-tagged', CreateBucketConfiguration }));
  const { TagSet } = await s3.send(new GetBucketTaggingCommand({ Bucket: 'made-tagged' }));
  t.deepEqual(TagSet, CreateBucketConfiguration.Tags);
  const wrong = { CreateBucketConfiguration: { Tags: [{ Key: 'aws:x', Value: '' }] } };
  t.is(
    await failureOf(s3.send(new CreateBucketCommand({ Bucket: 'made-wrong', ...wrong }))),
    'InvalidTag 400',
  );
});

test('a bucket has tags of its own', async (t) => {
  const get = () => s3.send(new GetBucketTaggingCommand({ Bucket }));
  t.is(await failureOf(get()), 'NoSuchTagSet 404');
  await tagBucket(many(limits.s3BucketTags));
  t.is((await get()).TagSet?.length, limits.s3BucketTags);
  await tagBucket([{ Key: 'cost', Value: 'centre' }]);
  t.deepEqual((await get()).TagSet, [{ Key: 'cost', Value: 'centre' }]);
  t.is(await failureOf(tagBucket(many(limits.s3BucketTags + 1))), 'BadRequest 400');
  t.is(await failureOf(tagBucket([...many(1), ...many(1)])), 'InvalidTag 400');
  t.is(await failureOf(tagBucket([{ Key: 'aws:x', Value: '' }])), 'InvalidTag 400');
  await s3.send(new DeleteBucketTaggingCommand({ Bucket }));
  t.is(await failureOf(get()), 'NoSuchTagSet 404');
});
