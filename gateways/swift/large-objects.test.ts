// Tests objects that are made of others: static ones by a manifest, with ranges, other large objects and
// bytes of its own in it, and dynamic ones by a prefix; and that S3 reads each as one object.

import { createHash } from 'node:crypto';
import {
  CopyObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutBucketEncryptionCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import test from 'ava';
import { SwiftServer } from '#tests/support/swift-server.ts';

let server: SwiftServer;

test.before(async () => {
  server = await SwiftServer.start();
  await server.call('PUT', '/parts');
  await server.call('PUT', '/whole');
  for (const [name, body] of [
    ['a', 'aaaa'],
    ['b', 'bbbbbb'],
    ['c', 'cc'],
  ] as const) {
    await server.call('PUT', `/parts/${name}`, { body });
  }
});

test.after.always(() => server?.stop());

const md5 = (text: string) => createHash('md5').update(text).digest('hex');
const putManifest = (name: string, manifest: unknown, headers = {}) =>
  server.call('PUT', `/whole/${name}?multipart-manifest=put`, { body: JSON.stringify(manifest), headers });

async function readByS3(key: string, range?: string): Promise<string> {
  const asked = { Bucket: 'whole', Key: key, ...(range !== undefined && { Range: range }) };
  const { Body } = await server.s3.send(new GetObjectCommand(asked));
  return (await Body?.transformToString()) ?? '';
}

test('a static large object reads as its segments, one after the other, in both dialects', async (t) => {
  const made = await putManifest('simple', [
    { path: '/parts/a', etag: md5('aaaa'), size_bytes: 4 },
    { path: 'parts/b' },
    { path: '/parts/c', etag: null, size_bytes: null },
  ]);
  t.is(made.status, 201, made.text);
  const etag = md5(md5('aaaa') + md5('bbbbbb') + md5('cc'));
  t.is(made.headers.get('etag'), `"${etag}"`);
  const { text, headers } = await server.call('GET', '/whole/simple');
  t.is(text, 'aaaabbbbbbcc');
  t.is(headers.get('x-static-large-object'), 'True');
  t.is(headers.get('etag'), `"${etag}"`);
  t.is(headers.get('content-length'), '12');
  for (const [range, wanted] of [
    ['bytes=2-5', 'aabb'],
    ['bytes=9-', 'bcc'],
    ['bytes=-1', 'c'],
    ['bytes=4-4', 'b'],
  ] as const) {
    t.is((await server.call('GET', '/whole/simple', { headers: { Range: range } })).text, wanted);
    t.is(await readByS3('simple', range), wanted);
  }
  t.is(await readByS3('simple'), 'aaaabbbbbbcc');
  const { ContentLength, ETag } = await server.s3.send(
    new HeadObjectCommand({ Bucket: 'whole', Key: 'simple' }),
  );
  t.deepEqual([ContentLength, ETag], [12, `"${etag}"`]);
  const raw = await server.call('GET', '/whole/simple?multipart-manifest=get&format=raw');
  t.deepEqual(JSON.parse(raw.text)[1], { path: '/parts/b', etag: md5('bbbbbb'), size_bytes: 6 });
  const shown = JSON.parse((await server.call('GET', '/whole/simple?multipart-manifest=get')).text);
  t.like(shown[0], {
    name: '/parts/a',
    hash: md5('aaaa'),
    bytes: 4,
    content_type: 'application/octet-stream',
  });
});

test('segments may be parts of objects, large objects themselves, and bytes of the manifest', async (t) => {
  const data = Buffer.from('<own>').toString('base64');
  const inner = [{ path: '/parts/b', range: '1-2' }, { data }, { path: '/parts/a', range: '-1' }, { data }];
  t.is((await putManifest('inner', inner)).status, 201);
  t.is((await server.call('GET', '/whole/inner')).text, 'bb<own>a<own>');
  const outer = [{ path: '/parts/c' }, { path: '/whole/inner', range: '1-8' }, { path: '/parts/c' }];
  t.is((await putManifest('outer', outer)).status, 201);
  t.is((await server.call('GET', '/whole/outer')).text, 'ccb<own>a<cc');
  t.is(await readByS3('outer'), 'ccb<own>a<cc');
  const manifest = JSON.parse((await server.call('GET', '/whole/outer?multipart-manifest=get')).text);
  t.like(manifest[1], { sub_slo: true, range: '1-8' });
  // A copy has bytes of its own, unless the manifest is what is copied.
  const to = (name: string) => ({ headers: { Destination: `whole/${name}` } });
  await server.call('COPY', '/whole/outer', to('bytes'));
  t.is((await server.call('GET', '/whole/bytes')).headers.get('etag'), md5('ccb<own>a<cc'));
  await server.s3.send(new CopyObjectCommand({ Bucket: 'whole', Key: 'by-s3', CopySource: 'whole/outer' }));
  t.is((await server.call('GET', '/whole/by-s3')).text, 'ccb<own>a<cc');
  await server.call('COPY', '/whole/outer?multipart-manifest=get', to('names'));
  const named = await server.call('GET', '/whole/names');
  t.is(named.text, 'ccb<own>a<cc');
  t.is(named.headers.get('x-static-large-object'), 'True');
});

test('a segment that is not what it was is not read', async (t) => {
  await server.call('PUT', '/parts/changing', { body: 'before' });
  await putManifest('changed', [{ path: '/parts/a' }, { path: '/parts/changing' }]);
  t.is((await server.call('GET', '/whole/changed')).text, 'aaaabefore');
  await server.call('PUT', '/parts/changing', { body: 'after!' });
  t.is((await server.call('GET', '/whole/changed')).status, 409);
  t.is((await server.call('GET', '/whole/changed', { headers: { Range: 'bytes=0-3' } })).text, 'aaaa');
  t.is((await server.call('HEAD', '/whole/changed')).status, 200);
  await server.call('DELETE', '/parts/changing');
  t.is((await server.call('GET', '/whole/changed')).status, 409);
});

test('a manifest that is wrong is refused, with all that is wrong', async (t) => {
  const wrong = await putManifest('wrong', [
    { path: '/parts/a', etag: 'x' },
    { path: '/parts/a', size_bytes: 5 },
    { path: '/parts/none' },
    { path: '/parts/a', range: '9-' },
    { path: '/whole/wrong' },
  ]);
  t.is(wrong.status, 400);
  for (const line of ['/parts/a, Etag Mismatch', '/parts/a, Size Mismatch', '/parts/none, 404 Not Found']) {
    t.true(wrong.text.includes(line), line);
  }
  const documents = [
    ...['{', '{}', '[]', '[1]', '[{"path":"a"}]', '[{"path":1}]', '[{"data":"AA=="}]', '[{"data":"!"}]'],
    ...['[{"path":"/a/b","more":1}]', '[{"path":"/a/b","range":"x"}]', '[{"path":"/a/b","size_bytes":-1}]'],
    ...['[{"path":"/a/b","size_bytes":{"toString":null}}]', '[{"path":"/a/b","size_bytes":[]}]'],
  ];
  for (const body of documents) {
    t.is((await server.call('PUT', '/whole/wrong?multipart-manifest=put', { body })).status, 400, body);
  }
  const many = Array.from({ length: 1_001 }, () => ({ path: '/parts/a' }));
  t.is((await putManifest('wrong', many)).status, 413);
  t.is((await putManifest('wrong', [{ path: '/parts/a' }], { Etag: md5('x') })).status, 422);
  t.is((await server.call('GET', '/whole/wrong')).status, 404);
});

test('a large object goes with its segments where that is asked for, and alone where not', async (t) => {
  for (const name of ['x', 'y']) await server.call('PUT', `/parts/${name}`, { body: name });
  const manifest = [{ path: '/parts/x' }, { path: '/parts/y' }, { path: '/parts/x' }];
  await putManifest('alone', manifest);
  t.is((await server.call('DELETE', '/whole/alone')).status, 204);
  t.is((await server.call('GET', '/parts/x')).status, 200);
  await putManifest('together', manifest);
  const headers = { Accept: 'application/json' };
  const deleted = await server.call('DELETE', '/whole/together?multipart-manifest=delete', { headers });
  t.is(deleted.status, 200);
  t.like(JSON.parse(deleted.text), { 'Number Deleted': 3, 'Response Status': '200 OK', Errors: [] });
  for (const path of ['/parts/x', '/parts/y', '/whole/together']) {
    t.is((await server.call('HEAD', path)).status, 404, path);
  }
});

test('a dynamic large object reads as whatever begins with its prefix', async (t) => {
  for (const number of ['00', '01', '02']) {
    await server.call('PUT', `/parts/big%20one/${number}`, { body: `<${number}>` });
  }
  const headers = { 'X-Object-Manifest': 'parts/big%20one/' };
  t.is((await server.call('PUT', '/whole/dynamic', { headers, body: '' })).status, 201);
  const first = await server.call('GET', '/whole/dynamic');
  t.is(first.text, '<00><01><02>');
  t.is(first.headers.get('x-object-manifest'), 'parts/big%20one/');
  t.is(await readByS3('dynamic', 'bytes=2-6'), '0><01');
  await server.call('PUT', '/parts/big%20one/03', { body: '<03>' });
  t.is((await server.call('GET', '/whole/dynamic')).text, '<00><01><02><03>');
  t.is(await readByS3('dynamic'), '<00><01><02><03>');
  t.is((await server.call('HEAD', '/whole/dynamic')).headers.get('content-length'), '16');
});

test('many are deleted by one request', async (t) => {
  await server.call('PUT', '/bulk');
  for (const name of ['a', 'b%20c']) await server.call('PUT', `/bulk/${name}`, { body: 'x' });
  const paths = ['/bulk/a', 'bulk/b%20c', '/bulk/none', '', '/bulk', '/parts'];
  const answer = await server.call('POST', '?bulk-delete', {
    ...{ body: paths.join('\n'), headers: { Accept: 'application/json', 'Content-Type': 'text/plain' } },
  });
  t.is(answer.status, 200);
  t.deepEqual(JSON.parse(answer.text), {
    ...{ 'Number Deleted': 3, 'Number Not Found': 1, 'Response Body': '' },
    ...{ 'Response Status': '400 Bad Request', Errors: [['/parts', '409 Conflict']] },
  });
});

test('what is encrypted reads as what it is, but where only its writer has the key', async (t) => {
  await server.call('PUT', '/sealed');
  const there = { Bucket: 'sealed' };
  const rule = { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } } as const;
  const ServerSideEncryptionConfiguration = { Rules: [rule] };
  await server.s3.send(new PutBucketEncryptionCommand({ ...there, ServerSideEncryptionConfiguration }));
  await server.call('PUT', '/sealed/a', { body: 'first ' });
  const head = await server.s3.send(new HeadObjectCommand({ ...there, Key: 'a' }));
  t.is(head.ServerSideEncryption, 'AES256', 'the default of the bucket holds in this dialect too');
  await server.s3.send(new PutObjectCommand({ ...there, Key: 'b', Body: 'second' }));
  const joined = [{ path: '/sealed/a' }, { path: '/parts/c' }, { path: '/sealed/b', range: '1-3' }];
  t.is((await putManifest('sealed', joined)).status, 201);
  t.is((await server.call('GET', '/whole/sealed')).text, 'first cceco');
  t.is(await readByS3('sealed', 'bytes=4-8'), 't cce');
  const copied = await server.call('PUT', '/whole/copied', { headers: { 'X-Copy-From': '/sealed/b' } });
  t.is(copied.status, 201);
  t.is((await server.call('GET', '/whole/copied')).text, 'second');
  const SSECustomerKey = 'k'.repeat(32);
  const SSECustomerKeyMD5 = createHash('md5').update(SSECustomerKey).digest('base64');
  const own = { SSECustomerAlgorithm: 'AES256', SSECustomerKey, SSECustomerKeyMD5 };
  await server.s3.send(new PutObjectCommand({ ...there, Key: 'own', Body: 'hidden', ...own }));
  const refused = await server.call('GET', '/sealed/own');
  t.is(refused.status, 409);
  t.regex(refused.text, /key of its writer/);
  t.is((await server.call('HEAD', '/sealed/own')).status, 200);
  const copy = await server.call('PUT', '/whole/copy', { headers: { 'X-Copy-From': '/sealed/own' } });
  t.is(copy.status, 409);
  await putManifest('hidden', [{ path: '/parts/c' }, { path: '/sealed/own' }]);
  t.is((await server.call('GET', '/whole/hidden')).status, 409);
  const containers = await server.call('HEAD', '/sealed');
  for (const [name] of containers.headers) t.notRegex(name, /encrypt|cryption/);
});
