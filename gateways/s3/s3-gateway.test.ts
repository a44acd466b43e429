// Owns the proof that the AWS SDK's operations on buckets and single objects do here what they do at Amazon.

import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import test from 'ava';
import { MIB } from '#core/kernel/limits.ts';
import { contentOf, md5 } from '#tests/support/contents.ts';
import { errorOf, failureOf, S3Server } from '#tests/support/s3-server.ts';
import { XmlWriter } from './xml.ts';

let server: S3Server;
let s3: S3Client;
const Bucket = 'objects';

test.before(async () => {
  server = await S3Server.start();
  s3 = server.client;
  await s3.send(new CreateBucketCommand({ Bucket }));
});

test.after.always(() => server?.stop());

const put = (Key: string, Body: string | Buffer, more: Partial<PutObjectCommandInput> = {}) =>
  s3.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));

async function read(Key: string, more: { Range?: string; PartNumber?: number } = {}) {
  const answer = await s3.send(new GetObjectCommand({ Bucket, Key, ...more }));
  return Buffer.from((await answer.Body?.transformToByteArray()) ?? []);
}

test('a bucket is made, seen, located and deleted', async (t) => {
  const made = await s3.send(new CreateBucketCommand({ Bucket: 'made' }));
  t.is(made.Location, '/made');
  const head = await s3.send(new HeadBucketCommand({ Bucket: 'made' }));
  t.is(head.BucketRegion, 'us-east-1');
  t.is((await s3.send(new GetBucketLocationCommand({ Bucket: 'made' }))).LocationConstraint, undefined);
  const { Buckets = [], Owner } = await s3.send(new ListBucketsCommand({}));
  t.true(Buckets.some(({ Name, CreationDate }) => Name === 'made' && CreationDate instanceof Date));
  t.is(Owner?.DisplayName, 'owner');
  await s3.send(new DeleteBucketCommand({ Bucket: 'made' }));
  t.is(await failureOf(s3.send(new HeadBucketCommand({ Bucket: 'made' }))), 'NotFound 404');
  t.is(await failureOf(s3.send(new DeleteBucketCommand({ Bucket: 'made' }))), 'NoSuchBucket 404');
});

test('buckets are listed in pages, by prefix and region', async (t) => {
  for (const name of ['page-a', 'page-b', 'page-b.x', 'page-c', 'pagf']) {
    await s3.send(new CreateBucketCommand({ Bucket: name }));
  }
  const names: (string | undefined)[] = [];
  let ContinuationToken: string | undefined;
  do {
    const page = await s3.send(
      new ListBucketsCommand({
        Prefix: 'page-',
        MaxBuckets: 3,
        ...(ContinuationToken && { ContinuationToken }),
      }),
    );
    t.true((page.Buckets?.length ?? 0) <= 3);
    names.push(...(page.Buckets ?? []).map(({ Name }) => Name));
    ContinuationToken = page.ContinuationToken;
  } while (ContinuationToken);
  t.deepEqual(names, ['page-a', 'page-b', 'page-b.x', 'page-c']);
  t.deepEqual((await s3.send(new ListBucketsCommand({ BucketRegion: 'eu-west-1' }))).Buckets, []);
  const bad = await server.raw({ method: 'GET', path: '/', query: { 'max-buckets': '0' } });
  t.is(errorOf(bad), 'InvalidArgument 400');
  const token = await server.raw({ method: 'GET', path: '/', query: { 'continuation-token': 'zzz' } });
  t.is(errorOf(token), 'InvalidArgument 400');
});

test('a bucket has one owner, and in us-east-1 may be made again by that one', async (t) => {
  const mine = new CreateBucketCommand({ Bucket: 'mine' });
  await s3.send(mine);
  await t.notThrowsAsync(s3.send(mine));
  t.is(await failureOf(server.other.send(mine)), 'BucketAlreadyExists 409');
  t.is(await failureOf(server.other.send(new HeadBucketCommand({ Bucket: 'mine' }))), 'Unknown 403');
  const get = new GetObjectCommand({ Bucket: 'mine', Key: 'x' });
  t.is(await failureOf(server.other.send(get)), 'AccessDenied 403');
});

test('an expected owner that is not the owner is denied', async (t) => {
  const accountId = (await server.memory.accounts.listAccounts()).find(
    ({ name }) => name === 'owner',
  )?.accountId;
  const head = (owner: string | undefined) =>
    s3.send(new HeadBucketCommand({ Bucket, ExpectedBucketOwner: owner }));
  await t.notThrowsAsync(head(accountId));
  t.is(await failureOf(head('123456789012')), 'Unknown 403');
});

test('names and locations of buckets are checked', async (t) => {
  t.is(await failureOf(s3.send(new CreateBucketCommand({ Bucket: 'Bad_Name' }))), 'InvalidBucketName 400');
  const at = (name: string) =>
    server.raw({
      method: 'PUT',
      path: '/located',
      body: new XmlWriter('CreateBucketConfiguration').element('LocationConstraint', name).document(),
    });
  t.is(errorOf(await at('eu-west-1')), 'IllegalLocationConstraintException 400');
  t.is(errorOf(await at('the moon')), 'InvalidLocationConstraint 400');
  t.is((await at('us-east-1')).status, 200);
});

test('only an empty bucket is deleted', async (t) => {
  await s3.send(new CreateBucketCommand({ Bucket: 'full' }));
  await s3.send(new PutObjectCommand({ Bucket: 'full', Key: 'x', Body: '' }));
  t.is(await failureOf(s3.send(new DeleteBucketCommand({ Bucket: 'full' }))), 'BucketNotEmpty 409');
  await s3.send(new DeleteObjectCommand({ Bucket: 'full', Key: 'x' }));
  await s3.send(new DeleteBucketCommand({ Bucket: 'full' }));
  t.pass();
});

test('an object comes back with its bytes and all that was said of it', async (t) => {
  const expires = new Date(Date.UTC(2030, 0, 1));
  await put('described', 'hello', {
    ContentType: 'text/plain; charset=utf-8',
    CacheControl: 'max-age=60',
    ContentDisposition: 'attachment',
    ContentEncoding: 'identity',
    ContentLanguage: 'eo',
    Expires: expires,
    StorageClass: 'STANDARD_IA',
    Metadata: { color: 'blue', 'mixed-case': 'Kept' },
    ACL: 'private',
  });
  for (const command of [GetObjectCommand, HeadObjectCommand]) {
    const found = await s3.send(new command({ Bucket, Key: 'described' }));
    t.is(found.ContentType, 'text/plain; charset=utf-8');
    t.is(found.CacheControl, 'max-age=60');
    t.is(found.ContentDisposition, 'attachment');
    t.is(found.ContentEncoding, 'identity');
    t.is(found.ContentLanguage, 'eo');
    t.is(found.ExpiresString, expires.toUTCString());
    t.is(found.StorageClass, 'STANDARD_IA');
    t.is(found.ContentLength, 5);
    t.is(found.ETag, `"${md5(Buffer.from('hello'))}"`);
    t.is(found.AcceptRanges, 'bytes');
    t.deepEqual(found.LastModified, new Date(server.memory.clock.nowMs()));
    t.deepEqual(found.Metadata, { color: 'blue', 'mixed-case': 'Kept' });
  }
});

for (const size of [0, 1, 4096, 65_536, 65_537, MIB, 3 * MIB + 17]) {
  test(`${size} bytes come back`, async (t) => {
    const body = contentOf(size, size);
    const { ETag } = await put(`size-${size}`, body);
    t.is(ETag, `"${md5(body)}"`);
    t.true(body.equals(await read(`size-${size}`)));
  });
}

test('ranges give what they name', async (t) => {
  const body = contentOf(1, 2 * MIB + 100);
  await put('ranges', body);
  for (const [Range, start, end] of [
    ['bytes=0-0', 0, 1],
    [`bytes=${MIB - 1}-${MIB}`, MIB - 1, MIB + 1],
    ['bytes=-7', body.length - 7, body.length],
    [`bytes=${MIB + 5}-`, MIB + 5, body.length],
    ['bytes=5-99999999', 5, body.length],
  ] as const) {
    const answer = await s3.send(new GetObjectCommand({ Bucket, Key: 'ranges', Range }));
    t.is(answer.$metadata.httpStatusCode, 206);
    t.is(answer.ContentRange, `bytes ${start}-${end - 1}/${body.length}`);
    t.true(body.subarray(start, end).equals(Buffer.from((await answer.Body?.transformToByteArray()) ?? [])));
  }
  const several = await s3.send(new HeadObjectCommand({ Bucket, Key: 'ranges', Range: 'bytes=0-1,4-5' }));
  t.is(several.ContentLength, body.length);
  const beyond = await server.raw({
    method: 'GET',
    path: `/${Bucket}/ranges`,
    headers: { range: `bytes=${body.length}-` },
  });
  t.is(errorOf(beyond), 'InvalidRange 416');
  t.regex(beyond.body, new RegExp(`<ActualObjectSize>${body.length}</ActualObjectSize>`));
  t.is(beyond.headers['content-range'], `bytes */${body.length}`);
});

test('an object put whole is its own first part', async (t) => {
  await put('whole', 'hello');
  const part = await s3.send(new GetObjectCommand({ Bucket, Key: 'whole', PartNumber: 1 }));
  t.is(part.$metadata.httpStatusCode, 206);
  t.is(part.ContentRange, 'bytes 0-4/5');
  t.is(await part.Body?.transformToString(), 'hello');
  const second = new GetObjectCommand({ Bucket, Key: 'whole', PartNumber: 2 });
  t.is(await failureOf(s3.send(second)), 'InvalidPartNumber 416');
  const both = new GetObjectCommand({ Bucket, Key: 'whole', PartNumber: 1, Range: 'bytes=0-1' });
  t.is(await failureOf(s3.send(both)), 'InvalidRequest 400');
});

test('conditions of reads are judged', async (t) => {
  const { ETag = '' } = await put('conditional', 'hello');
  const get = (more: object) => s3.send(new GetObjectCommand({ Bucket, Key: 'conditional', ...more }));
  await t.notThrowsAsync(get({ IfMatch: ETag }));
  t.is(await failureOf(get({ IfMatch: '"x"' })), 'PreconditionFailed 412');
  const notModified = await server.raw({
    method: 'GET',
    path: `/${Bucket}/conditional`,
    headers: { 'if-none-match': ETag },
  });
  t.is(notModified.status, 304);
  t.is(notModified.headers.etag, ETag);
  t.is(notModified.body, '');
  const later = new Date(server.memory.clock.nowMs() + 1_000);
  t.regex(await failureOf(get({ IfModifiedSince: later })), /304$/);
  t.is(await failureOf(get({ IfUnmodifiedSince: new Date(0) })), 'PreconditionFailed 412');
});

test('an answer says what its request wants it to say', async (t) => {
  await put('overridden', 'hello', { ContentType: 'text/plain', CacheControl: 'no-cache' });
  const answer = await s3.send(
    new GetObjectCommand({
      Bucket,
      Key: 'overridden',
      ResponseContentType: 'application/json',
      ResponseContentDisposition: 'attachment; filename="é.txt"',
      ResponseContentEncoding: 'x-none',
    }),
  );
  t.is(answer.ContentType, 'application/json');
  t.is(answer.ContentEncoding, 'x-none');
  t.is(answer.CacheControl, 'no-cache');
  t.is(Buffer.from(answer.ContentDisposition ?? '', 'latin1').toString(), 'attachment; filename="é.txt"');
  const split = await server.raw({
    method: 'GET',
    path: `/${Bucket}/overridden`,
    query: { 'response-content-type': 'a\r\nb: c' },
  });
  t.is(errorOf(split), 'InvalidArgument 400');
});

test('writes happen under their conditions only', async (t) => {
  await put('once', 'first', { IfNoneMatch: '*' });
  t.is(await failureOf(put('once', 'second', { IfNoneMatch: '*' })), 'PreconditionFailed 412');
  t.is(await failureOf(put('once', 'second', { IfMatch: '"x"' })), 'PreconditionFailed 412');
  t.is((await read('once')).toString(), 'first');
  await put('once', 'second', { IfMatch: `"${md5(Buffer.from('first'))}"` });
  t.is((await read('once')).toString(), 'second');
  t.is(await failureOf(put('never', 'x', { IfMatch: '"x"' })), 'NoSuchKey 404');
  const remove = (IfMatch: string) => s3.send(new DeleteObjectCommand({ Bucket, Key: 'once', IfMatch }));
  t.is(await failureOf(remove('"x"')), 'PreconditionFailed 412');
  await remove(`"${md5(Buffer.from('second'))}"`);
  t.is(await failureOf(read('once')), 'NoSuchKey 404');
});

test('deleting what is not there succeeds', async (t) => {
  const { $metadata } = await s3.send(new DeleteObjectCommand({ Bucket, Key: 'nothing' }));
  t.is($metadata.httpStatusCode, 204);
  const nowhere = new DeleteObjectCommand({ Bucket: 'nowhere', Key: 'x' });
  t.is(await failureOf(s3.send(nowhere)), 'NoSuchBucket 404');
});

test('many keys are deleted at once, each with its own outcome', async (t) => {
  for (const key of ['d/1', 'd/2', 'd/<&>', 'd/3']) await put(key, key);
  const Objects = [
    { Key: 'd/1' },
    { Key: 'd/missing' },
    { Key: 'd/<&>' },
    { Key: 'd/2', ETag: '"x"' },
    { Key: 'd/3', VersionId: 'v' },
    { Key: 'x'.repeat(1025) },
  ];
  const { Deleted, Errors } = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
  t.deepEqual(
    Deleted?.map(({ Key }) => Key),
    ['d/1', 'd/missing', 'd/<&>'],
  );
  t.deepEqual(
    Errors?.map(({ Key, Code }) => `${Key?.slice(0, 4)} ${Code}`),
    ['d/2 PreconditionFailed', 'd/3 InvalidArgument', 'xxxx KeyTooLongError'],
  );
  const quiet = await s3.send(
    new DeleteObjectsCommand({ Bucket, Delete: { Quiet: true, Objects: [{ Key: 'd/2' }, { Key: 'd/3' }] } }),
  );
  t.is(quiet.Deleted, undefined);
  t.is(await failureOf(read('d/2')), 'NoSuchKey 404');
  const nowhere = new DeleteObjectsCommand({ Bucket: 'nowhere', Delete: { Objects: [{ Key: 'x' }] } });
  t.is(await failureOf(s3.send(nowhere)), 'NoSuchBucket 404');
});

const copy = (Key: string, from: string, more: object = {}) =>
  s3.send(
    new CopyObjectCommand({ Bucket, Key, CopySource: `${Bucket}/${encodeURIComponent(from)}`, ...more }),
  );

test('a copy has the bytes and the description of its source, or a new one', async (t) => {
  const body = contentOf(5, MIB + 5);
  await put('source ü?', body, {
    ContentType: 'text/plain',
    Metadata: { a: '1' },
    ChecksumAlgorithm: 'SHA256',
  });
  const { CopyObjectResult } = await copy('copied', 'source ü?');
  t.is(CopyObjectResult?.ETag, `"${md5(body)}"`);
  t.truthy(CopyObjectResult?.ChecksumSHA256);
  t.true(body.equals(await read('copied')));
  const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'copied', ChecksumMode: 'ENABLED' }));
  t.is(head.ContentType, 'text/plain');
  t.deepEqual(head.Metadata, { a: '1' });
  t.is(head.ChecksumSHA256, CopyObjectResult?.ChecksumSHA256);
  await copy('copied', 'source ü?', {
    MetadataDirective: 'REPLACE',
    Metadata: { b: '2' },
    StorageClass: 'GLACIER_IR',
  });
  const replaced = await s3.send(new HeadObjectCommand({ Bucket, Key: 'copied' }));
  t.deepEqual(replaced.Metadata, { b: '2' });
  t.is(replaced.StorageClass, 'GLACIER_IR');
  t.is(replaced.ContentType, 'binary/octet-stream');
});

test('a copy goes to another bucket, and an empty one too', async (t) => {
  await s3.send(new CreateBucketCommand({ Bucket: 'elsewhere' }));
  await put('empty', '');
  await s3.send(new CopyObjectCommand({ Bucket: 'elsewhere', Key: 'k', CopySource: `/${Bucket}/empty` }));
  const head = await s3.send(new HeadObjectCommand({ Bucket: 'elsewhere', Key: 'k' }));
  t.is(head.ContentLength, 0);
});

test('an object is copied onto itself only to be changed', async (t) => {
  await put('itself', 'hello', { Metadata: { a: '1' } });
  t.is(await failureOf(copy('itself', 'itself')), 'InvalidRequest 400');
  await copy('itself', 'itself', { MetadataDirective: 'REPLACE', Metadata: { a: '2' } });
  t.is((await read('itself')).toString(), 'hello');
  await t.notThrowsAsync(copy('itself', 'itself', { StorageClass: 'STANDARD_IA' }));
});

test('a copy is refused where its source, its conditions or its words are wrong', async (t) => {
  const { ETag = '' } = await put('from', 'hello');
  t.is(await failureOf(copy('to', 'missing')), 'NoSuchKey 404');
  t.is(await failureOf(copy('to', 'from', { CopySource: 'nowhere/x' })), 'NoSuchBucket 404');
  t.is(await failureOf(copy('to', 'from', { CopySource: 'nonsense' })), 'InvalidArgument 400');
  t.is(
    await failureOf(copy('to', 'from', { CopySource: `${Bucket}/from?versionId=v` })),
    'InvalidArgument 400',
  );
  await t.notThrowsAsync(copy('to', 'from', { CopySource: `${Bucket}/from?versionId=null` }));
  t.is(await failureOf(copy('to', 'from', { CopySourceIfNoneMatch: ETag })), 'PreconditionFailed 412');
  t.is(await failureOf(copy('to', 'from', { CopySourceIfMatch: '"x"' })), 'PreconditionFailed 412');
  t.is(await failureOf(copy('to', 'from', { IfNoneMatch: '*' })), 'PreconditionFailed 412');
  t.is(await failureOf(copy('to', 'from', { MetadataDirective: 'KEEP' })), 'InvalidArgument 400');
  const unknown = { TaggingDirective: 'KEEP' as never };
  t.is(await failureOf(copy('to', 'from', unknown)), 'InvalidArgument 400');
});

test('presigned URLs put and get, with what they carry for headers', async (t) => {
  const command = new PutObjectCommand({ Bucket, Key: 'presigned', Metadata: { a: 'b' } });
  const answer = await fetch(await getSignedUrl(s3, command), { method: 'PUT', body: 'hello' });
  t.is(answer.status, 200);
  const got = await fetch(await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: 'presigned' })));
  t.is(await got.text(), 'hello');
  t.is(got.headers.get('x-amz-meta-a'), 'b');
});

test('a bucket is found by its host name', async (t) => {
  await put('hosted/key', 'hello');
  for (const host of [`${Bucket}.localhost:9000`, `${Bucket}.s3.us-east-1.localhost`]) {
    const answer = await server.raw({ method: 'GET', path: '/hosted/key', headers: { host } });
    t.is(answer.body, 'hello', host);
  }
  const elsewhere = await server.raw({
    method: 'GET',
    path: `/${Bucket}/hosted/key`,
    headers: { host: 's3.example' },
  });
  t.is(elsewhere.body, 'hello');
});
