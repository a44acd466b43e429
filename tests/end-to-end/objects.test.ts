// Owns the proof that a stock client gets back what it put: any key, any size around the borders of chunks,
// whole and in parts, by header and by presigned URL.

import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import test from 'ava';
import { limits } from '#core/kernel/limits.ts';
import { contentOf, md5 } from '#tests/support/contents.ts';
import { StrataProcess } from '#tests/support/strata-process.ts';

let strata: StrataProcess;
let s3: S3Client;

test.before(async () => {
  strata = await StrataProcess.start();
  s3 = strata.client();
});

test.after.always(() => strata?.remove());

async function bucket(name: string): Promise<string> {
  await s3.send(new CreateBucketCommand({ Bucket: name }));
  return name;
}

async function get(name: string, key: string, range?: string): Promise<Buffer> {
  const found = await s3.send(
    new GetObjectCommand({ Bucket: name, Key: key, ...(range && { Range: range }) }),
  );
  return Buffer.from((await found.Body?.transformToByteArray()) ?? []);
}

const ODD_KEYS = [
  'plain',
  'with space',
  ' leading and trailing ',
  'plus+sign',
  'per%cent%20encoded',
  'quote"and\'quote',
  'a/../b',
  './dot/./dot',
  '.hidden',
  'double//slash//',
  '/leading/slash',
  'trailing/slash/',
  'query?and=hash#and&amp;',
  'ünïcödé/日本語/ключ',
  'emoji-😀-beyond-the-basic-plane',
  'e\u0301 decomposed',
  'é composed',
  '<xml>&entity;</xml>',
  'back\\slash',
  'tilde~star*paren()bang!',
  'colon:semi;comma,at@dollar$equals=',
  'brackets[]{}|^`',
  'tab\there',
  'k'.repeat(1_024),
  'deep/'.repeat(100),
];

test('every odd key comes back with its own bytes, and is listed as it was put', async (t) => {
  const name = await bucket('odd-keys');
  await Promise.all(
    ODD_KEYS.map((key, seed) =>
      s3.send(new PutObjectCommand({ Bucket: name, Key: key, Body: contentOf(seed, 100 + seed) })),
    ),
  );
  for (const [seed, key] of ODD_KEYS.entries()) {
    t.deepEqual(await get(name, key), contentOf(seed, 100 + seed), key);
  }
  const listed = await s3.send(new ListObjectsV2Command({ Bucket: name }));
  const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
  t.deepEqual(
    listed.Contents?.map(({ Key }) => Key),
    [...ODD_KEYS].sort(byBytes),
  );
  await Promise.all(ODD_KEYS.map((key) => s3.send(new DeleteObjectCommand({ Bucket: name, Key: key }))));
  t.is((await s3.send(new ListObjectsV2Command({ Bucket: name }))).KeyCount, 0);
});

const AROUND_BORDERS = [
  0,
  1,
  limits.blockBytes - 1,
  limits.blockBytes,
  limits.blockBytes + 1,
  limits.chunkBytes - 1,
  limits.chunkBytes,
  limits.chunkBytes + 1,
  2 * limits.chunkBytes - 1,
  2 * limits.chunkBytes,
  5 * limits.chunkBytes + 12_345,
];

test('every size around a border of blocks and chunks comes back whole', async (t) => {
  const name = await bucket('sizes');
  for (const size of AROUND_BORDERS) {
    const content = contentOf(size, size);
    const put = await s3.send(new PutObjectCommand({ Bucket: name, Key: `${size}`, Body: content }));
    t.is(put.ETag, `"${md5(content)}"`);
    const head = await s3.send(new HeadObjectCommand({ Bucket: name, Key: `${size}` }));
    t.is(head.ContentLength, size);
    t.is(md5(await get(name, `${size}`)), md5(content), `${size}`);
  }
});

test('a range across every border is the same slice of the bytes', async (t) => {
  const name = await bucket('ranges');
  const size = 3 * limits.chunkBytes + 777;
  const content = contentOf(1, size);
  await s3.send(new PutObjectCommand({ Bucket: name, Key: 'k', Body: content }));
  const borders = [
    0,
    1,
    limits.blockBytes,
    limits.chunkBytes - 1,
    limits.chunkBytes,
    2 * limits.chunkBytes + 3,
  ];
  for (const from of borders) {
    for (const to of [...borders, size - 1].filter((end) => end >= from)) {
      const part = await get(name, 'k', `bytes=${from}-${to}`);
      t.is(md5(part), md5(content.subarray(from, to + 1)), `${from}-${to}`);
    }
  }
  t.deepEqual(await get(name, 'k', 'bytes=-5'), content.subarray(-5));
  t.deepEqual(await get(name, 'k', `bytes=${size - 5}-`), content.subarray(-5));
});

test('an object uploaded in parts by the storage library comes back whole', async (t) => {
  const name = await bucket('in-parts');
  const content = contentOf(9, 17 * 1024 * 1024 + 5);
  const upload = new Upload({
    client: s3,
    params: {
      Bucket: name,
      Key: 'large',
      Body: content,
      ContentType: 'application/x-test',
      Metadata: { who: 'me' },
    },
    partSize: 5 * 1024 * 1024,
    queueSize: 4,
  });
  const done = await upload.done();
  t.regex(done.ETag ?? '', /^"[0-9a-f]{32}-4"$/);
  const head = await s3.send(new HeadObjectCommand({ Bucket: name, Key: 'large' }));
  t.is(head.ContentLength, content.length);
  t.is(head.ContentType, 'application/x-test');
  t.deepEqual(head.Metadata, { who: 'me' });
  t.is(md5(await get(name, 'large')), md5(content));
});

test('a presigned URL puts and gets without other credentials, and only what it is signed for', async (t) => {
  const name = await bucket('presigned');
  const content = contentOf(3, 70_000);
  const params = { Bucket: name, Key: 'a key/with +% odd?' };
  // Left alone, the SDK signs the checksum of an empty body into the URL.
  const signer = strata.client(undefined, { requestChecksumCalculation: 'WHEN_REQUIRED' });
  const putUrl = await getSignedUrl(signer, new PutObjectCommand(params), { expiresIn: 60 });
  const put = await fetch(putUrl, { method: 'PUT', body: new Uint8Array(content) });
  t.is(put.status, 200, await put.text());
  const getUrl = await getSignedUrl(s3, new GetObjectCommand(params), { expiresIn: 60 });
  const got = await fetch(getUrl);
  t.deepEqual(Buffer.from(await got.arrayBuffer()), content);
  const forAnother = await fetch(getUrl.replace('presigned', 'presigneb'));
  t.is(forAnother.status, 403);
  t.regex(await forAnother.text(), /<Code>SignatureDoesNotMatch<\/Code>/);
  const unsigned = await fetch(`${strata.endpoint}/${name}/x`);
  t.is(unsigned.status, 403);
});

test('an answer to a listing of 2,500 keys comes in pages that lose and repeat nothing', async (t) => {
  const name = await bucket('many');
  const keys = Array.from({ length: 2_500 }, (_, index) => `key-${String(index).padStart(5, '0')}`);
  for (let at = 0; at < keys.length; at += 50) {
    const batch = keys.slice(at, at + 50);
    await Promise.all(
      batch.map((key) => s3.send(new PutObjectCommand({ Bucket: name, Key: key, Body: '.' }))),
    );
  }
  const seen: (string | undefined)[] = [];
  let token: string | undefined;
  do {
    const page = await s3.send(
      new ListObjectsV2Command({ Bucket: name, ...(token !== undefined && { ContinuationToken: token }) }),
    );
    seen.push(...(page.Contents ?? []).map(({ Key }) => Key));
    token = page.NextContinuationToken;
  } while (token !== undefined);
  t.deepEqual(seen, keys);
});
