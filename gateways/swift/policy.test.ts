// Tests that every operation has its row, and that each row is judged: one who is nobody, whose token has
// ended or was forged, who belongs elsewhere, or may only read, is refused in Swift's own way, and nothing is
// changed.

import test from 'ava';
import { limits } from '#core/kernel/limits.ts';
import { type Person, SwiftServer } from '#tests/support/swift-server.ts';
import { OPERATIONS } from './operations/operations.ts';
import { type Need, type OperationName, POLICY } from './policy.ts';

const names = Object.keys(POLICY) as OperationName[];
const needs: Readonly<Record<OperationName, Need>> = POLICY;

/** One request for each operation that is not public. */
const REQUESTS: Readonly<Partial<Record<OperationName, readonly [method: string, path: string]>>> = {
  show_account: ['HEAD', ''],
  list_containers: ['GET', ''],
  update_account: ['POST', ''],
  delete_many: ['POST', '?bulk-delete'],
  extract_archive: ['PUT', '?extract-archive=tar'],
  show_container: ['HEAD', '/kept'],
  list_objects: ['GET', '/kept'],
  create_container: ['PUT', '/new'],
  update_container: ['POST', '/kept'],
  delete_container: ['DELETE', '/empty'],
  get_object: ['GET', '/kept/a'],
  head_object: ['HEAD', '/kept/a'],
  put_object: ['PUT', '/kept/b'],
  update_object: ['POST', '/kept/a'],
  delete_object: ['DELETE', '/kept/a'],
  copy_object: ['COPY', '/kept/a'],
  serve_page: ['GET', '/web/'],
};

let server: SwiftServer;

test.before(async () => {
  server = await SwiftServer.start();
  for (const name of ['kept', 'empty', 'web']) await server.call('PUT', `/${name}`);
  await server.call('POST', '/web', { headers: { 'X-Container-Meta-Web-Listings': 'yes' } });
  await server.call('PUT', '/kept/a', { body: 'a' });
});

test.after.always(() => server?.stop());

test('every operation has its row, and every row its operation and its request here', (t) => {
  t.deepEqual(Object.keys(OPERATIONS).sort(), [...names].sort());
  const guarded = names.filter((name) => !needs[name].public);
  t.deepEqual(Object.keys(REQUESTS).sort(), guarded.sort());
  t.deepEqual(
    names.filter((name) => needs[name].public),
    ['show_info', 'log_in', 'post_form', 'preflight'],
  );
  for (const name of guarded) t.truthy(needs[name].role, name);
});

async function refusals(token: string | null, status: number, wanted: (need: Need) => boolean = () => true) {
  const wrong: string[] = [];
  for (const [name, [method, path]] of Object.entries(REQUESTS)) {
    if (!wanted(needs[name as OperationName])) continue;
    const web = { 'X-Web-Mode': 'true' };
    const headers = { ...web, Destination: '/kept/c', 'X-Account-Meta-A': 'b', 'X-Container-Meta-A': 'b' };
    const body = method === 'PUT' || method === 'POST' ? '/kept/a' : undefined;
    const answer = await server.call(method, path, { token, headers, ...(body !== undefined && { body }) });
    if (answer.status !== status) wrong.push(`${name}: ${answer.status} ${answer.text}`);
    const challenge = answer.headers.get('www-authenticate');
    if (status === 401 && challenge !== `Swift realm="AUTH_${server.owner.projectId}"`)
      wrong.push(`${name}: realm`);
  }
  return wrong;
}

async function nothingChanged(): Promise<boolean> {
  const { text, headers } = await server.call('GET', '');
  const objects = await server.call('GET', '/kept');
  const isSame = text === 'empty\nkept\nweb\n' && objects.text === 'a\n';
  return isSame && !headers.has('x-account-meta-a') && !objects.headers.has('x-container-meta-a');
}

test.serial('nobody, and nobody with a forged token, is let in', async (t) => {
  t.deepEqual(await refusals(null, 401), []);
  const [head, payload] = server.owner.token.split('.');
  t.deepEqual(await refusals(`${head}.${payload}.${'A'.repeat(86)}`, 401), []);
  t.deepEqual(await refusals('x'.repeat(limits.tokenBytes + 1), 401), []);
  const service = { headers: { 'X-Service-Token': 'forged' } };
  t.is((await server.call('HEAD', '', service)).status, 401);
  t.true(await nothingChanged());
});

for (const role of ['reader', 'member', 'admin']) {
  test.serial(`a ${role} of another project is refused everything`, async (t) => {
    const { token } = await server.person(`other-${role}`, role);
    t.deepEqual(await refusals(token, 403), []);
    t.true(await nothingChanged());
  });
}

test.serial('a reader of the project reads, and changes nothing', async (t) => {
  const { token } = await server.person('reading', 'reader', server.owner.projectId);
  t.deepEqual(await refusals(token, 403, ({ role }) => role !== 'reader'), []);
  for (const [method, path] of [
    ['GET', ''],
    ['GET', '/kept'],
    ['HEAD', '/kept/a'],
    ['GET', '/kept/a'],
  ] as const) {
    t.true((await server.call(method, path, { token })).status < 300, path);
  }
  await server.call('POST', '/kept', { headers: { 'X-Container-Read': 'somebody:else' } });
  t.true((await server.call('HEAD', '/kept')).headers.has('x-container-read'));
  t.false((await server.call('HEAD', '/kept', { token })).headers.has('x-container-read'));
  const headers = { Destination: '/kept/c' };
  t.is((await server.call('COPY', '/kept/a', { token, headers })).status, 403);
  t.true(await nothingChanged());
});

test.serial('a member of the project, and who administers the cloud, may all', async (t) => {
  const member: Person = await server.person('writing', 'member', server.owner.projectId);
  for (const { token } of [member, server.admin]) {
    t.is((await server.call('PUT', '/passing', { token })).status, 201);
    t.is((await server.call('PUT', '/passing/a', { token, body: 'x' })).status, 201);
    t.is((await server.call('DELETE', '/passing/a', { token })).status, 204);
    t.is((await server.call('DELETE', '/passing', { token })).status, 204);
  }
  const { token } = server.admin;
  t.is((await server.raw('PUT', '/object-store/v1/AUTH_nobodys/new', { token })).status, 404);
  const headers = { 'X-Account-Meta-Quota-Bytes': '1000000' };
  t.is((await server.call('POST', '', { token: member.token, headers })).status, 403);
  t.is((await server.call('POST', '', { token: server.admin.token, headers })).status, 204);
});

test.serial('a token that has ended opens nothing', async (t) => {
  server.memory.clock.advance(limits.tokenLifeMs);
  t.deepEqual(await refusals(server.owner.token, 401), []);
});
