// Owns the proof that what is wrong with a request, or with the cloud, is told in S3's words, and that
// nothing wrong is stored.

import { createHash } from 'node:crypto';
import {
  CreateBucketCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
} from '@aws-sdk/client-s3';
import test from 'ava';
import { FAULT_CODES, Fault, type FaultCode } from '#core/kernel/errors.ts';
import { GIB, limits, MIB } from '#core/kernel/limits.ts';
import type { Cloud } from '#services/cloud.ts';
import { contentOf } from '#tests/support/contents.ts';
import { RawClient } from '#tests/support/raw-http.ts';
import { errorOf, failureOf, type RawRequest, S3Server } from '#tests/support/s3-server.ts';

const Bucket = 'refusals';
let server: S3Server;
/** What the cloud does instead of reading, by key. */
const readFaults = new Map<string, (cloud: Cloud) => Cloud['objects']['read']>();
const getFaults = new Map<string, unknown>();

/** The cloud, but for the keys that a test has let fail. */
function faulty(cloud: Cloud): Cloud {
  const { objects } = cloud;
  return {
    ...cloud,
    objects: {
      version: (...asked) => objects.version(...asked),
      deletion: (...asked) => objects.deletion(...asked),
      listVersions: (...asked) => objects.listVersions(...asked),
      deleteVersion: (...asked) => objects.deleteVersion(...asked),
      put: (caller, request) => objects.put(caller, request),
      stored: (caller, bucket, key) => objects.stored(caller, bucket, key),
      describe: (caller, bucket, key, change) => objects.describe(caller, bucket, key, change),
      tag: (caller, bucket, key, tags) => objects.tag(caller, bucket, key, tags),
      grant: (caller, bucket, key, grants) => objects.grant(caller, bucket, key, grants),
      source: (object, offset, length) => objects.source(object, offset, length),
      list: (caller, request) => objects.list(caller, request),
      delete: (caller, bucket, key, condition) => objects.delete(caller, bucket, key, condition),
      get: (caller, bucket, key) =>
        getFaults.has(key) ? Promise.reject(getFaults.get(key)) : objects.get(caller, bucket, key),
      read: (object, offset, length, target) => {
        const key = 'key' in object ? String(object.key) : '';
        const faultyRead = readFaults.get(key)?.(cloud);
        if (faultyRead) return faultyRead(object, offset, length, target);
        return objects.read(object, offset, length, target);
      },
    },
  };
}

test.before(async () => {
  server = await S3Server.start({ around: faulty });
  await server.client.send(new CreateBucketCommand({ Bucket }));
});

test.after.always(() => server?.stop());

const put = (Key: string, Body: string | Buffer, more: Partial<PutObjectCommandInput> = {}) =>
  server.client.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
const exists = (Key: string) => server.client.send(new HeadObjectCommand({ Bucket, Key }));
const rawPut = (
  key: string,
  body: string,
  headers: Record<string, string> = {},
  more: Partial<RawRequest> = {},
) => server.raw({ method: 'PUT', path: `/${Bucket}/${key}`, body, headers, ...more });

test('every answer names itself, the time and the server', async (t) => {
  for (const path of [`/${Bucket}`, '/nowhere', '/%ff']) {
    const { headers } = await server.raw({ method: 'GET', path });
    t.regex(String(headers['x-amz-request-id']), /^[0-9A-F]{16}$/);
    t.regex(String(headers['x-amz-id-2']), /^[\w+/=]{50,}$/);
    t.true(Math.abs(Date.parse(String(headers.date)) - Date.now()) < 60_000);
    t.is(headers.server, 'Strata');
  }
});

test('an error document says what, of what, and in which request', async (t) => {
  const answer = await server.raw({ method: 'GET', path: `/${Bucket}/a%26b` });
  t.is(answer.status, 404);
  t.is(answer.headers['content-type'], 'application/xml');
  const id = answer.headers['x-amz-request-id'];
  t.true(
    answer.body.startsWith(
      '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code>' +
        '<Message>The specified key does not exist.</Message><Key>a&amp;b</Key>' +
        `<Resource>/${Bucket}/a&amp;b</Resource><RequestId>${id}</RequestId><HostId>`,
    ),
    answer.body,
  );
  const head = await server.raw({ method: 'HEAD', path: `/${Bucket}/missing` });
  t.is(head.status, 404);
  t.is(head.body, '');
});

test('who does not sign, or not rightly, is denied', async (t) => {
  t.is(errorOf(await server.unsigned({ method: 'GET', path: `/${Bucket}/x` })), 'AccessDenied 403');
  t.is(errorOf(await server.unsigned({ method: 'GET', path: '/' })), 'AccessDenied 403');
  const wrong = server.with({ credentials: { accessKeyId: 'AKIDUNKNOWN', secretAccessKey: 'x' } });
  t.is(await failureOf(wrong.send(new GetObjectCommand({ Bucket, Key: 'x' }))), 'InvalidAccessKeyId 403');
  const { accessKeyId } = await server.client.config.credentials();
  const guess = server.with({ credentials: { accessKeyId, secretAccessKey: 'guess' } });
  t.is(await failureOf(guess.send(new GetObjectCommand({ Bucket, Key: 'x' }))), 'SignatureDoesNotMatch 403');
  const preflight = { method: 'OPTIONS', path: `/${Bucket}/x`, headers: { origin: 'http://a' } };
  t.is(errorOf(await server.unsigned(preflight)), 'BadRequest 400');
});

test('addresses that cannot be are refused', async (t) => {
  t.is(errorOf(await server.raw({ method: 'GET', path: `/${Bucket}/%ff` })), 'InvalidURI 400');
  t.is(await failureOf(put('x'.repeat(limits.s3KeyBytes + 1), '')), 'KeyTooLongError 400');
  await t.notThrowsAsync(put('é'.repeat(limits.s3KeyBytes / 2), ''));
  t.is(errorOf(await server.raw({ method: 'PATCH', path: `/${Bucket}` })), 'MethodNotAllowed 405');
});

test('what is not built is NotImplemented, and never ignored', async (t) => {
  const config = await server.raw({ method: 'GET', path: `/${Bucket}`, query: { replication: '' } });
  t.is(errorOf(config), 'NotImplemented 501');
  for (const more of [
    { ServerSideEncryption: 'aws:kms' as const },
    {
      ObjectLockMode: 'GOVERNANCE',
      ObjectLockRetainUntilDate: new Date(),
      ContentMD5: '1B2M2Y8AsgTpgAmY7PhCfg==',
    },
  ] as Partial<PutObjectCommandInput>[]) {
    t.is(await failureOf(put('unbuilt', '', more)), 'NotImplemented 501', JSON.stringify(more));
  }
  t.is(await failureOf(exists('unbuilt')), 'NotFound 404');
  t.false(server.logged.some((entry) => JSON.stringify(entry).includes('unbuilt')));
});

test('a body must have a length, and not too much of one', async (t) => {
  t.is(errorOf(await rawPut('length', '', {}, { length: 'none' })), 'MissingContentLength 411');
  const tooLong = { 'content-length': String(5 * GIB + 1), expect: '100-continue' };
  const client = await RawClient.open(Number(new URL(server.endpoint).port));
  const signed = await signedHead(`/${Bucket}/huge`, tooLong);
  client.send(signed);
  await client.until(/<\/Error>/);
  t.regex(client.received, /^HTTP\/1\.1 400 .*<Code>EntityTooLarge<\/Code>/s);
  client.close();
});

/** The head of a PUT with unsigned payload, as the SDK signs it. */
async function signedHead(path: string, headers: Record<string, string>): Promise<string> {
  let head = '';
  const carrier = server.with({
    requestHandler: {
      handle: async (request: { path: string; headers: Record<string, string> }) => {
        const lines = Object.entries(request.headers).map(([name, value]) => `${name}: ${value}`);
        head = [`PUT ${request.path} HTTP/1.1`, ...lines, '', ''].join('\r\n');
        return { response: { statusCode: 200, headers: {} } };
      },
    } as never,
  });
  carrier.middlewareStack.add(
    (next) => (args) => {
      const request = args.request as { method: string; path: string; headers: Record<string, string> };
      request.method = 'PUT';
      request.path = path;
      Object.assign(request.headers, { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' }, headers);
      return next(args);
    },
    { step: 'build', priority: 'low' },
  );
  await carrier.send(new HeadObjectCommand({ Bucket, Key: 'any' }));
  return head;
}

test('a body that ends early is not stored', async (t) => {
  const client = await RawClient.open(Number(new URL(server.endpoint).port));
  client.send(await signedHead(`/${Bucket}/truncated`, { 'content-length': '1000' }));
  client.send('only this');
  client.socket.end();
  await client.closed;
  t.is(await failureOf(exists('truncated')), 'NotFound 404');
});

test('a body that is waited for is asked for, and an unwanted one is not', async (t) => {
  const client = await RawClient.open(Number(new URL(server.endpoint).port));
  client.send(await signedHead(`/${Bucket}/continued`, { 'content-length': '5', expect: '100-continue' }));
  await client.until(/^HTTP\/1\.1 100 Continue/);
  client.send('hello');
  await client.until(/HTTP\/1\.1 200 OK/);
  client.close();
  const unwanted = await RawClient.open(Number(new URL(server.endpoint).port));
  unwanted.send(await signedHead('/nowhere/x', { 'content-length': '5', expect: '100-continue' }));
  await unwanted.until(/<Code>NoSuchBucket<\/Code>/);
  t.regex(unwanted.received, /^HTTP\/1\.1 404/);
  unwanted.close();
});

test('a body that is not what its digest says is not stored', async (t) => {
  const md5 = createHash('md5').update('other').digest('base64');
  t.is(await failureOf(put('digest', 'hello', { ContentMD5: md5 })), 'BadDigest 400');
  t.is(await failureOf(put('digest', 'hello', { ContentMD5: 'short' })), 'InvalidDigest 400');
  t.is(await failureOf(put('digest', 'hello', { ChecksumCRC32: 'AAAAAA==' })), 'BadDigest 400');
  t.is(await failureOf(put('digest', 'hello', { ChecksumCRC32: 'AAAA' })), 'InvalidRequest 400');
  t.is(await failureOf(put('digest', 'hello', { ChecksumSHA512: 'AAAA' })), 'NotImplemented 501');
  const sha256 = createHash('sha256').update('other').digest('hex');
  const signed = await rawPut('digest', 'hello', { 'x-amz-content-sha256': sha256 });
  t.is(errorOf(signed), 'XAmzContentSHA256Mismatch 400');
  t.is(await failureOf(exists('digest')), 'NotFound 404');
  t.deepEqual(server.memory.chunks.complaints, []);
});

for (const algorithm of ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const) {
  test(`${algorithm} travels with the object, both ways`, async (t) => {
    const sent = await put(`sum-${algorithm}`, contentOf(3, 100_000), { ChecksumAlgorithm: algorithm });
    const get = new GetObjectCommand({ Bucket, Key: `sum-${algorithm}`, ChecksumMode: 'ENABLED' });
    const answer = await server.client.send(get);
    await answer.Body?.transformToByteArray();
    t.is(answer[`Checksum${algorithm}`], sent[`Checksum${algorithm}`]);
    t.is(answer.ChecksumType, 'FULL_OBJECT');
    const range = new GetObjectCommand({
      Bucket,
      Key: `sum-${algorithm}`,
      ChecksumMode: 'ENABLED',
      Range: 'bytes=0-1',
    });
    t.is((await server.client.send(range))[`Checksum${algorithm}`], undefined);
  });
}

test('metadata, storage class and conditions have their limits', async (t) => {
  const large = { a: 'x'.repeat(limits.s3UserMetadataBytes) };
  t.is(await failureOf(put('limits', '', { Metadata: large })), 'MetadataTooLarge 400');
  t.is(await failureOf(put('limits', '', { StorageClass: 'COLD' as never })), 'InvalidStorageClass 400');
  t.is(await failureOf(put('limits', '', { IfNoneMatch: '"x"' })), 'NotImplemented 501');
});

test('metadata comes back whatever the bytes were', async (t) => {
  await rawPut('metadata', '', { 'x-amz-meta-raw': 'grün ☃' });
  const { headers } = await server.raw({ method: 'HEAD', path: `/${Bucket}/metadata` });
  t.is(headers['x-amz-meta-raw'], `=?UTF-8?B?${Buffer.from('grün ☃').toString('base64')}?=`);
});

const md5Of = (body: string) => ({ 'content-md5': createHash('md5').update(body).digest('base64') });

test('documents that are wrong, hostile or too large are MalformedXML', async (t) => {
  const post = (body: string, headers: Record<string, string> = md5Of(body)) =>
    server.raw({ method: 'POST', path: `/${Bucket}`, query: { delete: '' }, body, headers });
  const key = '<Object><Key>x</Key></Object>';
  for (const body of [
    '',
    '<Delete></Delete>',
    '<Delete><Object></Object></Delete>',
    '<Delete><Object><Key></Key></Object></Delete>',
    `<Delete>${key}<Unknown/></Delete>`,
    `<Delete><Quiet>perhaps</Quiet>${key}</Delete>`,
    `<Delete>${key.repeat(limits.s3DeleteKeys + 1)}</Delete>`,
    `<!DOCTYPE Delete [<!ENTITY a "aa">]><Delete><Object><Key>&a;</Key></Object></Delete>`,
    `<Delete>${' '.repeat(limits.s3XmlBytes)}${key}</Delete>`,
  ]) {
    t.is(errorOf(await post(body)), 'MalformedXML 400', body.slice(0, 80));
  }
  const good = `<Delete>${key}</Delete>`;
  t.is(errorOf(await post(good, {})), 'InvalidRequest 400');
  t.is(errorOf(await post(good, md5Of('other'))), 'BadDigest 400');
  t.is((await post(good)).status, 200);
});

const FAULT_ANSWERS: Readonly<Record<FaultCode, string>> = {
  conflict: 'OperationAborted 409',
  'quorum-not-reached': 'ServiceUnavailable 503',
  'chunk-unreadable': 'ServiceUnavailable 503',
  'chunk-missing': 'InternalError 500',
  'chunk-corrupt': 'InternalError 500',
  'no-space': 'InsufficientStorage 507',
  corruption: 'InternalError 500',
  closed: 'ServiceUnavailable 503',
  busy: 'SlowDown 503',
  'log-unavailable': 'ServiceUnavailable 503',
  unreachable: 'ServiceUnavailable 503',
  timeout: 'ServiceUnavailable 503',
  aborted: 'IncompleteBody 400',
  locked: 'InternalError 500',
};

test('each fault of the cloud has its answer, and none tells of our inside', async (t) => {
  await put('faulty', 'hello');
  for (const code of Object.keys(FAULT_CODES) as FaultCode[]) {
    readFaults.set('faulty', () => () => Promise.reject(new Fault(code, 'a secret of ours')));
    const answer = await server.raw({ method: 'GET', path: `/${Bucket}/faulty` });
    t.is(errorOf(answer), FAULT_ANSWERS[code], code);
    t.false(answer.body.includes('secret'));
    t.is(answer.headers['retry-after'], answer.status === 503 ? '1' : undefined);
  }
  getFaults.set('unforeseen', new TypeError('a secret of ours'));
  const answer = await server.raw({ method: 'GET', path: `/${Bucket}/unforeseen` });
  t.is(errorOf(answer), 'InternalError 500');
  t.false(answer.body.includes('secret'));
  t.true(server.logged.some((entry) => JSON.stringify(entry).includes('unforeseen')));
});

test('a body that cannot be read to its end is cut, not ended', async (t) => {
  await put('cut', contentOf(1, 3 * MIB));
  readFaults.set('cut', (cloud) => async (object, offset, _length, target) => {
    await cloud.objects.read(object, offset, MIB, target);
    throw new Fault('chunk-unreadable', 'lost');
  });
  await t.throwsAsync(server.raw({ method: 'GET', path: `/${Bucket}/cut` }), { message: /aborted|hang up/ });
});

test('a reader that goes away lets go of what was read for it', async (t) => {
  await put('left', contentOf(2, 8 * MIB));
  const ended = new Promise<unknown>((resolve) => {
    readFaults.set('left', (cloud) => (...read) => {
      const done = cloud.objects.read(...read);
      done.then(resolve, resolve);
      return done;
    });
  });
  const controller = new AbortController();
  const answer = await server.client.send(new GetObjectCommand({ Bucket, Key: 'left' }), {
    abortSignal: controller.signal,
  });
  const body = answer.Body as NodeJS.ReadableStream & { destroy(): void };
  body.once('data', () => body.destroy());
  t.true((await ended) instanceof Fault);
});

test('elsewhere than in us-east-1 a bucket is made once, and must name its region', async (t) => {
  const european = await S3Server.start({ region: 'eu-west-1' });
  const make = () => european.client.send(new CreateBucketCommand({ Bucket: 'abc' }));
  await make();
  t.is(await failureOf(make()), 'BucketAlreadyOwnedByYou 409');
  const bare = await european.raw({ method: 'PUT', path: '/def' });
  t.is(errorOf(bare), 'IllegalLocationConstraintException 400');
  const location = await european.raw({ method: 'GET', path: '/abc', query: { location: '' } });
  t.regex(location.body, /<LocationConstraint xmlns="[^"]+">eu-west-1<\/LocationConstraint>$/);
  await european.stop();
});
