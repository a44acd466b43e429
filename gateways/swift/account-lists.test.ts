// Tests account ACLs: their form, and that each kind lets somebody do so much and no more.

import test from 'ava';
import { type Person, SwiftServer } from '#tests/support/swift-server.ts';
import { cleanAccountList } from './account-lists.ts';
import { SwiftError } from './errors.ts';

let server: SwiftServer;
let friend: Person;

test.before(async () => {
  server = await SwiftServer.start();
  friend = await server.person('friend', 'member');
  await server.call('PUT', '/kept', { headers: { 'X-Container-Read': 'some:body' } });
  await server.call('PUT', '/kept/a', { body: 'a' });
});

test.after.always(() => server?.stop());

test('lists are checked, and kept as JSON in ASCII', (t) => {
  t.is(cleanAccountList('{"read-only": ["p:ü"], "admin": []}'), '{"read-only":["p:\\u00fc"]}');
  t.is(cleanAccountList('{}'), '');
  t.is(cleanAccountList(''), '');
  for (const value of [
    ...['x', '[]', 'null', '"a"', '{"other":["p:u"]}', '{"admin":"p:u"}', '{"admin":[1]}', '{"admin":[""]}'],
    ...[
      '{"admin":["a:b,c:d"]}',
      '{"admin":["member"]}',
      '{"__proto__":["p:u"]}',
      `{"admin":["${'x'.repeat(9_000)}:"]}`,
    ],
  ]) {
    t.throws(() => cleanAccountList(value), { instanceOf: SwiftError }, value.slice(0, 40));
  }
});

const letIn = async (kind: string, who = 'friend:friend') => {
  const headers = { 'X-Account-Access-Control': JSON.stringify({ [kind]: [who] }) };
  return (await server.call('POST', '', { headers })).status;
};

async function statuses(): Promise<readonly number[]> {
  const found: number[] = [];
  for (const [method, path, headers] of [
    ['GET', '', {}],
    ['GET', '/kept/a', {}],
    ['PUT', '/kept/b', {}],
    ['PUT', '/made', {}],
    ['DELETE', '/made', {}],
    ['POST', '/kept', { 'X-Container-Read': 'other:one' }],
    ['POST', '', { 'X-Account-Meta-A': 'b' }],
  ] as const) {
    found.push((await server.call(method, path, { token: friend.token, headers })).status);
  }
  return found;
}

test.serial('each kind lets so much', async (t) => {
  t.deepEqual(await statuses(), [403, 403, 403, 403, 403, 403, 403]);
  t.is(await letIn('read-only'), 204);
  t.deepEqual(await statuses(), [200, 200, 403, 403, 403, 403, 403]);
  t.is(await letIn('read-write'), 204);
  t.deepEqual(await statuses(), [200, 200, 201, 201, 204, 403, 403]);
  t.is((await server.call('HEAD', '/kept')).headers.get('x-container-read'), 'some:body');
  t.false((await server.call('HEAD', '/kept', { token: friend.token })).headers.has('x-container-read'));
  t.false((await server.call('HEAD', '', { token: friend.token })).headers.has('x-account-access-control'));
  t.is(await letIn('admin'), 204);
  t.deepEqual(await statuses(), [200, 200, 201, 201, 204, 204, 204]);
  const shown = (await server.call('HEAD', '')).headers.get('x-account-access-control');
  t.is(shown, '{"admin":["friend:friend"]}');
  t.is(await letIn('admin', 'somebody:else'), 204);
  t.deepEqual(await statuses(), [403, 403, 403, 403, 403, 403, 403]);
  t.is((await server.call('POST', '', { headers: { 'X-Account-Access-Control': '' } })).status, 204);
  t.false((await server.call('HEAD', '')).headers.has('x-account-access-control'));
  t.is((await server.call('POST', '', { headers: { 'X-Account-Access-Control': 'x' } })).status, 400);
});

test.serial('an administrator by the list does not raise the quota of the account', async (t) => {
  await letIn('admin');
  const headers = { 'X-Account-Meta-Quota-Bytes': '1' };
  t.is((await server.call('POST', '', { token: friend.token, headers })).status, 403);
});
