// Owns the proof that what the AWS SDK signs and presigns is accepted as it comes off a real socket,
// whatever the key.

import { PassThrough } from 'node:stream';
import {
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import test from 'ava';
import fc from 'fast-check';
import { systemClock } from '#core/kernel/clock.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { BodyWatch } from '#gateways/edge/body-watch.ts';
import { collect } from '#gateways/edge/collect.ts';
import { createHttpServer } from '#gateways/edge/http-server.ts';
import { decodePath, parseQuery } from '#gateways/edge/query-string.ts';
import { requestBody } from '#gateways/edge/request-body.ts';
import { splitTarget } from '#gateways/edge/request-target.ts';
import { ACCESS_KEY, accountsWith, REGION, SECRET_KEY } from '#tests/support/s3-requests.ts';
import { type Authentication, authenticate } from './authenticate.ts';
import { payloadSource } from './payload.ts';

interface Seen {
  readonly outcome: Authentication;
  readonly path: string | undefined;
  readonly query: Map<string, string>;
  readonly body: string;
  readonly trailers: Readonly<Record<string, string>>;
}

let seen: Seen | undefined;
const watch = new BodyWatch(systemClock);
const server = createHttpServer({
  watch,
  clock: systemClock,
  random: systemRandom,
  failed: (_request, response, _requestId, error) => void response.writeHead(500).end(String(error)),
  handler: async (request, response) => {
    const target = splitTarget(request.url ?? '');
    const { method = '', headers, rawHeaders } = request;
    const outcome = authenticate(
      { method, ...target, headers, rawHeaders },
      { accounts: accountsWith(SECRET_KEY), clock: systemClock, region: REGION },
    );
    let [body, trailers] = ['', {}];
    if (outcome.ok) {
      const raw = requestBody(request, response, { watch, maxBytes: 1e8 });
      const source = payloadSource(raw, outcome, { maxBytes: 1e7 });
      body = (await collect(source, 1e7)).toString();
      trailers = source.trailers;
    }
    const path = decodePath(target.rawPath);
    seen = { outcome, path, query: new Map(parseQuery(target.rawQuery)), body, trailers };
    response.writeHead(outcome.ok ? 200 : outcome.error.status, ['etag', '"e"']);
    response.end(outcome.ok ? '' : `<Error><Code>${outcome.error.code}</Code></Error>`);
  },
});
const port = await server.listen(0, '127.0.0.1');

const client = (more: ConstructorParameters<typeof S3Client>[0] = {}) =>
  new S3Client({
    endpoint: `http://127.0.0.1:${port}`,
    region: REGION,
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY },
    ...more,
  });
const s3 = client();
const silent = client({ requestChecksumCalculation: 'WHEN_REQUIRED' });

test.after.always(async () => {
  s3.destroy();
  silent.destroy();
  watch.stop();
  await server.close();
});

const ODD_KEYS = [
  'plain.txt',
  'with space',
  'plus+plus',
  '100%',
  '%2F',
  '%',
  'a//b',
  'a/./b',
  'a/../b',
  '/leading',
  'trailing/',
  'ünïcödé/日本/🎈',
  'quotes\'"()*!',
  '?#[]@&=;,:$',
  '~tilde-_.',
  'back\\slash|pipe^`{}<>',
  'tab\tend',
];

const nameOf = (key: string) => `/bucket/${key}`;

test.serial('an object of any odd key may be put and got', async (t) => {
  for (const Key of ODD_KEYS) {
    for (const by of [s3, silent]) {
      await by.send(new PutObjectCommand({ Bucket: 'bucket', Key, Body: `body of ${Key}` }));
      t.true(seen?.outcome.ok, Key);
      t.is(seen?.path, nameOf(Key));
      t.is(seen?.body, `body of ${Key}`);
    }
    await s3.send(new GetObjectCommand({ Bucket: 'bucket', Key, Range: 'bytes=0-3' }));
    t.is(seen?.path, nameOf(Key));
  }
});

test.serial('an object of any odd key may be got by a presigned URL', async (t) => {
  for (const Key of ODD_KEYS) {
    // A URL parser would take dot segments out before the request is sent.
    if (/(^|\/)\.{1,2}(\/|$)/.test(Key)) continue;
    const url = await getSignedUrl(s3, new GetObjectCommand({ Bucket: 'bucket', Key }));
    t.is((await fetch(url)).status, 200, Key);
    t.is(seen?.path, nameOf(Key));
    t.true(seen?.outcome.ok && seen.outcome.presigned);
    t.is((await fetch(`${url}&more=1`)).status, 403);
  }
});

test.serial('metadata of a presigned put stands in the query', async (t) => {
  const put = new PutObjectCommand({
    Bucket: 'bucket',
    Key: 'k',
    Metadata: { colour: 'dark blue' },
    ACL: 'private',
  });
  const url = await getSignedUrl(silent, put, { expiresIn: 60 });
  t.is((await fetch(url, { method: 'PUT', body: 'bytes' })).status, 200);
  t.is(seen?.body, 'bytes');
  if (!seen?.outcome.ok) return t.fail();
  t.is(seen.outcome.hoisted['x-amz-meta-colour'] ?? '', 'dark blue');
  t.is(seen.outcome.hoisted['x-amz-acl'] ?? '', 'private');
  t.false('x-amz-signature' in seen.outcome.hoisted);
});

test.serial('query parameters of any text are signed alike', async (t) => {
  const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(text, text, async (Prefix, Delimiter) => {
      const list = new ListObjectsV2Command({ Bucket: 'bucket', Prefix, Delimiter, EncodingType: 'url' });
      await s3.send(list);
      return (
        seen?.outcome.ok === true &&
        seen.query.get('prefix') === Prefix &&
        seen.query.get('delimiter') === Delimiter
      );
    }),
    { numRuns: 60 },
  );
  t.pass();
});

test.serial('keys and metadata of any text are signed alike', async (t) => {
  const key = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 });
  const value = fc.stringMatching(/^[!-~][ -~]{0,20}$/);
  await fc.assert(
    fc.asyncProperty(key, value, async (Key, note) => {
      await s3.send(new PutObjectCommand({ Bucket: 'bucket', Key, Body: 'b', Metadata: { note } }));
      return seen?.outcome.ok === true && seen.path === nameOf(Key) && seen.body === 'b';
    }),
    { numRuns: 60 },
  );
  t.pass();
});

test.serial('a streamed body comes with the checksum that trails it', async (t) => {
  const Body = new PassThrough();
  Body.end('streamed');
  const put = new PutObjectCommand({
    Bucket: 'bucket',
    Key: 'k',
    Body,
    ContentLength: 8,
    ChecksumAlgorithm: 'CRC32',
  });
  await s3.send(put);
  t.is(seen?.body, 'streamed');
  t.deepEqual(seen?.outcome.ok && seen.outcome.payload, {
    kind: 'chunked',
    signed: false,
    decodedBytes: 8,
    trailers: ['x-amz-checksum-crc32'],
  });
  t.regex(seen?.trailers['x-amz-checksum-crc32'] ?? '', /^[A-Za-z0-9+/]{6}==$/);
});

test.serial('what another secret signed is refused', async (t) => {
  const other = client({ credentials: { accessKeyId: ACCESS_KEY, secretAccessKey: 'other' } });
  const part = new UploadPartCommand({ Bucket: 'b', Key: 'k', UploadId: 'u', PartNumber: 1, Body: 'x' });
  await t.throwsAsync(other.send(part), { name: 'SignatureDoesNotMatch' });
  const url = await getSignedUrl(other, part);
  t.is((await fetch(url, { method: 'PUT', body: 'x' })).status, 403);
  other.destroy();
});
