// Owns the proof that multipart uploads do here what they do at Amazon.

import {
  AbortMultipartUploadCommand,
  type ChecksumAlgorithm,
  type ChecksumType,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import test from 'ava';
import { limits, MIB } from '#core/kernel/limits.ts';
import { digestOnce } from '#storage-nodes/stream/digest.ts';
import { contentOf, md5 } from '#tests/support/contents.ts';
import { errorOf, failureOf, S3Server } from '#tests/support/s3-server.ts';

let server: S3Server;
let s3: S3Client;
const Bucket = 'uploads';
const PART = limits.s3PartBytesMin;

test.before(async () => {
  server = await S3Server.start();
  // Digests only where a test asks for them: what is under test is the gateway.
  s3 = server.with({
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  await s3.send(new CreateBucketCommand({ Bucket }));
});

test.after.always(async () => {
  s3?.destroy();
  await server?.stop();
});

async function start(Key: string, more: object = {}): Promise<string> {
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key, ...more }));
  return UploadId ?? '';
}

const part = (Key: string, UploadId: string, PartNumber: number, Body: Buffer, more: object = {}) =>
  s3.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body, ...more }));

const complete = (Key: string, UploadId: string, Parts: CompletedPart[], more: object = {}) =>
  s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts }, ...more }));

const get = (Key: string, more: object = {}) => s3.send(new GetObjectCommand({ Bucket, Key, ...more }));

async function bytesOf(Key: string): Promise<Buffer> {
  return Buffer.from((await (await get(Key)).Body?.transformToByteArray()) ?? []);
}

const etagOf = (bodies: readonly Buffer[]) =>
  `"${md5(Buffer.concat(bodies.map((body) => Buffer.from(md5(body), 'hex'))))}-${bodies.length}"`;

test('an upload becomes an object of its parts, with what was said at its start', async (t) => {
  const bodies = [contentOf(1, PART), contentOf(2, PART + 3), contentOf(3, 10)];
  const id = await start('whole', {
    ContentType: 'text/plain',
    Metadata: { a: 'b' },
    StorageClass: 'STANDARD_IA',
  });
  const Parts: CompletedPart[] = [];
  for (const [index, body] of bodies.entries()) {
    const { ETag } = await part('whole', id, index * 2 + 1, body);
    t.is(ETag, `"${md5(body)}"`);
    Parts.push({ ETag, PartNumber: index * 2 + 1 });
  }
  t.is(await failureOf(get('whole')), 'NoSuchKey 404');
  const done = await complete('whole', id, Parts, { MpuObjectSize: 2 * PART + 13 });
  t.is(done.ETag, etagOf(bodies));
  t.is(done.Location, `${server.endpoint}/${Bucket}/whole`);
  t.true(Buffer.concat(bodies).equals(await bytesOf('whole')));
  const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'whole' }));
  t.is(head.ContentType, 'text/plain');
  t.is(head.StorageClass, 'STANDARD_IA');
  t.deepEqual(head.Metadata, { a: 'b' });
  t.is(head.PartsCount, undefined);
  const second = await get('whole', { PartNumber: 3 });
  t.is(second.$metadata.httpStatusCode, 206);
  t.is(second.PartsCount, 3);
  t.is(second.ContentRange, `bytes ${PART}-${2 * PART + 2}/${2 * PART + 13}`);
  t.is(md5(Buffer.from((await second.Body?.transformToByteArray()) ?? [])), md5(bodies[1] as Buffer));
  t.is(await failureOf(get('whole', { PartNumber: 2 })), 'InvalidPartNumber 416');
  const across = await get('whole', { Range: `bytes=${PART - 2}-${PART + 1}` });
  t.is(
    Buffer.compare(
      Buffer.from((await across.Body?.transformToByteArray()) ?? []),
      Buffer.concat(bodies).subarray(PART - 2, PART + 2),
    ),
    0,
  );
});

test('a completion that is asked for again says the same again', async (t) => {
  const id = await start('again');
  const { ETag } = await part('again', id, 1, Buffer.from('x'));
  const first = await complete('again', id, [{ ETag, PartNumber: 1 }], { IfNoneMatch: '*' });
  const second = await complete('again', id, [{ ETag, PartNumber: 1 }], { IfNoneMatch: '*' });
  t.is(second.ETag, first.ETag);
  const other = `"${md5(Buffer.from('other'))}"`;
  t.is(await failureOf(complete('again', id, [{ ETag: other, PartNumber: 1 }])), 'NoSuchUpload 404');
  await s3.send(new PutObjectCommand({ Bucket, Key: 'again', Body: 'y' }));
  t.is(await failureOf(complete('again', id, [{ ETag, PartNumber: 1 }])), 'NoSuchUpload 404');
});

test('parts that are missing, changed, out of order or too small are refused', async (t) => {
  const id = await start('refused');
  const one = { ETag: (await part('refused', id, 1, Buffer.from('one'))).ETag, PartNumber: 1 };
  const two = { ETag: (await part('refused', id, 2, Buffer.from('two'))).ETag, PartNumber: 2 };
  const fails = (parts: CompletedPart[], more = {}) => failureOf(complete('refused', id, parts, more));
  t.is(await fails([one, { ...two, PartNumber: 3 }]), 'InvalidPart 400');
  t.is(await fails([{ ...one, ETag: '"x"' }]), 'InvalidPart 400');
  t.is(await fails([two, one]), 'InvalidPartOrder 400');
  t.is(await fails([one, one]), 'InvalidPartOrder 400');
  t.is(await fails([one, two]), 'EntityTooSmall 400');
  t.is(await fails([one], { MpuObjectSize: 4 }), 'InvalidRequest 400');
  t.is(await fails([one], { ChecksumCRC32: 'AAAAAA==' }), 'InvalidRequest 400');
  t.is(await fails([one], { ChecksumType: 'COMPOSITE' }), 'InvalidRequest 400');
  t.is(await fails([{ ...one, PartNumber: 10_001 }]), 'InvalidArgument 400');
  for (const body of [
    '',
    '<CompleteMultipartUpload/>',
    '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>',
    '<CompleteMultipartUpload><Part><PartNumber>x</PartNumber><ETag/></Part></CompleteMultipartUpload>',
  ]) {
    const request = { method: 'POST', path: `/${Bucket}/refused`, query: { uploadId: id }, body };
    t.is(errorOf(await server.raw(request)), 'MalformedXML 400', body);
  }
  await t.notThrowsAsync(complete('refused', id, [one]));
});

test('a part that is sent again replaces the one before', async (t) => {
  const id = await start('replaced');
  const before = await part('replaced', id, 1, Buffer.from('before'));
  const after = await part('replaced', id, 1, Buffer.from('after'));
  const parts = (ETag: string | undefined) => [{ ETag, PartNumber: 1 }];
  t.is(await failureOf(complete('replaced', id, parts(before.ETag))), 'InvalidPart 400');
  await complete('replaced', id, parts(after.ETag));
  t.is((await bytesOf('replaced')).toString(), 'after');
});

test('an upload is completed under its conditions only', async (t) => {
  await s3.send(new PutObjectCommand({ Bucket, Key: 'kept', Body: 'kept' }));
  const id = await start('kept');
  const { ETag } = await part('kept', id, 1, Buffer.from('new'));
  const parts = [{ ETag, PartNumber: 1 }];
  t.is(await failureOf(complete('kept', id, parts, { IfNoneMatch: '*' })), 'PreconditionFailed 412');
  t.is(await failureOf(complete('kept', id, parts, { IfMatch: '"x"' })), 'PreconditionFailed 412');
  await complete('kept', id, parts, { IfMatch: `"${md5(Buffer.from('kept'))}"` });
  t.is((await bytesOf('kept')).toString(), 'new');
});

test('what is unknown of uploads is NoSuchUpload', async (t) => {
  const id = await start('known');
  t.is(await failureOf(part('other', id, 1, Buffer.from('x'))), 'NoSuchUpload 404');
  t.is(await failureOf(part('known', 'unknown', 1, Buffer.from('x'))), 'NoSuchUpload 404');
  t.is(await failureOf(part('known', id, 10_001, Buffer.from('x'))), 'InvalidArgument 400');
  const Key = 'known';
  await s3.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId: id }));
  for (const call of [
    part(Key, id, 1, Buffer.from('x')),
    complete(Key, id, [{ ETag: 'x', PartNumber: 1 }]),
    s3.send(new ListPartsCommand({ Bucket, Key, UploadId: id })),
    s3.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId: id })),
  ]) {
    t.is(await failureOf(call), 'NoSuchUpload 404');
  }
});

test('parts are listed in pages', async (t) => {
  const Key = 'parts ü';
  const UploadId = await start(Key, { ChecksumAlgorithm: 'CRC32' });
  for (const number of [1, 2, 5]) {
    await part(Key, UploadId, number, Buffer.from(`part ${number}`), { ChecksumAlgorithm: 'CRC32' });
  }
  const first = await s3.send(new ListPartsCommand({ Bucket, Key, UploadId, MaxParts: 2 }));
  t.deepEqual(
    first.Parts?.map(({ PartNumber }) => PartNumber),
    [1, 2],
  );
  t.true(first.IsTruncated);
  t.is(first.NextPartNumberMarker, '2');
  t.is(first.Owner?.DisplayName, 'owner');
  t.is(first.Key, Key);
  t.is(first.ChecksumAlgorithm, 'CRC32');
  t.is(first.ChecksumType, 'COMPOSITE');
  t.truthy(first.Parts?.[0]?.ChecksumCRC32);
  const rest = await s3.send(new ListPartsCommand({ Bucket, Key, UploadId, PartNumberMarker: '2' }));
  t.deepEqual(
    rest.Parts?.map(({ PartNumber, Size }) => [PartNumber, Size]),
    [[5, 6]],
  );
  t.false(rest.IsTruncated);
});

test('uploads are listed in pages, by prefix and folded', async (t) => {
  await s3.send(new CreateBucketCommand({ Bucket: 'under-way' }));
  const begin = async (Key: string) =>
    (await s3.send(new CreateMultipartUploadCommand({ Bucket: 'under-way', Key }))).UploadId ?? '';
  const ids = new Set<string>();
  for (const key of ['a', 'a', 'a', 'b/1', 'b/2', 'c']) ids.add(await begin(key));
  const list = (more: object) => s3.send(new ListMultipartUploadsCommand({ Bucket: 'under-way', ...more }));
  const folded = await list({ Delimiter: '/' });
  t.deepEqual(
    folded.Uploads?.map(({ Key }) => Key),
    ['a', 'a', 'a', 'c'],
  );
  t.deepEqual(folded.CommonPrefixes, [{ Prefix: 'b/' }]);
  t.is((await list({ Prefix: 'b/' })).Uploads?.length, 2);
  const seen: string[] = [];
  let markers = {};
  for (let pages = 0; pages < 5; pages++) {
    const page = await list({ MaxUploads: 2, ...markers });
    seen.push(...(page.Uploads ?? []).map(({ UploadId = '' }) => UploadId));
    if (!page.IsTruncated) break;
    markers = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
  }
  t.is(seen.length, 6);
  t.deepEqual(seen.sort(), [...ids].sort());
});

test('a part is copied from an object, whole or in a range', async (t) => {
  const source = contentOf(9, 2 * MIB);
  await s3.send(new PutObjectCommand({ Bucket, Key: 'source', Body: source }));
  const id = await start('from parts', { ChecksumAlgorithm: 'CRC64NVME' });
  const CopySource = `${Bucket}/source`;
  const copy = (PartNumber: number, more: object = {}) =>
    s3.send(
      new UploadPartCopyCommand({ Bucket, Key: 'from parts', UploadId: id, PartNumber, CopySource, ...more }),
    );
  const whole = await copy(1);
  t.is(whole.CopyPartResult?.ETag, `"${md5(source)}"`);
  t.truthy(whole.CopyPartResult?.ChecksumCRC64NVME);
  const { CopyPartResult } = await copy(1, { CopySourceRange: `bytes=100-${MIB + 99}` });
  t.is(CopyPartResult?.ETag, `"${md5(source.subarray(100, MIB + 100))}"`);
  t.is(await failureOf(copy(1, { CopySourceRange: `bytes=0-${source.length}` })), 'InvalidArgument 400');
  t.is(await failureOf(copy(1, { CopySource: `${Bucket}/missing` })), 'NoSuchKey 404');
  t.is(await failureOf(copy(1, { CopySourceIfMatch: '"x"' })), 'PreconditionFailed 412');
  await complete('from parts', id, [{ ETag: CopyPartResult?.ETag, PartNumber: 1 }]);
  t.true(source.subarray(100, MIB + 100).equals(await bytesOf('from parts')));
});

const base64 = (algorithm: ChecksumAlgorithm, bytes: Buffer) => {
  const name = algorithm.toLowerCase() as 'crc32';
  return Buffer.from(digestOnce([name], bytes)[name] ?? []).toString('base64');
};

const KINDS: readonly (readonly [ChecksumAlgorithm, ChecksumType])[] = [
  ['CRC32', 'COMPOSITE'],
  ['CRC32', 'FULL_OBJECT'],
  ['CRC32C', 'COMPOSITE'],
  ['CRC32C', 'FULL_OBJECT'],
  ['CRC64NVME', 'FULL_OBJECT'],
  ['SHA1', 'COMPOSITE'],
  ['SHA256', 'COMPOSITE'],
];

for (const [algorithm, ChecksumType] of KINDS) {
  const field = `Checksum${algorithm}` as const;

  test(`an upload with ${algorithm} is checked and described as ${ChecksumType}`, async (t) => {
    const Key = `${algorithm}-${ChecksumType}`;
    const bodies = [contentOf(4, PART), contentOf(5, 1_000)];
    const all = Buffer.concat(bodies);
    const id = await start(Key, { ChecksumAlgorithm: algorithm, ChecksumType });
    const Parts: CompletedPart[] = [];
    for (const [index, Body] of bodies.entries()) {
      const sent = await part(Key, id, index + 1, Body, { ChecksumAlgorithm: algorithm });
      Parts.push({ PartNumber: index + 1, ETag: sent.ETag, [field]: base64(algorithm, Body) });
    }
    const sums = Buffer.concat(bodies.map((body) => Buffer.from(base64(algorithm, body), 'base64')));
    const expected =
      ChecksumType === 'FULL_OBJECT' ? base64(algorithm, all) : `${base64(algorithm, sums)}-${bodies.length}`;
    const wrongPart = [{ ...Parts[0], [field]: base64(algorithm, Buffer.from('x')) }, Parts[1] ?? {}];
    t.is(await failureOf(complete(Key, id, wrongPart)), 'InvalidPart 400');
    const wrongWhole = { [field]: base64(algorithm, Buffer.from('x')) };
    t.is(await failureOf(complete(Key, id, Parts, wrongWhole)), 'BadDigest 400');
    if (ChecksumType === 'COMPOSITE') {
      const bare = Parts.map(({ PartNumber, ETag }) => ({ PartNumber, ETag }));
      t.is(await failureOf(complete(Key, id, bare)), 'InvalidRequest 400');
    }
    const done = await complete(Key, id, Parts, { [field]: expected, ChecksumType });
    t.is(done[field], expected);
    t.is(done.ChecksumType, ChecksumType);
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }));
    t.is(head[field], expected);
    t.is(head.ChecksumType, ChecksumType);
    const first = await s3.send(
      new HeadObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED', PartNumber: 1 }),
    );
    t.is(first[field], Parts[0]?.[field]);
  });
}

test('checksums of an upload and its parts must fit', async (t) => {
  const refused = (more: object) => failureOf(start('x', more));
  t.is(await refused({ ChecksumAlgorithm: 'SHA256', ChecksumType: 'FULL_OBJECT' }), 'InvalidRequest 400');
  t.is(await refused({ ChecksumAlgorithm: 'CRC64NVME', ChecksumType: 'COMPOSITE' }), 'InvalidRequest 400');
  t.is(await refused({ ChecksumType: 'COMPOSITE' }), 'InvalidRequest 400');
  t.is(await refused({ ChecksumAlgorithm: 'XXHASH64' }), 'NotImplemented 501');
  const id = await start('fit', { ChecksumAlgorithm: 'SHA1' });
  const body = Buffer.from('x');
  t.is(await failureOf(part('fit', id, 1, body, { ChecksumAlgorithm: 'CRC32' })), 'InvalidRequest 400');
  t.is(await failureOf(part('fit', id, 1, body)), 'InvalidRequest 400');
  t.is(
    await failureOf(part('fit', id, 1, body, { ChecksumSHA1: base64('SHA1', Buffer.from('y')) })),
    'BadDigest 400',
  );
  t.is(await failureOf(part('fit', id, 1, body, { ContentMD5: 'x' })), 'InvalidDigest 400');
});

test('a full checksum is computed for parts that came without one', async (t) => {
  const id = await start('computed', { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' });
  const body = Buffer.from('hello');
  const { ETag } = await part('computed', id, 1, body);
  const done = await complete('computed', id, [{ ETag, PartNumber: 1 }]);
  t.is(done.ChecksumCRC32, base64('CRC32', body));
});

test("the SDK's own uploader works as it comes", async (t) => {
  const body = contentOf(8, 12 * MIB);
  await new Upload({ client: server.client, params: { Bucket, Key: 'managed', Body: body } }).done();
  const answer = await server.client.send(new GetObjectCommand({ Bucket, Key: 'managed' }));
  t.true(body.equals(Buffer.from((await answer.Body?.transformToByteArray()) ?? [])));
  t.regex(answer.ETag ?? '', /-3"$/);
});
