// Tests the Swift gateway over HTTP: accounts, containers and objects, from their making to their end, with
// ranges, conditions, copies and metadata.

import { createHash } from 'node:crypto';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import test from 'ava';
import { SwiftServer } from '#tests/support/swift-server.ts';

let server: SwiftServer;

test.before(async () => {
  server = await SwiftServer.start();
});

test.after.always(() => server?.stop());

const md5 = (text: string) => createHash('md5').update(text).digest('hex');

async function container(name: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const { status } = await server.call('PUT', `/${name}`, { headers });
  if (status !== 201) throw new Error(`no container: ${status}`);
  return `/${name}`;
}

async function put(path: string, body: string, headers: Readonly<Record<string, string>> = {}) {
  const answer = await server.call('PUT', path, { body, headers });
  if (answer.status !== 201) throw new Error(`no object: ${answer.status} ${answer.text}`);
  return answer;
}

test('an account says how much it holds, and keeps what is said of it', async (t) => {
  const person = await server.person('counted', 'member');
  const account = `/object-store/v1/AUTH_${person.projectId}`;
  const { token } = person;
  const head = await server.raw('HEAD', account, { token });
  t.is(head.status, 204);
  t.is(head.headers.get('x-account-container-count'), '0');
  t.regex(head.headers.get('x-trans-id') ?? '', /^tx[0-9a-f]{16}$/);
  t.is(head.headers.get('x-openstack-request-id'), head.headers.get('x-trans-id'));
  t.is((await server.raw('GET', account, { token })).status, 204);
  await server.raw('PUT', `${account}/one`, { token });
  await server.raw('PUT', `${account}/one/a`, { token, body: 'abc' });
  await server.raw('PUT', `${account}/Zwei%20%C3%A4`, { token });
  const headers = { 'X-Account-Meta-Colour': 'blue', 'X-Account-Meta-Gone': 'x' };
  t.is((await server.raw('POST', account, { token, headers })).status, 204);
  const more = { 'X-Remove-Account-Meta-Gone': 'x', 'X-Account-Meta-Size': 'big' };
  await server.raw('POST', account, { token, headers: more });
  const shown = await server.raw('GET', `${account}?format=json`, { token });
  t.is(shown.status, 200);
  t.is(shown.headers.get('x-account-container-count'), '2');
  t.is(shown.headers.get('x-account-object-count'), '1');
  t.is(shown.headers.get('x-account-bytes-used'), '3');
  t.is(shown.headers.get('x-account-meta-colour'), 'blue');
  t.is(shown.headers.get('x-account-meta-size'), 'big');
  t.is(shown.headers.get('x-account-meta-gone'), null);
  const rows: { name: string; count: number; bytes: number; last_modified: string }[] = JSON.parse(
    shown.text,
  );
  t.deepEqual(
    rows.map(({ name, count, bytes }) => [name, count, bytes]),
    [
      ['Zwei ä', 0, 0],
      ['one', 1, 3],
    ],
  );
  t.regex(rows[0]?.last_modified ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/);
  t.is((await server.raw('GET', `${account}?limit=1`, { token })).text, 'Zwei ä\n');
  t.is((await server.raw('GET', `${account}?reverse=on`, { token })).text, 'one\nZwei ä\n');
  t.is((await server.raw('GET', `${account}?prefix=o`, { token })).text, 'one\n');
  const xml = (await server.raw('GET', `${account}?format=xml`, { token })).text;
  t.regex(
    xml,
    /^<\?xml version="1.0" encoding="UTF-8"\?>\n<account name="AUTH_[^"]+"><container><name>Zwei ä<\/name>/,
  );
});

test('a container is made, described, shown and deleted', async (t) => {
  const path = await container('lives', {
    'X-Container-Meta-One': '1',
    'X-Container-Read': '.r:*,.rlistings',
  });
  t.is((await server.call('PUT', path)).status, 202);
  const headers = { 'X-Container-Meta-One': '', 'X-Container-Meta-Two': 'zwölf' };
  const latin = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Buffer.from(value).toString('latin1')]),
  );
  t.is((await server.call('POST', path, { headers: latin })).status, 204);
  await put(`${path}/a`, 'abcd');
  await put(`${path}/a`, 'abc');
  const head = await server.call('HEAD', path);
  t.is(head.status, 204);
  t.is(head.headers.get('x-container-object-count'), '1');
  t.is(head.headers.get('x-container-bytes-used'), '3');
  t.is(head.headers.get('x-container-read'), '.r:*,.rlistings');
  t.is(head.headers.get('x-container-meta-one'), null);
  t.is(Buffer.from(head.headers.get('x-container-meta-two') ?? '', 'latin1').toString(), 'zwölf');
  t.is(head.headers.get('x-storage-policy'), 'replicated');
  const full = await server.call('DELETE', path);
  t.is(full.status, 409);
  t.regex(full.text, /^<html><h1>Conflict<\/h1>/);
  await server.call('DELETE', `${path}/a`);
  t.is((await server.call('DELETE', path)).status, 204);
  for (const method of ['HEAD', 'GET', 'POST', 'DELETE']) t.is((await server.call(method, path)).status, 404);
});

test('an object comes back as it was put, with all that was said of it', async (t) => {
  const path = `${await container('kept')}/folder/ein%20Stück%3F`;
  const headers = {
    ...{ 'Content-Type': 'text/x-test', 'Content-Encoding': 'identity', 'Content-Disposition': 'inline' },
    ...{ 'X-Object-Meta-Mtime': '123.4', 'X-Object-Meta-Owner-Name': 'Ada', Etag: md5('hello') },
  };
  const made = await put(path, 'hello', headers);
  t.is(made.headers.get('etag'), md5('hello'));
  const { status, text, headers: got } = await server.call('GET', path);
  t.is(status, 200);
  t.is(text, 'hello');
  t.is(got.get('etag'), md5('hello'));
  t.is(got.get('content-type'), 'text/x-test');
  t.is(got.get('content-encoding'), 'identity');
  t.is(got.get('content-disposition'), 'inline');
  t.is(got.get('x-object-meta-mtime'), '123.4');
  t.is(got.get('x-object-meta-owner-name'), 'Ada');
  t.is(got.get('accept-ranges'), 'bytes');
  t.regex(got.get('x-timestamp') ?? '', /^\d+\.\d{5}$/);
  t.is(got.get('last-modified'), made.headers.get('last-modified'));
  const head = await server.call('HEAD', path);
  t.is(head.headers.get('content-length'), '5');
  t.is(head.text, '');
  t.is((await server.call('DELETE', path)).status, 204);
  t.is((await server.call('DELETE', path)).status, 404);
  t.is((await server.call('GET', path)).status, 404);
});

test('a body of unknown length is taken, one with another digest is not', async (t) => {
  const path = await container('bodies');
  const body = new ReadableStream({
    start(controller) {
      for (const piece of ['un', 'known']) controller.enqueue(Buffer.from(piece));
      controller.close();
    },
  });
  t.is((await server.call('PUT', `${path}/chunked`, { body })).status, 201);
  t.is((await server.call('GET', `${path}/chunked`)).text, 'unknown');
  t.is((await server.call('PUT', `${path}/wrong`, { body: 'x', headers: { Etag: md5('y') } })).status, 422);
  t.is((await server.call('GET', `${path}/wrong`)).status, 404);
  t.is((await server.call('PUT', '/nowhere/x', { body: 'x' })).status, 404);
});

test('POST replaces what is said of an object, and leaves its bytes', async (t) => {
  const path = `${await container('described')}/a.txt`;
  await put(path, 'same', { 'X-Object-Meta-A': '1', 'X-Object-Meta-B': '2', 'Content-Encoding': 'gzip' });
  t.is((await server.call('POST', path, { headers: { 'X-Object-Meta-C': '3' } })).status, 202);
  const { headers, bytes } = await server.call('GET', path);
  t.is(bytes.toString(), 'same');
  t.is(headers.get('x-object-meta-a'), null);
  t.is(headers.get('x-object-meta-c'), '3');
  t.is(headers.get('content-encoding'), null);
  t.is(headers.get('content-type'), 'text/plain');
  t.is(headers.get('etag'), md5('same'));
  t.is((await server.call('POST', '/described/none')).status, 404);
});

test('ranges come one by one or together', async (t) => {
  const path = `${await container('ranges')}/digits`;
  await put(path, '0123456789', { 'Content-Type': 'text/plain' });
  const get = (range: string) => server.call('GET', path, { headers: { Range: range } });
  const one = await get('bytes=2-4');
  t.is(one.status, 206);
  t.is(one.text, '234');
  t.is(one.headers.get('content-range'), 'bytes 2-4/10');
  t.is((await get('bytes=-3')).text, '789');
  t.is((await get('bytes=8-')).text, '89');
  t.is((await get('bytes=4-2')).status, 200);
  t.is((await get('lines=1-2')).text, '0123456789');
  const beyond = await get('bytes=10-');
  t.is(beyond.status, 416);
  t.is(beyond.headers.get('content-range'), 'bytes */10');
  const two = await get('bytes=0-1,5-5,20-');
  t.is(two.status, 206);
  const boundary = /^multipart\/byteranges;boundary=([0-9a-f]{32})$/.exec(
    two.headers.get('content-type') ?? '',
  )?.[1];
  t.truthy(boundary);
  const part = (range: string, text: string) =>
    `--${boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes ${range}/10\r\n\r\n${text}\r\n`;
  t.is(two.text, `${part('0-1', '01')}${part('5-5', '5')}--${boundary}--`);
  t.is((await get(`bytes=${'0-1,'.repeat(9)}0-1`)).status, 416);
});

test('conditions are judged on reading and on writing', async (t) => {
  const path = `${await container('conditions')}/a`;
  await put(path, 'a');
  const get = (headers: Readonly<Record<string, string>>) => server.call('GET', path, { headers });
  t.is((await get({ 'If-None-Match': md5('a') })).status, 304);
  t.is((await get({ 'If-None-Match': `"${md5('b')}"` })).status, 200);
  t.is((await get({ 'If-Match': `"${md5('a')}"` })).status, 200);
  t.is((await get({ 'If-Match': md5('b') })).status, 412);
  t.is((await get({ 'If-Modified-Since': 'Fri, 01 Jan 2100 00:00:00 GMT' })).status, 304);
  t.is((await get({ 'If-Unmodified-Since': 'Thu, 01 Jan 1970 00:00:00 GMT' })).status, 412);
  const again = { body: 'b', headers: { 'If-None-Match': '*' } };
  t.is((await server.call('PUT', path, again)).status, 412);
  t.is((await server.call('PUT', `${path}2`, again)).status, 201);
  t.is((await server.call('PUT', path, { body: 'b', headers: { 'If-None-Match': 'x' } })).status, 400);
});

test('a copy takes along what is said of its source, or begins afresh', async (t) => {
  const from = await container('from');
  const to = await container('to');
  await put(`${from}/a%20b`, 'copied', { 'X-Object-Meta-Kept': 'yes', 'Content-Type': 'text/a' });
  const copied = await server.call('COPY', `${from}/a%20b`, {
    headers: { Destination: '/to/c', 'X-Object-Meta-New': 'too' },
  });
  t.is(copied.status, 201);
  t.is(copied.headers.get('x-copied-from'), 'from/a%20b');
  const first = await server.call('GET', `${to}/c`);
  t.is(first.text, 'copied');
  t.is(first.headers.get('x-object-meta-kept'), 'yes');
  t.is(first.headers.get('x-object-meta-new'), 'too');
  const fresh = { 'X-Copy-From': 'from/a%20b', 'X-Fresh-Metadata': 'true', 'Content-Length': '0' };
  t.is((await server.call('PUT', `${to}/d`, { headers: fresh, body: '' })).status, 201);
  const second = await server.call('HEAD', `${to}/d`);
  t.is(second.headers.get('x-object-meta-kept'), null);
  t.is(second.headers.get('content-type'), 'text/a');
  t.is((await server.call('COPY', `${from}/a%20b`)).status, 412);
  t.is((await server.call('COPY', `${from}/none`, { headers: { Destination: 'to/x' } })).status, 404);
  const full = { 'X-Copy-From': 'from/a%20b' };
  t.is((await server.call('PUT', `${to}/e`, { headers: full, body: 'x' })).status, 400);
});

test('metadata beyond its limits is refused, and so is a name', async (t) => {
  const path = `${await container('limited')}/a`;
  const many = Object.fromEntries(Array.from({ length: 91 }, (_, at) => [`X-Object-Meta-${at}`, 'x']));
  for (const headers of [
    { [`X-Object-Meta-${'n'.repeat(129)}`]: 'x' },
    { 'X-Object-Meta-A': 'v'.repeat(257) },
    many,
    { 'X-Delete-At': '1' },
    { 'X-Delete-After': 'soon' },
    { 'X-Object-Manifest': '/leading/slash' },
  ] as Readonly<Record<string, string>>[]) {
    t.is(
      (await server.call('PUT', path, { headers, body: 'x' })).status,
      400,
      JSON.stringify(headers).slice(0, 60),
    );
  }
  t.is((await server.call('PUT', `/limited/${'x'.repeat(1_025)}`, { body: 'x' })).status, 400);
  t.is((await server.call('PUT', `/${'x'.repeat(257)}`)).status, 400);
  t.is((await server.call('GET', '/limited/%ff')).status, 412);
  t.is((await server.call('GET', '/limited/%00')).status, 412);
  t.is((await server.call('GET', '/limited?limit=10001')).status, 412);
  t.is((await server.call('PATCH', '/limited')).status, 405);
  t.is((await server.call('GET', path, { headers: { 'X-Auth-Token': 'none' }, token: null })).status, 401);
});

test.serial('an object ends at its time', async (t) => {
  const path = `${await container('passing')}/a`;
  await put(path, 'brief', { 'X-Delete-After': '60' });
  const { headers } = await server.call('HEAD', path);
  const at = Math.floor(server.memory.clock.nowMs() / 1_000) + 60;
  t.is(headers.get('x-delete-at'), String(at));
  t.is((await server.call('GET', path)).status, 200);
  server.memory.clock.advance(61_000);
  for (const method of ['GET', 'HEAD', 'POST', 'DELETE']) {
    t.is((await server.call(method, path)).status, 404, method);
  }
});

test.serial('what has ended is gone for S3 too, and then from the counts', async (t) => {
  const path = await container('ending');
  await put(`${path}/brief`, 'brief', { 'X-Delete-After': '60' });
  await put(`${path}/long`, 'long', { 'X-Delete-After': '6000' });
  await put(`${path}/prolonged`, 'prolonged', { 'X-Delete-After': '60' });
  await server.call('POST', `${path}/prolonged`);
  await put(`${path}/replaced`, 'replaced', { 'X-Delete-After': '60' });
  await put(`${path}/replaced`, 'again');
  const readByS3 = (Key: string) => server.s3.send(new GetObjectCommand({ Bucket: 'ending', Key }));
  t.is((await readByS3('brief')).ContentLength, 5);
  server.memory.clock.advance(61_000);
  await t.throwsAsync(readByS3('brief'), { name: 'NoSuchKey' });
  await server.memory.expirer.runOnce();
  t.is((await server.call('GET', path)).text, 'long\nprolonged\nreplaced\n');
  t.is((await server.call('HEAD', path)).headers.get('x-container-object-count'), '3');
  t.is((await server.memory.expirer.runOnce()).deleted, 0);
});

test('what is not built says so', async (t) => {
  const path = await container('unbuilt');
  t.is((await server.call('PUT', '?extract-archive=tar.bz2')).status, 501);
  t.is((await server.call('POST', path, { headers: { 'X-Container-Sync-To': 'true' } })).status, 501);
});

test('the gateway tells of its limits, and lets old clients in by name and password', async (t) => {
  const info = await server.raw('GET', '/info', { token: null });
  t.is(info.status, 200);
  const { swift, slo } = JSON.parse(info.text);
  t.is(swift.policies[0].name, 'replicated');
  t.is(slo.max_manifest_segments, 1_000);
  const logIn = (user: string, key: string) =>
    server.raw('GET', '/auth/v1.0', { token: null, headers: { 'X-Auth-User': user, 'X-Auth-Key': key } });
  const { status, headers } = await logIn('owner:owner', 'correct horse');
  t.is(status, 200);
  t.is(headers.get('x-storage-url'), `${server.root}/object-store/v1/AUTH_${server.owner.projectId}`);
  const token = headers.get('x-auth-token') ?? '';
  t.is((await server.call('HEAD', '', { token })).status, 204);
  for (const [user, key] of [
    ['owner:owner', 'wrong'],
    ['owner:nobody', 'correct horse'],
    ['admin:owner', 'correct horse'],
    ['', ''],
  ] as const) {
    t.is((await logIn(user, key)).status, 401, user);
  }
});
