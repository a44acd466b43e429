// Tests credentials of any type, one-time passwords as a way to log in, and rules that want several ways.

import { createHash } from 'node:crypto';
import test from 'ava';
import { fromBase32, oneTimePassword } from '#services/identity/one-time-passwords.ts';
import { type IdentityAnswer, IdentityServer, passwordLogin } from '#tests/support/identity-server.ts';

const SEED = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
const STEP_MS = 30_000;

let server: IdentityServer;

test.before(async () => {
  server = await IdentityServer.start();
});

test.after.always(() => server?.stop());

const passcode = (steps = 0) => {
  const step = Math.floor(server.memory.clock.nowMs() / STEP_MS) + steps;
  return oneTimePassword(fromBase32(SEED) ?? Buffer.alloc(0), step);
};

/** Who has a seed, and may have rules. */
async function userWithSeed(name: string, options?: object) {
  const userId = await server.make('/v3/users', 'user', {
    ...{ name, password: 'correct horse' },
    ...(options && { options }),
  });
  const blob = { user_id: userId, type: 'totp', blob: SEED };
  return { userId, credentialId: await server.make('/v3/credentials', 'credential', blob) };
}

interface Given {
  readonly password?: string;
  readonly passcode?: string;
  readonly receipt?: string | undefined;
}

function login(name: string, { receipt, ...given }: Given): Promise<IdentityAnswer> {
  const user = { name, domain: { id: 'default' } };
  const { password, passcode: code } = given;
  const identity = {
    methods: [...(password === undefined ? [] : ['password']), ...(code === undefined ? [] : ['totp'])],
    ...(password !== undefined && { password: { user: { ...user, password } } }),
    ...(code !== undefined && { totp: { user: { ...user, passcode: code } } }),
  };
  return server.call('POST', '/v3/auth/tokens', { body: { auth: { identity } }, receipt });
}

test("a credential is its user's alone, and sealed wherever it is kept", async (t) => {
  const { userId, credentialId } = await userWithSeed('keeper');
  const token = await server.login('keeper', 'unscoped');
  const mine = await server.call('GET', '/v3/credentials', { token });
  t.deepEqual(
    mine.document.credentials.map(({ id, type, blob }: Record<string, string>) => [id, type, blob]),
    [[credentialId, 'totp', SEED]],
  );
  const path = `/v3/credentials/${credentialId}`;
  const other = await userWithSeed('other');
  t.is((await server.call('GET', `/v3/credentials/${other.credentialId}`, { token })).status, 403);
  t.is((await server.call('GET', `/v3/credentials?user_id=${other.userId}`, { token })).status, 403);
  const foreign = { credential: { user_id: other.userId, type: 'totp', blob: SEED } };
  t.is((await server.call('POST', '/v3/credentials', { token, body: foreign })).status, 403);
  const moved = { credential: { user_id: other.userId } };
  t.is((await server.call('PATCH', path, { token, body: moved })).status, 403);
  const changed = await server.call('PATCH', path, { token, body: { credential: { blob: 'MZXW6===' } } });
  t.like(changed.document.credential, { blob: 'MZXW6===', type: 'totp', user_id: userId });
  for await (const { payload } of server.memory.log.read(`users/identity/${userId}`)) {
    t.notRegex(Buffer.from(payload).toString('latin1'), /GEZDGNBV|MZXW6/);
  }
  t.is((await server.call('DELETE', path, { token })).status, 204);
  t.is((await server.call('GET', path, { token: await server.login() })).status, 404);
});

test('an EC2 credential is shown among the others, and ended there too', async (t) => {
  const { userId } = await userWithSeed('both');
  const token = await server.login('both', 'unscoped');
  const admin = await server.login();
  const projectId = await server.make('/v3/projects', 'project', { name: 'both' });
  const member = (await server.call('GET', '/v3/roles?name=member', { token: admin })).document.roles[0].id;
  await server.call('PUT', `/v3/projects/${projectId}/users/${userId}/roles/${member}`, { token: admin });
  const ec2 = `/v3/users/${userId}/credentials/OS-EC2`;
  const made = await server.call('POST', ec2, { token, body: { tenant_id: projectId } });
  const { access, secret } = made.document.credential;
  const [shown] = (await server.call('GET', '/v3/credentials?type=ec2', { token })).document.credentials;
  t.is(shown.id, createHash('sha256').update(access).digest('hex'));
  t.like(shown, { user_id: userId, project_id: projectId, blob: JSON.stringify({ access, secret }) });
  const path = `/v3/credentials/${shown.id}`;
  t.is((await server.call('PATCH', path, { token, body: { credential: { blob: '{}' } } })).status, 403);
  t.is((await server.call('DELETE', path, { token })).status, 204);
  t.is((await server.call('GET', `${ec2}/${access}`, { token })).status, 404);
  t.is((await server.call('GET', '/v3/credentials', { token })).document.credentials.length, 1);
});

test('what no credential can be is refused', async (t) => {
  const token = await server.login();
  const wrong: readonly (readonly [object, number])[] = [
    [{ type: 'totp', blob: 'no base32!' }, 400],
    [{ type: 'totp', blob: '' }, 400],
    [{ type: 'cert' }, 400],
    [{ blob: 'x' }, 400],
    [{ type: 'cert', blob: 'x'.repeat(65_537) }, 400],
    [{ type: 'cert', blob: 'x', project_id: 'none' }, 404],
    [{ type: 'ec2', blob: '{}' }, 501],
  ];
  for (const [credential, status] of wrong) {
    const answer = await server.call('POST', '/v3/credentials', { token, body: { credential } });
    t.is(answer.status, status, JSON.stringify(credential).slice(0, 80));
  }
});

test.serial('a one-time password lets in once, and may come one step late', async (t) => {
  await userWithSeed('once');
  t.is((await login('once', { passcode: '000000' })).status, 401);
  t.is((await login('once', { passcode: passcode(1) })).status, 401);
  t.is((await login('once', { passcode: passcode(-2) })).status, 401);
  const late = passcode(-1);
  const { status, document } = await login('once', { passcode: late });
  t.is(status, 201);
  t.deepEqual(document.token.methods, ['totp']);
  t.is((await login('once', { passcode: late })).status, 401);
  t.is((await login('once', { passcode: passcode() })).status, 201);
  t.is((await login('nobody', { passcode: passcode() })).status, 401);
});

test.serial('of the same one-time password at the same time one lets in', async (t) => {
  await userWithSeed('raced');
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => login('raced', { passcode: passcode() })),
  );
  t.is(answers.filter(({ status }) => status === 201).length, 1);
});

const RULES = {
  multi_factor_auth_enabled: true,
  multi_factor_auth_rules: [['password', 'totp']],
};

test.serial('who needs two ways is let in by both together, or by a receipt for the first', async (t) => {
  const { userId } = await userWithSeed('careful', RULES);
  const both = await login('careful', { password: 'correct horse', passcode: passcode() });
  t.is(both.status, 201);
  t.deepEqual(both.document.token.methods, ['password', 'totp']);
  const half = await login('careful', { password: 'correct horse' });
  t.is(half.status, 401);
  t.deepEqual(half.document.required_auth_methods, [['password', 'totp']]);
  t.like(half.document.receipt, { methods: ['password'] });
  t.is(half.document.receipt.user.id, userId);
  const receipt = half.headers.get('openstack-auth-receipt') ?? '';
  // A receipt is no token.
  t.is((await server.call('GET', '/v3/auth/projects', { token: receipt })).status, 401);
  server.memory.clock.advance(STEP_MS);
  t.is((await login('careful', { passcode: '000000', receipt })).status, 401);
  t.is((await login('careful', { passcode: passcode(), receipt: `${receipt}x` })).status, 401);
  t.is((await login('careful', { passcode: passcode(), receipt })).status, 201);
  // Nor is a token a receipt, nor the receipt of one good for another.
  const token = both.headers.get('x-subject-token') ?? '';
  server.memory.clock.advance(STEP_MS);
  t.is((await login('careful', { passcode: passcode(), receipt: token })).status, 401);
  await userWithSeed('second');
  t.is((await login('second', { password: 'correct horse', receipt })).status, 401);
  server.memory.clock.advance(5 * 60_000);
  t.is((await login('careful', { passcode: passcode(), receipt })).status, 401);
});

test.serial('a wrong password is told as ever, whatever else the user needs', async (t) => {
  await userWithSeed('guessed', RULES);
  const { status, document, headers } = await login('guessed', { password: 'guess' });
  t.is(status, 401);
  t.is(document.error.code, 401);
  t.is(headers.get('openstack-auth-receipt'), null);
  const auth = passwordLogin('guessed', undefined, 'correct horse');
  t.is(
    (await server.call('POST', '/v3/auth/tokens', { body: auth })).document.receipt.methods[0],
    'password',
  );
});
