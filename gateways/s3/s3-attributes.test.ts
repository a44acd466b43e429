// Owns the proof of what S3 says of objects besides their bytes, and of deletions under conditions.

import {
  type ChecksumAlgorithm,
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketAccelerateConfigurationCommand,
  GetBucketRequestPaymentCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  type ObjectAttributes,
  PutBucketAccelerateConfigurationCommand,
  PutBucketRequestPaymentCommand,
  PutObjectCommand,
  RestoreObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import test from 'ava';
import { limits } from '#core/kernel/limits.ts';
import { contentOf, md5 } from '#tests/support/contents.ts';
import { errorOf, failureOf, S3Server } from '#tests/support/s3-server.ts';

const Bucket = 'attributes';
let server: S3Server;
let s3: S3Client;

test.before(async () => {
  server = await S3Server.start();
  s3 = server.client;
  await s3.send(new CreateBucketCommand({ Bucket }));
});

test.after.always(() => server?.stop());

const ALL: ObjectAttributes[] = ['ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize'];
const attributes = (Key: string, ObjectAttributes = ALL, more: object = {}) =>
  s3.send(new GetObjectAttributesCommand({ Bucket, Key, ObjectAttributes, ...more }));
const put = (Key: string, more: object = {}) =>
  s3.send(new PutObjectCommand({ Bucket, Key, Body: 'hello', ...more }));
const head = (Key: string) => s3.send(new HeadObjectCommand({ Bucket, Key }));

test('the attributes of an object are those that are asked for', async (t) => {
  await put('whole', { ChecksumAlgorithm: 'SHA256', StorageClass: 'STANDARD_IA' });
  const { LastModified, Checksum, ...rest } = await attributes('whole');
  t.is(LastModified?.getTime(), (await head('whole')).LastModified?.getTime());
  t.is(Checksum?.ChecksumSHA256, 'LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=');
  t.is(Checksum?.ChecksumType, 'FULL_OBJECT');
  t.like(rest, { ETag: md5(Buffer.from('hello')), StorageClass: 'STANDARD_IA', ObjectSize: 5 });
  t.is(rest.ObjectParts, undefined);
  const few = await attributes('whole', ['ObjectSize']);
  t.is(few.ObjectSize, 5);
  t.is(few.ETag, undefined);
  t.is(await failureOf(attributes('missing')), 'NoSuchKey 404');
  t.is(await failureOf(attributes('whole', ['Colour' as never])), 'InvalidArgument 400');
  const bare = { method: 'GET', path: `/${Bucket}/whole`, query: { attributes: '' } };
  t.is(errorOf(await server.raw(bare)), 'InvalidRequest 400');
});

test('parts are told page by page, with checksums of their own', async (t) => {
  const Key = 'parts';
  const algorithm: ChecksumAlgorithm = 'CRC32';
  const start = { Bucket, Key, ChecksumAlgorithm: algorithm };
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand(start));
  const bodies = [contentOf(1, limits.s3PartBytesMin), contentOf(2, 10)];
  const Parts = [];
  for (const [index, Body] of bodies.entries()) {
    const upload = { Bucket, Key, UploadId, PartNumber: index * 2 + 1, Body, ChecksumAlgorithm: algorithm };
    const { ETag, ChecksumCRC32 } = await s3.send(new UploadPartCommand(upload));
    Parts.push({ ETag, ChecksumCRC32, PartNumber: index * 2 + 1 });
  }
  await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }));
  const all = await attributes(Key);
  t.is(all.Checksum?.ChecksumType, 'COMPOSITE');
  t.like(all.ObjectParts, { TotalPartsCount: 2, PartNumberMarker: '0', IsTruncated: false });
  const told = all.ObjectParts?.Parts?.map(({ PartNumber, Size }) => [PartNumber, Size]);
  t.deepEqual(told, [
    [1, limits.s3PartBytesMin],
    [3, 10],
  ]);
  const first = await attributes(Key, ['ObjectParts'], { MaxParts: 1 });
  t.like(first.ObjectParts, {
    MaxParts: 1,
    IsTruncated: true,
    NextPartNumberMarker: '1',
    TotalPartsCount: 2,
  });
  const next = { MaxParts: 10, PartNumberMarker: first.ObjectParts?.NextPartNumberMarker };
  const second = await attributes(Key, ['ObjectParts'], next);
  t.like(second.ObjectParts, { PartNumberMarker: '1', NextPartNumberMarker: '3', IsTruncated: false });
  t.is(second.ObjectParts?.Parts?.[0]?.ChecksumCRC32, Parts[1]?.ChecksumCRC32);
  const of = { Bucket, Key, PartNumber: 3, ChecksumMode: 'ENABLED' } as const;
  t.is((await s3.send(new GetObjectCommand(of))).ChecksumCRC32, Parts[1]?.ChecksumCRC32);
});

test('what is archived counts as restored, and nothing else can be', async (t) => {
  const restore = (Key: string, RestoreRequest: object) =>
    s3.send(new RestoreObjectCommand({ Bucket, Key, RestoreRequest }));
  await put('cold', { StorageClass: 'GLACIER' });
  await put('warm');
  const { $metadata } = await restore('cold', { Days: 1, GlacierJobParameters: { Tier: 'Bulk' } });
  t.is($metadata.httpStatusCode, 200);
  t.regex((await head('cold')).Restore ?? '', /^ongoing-request="false", expiry-date="/);
  t.is((await head('warm')).Restore, undefined);
  t.is(await failureOf(restore('warm', { Days: 1 })), 'InvalidObjectState 403');
  t.is(await failureOf(restore('missing', { Days: 1 })), 'NoSuchKey 404');
  t.is(await failureOf(restore('cold', { Days: 0 })), 'MalformedXML 400');
  t.is(await failureOf(restore('cold', { Days: 1, Tier: 'Slow' })), 'MalformedXML 400');
  t.is(await failureOf(restore('cold', { Type: 'SELECT' })), 'NotImplemented 501');
  const list = (more: object) => s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'cold', ...more }));
  const shown = await list({ OptionalObjectAttributes: ['RestoreStatus'] });
  t.is(shown.Contents?.[0]?.RestoreStatus?.IsRestoreInProgress, false);
  t.is((await list({})).Contents?.[0]?.RestoreStatus, undefined);
  t.is(await failureOf(list({ OptionalObjectAttributes: ['Colour'] })), 'InvalidArgument 400');
});

test('a deletion happens under its conditions only', async (t) => {
  const remove = (Key: string, more: object) => s3.send(new DeleteObjectCommand({ Bucket, Key, ...more }));
  const { ETag } = await put('conditional');
  const { LastModified } = await head('conditional');
  const earlier = new Date((LastModified?.getTime() ?? 0) - 1_000);
  for (const wrong of [{ IfMatch: '"x"' }, { IfMatchSize: 6 }, { IfMatchLastModifiedTime: earlier }]) {
    t.is(await failureOf(remove('conditional', wrong)), 'PreconditionFailed 412');
  }
  const right = { IfMatch: ETag, IfMatchSize: 5, IfMatchLastModifiedTime: LastModified };
  const Objects = [
    { Key: 'conditional', Size: 6 },
    { Key: 'conditional', ETag: '"x"' },
  ];
  const many = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
  t.deepEqual(
    many.Errors?.map(({ Code }) => Code),
    ['PreconditionFailed', 'PreconditionFailed'],
  );
  await remove('conditional', right);
  t.is(await failureOf(head('conditional')), 'NotFound 404');
  // What is not there is as it is wanted.
  await t.notThrowsAsync(remove('conditional', right));
  await t.notThrowsAsync(remove('conditional', { IfMatch: '*' }));
  const bad = { method: 'DELETE', path: `/${Bucket}/x`, headers: { 'x-amz-if-match-size': 'much' } };
  t.is(errorOf(await server.raw(bad)), 'InvalidArgument 400');
});

test('who pays is kept, and acceleration is off', async (t) => {
  const payer = async () => (await s3.send(new GetBucketRequestPaymentCommand({ Bucket }))).Payer;
  t.is(await payer(), 'BucketOwner');
  const pay = (Payer: string) =>
    s3.send(
      new PutBucketRequestPaymentCommand({
        Bucket,
        RequestPaymentConfiguration: { Payer: Payer as 'Requester' },
      }),
    );
  await pay('Requester');
  t.is(await payer(), 'Requester');
  await pay('BucketOwner');
  t.is(await payer(), 'BucketOwner');
  t.is(await failureOf(pay('Somebody')), 'MalformedXML 400');
  const status = async () => (await s3.send(new GetBucketAccelerateConfigurationCommand({ Bucket }))).Status;
  t.is(await status(), undefined);
  const accelerate = (Status: 'Enabled' | 'Suspended') =>
    s3.send(new PutBucketAccelerateConfigurationCommand({ Bucket, AccelerateConfiguration: { Status } }));
  await accelerate('Suspended');
  t.is(await status(), 'Suspended');
  t.is(await failureOf(accelerate('Enabled')), 'NotImplemented 501');
});
