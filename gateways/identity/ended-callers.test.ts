// Tests each row of the policy with callers who could once: whose token was revoked, or whose user, role or
// project is no more; and with readers, who may look at their project and change nothing.

import test from 'ava';
import { builtInRoleId } from '#services/identity/adoption.ts';
import { IdentityServer } from '#tests/support/identity-server.ts';
import { OPERATIONS } from './operations/operations.ts';
import { type Need, type OperationName, POLICY } from './policy.ts';

const guarded = (Object.keys(POLICY) as OperationName[])
  .map((name) => ({ name, need: POLICY[name] as Need, operation: OPERATIONS[name] }))
  .filter(({ need }) => !need.public);
type Row = (typeof guarded)[number];

let server: IdentityServer;

test.before(async () => {
  server = await IdentityServer.start();
});

test.after.always(() => server?.stop());

interface Person {
  readonly userId: string;
  readonly projectId: string;
  readonly role: string;
  readonly token: string;
}

async function person(name: string, role: string): Promise<Person> {
  const projectId = await server.make('/v3/projects', 'project', { name });
  const userId = await server.make('/v3/users', 'user', { name, password: 'correct horse' });
  const grant = `/v3/projects/${projectId}/users/${userId}/roles/${builtInRoleId(role)}`;
  await server.call('PUT', grant, { token: await server.login() });
  return { userId, projectId, role, token: await server.login(name, { project: { id: projectId } }) };
}

/** Which operations do not answer so, asked about the person and the person's project. */
async function otherwise(caller: Person, rows: readonly Row[], status: number): Promise<string[]> {
  const wrong: string[] = [];
  const subject = await server.login();
  const values: Readonly<Record<string, string>> = {
    ...{ targets: 'projects', actors: 'users', target_id: caller.projectId, actor_id: caller.userId },
    ...{ user_id: caller.userId, project_id: caller.projectId, domain_id: 'default' },
    ...{ role_id: builtInRoleId('member'), prior_role_id: builtInRoleId('admin') },
    implied_role_id: builtInRoleId('manager'),
  };
  for (const { name, operation } of rows) {
    const { method } = operation;
    const path = operation.path.replace(/:([a-z_]+)/g, (_, each: string) => values[each] ?? 'something');
    const body = method === 'GET' || method === 'HEAD' || method === 'DELETE' ? {} : { body: {} };
    const answer = await server.call(method, path, { token: caller.token, subject, ...body });
    const isRight = answer.status === status && (method === 'HEAD' || answer.document.error?.code === status);
    if (!isRight) wrong.push(`${name}: ${answer.status} ${JSON.stringify(answer.document)}`);
  }
  return wrong;
}

const ENDS: Readonly<Record<string, (caller: Person, token: string) => Promise<unknown>>> = {
  'a token that was revoked': ({ token: subject }, token) =>
    server.call('DELETE', '/v3/auth/tokens', { token, subject }),
  'a token of a user who was disabled': ({ userId }, token) =>
    server.call('PATCH', `/v3/users/${userId}`, { token, body: { user: { enabled: false } } }),
  'a token of a user who is gone': ({ userId }, token) =>
    server.call('DELETE', `/v3/users/${userId}`, { token }),
  'a token of a role that was withdrawn': ({ userId, projectId, role }, token) =>
    server.call('DELETE', `/v3/projects/${projectId}/users/${userId}/roles/${builtInRoleId(role)}`, {
      token,
    }),
  'a token of a project that was disabled': ({ projectId }, token) =>
    server.call('PATCH', `/v3/projects/${projectId}`, { token, body: { project: { enabled: false } } }),
};

for (const [what, end] of Object.entries(ENDS)) {
  test(`${what} opens nothing`, async (t) => {
    const caller = await person(what, 'member');
    t.is((await server.call('GET', `/v3/projects/${caller.projectId}`, { token: caller.token })).status, 200);
    await end(caller, await server.login());
    t.deepEqual(await otherwise(caller, guarded, 401), []);
  });
}

test('a reader looks at the own project, and is refused whatever is not for readers', async (t) => {
  const caller = await person('looker', 'reader');
  // What is the user's own affair is not the project's; and some show each what is theirs.
  const closed = guarded.filter(({ need }) => !need.anyToken && !need.owner && need.project !== 'reader');
  t.true(closed.length > guarded.length / 3);
  t.deepEqual(await otherwise(caller, closed, 403), []);
  const { status } = await server.call('GET', `/v3/projects/${caller.projectId}`, { token: caller.token });
  t.is(status, 200);
});
