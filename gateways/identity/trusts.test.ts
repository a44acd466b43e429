// Tests trusts over HTTP: what one user lets another do, in whose name, how often, how long, and how it is
// passed on; and that a trust is worth no more than what its trustor has.

import test from 'ava';
import { builtInRoleId } from '#services/identity/adoption.ts';
import { type IdentityAnswer, IdentityServer, passwordLogin } from '#tests/support/identity-server.ts';

const HOUR_MS = 60 * 60_000;
const member = builtInRoleId('member');
const reader = builtInRoleId('reader');

let server: IdentityServer;

test.before(async () => {
  server = await IdentityServer.start();
});

test.after.always(() => server?.stop());

interface Setting {
  readonly projectId: string;
  readonly trustorId: string;
  readonly trusteeId: string;
  /** Of the trustor, for the project. */
  readonly token: string;
  readonly trusteeName: string;
  grant(method: 'PUT' | 'DELETE', roleId?: string): Promise<void>;
  make(more?: object, token?: string): Promise<IdentityAnswer>;
  enter(trustId: string, name?: string): Promise<IdentityAnswer>;
}

let settings = 0;

async function open(): Promise<Setting> {
  const name = `trust-${settings++}`;
  const [trustor, trusteeName] = [`${name}-or`, `${name}-ee`];
  const projectId = await server.make('/v3/projects', 'project', { name });
  const password = 'correct horse';
  const trustorId = await server.make('/v3/users', 'user', { name: trustor, password });
  const trusteeId = await server.make('/v3/users', 'user', { name: trusteeName, password });
  const grant = async (method: 'PUT' | 'DELETE', roleId = member) => {
    const path = `/v3/projects/${projectId}/users/${trustorId}/roles/${roleId}`;
    await server.call(method, path, { token: await server.login() });
  };
  await grant('PUT');
  const token = await server.login(trustor, { project: { id: projectId } });
  const plain = {
    ...{ trustor_user_id: trustorId, trustee_user_id: trusteeId, project_id: projectId },
    ...{ impersonation: false, roles: [{ name: 'member' }] },
  };
  return {
    ...{ projectId, trustorId, trusteeId, token, trusteeName, grant },
    make: (more = {}, by = token) =>
      server.call('POST', '/v3/OS-TRUST/trusts', { token: by, body: { trust: { ...plain, ...more } } }),
    enter: (id, as = trusteeName) =>
      server.call('POST', '/v3/auth/tokens', { body: passwordLogin(as, { 'OS-TRUST:trust': { id } }) }),
  };
}

async function made(making: Promise<IdentityAnswer>): Promise<string> {
  const { status, document } = await making;
  if (status !== 201) throw new Error(`${status} ${JSON.stringify(document)}`);
  return document.trust.id;
}

const subjectOf = ({ headers }: IdentityAnswer) => headers.get('x-subject-token') ?? '';

test("a trustee acts with the roles of the trust, in the own name or in the trustor's", async (t) => {
  const { make, enter, projectId, trustorId, trusteeId } = await open();
  const own = (await enter(await made(make({ roles: [{ name: 'reader' }] })))).document.token;
  t.is(own.user.id, trusteeId);
  t.is(own.project.id, projectId);
  t.deepEqual(
    own.roles.map(({ name }: { name: string }) => name),
    ['reader'],
  );
  t.like(own['OS-TRUST:trust'], { impersonation: false, trustor_user: { id: trustorId } });
  const others = await enter(await made(make({ impersonation: true })));
  t.is(others.document.token.user.id, trustorId);
  t.is(others.document.token.roles.length, 2);
});

test('only the trustor gives, only what the trustor has, and only the trustee takes', async (t) => {
  const { make, enter, trusteeId, trustorId, trusteeName } = await open();
  t.is((await make({ trustor_user_id: trusteeId, trustee_user_id: trustorId })).status, 403);
  t.is((await make({}, await server.login())).status, 403);
  t.is((await make({ roles: [{ name: 'admin' }] })).status, 403);
  t.is((await make({ roles: [] })).status, 400);
  t.is((await make({ impersonation: 'yes' })).status, 400);
  t.is((await make({ trustee_user_id: 'none' })).status, 404);
  t.is((await make({ project_id: 'none' })).status, 404);
  t.is((await make({ expires_at: '2001-01-01T00:00:00Z' })).status, 400);
  t.is((await make({ remaining_uses: 0 })).status, 400);
  const id = await made(make());
  t.is((await enter(id, 'admin')).status, 403);
  t.is((await enter('none')).status, 403);
  const third = await open();
  const path = `/v3/OS-TRUST/trusts/${id}`;
  t.is((await server.call('GET', path, { token: third.token })).status, 403);
  const trustee = await server.login(trusteeName, 'unscoped');
  t.is((await server.call('GET', path, { token: trustee })).status, 200);
  t.is((await server.call('DELETE', path, { token: trustee })).status, 403);
  t.is((await server.call('GET', '/v3/OS-TRUST/trusts', { token: trustee })).status, 403);
  const given = await server.call('GET', `/v3/OS-TRUST/trusts?trustee_user_id=${trusteeId}`, {
    token: trustee,
  });
  t.deepEqual(
    given.document.trusts.map((trust: { id: string }) => trust.id),
    [id],
  );
});

test('a trust ends when it is deleted, its time is over, or its trustor lacks a role', async (t) => {
  const { make, enter, token, grant, trustorId } = await open();
  const valid = async (subject: string) => {
    const admin = await server.login();
    return (await server.call('GET', '/v3/auth/tokens', { token: admin, subject })).status === 200;
  };
  const id = await made(make());
  const subject = subjectOf(await enter(id));
  t.true(await valid(subject));
  await grant('DELETE');
  t.false(await valid(subject));
  t.is((await enter(id)).status, 403);
  await grant('PUT');
  t.true(await valid(subject));
  t.is((await server.call('DELETE', `/v3/OS-TRUST/trusts/${id}`, { token })).status, 204);
  t.false(await valid(subject));
  t.is((await server.call('GET', `/v3/OS-TRUST/trusts/${id}`, { token })).status, 403);
  const other = await made(make());
  const second = subjectOf(await enter(other));
  t.true(await valid(second));
  const admin = await server.login();
  await server.call('PATCH', `/v3/users/${trustorId}`, { token: admin, body: { user: { enabled: false } } });
  t.false(await valid(second));
  t.is((await enter(other)).status, 403);
  await server.call('DELETE', `/v3/users/${trustorId}`, { token: admin });
  t.is((await server.call('GET', `/v3/OS-TRUST/trusts/${other}`, { token: admin })).status, 404);
});

test('a trust is good for so many tokens, also when they are asked for at the same time', async (t) => {
  const { make, enter, token } = await open();
  const id = await made(make({ remaining_uses: 3 }));
  const answers = await Promise.all(Array.from({ length: 8 }, () => enter(id)));
  t.deepEqual(answers.map(({ status }) => status).sort(), [201, 201, 201, 403, 403, 403, 403, 403]);
  const shown = await server.call('GET', `/v3/OS-TRUST/trusts/${id}`, { token });
  t.is(shown.document.trust.remaining_uses, 0);
});

test('a token by a trust makes no credentials, sees no secrets, and becomes no other token', async (t) => {
  const { make, enter, trustorId, projectId } = await open();
  const token = subjectOf(await enter(await made(make({ impersonation: true }))));
  const post = (path: string, body: object) => server.call('POST', path, { token, body });
  const ec2 = `/v3/users/${trustorId}/credentials/OS-EC2`;
  t.is((await post(ec2, { tenant_id: projectId })).status, 403);
  t.is((await server.call('GET', ec2, { token })).status, 403);
  t.is((await server.call('GET', '/v3/credentials', { token })).status, 403);
  t.is((await post('/v3/credentials', { credential: { type: 'cert', blob: 'x' } })).status, 403);
  const application = { application_credential: { name: 'ci' } };
  t.is((await post(`/v3/users/${trustorId}/application_credentials`, application)).status, 403);
  const auth = {
    identity: { methods: ['token'], token: { id: token } },
    scope: { project: { id: projectId } },
  };
  t.is((await server.call('POST', '/v3/auth/tokens', { body: { auth } })).status, 401);
  t.is((await make({ impersonation: true }, token)).status, 403);
});

test('what may be passed on is, with no more than there is, and ends with it', async (t) => {
  const { make, enter, token, trusteeName } = await open();
  t.is((await make({ allow_redelegation: true, remaining_uses: 1 })).status, 400);
  t.is((await make({ allow_redelegation: true, redelegation_count: 4 })).status, 403);
  const end = (hours: number) => new Date(server.memory.clock.nowMs() + hours * HOUR_MS).toISOString();
  const first = { allow_redelegation: true, impersonation: true, redelegation_count: 1, expires_at: end(10) };
  const id = await made(make({ ...first, roles: [{ name: 'reader' }] }));
  const by = subjectOf(await enter(id));
  const third = await server.make('/v3/users', 'user', {
    name: `${trusteeName}-3`,
    password: 'correct horse',
  });
  const pass = (more: object) =>
    make({ trustee_user_id: third, impersonation: true, roles: [{ name: 'reader' }], ...more }, by);
  t.is((await pass({ roles: [{ name: 'member' }] })).status, 403);
  t.is((await pass({ expires_at: end(11) })).status, 403);
  t.is((await pass({ allow_redelegation: true, redelegation_count: 1 })).status, 403);
  const passed = await pass({});
  t.is(passed.status, 201);
  t.is(passed.document.trust.redelegated_trust_id, id);
  t.is(Date.parse(passed.document.trust.expires_at), Date.parse(end(10)));
  t.is(passed.document.trust.redelegation_count, 0);
  const last = await enter(passed.document.trust.id, `${trusteeName}-3`);
  t.is(last.status, 201);
  t.deepEqual(
    last.document.token.roles.map(({ id: roleId }: { id: string }) => roleId),
    [reader],
  );
  t.is((await make({ impersonation: true }, subjectOf(last))).status, 403);
  t.is((await server.call('DELETE', `/v3/OS-TRUST/trusts/${id}`, { token })).status, 204);
  const subject = subjectOf(last);
  t.is((await server.call('GET', '/v3/auth/projects', { token: subject })).status, 401);
});

test.serial('a token ends with its trust', async (t) => {
  const { make, enter } = await open();
  const endMs = server.memory.clock.nowMs() + HOUR_MS / 2;
  const id = await made(make({ expires_at: new Date(endMs).toISOString() }));
  const entered = await enter(id);
  t.is(Date.parse(entered.document.token.expires_at), endMs);
  server.memory.clock.advance(HOUR_MS / 2);
  t.is((await server.call('GET', '/v3/auth/projects', { token: subjectOf(entered) })).status, 401);
  t.is((await enter(id)).status, 403);
  const admin = await server.login();
  t.is((await server.call('GET', `/v3/OS-TRUST/trusts/${id}`, { token: admin })).status, 404);
});
