// Tests tokens: what they say, what voids them, and that keys rotate without voiding any.

import test from 'ava';
import { isRejected } from '#core/kernel/decider.ts';
import { limits } from '#core/kernel/limits.ts';
import { type MemoryCloud, openMemoryCloud } from '#tests/support/memory-cloud.ts';
import { builtInRoleId } from './adoption.ts';
import type { Token, TokenUseCases } from './tokens.service.ts';

const ACTOR = { user: 'tester', project: 'tester', requestId: 'test' };

interface Setting extends MemoryCloud {
  readonly tokens: TokenUseCases;
  readonly userId: string;
  /** A token of that user for the user's own project. */
  issue(): Promise<{ id: string; token: Token }>;
}

async function open(role: 'member' | 'admin' = 'member'): Promise<Setting> {
  const memory = await openMemoryCloud();
  const tokens = await memory.identity.tokens(memory.clock);
  const account = await memory.accounts.addAccount('ada', { role });
  if (isRejected(account)) throw new Error(account.rejected);
  const userId = account.accountId;
  const issue = async () => {
    const user = memory.identity.view.get('user', userId);
    const scope = { kind: 'project', id: userId } as const;
    const issued = user && (await tokens.issue({ user, methods: ['password'], scope }));
    if (!issued) throw new Error('no token was issued');
    return issued;
  };
  return { ...memory, tokens, userId, issue };
}

test('a token says who, for what, and with which roles', async (t) => {
  const { tokens, userId, issue, close } = await open();
  const { id } = await issue();
  const token = await tokens.validate(id);
  t.is(token?.user.id, userId);
  t.is(token?.project?.id, userId);
  t.deepEqual(token?.roles.map(({ name }) => name).sort(), ['member', 'reader']);
  t.false(token?.isCloudAdmin);
  t.is((token?.expiresMs ?? 0) - (token?.issuedMs ?? 0), limits.tokenLifeMs);
  await close();
});

test('no token is made for where the user has no role', async (t) => {
  const { tokens, userId, identity, close } = await open();
  const user = identity.view.get('user', userId);
  if (!user) return t.fail();
  t.is(await tokens.issue({ user, methods: ['password'], scope: { kind: 'system' } }), undefined);
  const scope = { kind: 'domain', id: 'default' } as const;
  t.is(await tokens.issue({ user, methods: ['password'], scope }), undefined);
  const unscoped = await tokens.issue({ user, methods: ['password'] });
  t.deepEqual(unscoped?.token.roles, []);
  await close();
});

test('whoever is admin on the system administers the cloud, on another project only that', async (t) => {
  const { tokens, userId, identity, issue, close } = await open('admin');
  const { token } = await issue();
  t.false(token.isCloudAdmin);
  const user = identity.view.get('user', userId);
  if (!user) return t.fail();
  const system = await tokens.issue({ user, methods: ['password'], scope: { kind: 'system' } });
  t.true(system?.token.isCloudAdmin);
  await close();
});

const VOIDING: readonly (readonly [string, (setting: Setting, token: Token) => Promise<unknown>])[] = [
  ['it was revoked', ({ tokens }, token) => tokens.revoke(ACTOR, token)],
  [
    'its user has another password',
    ({ identity, userId }) => identity.users.setPassword(ACTOR, userId, 'x', { by: 'self' }),
  ],
  ["its user's tokens were revoked", ({ identity, userId }) => identity.users.revokeTokens(ACTOR, userId)],
  [
    'its user was disabled, and be it for a moment',
    async ({ identity, userId }) => {
      await identity.users.updateUser(ACTOR, userId, { enabled: false });
      await identity.users.updateUser(ACTOR, userId, { enabled: true });
    },
  ],
  ['its user is gone', ({ identity, userId }) => identity.users.deleteUser(ACTOR, userId)],
  [
    'its project was disabled, and be it for a moment',
    async ({ identity, userId }) => {
      await identity.directory.updateProject(ACTOR, userId, { enabled: false });
      await identity.directory.updateProject(ACTOR, userId, { enabled: true });
    },
  ],
  ['its project is gone', ({ identity, userId }) => identity.directory.deleteProject(ACTOR, userId)],
  [
    'its domain is disabled',
    ({ identity }) => identity.directory.updateDomain(ACTOR, 'default', { enabled: false }),
  ],
  [
    'the last role was withdrawn',
    ({ identity, userId }) => {
      const scope = { kind: 'project', id: userId } as const;
      return identity.roles.withdraw(ACTOR, userId, scope, builtInRoleId('member'), false);
    },
  ],
  ['its time is over', async ({ clock }) => clock.advance(limits.tokenLifeMs)],
];

for (const [why, happen] of VOIDING) {
  test(`a token is void once ${why}`, async (t) => {
    const setting = await open();
    const { id, token } = await setting.issue();
    t.truthy(await setting.tokens.validate(id));
    await happen(setting, token);
    t.is(await setting.tokens.validate(id), undefined);
    // Nor is it known to one that never saw it.
    const fresh = await setting.identity.tokens(setting.clock);
    t.is(await fresh.validate(id), undefined);
    await setting.close();
  });
}

test('what is not signed by us is no token', async (t) => {
  const { tokens, issue, close } = await open();
  const { id } = await issue();
  const [head = '', payload = '', signature = ''] = id.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
  const other = Buffer.from(JSON.stringify({ ...claims, scope: { kind: 'system' } })).toString('base64url');
  const none = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
  const forged = [
    `${head}.${other}.${signature}`,
    `${none}.${payload}.`,
    `${head}.${payload}.`,
    `${head}.${payload}`,
    id.slice(0, -6),
    '',
    'x',
    'a.b.c',
    '\u0000'.repeat(10),
    `${id}${'x'.repeat(limits.tokenBytes)}`,
  ];
  for (const token of forged) t.is(await tokens.validate(token), undefined, token.slice(0, 40));
  await close();
});

test('keys rotate each day, and none is retired while a token that it signed may be in force', async (t) => {
  const { tokens, clock, issue, log, close, identity } = await open();
  const signers = new Set<string>();
  for (let day = 0; day < 12; day++) {
    const { id } = await issue();
    signers.add(id.split('.')[0] ?? '');
    clock.advance(limits.tokenLifeMs - 1);
    t.truthy(await tokens.validate(id));
    t.truthy(await (await identity.tokens(clock)).validate(id));
    clock.advance(limits.tokenKeyMs - limits.tokenLifeMs + 1);
    t.is(await tokens.validate(id), undefined);
  }
  t.is(signers.size, 12);
  const types: string[] = [];
  for await (const { type, payload } of log.read('tokens/identity/keys')) {
    types.push(type);
    t.notRegex(Buffer.from(payload).toString('latin1'), /PRIVATE KEY/);
  }
  t.is(types.filter((type) => type === 'TokenKeyMade').length, 12);
  t.is(types.filter((type) => type === 'TokenKeyRetired').length, 10);
  await close();
});

test('a token that came from another ends with it', async (t) => {
  const { tokens, clock, issue, close } = await open();
  const { token: from } = await issue();
  clock.advance(60_000);
  const again = await tokens.issue({ user: from.user, methods: ['token', 'password'], from });
  t.is(again?.token.expiresMs, from.expiresMs);
  t.is(again?.token.auditIds[1], from.auditIds[0]);
  await close();
});
