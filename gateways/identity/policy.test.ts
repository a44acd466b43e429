// Tests that every operation has its row, and that each row is judged: one who is nobody, whose token has
// ended or was forged, who belongs elsewhere, or may only read, is refused in Keystone's own way.

import test from 'ava';
import { limits } from '#core/kernel/limits.ts';
import { builtInRoleId } from '#services/identity/adoption.ts';
import { IdentityServer } from '#tests/support/identity-server.ts';
import { OPERATIONS } from './operations/operations.ts';
import { type Need, type OperationName, POLICY } from './policy.ts';

const names = Object.keys(POLICY) as OperationName[];
const rows = names.map((name) => ({ name, need: POLICY[name] as Need, operation: OPERATIONS[name] }));
const guarded = rows.filter(({ need }) => !need.public);

let server: IdentityServer;

test.before(async () => {
  server = await IdentityServer.start();
});

test.after.always(() => server?.stop());

test('every operation has its row, and every row its operation', (t) => {
  t.deepEqual(Object.keys(OPERATIONS).sort(), [...names].sort());
  const routes = Object.values(OPERATIONS).map(({ method, path }) => `${method} ${path}`);
  t.is(new Set(routes).size, routes.length);
});

test('little is open to everybody', (t) => {
  const open = rows.filter(({ need }) => need.public).map(({ name }) => name);
  const federated = ['authenticate_federated', 'authenticate_federated_by_get'];
  t.deepEqual(open.sort(), [...federated, 'change_password', 'issue_token', 'list_versions', 'show_version']);
});

/** A path of the operation, with things that are there. */
async function pathOf(path: string): Promise<string> {
  const { identity } = server.memory;
  const id = identity.view.idOf('user', 'default', 'admin') ?? '';
  const values: Readonly<Record<string, string>> = {
    ...{ targets: 'projects', actors: 'users', target_id: id, actor_id: id, user_id: id, project_id: id },
    ...{ domain_id: 'default', role_id: builtInRoleId('member'), prior_role_id: builtInRoleId('admin') },
    implied_role_id: builtInRoleId('manager'),
  };
  return path.replace(/:([a-z_]+)/g, (_, name: string) => values[name] ?? 'something');
}

async function refusals(token: string | undefined, status: number, wanted = guarded): Promise<string[]> {
  const wrong: string[] = [];
  const subject = await server.login();
  for (const { name, operation } of wanted) {
    const { method, path } = operation;
    const body = method === 'GET' || method === 'HEAD' ? {} : { body: {} };
    const answer = await server.call(method, await pathOf(path), { token, subject, ...body });
    const isRight = answer.status === status && (method === 'HEAD' || answer.document.error?.code === status);
    if (!isRight) wrong.push(`${name}: ${answer.status} ${JSON.stringify(answer.document)}`);
  }
  return wrong;
}

test('nobody, and nobody with a forged token, is let in', async (t) => {
  t.deepEqual(await refusals(undefined, 401), []);
  const [head, payload] = (await server.login()).split('.');
  t.deepEqual(await refusals(`${head}.${payload}.${'A'.repeat(86)}`, 401), []);
  const { headers } = await server.call('GET', '/v3/projects');
  t.regex(headers.get('www-authenticate') ?? '', /^Keystone uri="http/);
});

async function outsider(name: string, role: string): Promise<{ token: string; projectId: string }> {
  const projectId = await server.make('/v3/projects', 'project', { name });
  const userId = await server.make('/v3/users', 'user', { name, password: 'correct horse' });
  const admin = await server.login();
  const path = `/v3/projects/${projectId}/users/${userId}/roles/${builtInRoleId(role)}`;
  await server.call('PUT', path, { token: admin });
  return { projectId, token: await server.login(name, { project: { id: projectId } }) };
}

const isOpenToAll = ({ need }: { need: Need }) => need.anyToken === true;
/** Judged by what the answer shows, not by whether there is one. */
const SHOW_THEIR_OWN = ['list_role_assignments', 'list_credentials'];

for (const role of ['reader', 'member', 'admin']) {
  test(`a ${role} of another project is refused whatever is not open to all`, async (t) => {
    const { token } = await outsider(`other-${role}`, role);
    const closed = guarded.filter((row) => !isOpenToAll(row) && !SHOW_THEIR_OWN.includes(row.name));
    t.deepEqual(await refusals(token, 403, closed), []);
  });
}

test('one who may read all of the cloud may change nothing', async (t) => {
  const userId = await server.make('/v3/users', 'user', { name: 'auditor', password: 'correct horse' });
  const admin = await server.login();
  await server.call('PUT', `/v3/system/users/${userId}/roles/${builtInRoleId('reader')}`, { token: admin });
  const token = await server.login('auditor', { system: { all: true } });
  const changing = guarded.filter(({ need }) => need.cloud !== 'reader' && !need.anyToken);
  t.deepEqual(await refusals(token, 403, changing), []);
  for (const path of ['/v3/domains', '/v3/projects', '/v3/users', '/v3/role_assignments', '/v3/services']) {
    t.is((await server.call('GET', path, { token })).status, 200, path);
  }
});

test.serial('a token that has ended opens nothing', async (t) => {
  const token = await server.login();
  server.memory.clock.advance(limits.tokenLifeMs);
  t.deepEqual(await refusals(token, 401), []);
});
