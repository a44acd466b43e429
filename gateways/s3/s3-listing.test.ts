// Owns the proof that listings show every key once, in order, under any name and at any page size.

import {
  CreateBucketCommand,
  ListObjectsCommand,
  type ListObjectsCommandOutput,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import test from 'ava';
import { errorOf, failureOf, S3Server } from '#tests/support/s3-server.ts';

let server: S3Server;
const Bucket = 'listed';
const ODD = 'odd';
const PAGED = 'paged';

const TREE = ['a', 'b/1', 'b/2', 'b/c/1', 'b0', 'c/1', 'd', 'é', '日本/1', '日本/2', '\u{1f600}', '\ufffd'];
const ODD_KEYS = [
  'with space',
  'plus+',
  'per%cent',
  '<&>"\'',
  'line\nfeed',
  'return\r',
  'control\u0001',
  '\u007f',
  '//',
];

/** S3's order: of UTF-8 bytes. */
const inOrder = (keys: readonly string[]) =>
  [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

test.before(async () => {
  server = await S3Server.start();
  const put = async (bucket: string, keys: readonly string[]) => {
    await server.client.send(new CreateBucketCommand({ Bucket: bucket }));
    for (const Key of keys)
      await server.client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: Key }));
  };
  await put(Bucket, TREE);
  await put(ODD, ODD_KEYS);
  const owner = (await server.memory.accounts.listAccounts()).find(({ name }) => name === 'owner');
  const caller = { accountId: owner?.accountId ?? '', role: 'member', requestId: '' } as const;
  await server.client.send(new CreateBucketCommand({ Bucket: PAGED }));
  for (let i = 0; i < 1_005; i++) {
    const outcome = await server.memory.cloud.objects.put(caller, {
      bucket: PAGED,
      key: `key-${String(i).padStart(5, '0')}`,
      source: { sizeBytes: 0, start: (sink) => sink.end(), pause() {}, resume() {}, cancel() {} },
      digests: [],
      condition: {},
      describe: () => ({ etag: 'e', contentType: '', headers: {}, metadata: {}, storageClass: 'STANDARD' }),
    });
    if ('rejected' in outcome) throw new Error(outcome.rejected);
  }
});

test.after.always(() => server?.stop());

const list2 = (more: object = {}): Promise<ListObjectsV2CommandOutput> =>
  server.client.send(new ListObjectsV2Command({ Bucket, ...more }));
const list1 = (more: object = {}): Promise<ListObjectsCommandOutput> =>
  server.client.send(new ListObjectsCommand({ Bucket, ...more }));
const keysOf = (page: { Contents?: { Key?: string | undefined }[] | undefined }) =>
  (page.Contents ?? []).map(({ Key }) => Key);
const prefixesOf = (page: { CommonPrefixes?: { Prefix?: string | undefined }[] | undefined }) =>
  (page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix);

test('all keys are there, in the order of their UTF-8', async (t) => {
  const page = await list2();
  t.deepEqual(keysOf(page), inOrder(TREE));
  t.is(page.KeyCount, TREE.length);
  t.is(page.MaxKeys, 1_000);
  t.false(page.IsTruncated);
  t.is(page.Prefix, '');
  t.is(page.Contents?.[0]?.Size, 1);
  t.is(page.Contents?.[0]?.StorageClass, 'STANDARD');
  t.deepEqual(page.Contents?.[0]?.ChecksumAlgorithm, ['CRC32']);
  t.is(page.Contents?.[0]?.Owner, undefined);
  t.deepEqual(keysOf(await list1()), inOrder(TREE));
});

test('a delimiter folds what lies below it', async (t) => {
  for (const page of [await list2({ Delimiter: '/' }), await list1({ Delimiter: '/' })]) {
    t.deepEqual(prefixesOf(page), ['b/', 'c/', '日本/']);
    t.deepEqual(keysOf(page), inOrder(TREE.filter((key) => !key.includes('/'))));
  }
  const below = await list2({ Delimiter: '/', Prefix: 'b/' });
  t.deepEqual(keysOf(below), ['b/1', 'b/2']);
  t.deepEqual(prefixesOf(below), ['b/c/']);
  t.deepEqual(keysOf(await list2({ Prefix: '日' })), ['日本/1', '日本/2']);
  t.deepEqual(prefixesOf(await list2({ Delimiter: 'c/' })), ['b/c/', 'c/']);
});

for (const MaxKeys of [1, 2, 3, 5]) {
  test(`pages of ${MaxKeys} show the same as one, with version 2`, async (t) => {
    const seen: (string | undefined)[] = [];
    let ContinuationToken: string | undefined;
    for (let pages = 0; pages < 20; pages++) {
      const page = await list2({ Delimiter: '/', MaxKeys, ...(ContinuationToken && { ContinuationToken }) });
      t.is(page.KeyCount, keysOf(page).length + prefixesOf(page).length);
      t.is(page.ContinuationToken, ContinuationToken);
      seen.push(...keysOf(page), ...prefixesOf(page));
      ContinuationToken = page.NextContinuationToken;
      t.is(page.IsTruncated, ContinuationToken !== undefined);
      if (!ContinuationToken) break;
    }
    t.deepEqual(
      inOrder(seen.map(String)),
      inOrder(['a', 'b/', 'b0', 'c/', 'd', 'é', '日本/', '\u{1f600}', '\ufffd']),
    );
  });

  test(`pages of ${MaxKeys} show the same as one, with version 1`, async (t) => {
    const seen: (string | undefined)[] = [];
    let Marker: string | undefined;
    for (let pages = 0; pages < 20; pages++) {
      const page = await list1({ MaxKeys, ...(Marker !== undefined && { Marker }) });
      t.is(page.NextMarker, undefined);
      seen.push(...keysOf(page));
      if (!page.IsTruncated) break;
      Marker = keysOf(page).at(-1);
    }
    t.deepEqual(seen, inOrder(TREE));
  });
}

test('version 1 names the next marker where there is a delimiter', async (t) => {
  const first = await list1({ Delimiter: '/', MaxKeys: 2 });
  t.is(first.NextMarker, 'b/');
  const second = await list1({ Delimiter: '/', MaxKeys: 2, Marker: 'b/' });
  t.deepEqual([...keysOf(second), ...prefixesOf(second)], ['b0', 'c/']);
});

test('more than a thousand keys come in pages of a thousand', async (t) => {
  const first = await list2({ Bucket: PAGED, MaxKeys: 5_000 });
  t.is(first.KeyCount, 1_000);
  t.is(first.MaxKeys, 1_000);
  t.true(first.IsTruncated);
  const second = await list2({ Bucket: PAGED, ContinuationToken: first.NextContinuationToken });
  t.deepEqual(keysOf(second), ['key-01000', 'key-01001', 'key-01002', 'key-01003', 'key-01004']);
});

test('a listing starts after a key, and a token outweighs it', async (t) => {
  const page = await list2({ StartAfter: 'c/1', MaxKeys: 1 });
  t.deepEqual(keysOf(page), ['d']);
  t.is(page.StartAfter, 'c/1');
  const next = await list2({ StartAfter: 'a', ContinuationToken: page.NextContinuationToken });
  t.is(keysOf(next)[0], 'é');
  t.deepEqual(keysOf(await list2({ StartAfter: '\u{1f600}' })), []);
});

test('owners are shown where they are asked for', async (t) => {
  const [first] = (await list2({ FetchOwner: true })).Contents ?? [];
  t.is(first?.Owner?.DisplayName, 'owner');
  t.regex(first?.Owner?.ID ?? '', /^[0-9a-f]{64}$/);
  t.is((await list1()).Contents?.[0]?.Owner?.DisplayName, 'owner');
});

test('odd keys come back, escaped or url-encoded', async (t) => {
  const encoded = await list2({ Bucket: ODD, EncodingType: 'url' });
  t.is(encoded.EncodingType, 'url');
  const decoded = keysOf(encoded).map((key) => decodeURIComponent(String(key).replaceAll('+', '%20')));
  t.deepEqual(decoded, inOrder(ODD_KEYS));
  const raw = await server.raw({ method: 'GET', path: `/${ODD}` });
  t.true(raw.body.includes('<Key>control&#x1;</Key>'));
  t.true(raw.body.includes('<Key>return&#xd;</Key>'));
  t.true(raw.body.includes('<Key>&lt;&amp;&gt;&quot;&#39;</Key>'));
  const prefixed = await server.raw({
    method: 'GET',
    path: `/${ODD}`,
    query: { 'encoding-type': 'url', prefix: 'with ', marker: 'a b', delimiter: '%' },
  });
  t.regex(prefixed.body, /<Prefix>with\+<\/Prefix>.*<Delimiter>%25<\/Delimiter>.*<Marker>a\+b<\/Marker>/);
});

test('no keys are asked for, and none are given', async (t) => {
  const page = await list2({ MaxKeys: 0 });
  t.is(page.KeyCount, 0);
  t.false(page.IsTruncated);
  t.is(await failureOf(list2({ Bucket: 'nowhere', MaxKeys: 0 })), 'NoSuchBucket 404');
});

test('parameters that make no sense are refused', async (t) => {
  for (const query of [
    { 'max-keys': '-1' },
    { 'max-keys': 'ten' },
    { 'max-keys': '99999999999' },
    { 'encoding-type': 'rot13' },
    { 'list-type': '2', 'continuation-token': 'made-up' },
  ]) {
    const answer = await server.raw({ method: 'GET', path: `/${Bucket}`, query });
    t.is(errorOf(answer), 'InvalidArgument 400', JSON.stringify(query));
  }
  t.is(await failureOf(list2({ Bucket: 'nowhere' })), 'NoSuchBucket 404');
  t.is(await failureOf(server.other.send(new ListObjectsV2Command({ Bucket }))), 'AccessDenied 403');
});
