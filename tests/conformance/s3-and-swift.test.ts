// Owns the proof that S3 and Swift are two ways to the same objects: whatever one of them makes, in whichever
// way, the other finds in its lists, reads whole and in part, describes by the table of docs/SWIFT.md,
// replaces and deletes.

import { createHash } from 'node:crypto';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import test from 'ava';
import { contentOf } from '#tests/support/contents.ts';
import { SwiftServer } from '#tests/support/swift-server.ts';

/** The least that S3 takes for a part that is not the last. */
const S3_PART_BYTES = 5 * 1024 * 1024;

let server: SwiftServer;

test.before(async () => {
  server = await SwiftServer.start();
});

test.after.always(() => server?.stop());

/** What a dialect is asked for; the same words for both. */
interface Dialect {
  makeBucket(name: string): Promise<unknown>;
  deleteBucket(name: string): Promise<number>;
  buckets(): Promise<readonly string[]>;
  put(bucket: string, key: string, bytes: Buffer): Promise<unknown>;
  putInParts(bucket: string, key: string, parts: readonly Buffer[]): Promise<unknown>;
  copy(bucket: string, from: string, to: string): Promise<unknown>;
  get(bucket: string, key: string, range?: string): Promise<Buffer | number>;
  size(bucket: string, key: string): Promise<number>;
  list(bucket: string): Promise<readonly (readonly [key: string, sizeBytes: number])[]>;
  remove(bucket: string, key: string): Promise<unknown>;
  removeMany(bucket: string, keys: readonly string[]): Promise<unknown>;
}

const statusOf = (error: { $metadata: { httpStatusCode: number } }): number => error.$metadata.httpStatusCode;

const s3: Dialect = {
  makeBucket: (Bucket) =>
    server.s3.send(
      new CreateBucketCommand({ Bucket, CreateBucketConfiguration: { LocationConstraint: 'here' as never } }),
    ),
  deleteBucket: (Bucket) =>
    server.s3
      .send(new DeleteBucketCommand({ Bucket }))
      .then(({ $metadata }) => $metadata.httpStatusCode ?? 0, statusOf),
  async buckets() {
    const { Buckets = [] } = await server.s3.send(new ListBucketsCommand({}));
    return Buckets.map(({ Name }) => Name ?? '');
  },
  put: (Bucket, Key, Body) => server.s3.send(new PutObjectCommand({ Bucket, Key, Body })),
  async putInParts(Bucket, Key, parts) {
    const { UploadId } = await server.s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    const Parts = [];
    for (const [at, Body] of parts.entries()) {
      const part = { Bucket, Key, UploadId, PartNumber: at + 1, Body };
      const { ETag } = await server.s3.send(new UploadPartCommand(part));
      Parts.push({ PartNumber: at + 1, ETag });
    }
    const whole = { Bucket, Key, UploadId, MultipartUpload: { Parts } };
    return server.s3.send(new CompleteMultipartUploadCommand(whole));
  },
  copy: (Bucket, from, Key) =>
    server.s3.send(
      new CopyObjectCommand({ Bucket, Key, CopySource: `${Bucket}/${encodeURIComponent(from)}` }),
    ),
  async get(Bucket, Key, Range) {
    try {
      const { Body } = await server.s3.send(new GetObjectCommand({ Bucket, Key, ...(Range && { Range }) }));
      return Buffer.from((await Body?.transformToByteArray()) ?? []);
    } catch (error) {
      return statusOf(error as never);
    }
  },
  async size(Bucket, Key) {
    return (await server.s3.send(new HeadObjectCommand({ Bucket, Key }))).ContentLength ?? -1;
  },
  async list(Bucket) {
    const { Contents = [] } = await server.s3.send(new ListObjectsV2Command({ Bucket }));
    return Contents.map(({ Key = '', Size = -1 }) => [Key, Size] as const);
  },
  remove: (Bucket, Key) => server.s3.send(new DeleteObjectCommand({ Bucket, Key })),
  removeMany: (Bucket, keys) =>
    server.s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: keys.map((Key) => ({ Key })) } })),
};

const pathOf = (bucket: string, key: string) =>
  `/${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`;

const swift: Dialect = {
  makeBucket: (name) => server.call('PUT', `/${name}`),
  deleteBucket: async (name) => (await server.call('DELETE', `/${name}`)).status,
  async buckets() {
    const { text } = await server.call('GET', '?format=json');
    return JSON.parse(text).map(({ name }: { name: string }) => name);
  },
  put: (bucket, key, body) => server.call('PUT', pathOf(bucket, key), { body }),
  async putInParts(bucket, key, parts) {
    const manifest = [];
    await server.call('PUT', `/${bucket}-segments`);
    for (const [at, body] of parts.entries()) {
      await server.call('PUT', pathOf(`${bucket}-segments`, `${key}/${at}`), { body });
      manifest.push({ path: `/${bucket}-segments/${key}/${at}` });
    }
    const body = JSON.stringify(manifest);
    return server.call('PUT', `${pathOf(bucket, key)}?multipart-manifest=put`, { body });
  },
  copy: (bucket, from, to) =>
    server.call('COPY', pathOf(bucket, from), { headers: { Destination: pathOf(bucket, to) } }),
  async get(bucket, key, range) {
    const headers = range === undefined ? {} : { Range: range };
    const { status, bytes } = await server.call('GET', pathOf(bucket, key), { headers });
    return status < 300 ? bytes : status;
  },
  async size(bucket, key) {
    return Number((await server.call('HEAD', pathOf(bucket, key))).headers.get('content-length'));
  },
  async list(bucket) {
    const { text } = await server.call('GET', `/${bucket}?format=json`);
    const rows: { name: string; bytes: number }[] = JSON.parse(text);
    return rows.map(({ name, bytes }) => [name, bytes] as const);
  },
  remove: (bucket, key) => server.call('DELETE', pathOf(bucket, key)),
  removeMany: (bucket, keys) =>
    server.call('POST', '?bulk-delete', { body: keys.map((key) => pathOf(bucket, key)).join('\n') }),
};

const DIALECTS = { s3, swift };
const KEYS = ['plain', 'ünïcödé/日本語', 'with space', 'a//b', 'per%cent+plus', '😀'];

for (const [writerName, readerName, partBytes] of [
  ['s3', 'swift', S3_PART_BYTES],
  ['swift', 's3', 70_000],
] as const) {
  const [writer, reader] = [DIALECTS[writerName], DIALECTS[readerName]];
  const bucket = `${writerName}-to-${readerName}`;

  test.serial(`what ${writerName} makes ${readerName} lists, reads, replaces and deletes`, async (t) => {
    await writer.makeBucket(bucket);
    t.true((await reader.buckets()).includes(bucket));
    const contents = new Map(KEYS.map((key, at) => [key, contentOf(at, 1 + at * 50_000)]));
    for (const [key, bytes] of contents) await writer.put(bucket, key, bytes);
    await writer.copy(bucket, 'plain', 'copied');
    contents.set('copied', contents.get('plain') as Buffer);
    const parts = [contentOf(7, partBytes), contentOf(8, 1_000)];
    await writer.putInParts(bucket, 'in parts', parts);
    contents.set('in parts', Buffer.concat(parts));
    const expected = [...contents].map(([key, bytes]) => [key, bytes.length] as const);
    expected.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    t.deepEqual(await reader.list(bucket), expected);
    for (const [key, bytes] of contents) {
      const got = await reader.get(bucket, key);
      t.true(Buffer.isBuffer(got) && got.equals(bytes), key);
      t.is(await reader.size(bucket, key), bytes.length, key);
    }
    const border = `bytes=${partBytes - 10}-${partBytes + 9}`;
    const whole = contents.get('in parts') as Buffer;
    t.deepEqual(await reader.get(bucket, 'in parts', border), whole.subarray(partBytes - 10, partBytes + 10));
    await reader.copy(bucket, 'in parts', 'in one');
    const copied = await writer.get(bucket, 'in one');
    // Compared byte by byte, a report of the difference would take minutes.
    t.true(Buffer.isBuffer(copied) && copied.equals(whole));
    await reader.put(bucket, 'plain', Buffer.from('replaced'));
    t.deepEqual(await writer.get(bucket, 'plain'), Buffer.from('replaced'));
    t.is(await reader.deleteBucket(bucket), 409);
    await reader.remove(bucket, 'plain');
    t.is(await writer.get(bucket, 'plain'), 404);
    await reader.removeMany(
      bucket,
      [...contents.keys(), 'in one'].filter((key) => key !== 'plain'),
    );
    t.deepEqual(await writer.list(bucket), []);
    t.is(await reader.deleteBucket(bucket), 204);
    t.false((await writer.buckets()).includes(bucket));
  });
}

test.serial('what is said of an object is the same in both, by the table', async (t) => {
  await swift.makeBucket('described');
  const body = Buffer.from('x');
  const headers = {
    ...{ 'Content-Type': 'text/a', 'Cache-Control': 'no-cache', 'Content-Disposition': 'inline' },
    ...{ 'Content-Encoding': 'identity', 'Content-Language': 'de' },
    ...{ 'X-Object-Meta-Some-Name': Buffer.from('Wärme').toString('latin1') },
  };
  await server.call('PUT', '/described/by-swift', { body, headers });
  const s3Answer = await server.s3.send(new HeadObjectCommand({ Bucket: 'described', Key: 'by-swift' }));
  t.like(s3Answer, {
    ...{ ContentType: 'text/a', CacheControl: 'no-cache', ContentDisposition: 'inline' },
    ...{ ContentEncoding: 'identity', ContentLanguage: 'de' },
    ETag: `"${createHash('md5').update(body).digest('hex')}"`,
  });
  t.deepEqual(s3Answer.Metadata, { 'some-name': '=?UTF-8?B?V8Okcm1l?=' });
  await server.s3.send(
    new PutObjectCommand({
      ...{ Bucket: 'described', Key: 'by-s3', Body: body, ContentType: 'text/b' },
      ...{ CacheControl: 'private', Metadata: { 'Other-Name': 'value' } },
    }),
  );
  const answer = await server.call('HEAD', '/described/by-s3');
  t.is(answer.headers.get('content-type'), 'text/b');
  t.is(answer.headers.get('cache-control'), 'private');
  t.is(answer.headers.get('x-object-meta-other-name'), 'value');
  t.is(answer.headers.get('etag'), createHash('md5').update(body).digest('hex'));
  await server.call('POST', '/described/by-s3', { headers: { 'X-Object-Meta-New': '1' } });
  const again = await server.s3.send(new HeadObjectCommand({ Bucket: 'described', Key: 'by-s3' }));
  t.deepEqual([again.Metadata, again.ContentType], [{ new: '1' }, 'text/b']);
  await s3.putInParts('described', 'parts', [contentOf(1, 10)]);
  const large = await server.call('HEAD', '/described/parts');
  t.is(large.headers.get('x-static-large-object'), 'True');
  t.regex(large.headers.get('etag') ?? '', /^"[0-9a-f]{32}-1"$/);
  t.deepEqual(JSON.parse((await server.call('GET', '/described/parts?multipart-manifest=get')).text), []);
});

test.serial('tags are S3’s alone, and outlive what Swift says of an object', async (t) => {
  await swift.makeBucket('tagged');
  const named = { Bucket: 'tagged', Key: 'k' };
  await server.s3.send(new PutObjectCommand({ ...named, Body: 'x', Tagging: 'a=b' }));
  const before = await server.call('HEAD', '/tagged/k');
  t.false([...before.headers.keys()].some((name) => name.includes('tag') && name !== 'etag'));
  await server.call('POST', '/tagged/k', { headers: { 'X-Object-Meta-New': '1' } });
  const tagsOf = async () => (await server.s3.send(new GetObjectTaggingCommand(named))).TagSet;
  t.deepEqual(await tagsOf(), [{ Key: 'a', Value: 'b' }]);
  const Tagging = { TagSet: [{ Key: 'c', Value: 'd' }] };
  const modified = (await server.call('HEAD', '/tagged/k')).headers.get('last-modified');
  await server.s3.send(new PutObjectTaggingCommand({ ...named, Tagging }));
  const after = await server.call('HEAD', '/tagged/k');
  t.is(after.headers.get('x-object-meta-new'), '1');
  t.is(after.headers.get('last-modified'), modified);
});

test.serial(
  'names that S3 has no room for are Swift’s alone, and names that are taken are shared by no one',
  async (t) => {
    await server.call('PUT', '/Gro%C3%9Fe%20Kiste');
    t.true((await s3.buckets()).includes('Große Kiste'));
    const stranger = await server.person('stranger', 'member');
    const account = `/object-store/v1/AUTH_${stranger.projectId}`;
    const { token } = stranger;
    await s3.makeBucket('taken');
    await s3.put('taken', 'a', Buffer.from('first'));
    t.is((await server.raw('PUT', `${account}/taken`, { token })).status, 201);
    await server.raw('PUT', `${account}/taken/a`, { token, body: 'second' });
    t.is((await server.raw('GET', `${account}/taken/a`, { token })).text, 'second');
    t.deepEqual(await s3.get('taken', 'a'), Buffer.from('first'));
    t.is((await server.call('GET', '/taken/a', { token })).status, 403);
    // Who has a bucket of that name in Swift alone is the one whom S3 refuses it.
    await server.raw('PUT', `${account}/theirs`, { token });
    await t.throwsAsync(server.s3.send(new HeadBucketCommand({ Bucket: 'theirs' })), {
      message: /UnknownError|Forbidden|403/,
    });
    t.is((await server.call('GET', '/theirs')).status, 404);
  },
);

test('versions that one makes the other lists, reads, brings back and deletes', async (t) => {
  const Bucket = 'versions';
  const Key = 'a/b';
  await swift.makeBucket(Bucket);
  const path = `/${Bucket}/${Key}`;
  const turn = (Status: 'Enabled' | 'Suspended') =>
    server.s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status } }));
  const switched = async () => (await server.call('HEAD', `/${Bucket}`)).headers.get('x-versions-enabled');
  await swift.put(Bucket, Key, Buffer.from('plain'));
  await turn('Enabled');
  t.is(await switched(), 'True');
  const ids = ['null'];
  const byS3 = async (Body: string) => {
    ids.unshift((await server.s3.send(new PutObjectCommand({ Bucket, Key, Body }))).VersionId ?? '');
  };
  const bySwift = async (method: string, body?: string) => {
    const { headers } = await server.call(method, path, body === undefined ? {} : { body });
    ids.unshift(headers.get('x-object-version-id') ?? '');
  };
  await byS3('by S3');
  await bySwift('PUT', 'by Swift');
  await bySwift('DELETE');
  ids.unshift((await server.s3.send(new DeleteObjectCommand({ Bucket, Key }))).VersionId ?? '');
  await byS3('again');
  const shownByS3 = async () => {
    const { Versions = [], DeleteMarkers = [] } = await server.s3.send(
      new ListObjectVersionsCommand({ Bucket }),
    );
    return [...Versions, ...DeleteMarkers]
      .map(({ VersionId, IsLatest }) => `${VersionId} ${IsLatest}`)
      .sort();
  };
  const shownBySwift = async () => {
    const { text } = await server.call('GET', `/${Bucket}?versions&format=json`);
    const rows: { version_id: string; is_latest: boolean }[] = JSON.parse(text);
    return rows.map(({ version_id, is_latest }) => `${version_id} ${is_latest}`);
  };
  const wanted = ids.map((id, at) => `${id} ${at === 0}`);
  t.deepEqual(await shownBySwift(), wanted);
  t.deepEqual(await shownByS3(), [...wanted].sort());
  const texts = ['again', undefined, undefined, 'by Swift', 'by S3', 'plain'];
  for (const [at, VersionId] of ids.entries()) {
    const read = await server.call('GET', `${path}?version-id=${VersionId}`);
    t.is(read.status === 200 ? read.text : undefined, texts[at]);
    const body = server.s3.send(new GetObjectCommand({ Bucket, Key, VersionId }));
    t.is(
      await body.then(
        ({ Body }) => Body?.transformToString(),
        () => undefined,
      ),
      texts[at],
    );
  }
  await server.call('DELETE', `${path}?version-id=${ids.shift()}`);
  await server.s3.send(new DeleteObjectCommand({ Bucket, Key, VersionId: ids.shift() }));
  t.is(await s3.get(Bucket, Key), 404);
  await server.call('DELETE', `${path}?version-id=${ids.shift()}`);
  t.is((await s3.get(Bucket, Key)).toString(), 'by Swift');
  await turn('Suspended');
  t.is(await switched(), 'False');
  await swift.put(Bucket, Key, Buffer.from('null again'));
  t.deepEqual(await shownBySwift(), ['null true', `${ids[0]} false`, `${ids[1]} false`]);
  t.is(await swift.deleteBucket(Bucket), 409);
});
