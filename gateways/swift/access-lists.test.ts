// Tests container ACLs: their form, and whom they let in; and quotas of containers and accounts.

import { PutObjectCommand, type S3ServiceException } from '@aws-sdk/client-s3';
import test, { type ExecutionContext } from 'ava';
import { type Person, SwiftServer } from '#tests/support/swift-server.ts';
import { cleanAccessList, letsReferrer } from './access-lists.ts';
import { SwiftError } from './errors.ts';

let server: SwiftServer;
let friend: Person;

test.before(async () => {
  server = await SwiftServer.start();
  friend = await server.person('friend', 'member');
});

test.after.always(() => server?.stop());

test('lists are brought into one form, and wrong ones are refused', (t) => {
  t.is(
    cleanAccessList('X-Container-Read', ' a:b , .ref : *.example.com,, .referrer:-bad.com'),
    'a:b,.r:.example.com,.r:-bad.com',
  );
  t.is(cleanAccessList('X-Container-Read', '.r:*,.rlistings'), '.r:*,.rlistings');
  t.is(cleanAccessList('X-Container-Write', 'p:u'), 'p:u');
  for (const [header, value] of [
    ['X-Container-Write', '.r:*'],
    ['X-Container-Read', '.x:*'],
    ['X-Container-Read', '.r:'],
    ['X-Container-Read', '.r:-'],
    ['X-Container-Read', '.r:*.'],
  ] as const) {
    t.throws(() => cleanAccessList(header, value), { instanceOf: SwiftError }, value);
  }
});

test('of the referrers that match, the last decides', (t) => {
  const from = (list: string, referrer?: string) => letsReferrer(list, referrer, false);
  t.true(from('.r:*'));
  t.false(from('p:u'));
  t.true(from('.r:*', 'http://any.example/x'));
  t.true(from('.r:.example.com', 'http://www.example.com/'));
  t.false(from('.r:.example.com', 'http://example.org/'));
  t.false(from('.r:.example.com'));
  t.false(from('.r:*,.r:-bad.com', 'http://bad.com/'));
  t.true(from('.r:-bad.com,.r:*', 'http://bad.com/'));
  t.false(letsReferrer('.r:*', undefined, true));
  t.true(letsReferrer('.r:*,.rlistings', undefined, true));
});

test('readers of a list read, without a token where it says so, and nothing else', async (t) => {
  const path = '/read';
  await server.call('PUT', path);
  await server.call('PUT', `${path}/a`, { body: 'a' });
  const allow = (list: string) => server.call('POST', path, { headers: { 'X-Container-Read': list } });
  const statuses = async (token: string | null) => {
    const asked = [`${path}/a`, path].map((each) => server.call('GET', each, { token }));
    return (await Promise.all(asked)).map(({ status }) => status);
  };
  t.deepEqual(await statuses(friend.token), [403, 403]);
  for (const list of [
    `${friend.projectId}:${friend.userId}`,
    `${friend.projectId}:*`,
    `*:${friend.userId}`,
    'friend:friend',
    '*:*',
    'member',
  ]) {
    await allow(list);
    t.deepEqual(await statuses(friend.token), [200, 200], list);
    t.deepEqual(await statuses(null), [401, 401], list);
  }
  const seen = await server.call('HEAD', path, { token: friend.token });
  t.is(seen.headers.get('x-container-read'), null);
  for (const [method, to] of [
    ['PUT', '/b'],
    ['POST', '/a'],
    ['DELETE', '/a'],
    ['POST', ''],
    ['DELETE', ''],
  ] as const) {
    t.is((await server.call(method, path + to, { token: friend.token })).status, 403, method);
  }
  await allow('.r:*');
  t.deepEqual(await statuses(null), [200, 401]);
  t.deepEqual(await statuses(friend.token), [200, 403]);
  await allow('.r:*,.rlistings');
  t.deepEqual(await statuses(null), [200, 200]);
  await allow(`other:${friend.userId},${friend.projectId}:other`);
  t.deepEqual(await statuses(friend.token), [403, 403]);
  await server.call('POST', path, { headers: { 'X-Remove-Container-Read': 'x' } });
  t.deepEqual(await statuses(null), [401, 401]);
  t.is((await allow('.x:*')).status, 400);
});

test('writers of a list write, and do not read', async (t) => {
  const path = '/written';
  const headers = { 'X-Container-Write': `${friend.projectId}:*` };
  await server.call('PUT', path, { headers });
  const { token } = friend;
  t.is((await server.call('PUT', `${path}/a`, { token, body: 'a' })).status, 201);
  t.is((await server.call('POST', `${path}/a`, { token })).status, 202);
  t.is((await server.call('GET', `${path}/a`, { token })).status, 403);
  t.is(
    (await server.call('COPY', `${path}/a`, { token, headers: { Destination: 'written/b' } })).status,
    403,
  );
  t.is((await server.call('PUT', `${path}/b`, { token: null, body: 'a' })).status, 401);
  t.is((await server.call('DELETE', `${path}/a`, { token })).status, 204);
});

test('what a list lets somebody make opens nothing that no list lets them read', async (t) => {
  const lists = { 'X-Container-Write': '*:*', 'X-Container-Read': '*:*' };
  await server.call('PUT', '/open', { headers: lists });
  await server.call('PUT', '/secret');
  await server.call('PUT', '/secret/a', { body: 'secret' });
  const { token } = friend;
  const body = JSON.stringify([{ path: '/secret/a' }]);
  const put = (name: string) => server.call('PUT', `/open/${name}?multipart-manifest=put`, { token, body });
  t.is((await put('static')).status, 403);
  const joined = { token, body: '', headers: { 'X-Object-Manifest': 'secret/a' } };
  t.is((await server.call('PUT', '/open/dynamic', joined)).status, 201);
  t.is((await server.call('GET', '/open/dynamic', { token })).status, 403);
  t.is(
    (await server.call('COPY', '/open/dynamic', { token, headers: { Destination: 'open/x' } })).status,
    403,
  );
  t.is((await server.call('GET', '/open/dynamic')).text, 'secret');
  await server.call('PUT', '/open/theirs?multipart-manifest=put', { body });
  for (const query of ['', '?multipart-manifest=get']) {
    t.is((await server.call('GET', `/open/theirs${query}`, { token })).status, 403);
  }
  const headers = { Accept: 'application/json' };
  const deleted = await server.call('DELETE', '/open/theirs?multipart-manifest=delete', { token, headers });
  t.like(JSON.parse(deleted.text), { 'Number Deleted': 1, Errors: [['/secret/a', '403 Forbidden']] });
  t.is((await server.call('GET', '/secret/a')).text, 'secret');
});

test('a container takes no more than its quota, from neither dialect', async (t) => {
  const path = '/bounded';
  const headers = { 'X-Container-Meta-Quota-Bytes': '10', 'X-Container-Meta-Quota-Count': '2' };
  await server.call('PUT', path, { headers });
  t.is((await server.call('HEAD', path)).headers.get('x-container-meta-quota-bytes'), '10');
  t.is((await server.call('PUT', `${path}/a`, { body: '123456' })).status, 201);
  const over = await server.call('PUT', `${path}/b`, { body: '12345' });
  t.is(over.status, 413);
  t.is(over.text, 'Upload exceeds quota.');
  t.is((await server.call('PUT', `${path}/b`, { body: '1234' })).status, 201);
  t.is((await server.call('PUT', `${path}/c`, { body: '' })).status, 413);
  await refusedByS3(t, 'bounded', '');
  t.is((await server.call('POST', path, { headers: { 'X-Container-Meta-Quota-Bytes': 'x' } })).status, 400);
  await server.call('POST', path, { headers: { 'X-Container-Meta-Quota-Count': '' } });
  t.is((await server.call('PUT', `${path}/c`, { body: '' })).status, 201);
});

async function refusedByS3(t: ExecutionContext, bucket: string, body: string) {
  const put = new PutObjectCommand({ Bucket: bucket, Key: 'more', Body: body });
  const refused = await t.throwsAsync<S3ServiceException>(server.s3.send(put));
  t.is(refused.name, 'QuotaExceeded');
  t.is(refused.$metadata.httpStatusCode, 403);
}

test.serial('S3 is told by its own error that an account is full', async (t) => {
  const quota = (bytes: string) => {
    const headers = { 'X-Account-Meta-Quota-Bytes': bytes };
    return server.call('POST', '', { token: server.admin.token, headers });
  };
  await server.call('PUT', '/unbounded');
  await quota('0');
  await refusedByS3(t, 'unbounded', 'x');
  await quota('');
  t.is((await server.call('PUT', '/unbounded/more', { body: 'x' })).status, 201);
});

test('an account takes no more than its quota', async (t) => {
  const account = `/object-store/v1/AUTH_${friend.projectId}`;
  const headers = { 'X-Account-Meta-Quota-Bytes': '5' };
  t.is((await server.raw('POST', account, { token: server.admin.token, headers })).status, 204);
  const { token } = friend;
  await server.raw('PUT', `${account}/mine`, { token });
  t.is((await server.raw('PUT', `${account}/mine/a`, { token, body: '12345' })).status, 201);
  t.is((await server.raw('PUT', `${account}/mine/b`, { token, body: '1' })).status, 413);
});
