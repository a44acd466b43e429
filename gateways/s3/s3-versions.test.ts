// Tests versions as the AWS SDK sees them: their ids, deletions, listings with every marker, copies and
// multipart uploads of them, and what is refused.

import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  type DeleteObjectCommandInput,
  DeleteObjectsCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandInput,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import test from 'ava';
import { errorOf, failureOf, S3Server } from '#tests/support/s3-server.ts';

let server: S3Server;
let buckets = 0;

test.before(async () => {
  server = await S3Server.start();
});

test.after.always(() => server?.stop());

type Status = 'Enabled' | 'Suspended';

/** A bucket of its own, and what is done in it. */
async function newBucket(status?: Status) {
  const Bucket = `versions-${++buckets}`;
  const s3 = server.client;
  await s3.send(new CreateBucketCommand({ Bucket }));
  const setStatus = (Status: Status) =>
    s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status } }));
  if (status) await setStatus(status);
  return {
    Bucket,
    setStatus,
    status: async () => (await s3.send(new GetBucketVersioningCommand({ Bucket }))).Status,
    put: async (Key: string, Body: string, more: object = {}) =>
      (await s3.send(new PutObjectCommand({ Bucket, Key, Body, ...more }))).VersionId ?? 'none',
    text: async (Key: string, VersionId?: string) =>
      (await s3.send(new GetObjectCommand({ Bucket, Key, VersionId }))).Body?.transformToString(),
    head: (Key: string, VersionId?: string) => s3.send(new HeadObjectCommand({ Bucket, Key, VersionId })),
    remove: (Key: string, more: Partial<DeleteObjectCommandInput> = {}) =>
      s3.send(new DeleteObjectCommand({ Bucket, Key, ...more })),
    list: (more: Partial<ListObjectVersionsCommandInput> = {}) =>
      s3.send(new ListObjectVersionsCommand({ Bucket, ...more })),
  };
}

test('a bucket says whether it keeps versions, once it was told to', async (t) => {
  const bucket = await newBucket();
  t.is(await bucket.status(), undefined);
  t.is(await bucket.put('k', 'plain'), 'none');
  await bucket.setStatus('Enabled');
  t.is(await bucket.status(), 'Enabled');
  t.is((await bucket.head('k')).VersionId, 'null');
  t.is(await bucket.text('k', 'null'), 'plain');
  const first = await bucket.put('k', 'first');
  t.regex(first, /^[0-9a-f]{32}$/);
  t.is(await bucket.text('k', 'null'), 'plain');
  t.is(await bucket.text('k', first), 'first');
  t.is((await bucket.head('k')).VersionId, first);
  await bucket.setStatus('Suspended');
  t.is(await bucket.status(), 'Suspended');
  t.is(await bucket.put('k', 'second'), 'null');
  t.is(await bucket.text('k', 'null'), 'second');
  t.is(await bucket.text('k', first), 'first');
  const { Bucket } = bucket;
  const tagsOf = async (VersionId: string) =>
    (await server.client.send(new GetObjectTaggingCommand({ Bucket, Key: 'k', VersionId }))).TagSet;
  const TagSet = [{ Key: 'a', Value: 'b' }];
  await server.client.send(new PutObjectTaggingCommand({ Bucket, Key: 'k', Tagging: { TagSet } }));
  t.deepEqual(await tagsOf('null'), TagSet);
  t.deepEqual(await tagsOf(first), []);
  t.is((await bucket.list()).Versions?.length, 2);
});

test('a deletion is a version: it hides what is before it, and goes like any other', async (t) => {
  const bucket = await newBucket('Enabled');
  const first = await bucket.put('k', 'first');
  const { DeleteMarker, VersionId: marker = '' } = await bucket.remove('k');
  t.true(DeleteMarker);
  t.not(marker, first);
  const hidden = await server.raw({ method: 'GET', path: `/${bucket.Bucket}/k` });
  t.is(errorOf(hidden), 'NoSuchKey 404');
  t.is(hidden.headers['x-amz-delete-marker'], 'true');
  t.is(hidden.headers['x-amz-version-id'], marker);
  for (const method of ['GET', 'HEAD'] as const) {
    const named = await server.raw({
      method,
      path: `/${bucket.Bucket}/k`,
      query: { versionId: marker },
    });
    t.is(named.status, 405);
    t.is(named.headers.allow, 'DELETE');
    t.is(named.headers['x-amz-delete-marker'], 'true');
    t.truthy(named.headers['last-modified']);
  }
  t.is(await bucket.text('k', first), 'first');
  t.deepEqual(
    (await server.client.send(new ListObjectsV2Command({ Bucket: bucket.Bucket }))).Contents,
    undefined,
  );
  t.like(await bucket.remove('k', { VersionId: marker }), { DeleteMarker: true, VersionId: marker });
  t.is(await bucket.text('k'), 'first');
  t.is((await bucket.remove('k', { VersionId: first })).DeleteMarker, undefined);
  t.is(errorOf(await server.raw({ method: 'GET', path: `/${bucket.Bucket}/k` })), 'NoSuchKey 404');
  t.deepEqual(await bucket.list().then(({ Versions, DeleteMarkers }) => [Versions, DeleteMarkers]), [
    undefined,
    undefined,
  ]);
});

test('a suspended bucket has one deletion called null, in the place of the null version', async (t) => {
  const bucket = await newBucket('Enabled');
  const first = await bucket.put('k', 'first');
  await bucket.setStatus('Suspended');
  await bucket.put('k', 'second');
  t.like(await bucket.remove('k'), { DeleteMarker: true, VersionId: 'null' });
  const { Versions = [], DeleteMarkers = [] } = await bucket.list();
  t.deepEqual(
    Versions.map(({ VersionId }) => VersionId),
    [first],
  );
  t.deepEqual(
    DeleteMarkers.map(({ VersionId, IsLatest }) => [VersionId, IsLatest]),
    [['null', true]],
  );
  await bucket.remove('k', { VersionId: 'null' });
  t.is(await bucket.text('k'), 'first');
});

test('all versions are listed by key and age, with every marker, prefix and delimiter', async (t) => {
  const bucket = await newBucket('Enabled');
  const wanted: string[] = [];
  for (const key of ['a', 'b/1', 'b/2', 'c d', 'é']) {
    const versions = [await bucket.put(key, '1'), await bucket.put(key, '22')];
    versions.push((await bucket.remove(key)).VersionId ?? '');
    wanted.push(...versions.reverse().map((version, at) => `${key} ${version} ${at === 0}`));
  }
  type Page = Awaited<ReturnType<typeof bucket.list>>;
  const rowsOf = ({ Versions = [], DeleteMarkers = [] }: Page) =>
    [...Versions, ...DeleteMarkers].map(({ Key, VersionId, IsLatest }) => `${Key} ${VersionId} ${IsLatest}`);
  const ofAll = (rows: readonly string[]) => [...rows].sort();
  t.deepEqual(ofAll(rowsOf(await bucket.list())), ofAll(wanted));
  for (const MaxKeys of [1, 2, 3, 7]) {
    const found: string[] = [];
    let page = await bucket.list({ MaxKeys });
    for (;;) {
      found.push(...rowsOf(page));
      if (!page.IsTruncated) break;
      page = await bucket.list({
        MaxKeys,
        KeyMarker: page.NextKeyMarker,
        VersionIdMarker: page.NextVersionIdMarker,
      });
    }
    t.deepEqual(ofAll(found), ofAll(wanted), `pages of ${MaxKeys}`);
  }
  const behind = await bucket.list({ KeyMarker: 'b/2' });
  t.deepEqual(ofAll(rowsOf(behind)), ofAll(wanted.slice(9)));
  const folded = await bucket.list({ Delimiter: '/', Prefix: '', EncodingType: 'url' });
  t.deepEqual(
    folded.CommonPrefixes?.map(({ Prefix }) => Prefix),
    ['b/'],
  );
  t.is(folded.Versions?.length, 6);
  const inside = await bucket.list({ Prefix: 'b/', Delimiter: '/' });
  t.is(inside.CommonPrefixes, undefined);
  t.is(inside.DeleteMarkers?.length, 2);
  t.like(inside.Versions?.[0], { Size: 2, IsLatest: false, StorageClass: 'STANDARD' });
  t.is((await bucket.list({ MaxKeys: 0 })).IsTruncated, false);
});

test('many are deleted at once, by key and by version', async (t) => {
  const bucket = await newBucket('Enabled');
  const [a, b] = [await bucket.put('a', '1'), await bucket.put('b', '1')];
  const marker = (await bucket.remove('b')).VersionId ?? '';
  const Objects = [
    { Key: 'a' },
    { Key: 'b', VersionId: b },
    { Key: 'b', VersionId: marker },
    { Key: 'a', VersionId: 'x' },
  ];
  const { Bucket } = bucket;
  const { Deleted = [], Errors } = await server.client.send(
    new DeleteObjectsCommand({ Bucket, Delete: { Objects } }),
  );
  t.true(Deleted[0]?.DeleteMarker);
  t.is((await bucket.list({ Prefix: 'a' })).DeleteMarkers?.[0]?.VersionId, Deleted[0]?.DeleteMarkerVersionId);
  t.like(Deleted[1], { Key: 'b', VersionId: b });
  t.like(Deleted[2], { VersionId: marker, DeleteMarker: true, DeleteMarkerVersionId: marker });
  t.deepEqual(
    Errors?.map(({ Code }) => Code),
    ['InvalidArgument'],
  );
  t.is(await bucket.text('a', a), '1');
  t.is(await failureOf(server.client.send(new DeleteBucketCommand({ Bucket }))), 'BucketNotEmpty 409');
  for (const { VersionId } of [...((await bucket.list()).Versions ?? [])])
    await bucket.remove('a', { VersionId });
  t.is(await failureOf(server.client.send(new DeleteBucketCommand({ Bucket }))), 'BucketNotEmpty 409');
  await bucket.remove('a', { VersionId: Deleted[0]?.DeleteMarkerVersionId });
  await t.notThrowsAsync(server.client.send(new DeleteBucketCommand({ Bucket })));
});

test('versions are copied, also onto their own key, and into parts', async (t) => {
  const bucket = await newBucket('Enabled');
  const { Bucket } = bucket;
  const s3 = server.client;
  const first = await bucket.put('k', 'first');
  await bucket.put('k', 'second');
  const source = `${Bucket}/k?versionId=${first}`;
  const copied = await s3.send(new CopyObjectCommand({ Bucket, Key: 'k', CopySource: source }));
  t.is(copied.CopySourceVersionId, first);
  t.is((await bucket.head('k')).VersionId, copied.VersionId);
  t.is(await bucket.text('k'), 'first');
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: 'k' }));
  const upload = { Bucket, Key: 'k', UploadId };
  const part = await s3.send(new UploadPartCopyCommand({ ...upload, PartNumber: 1, CopySource: source }));
  t.is(part.CopySourceVersionId, first);
  const last = await s3.send(new UploadPartCommand({ ...upload, PartNumber: 1, Body: 'parts' }));
  const MultipartUpload = { Parts: [{ PartNumber: 1, ETag: last.ETag }] };
  const completed = await s3.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload }));
  t.is((await bucket.head('k')).VersionId, completed.VersionId);
  t.is((await bucket.list()).Versions?.length, 4);
  const again = await s3.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload }));
  t.is(again.VersionId, completed.VersionId);
  const { VersionId } = await bucket.remove('k');
  const copyFrom = (CopySource: string) =>
    failureOf(s3.send(new CopyObjectCommand({ Bucket, Key: 'c', CopySource })));
  t.is(await copyFrom(`${Bucket}/k?versionId=${VersionId}`), 'InvalidRequest 400');
  t.is(await copyFrom(`${Bucket}/k`), 'NoSuchKey 404');
  t.is(await copyFrom(`${Bucket}/k?versionId=${'0'.repeat(32)}`), 'NoSuchVersion 404');
});

test('a conditional write is judged by the version that is there now', async (t) => {
  const bucket = await newBucket('Enabled');
  await bucket.put('k', 'first');
  t.is(await failureOf(bucket.put('k', 'x', { IfNoneMatch: '*' })), 'PreconditionFailed 412');
  await bucket.remove('k');
  t.is(await failureOf(bucket.put('k', 'x', { IfMatch: '"e"' })), 'NoSuchKey 404');
  const second = await bucket.put('k', 'second', { IfNoneMatch: '*' });
  const { ETag } = await bucket.head('k', second);
  t.is(await failureOf(bucket.remove('k', { IfMatch: '"e"' })), 'PreconditionFailed 412');
  t.true((await bucket.remove('k', { IfMatch: ETag })).DeleteMarker);
});

test('what names no version, or cannot, is refused', async (t) => {
  const bucket = await newBucket('Enabled');
  await bucket.put('k', '1');
  const none = '0'.repeat(32);
  const path = `/${bucket.Bucket}/k`;
  const ask = async (query: Record<string, string>, method: 'GET' | 'PUT' = 'GET') =>
    errorOf(await server.raw({ method, path, query }));
  t.is(await ask({ versionId: none }), 'NoSuchVersion 404');
  t.is(await ask({ versionId: 'null' }), 'NoSuchVersion 404');
  t.is(await ask({ versionId: '../x' }), 'InvalidArgument 400');
  t.is(await ask({ versionId: '' }), 'InvalidArgument 400');
  t.is(await ask({ versionId: none }, 'PUT'), 'InvalidArgument 400');
  t.is((await bucket.remove('k', { VersionId: none })).VersionId, none);
  t.is(await bucket.text('k'), '1');
  t.is(await failureOf(bucket.list({ VersionIdMarker: none })), 'InvalidArgument 400');
  t.is(await failureOf(bucket.list({ KeyMarker: 'k', VersionIdMarker: 'x' })), 'InvalidArgument 400');
  const configure = async (body: string) => {
    const request = { method: 'PUT', path: `/${bucket.Bucket}`, query: { versioning: '' }, body } as const;
    return errorOf(await server.raw(request));
  };
  const document = (inside: string) => `<VersioningConfiguration>${inside}</VersioningConfiguration>`;
  t.is(await configure(document('<Status>On</Status>')), 'MalformedXML 400');
  t.is(await configure(document('')), 'IllegalVersioningConfigurationException 400');
  t.is(await configure('<Versions/>'), 'MalformedXML 400');
  t.is(
    await configure(document('<Status>Enabled</Status><MfaDelete>Enabled</MfaDelete>')),
    'NotImplemented 501',
  );
  t.is(await bucket.status(), 'Enabled');
});
