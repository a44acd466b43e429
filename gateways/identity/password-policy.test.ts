// Tests what the settings of a cloud demand of passwords and logins, over HTTP: strength, age, expiry,
// history, lock-out, first use, absence, and the options by which a user is let off.

import test from 'ava';
import { type LoginPolicy, NO_LOGIN_POLICY } from '#services/identity/login-policy.ts';
import { IdentityServer, passwordLogin } from '#tests/support/identity-server.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;
const MINUTE_MS = 60_000;

interface Setting {
  readonly server: IdentityServer;
  readonly userId: string;
  /** The status of a login, and what it says. */
  login(password: string): Promise<readonly [number, string]>;
  /** The status of the user's own change of the password. */
  change(before: string, password: string): Promise<readonly [number, string]>;
  set(changes: object): Promise<number>;
}

async function withPolicy(
  policy: Partial<LoginPolicy>,
  use: (setting: Setting) => Promise<void>,
  options?: object,
) {
  const server = await IdentityServer.start({ loginPolicy: { ...NO_LOGIN_POLICY, ...policy } });
  try {
    const body = { name: 'eve', password: 'first one', ...(options && { options }) };
    const userId = await server.make('/v3/users', 'user', body);
    const told = ({ status, document }: { status: number; document: { error?: { message: string } } }) =>
      [status, document.error?.message ?? ''] as const;
    await use({
      ...{ server, userId },
      login: async (password) =>
        told(
          await server.call('POST', '/v3/auth/tokens', { body: passwordLogin('eve', undefined, password) }),
        ),
      change: async (before, password) =>
        told(
          await server.call('POST', `/v3/users/${userId}/password`, {
            body: { user: { original_password: before, password } },
          }),
        ),
      set: async (changes) => {
        const token = await server.login();
        return (await server.call('PATCH', `/v3/users/${userId}`, { token, body: { user: changes } })).status;
      },
    });
    if (server.logged.length > 0) throw new Error(JSON.stringify(server.logged));
  } finally {
    await server.stop();
  }
}

const REFUSED = [401, 'The request you have made requires authentication.'] as const;

test('a password is as strong as the settings want, whoever chooses it', async (t) => {
  const policy = { passwordPattern: /^.{8,}$/, passwordPatternDescription: 'eight characters' };
  await withPolicy(policy, async ({ server, change, set, login }) => {
    const weak = [400, 'The password does not match the requirements: eight characters.'];
    t.deepEqual(await change('first one', 'short'), weak);
    t.is(await set({ password: 'short' }), 400);
    const token = await server.login();
    const body = { user: { name: 'weak', password: 'short' } };
    t.is((await server.call('POST', '/v3/users', { token, body })).status, 400);
    t.deepEqual((await server.call('GET', '/v3/users?name=weak', { token })).document.users, []);
    t.is((await change('first one', 'long enough'))[0], 204);
    t.is((await login('long enough'))[0], 201);
  });
});

test('a password expires, which only its owner is told, who may still choose another', async (t) => {
  await withPolicy({ passwordLifeMs: 10 * DAY_MS }, async ({ server, userId, login, change, set }) => {
    const shown = async () => {
      const token = await server.login();
      return (await server.call('GET', `/v3/users/${userId}`, { token })).document.user.password_expires_at;
    };
    const endMs = server.memory.clock.nowMs() + 10 * DAY_MS;
    t.is(Date.parse(`${await shown()}Z`), endMs);
    const listed = async (asked: string) => {
      const path = `/v3/users?name=eve&domain_id=default&password_expires_at=${asked}`;
      const { status, document } = await server.call('GET', path, { token: await server.login() });
      return status === 200 ? document.users.length : status;
    };
    const end = new Date(endMs).toISOString();
    t.deepEqual([await listed(`lte:${end}`), await listed(`lt:${end}`), await listed(end)], [1, 0, 1]);
    for (const wrong of ['soon', 'xx:2020-01-01', 'lt:', '']) t.is(await listed(wrong), 400, wrong);
    server.memory.clock.advance(10 * DAY_MS - 1);
    t.is((await login('first one'))[0], 201);
    server.memory.clock.advance(1);
    const expired = [401, `The password is expired and needs to be changed for user: ${userId}.`];
    t.deepEqual(await login('first one'), expired);
    t.deepEqual(await login('guess'), REFUSED);
    t.is(await set({ options: { ignore_password_expiry: true } }), 200);
    t.is(await shown(), null);
    t.is((await login('first one'))[0], 201);
    t.is(await set({ options: { ignore_password_expiry: null } }), 200);
    t.deepEqual(await login('first one'), expired);
    t.is((await change('first one', 'second one'))[0], 204);
    t.is((await login('second one'))[0], 201);
  });
});

test('what an administrator sets is good for choosing another, unless the user is let off', async (t) => {
  await withPolicy({ changePasswordUponFirstUse: true }, async ({ login, change, set }) => {
    t.regex((await login('first one'))[1], /expired/);
    t.is((await change('first one', 'second one'))[0], 204);
    t.is((await login('second one'))[0], 201);
    t.is(await set({ password: 'third one' }), 200);
    t.regex((await login('third one'))[1], /expired/);
    t.is(await set({ options: { ignore_change_password_upon_first_use: true } }), 200);
    t.is((await login('third one'))[0], 201);
  });
});

test('a password of the last ones does not come back, and one that was chosen stays', async (t) => {
  const policy = { passwordHistory: 3, passwordAgeMinMs: DAY_MS };
  await withPolicy(policy, async ({ server, change, set }) => {
    // What an administrator set may go at once.
    t.is((await change('first one', 'second one'))[0], 204);
    t.regex((await change('second one', 'third one'))[1], /minimum password age/);
    server.memory.clock.advance(DAY_MS);
    for (const used of ['first one', 'second one']) {
      t.regex((await change('second one', used))[1], /must be unique is: 3/);
    }
    t.is((await change('second one', 'third one'))[0], 204);
    server.memory.clock.advance(DAY_MS);
    t.is((await change('third one', 'first one'))[0], 400);
    t.is((await change('third one', 'fourth one'))[0], 204);
    server.memory.clock.advance(DAY_MS);
    t.is((await change('fourth one', 'first one'))[0], 204);
    t.is(await set({ options: { lock_password: true } }), 200);
    server.memory.clock.advance(DAY_MS);
    t.is((await change('first one', 'fifth one'))[0], 400);
  });
});

async function lockEvents({ server, userId }: Setting): Promise<number> {
  let locks = 0;
  for await (const { type } of server.memory.log.read(`users/identity/${userId}`)) {
    if (type === 'UserLockedOut') locks++;
  }
  return locks;
}

test('too many wrong passwords lock a user out for a time, and add one event', async (t) => {
  const policy = { lockoutFailures: 3, lockoutMs: 10 * MINUTE_MS };
  await withPolicy(policy, async (setting) => {
    const { server, login, change, set } = setting;
    for (const _ of [1, 2]) t.deepEqual(await login('guess'), REFUSED);
    t.is((await login('first one'))[0], 201);
    for (const _ of [1, 2]) t.deepEqual(await login('guess'), REFUSED);
    t.is(await lockEvents(setting), 0);
    t.deepEqual(await change('guess', 'mine'), REFUSED);
    t.is(await lockEvents(setting), 1);
    // Nothing tells that the password is right.
    t.deepEqual(await login('first one'), REFUSED);
    t.deepEqual(await change('first one', 'mine'), REFUSED);
    for (let guess = 0; guess < 20; guess++) await login('guess');
    t.is(await lockEvents(setting), 1);
    server.memory.clock.advance(10 * MINUTE_MS);
    t.is((await login('first one'))[0], 201);
    for (const _ of [1, 2, 3]) await login('guess');
    t.deepEqual(await login('first one'), REFUSED);
    t.is(await set({ enabled: true }), 200);
    t.is((await login('first one'))[0], 201);
    t.is(await lockEvents(setting), 2);
    t.is(await set({ options: { ignore_lockout_failure_attempts: true } }), 200);
    for (const _ of [1, 2, 3, 4]) await login('guess');
    t.is((await login('first one'))[0], 201);
  });
});

test('of many guesses at once only as many are looked at as one after the other', async (t) => {
  await withPolicy({ lockoutFailures: 5 }, async (setting) => {
    const guesses = Array.from({ length: 40 }, (_, number) => setting.login(`guess ${number}`));
    // The right one comes last.
    guesses.push(setting.login('first one'));
    const statuses = (await Promise.all(guesses)).map(([status]) => status);
    t.deepEqual([...new Set(statuses)], [401]);
    t.is(await lockEvents(setting), 1);
    setting.server.memory.clock.advance(365 * DAY_MS);
    t.deepEqual(await setting.login('first one'), REFUSED);
  });
});

test('logins with the right password at the same time lock nobody out', async (t) => {
  await withPolicy({ lockoutFailures: 2 }, async ({ login }) => {
    const statuses = await Promise.all(Array.from({ length: 20 }, () => login('first one')));
    t.true(statuses.every(([status]) => status === 201));
  });
});

test('who stays away is as one who is disabled, until somebody enables the user', async (t) => {
  await withPolicy({ inactiveMs: 5 * DAY_MS }, async ({ server, userId, login, set }) => {
    server.memory.clock.advance(4 * DAY_MS);
    for (const _ of [1, 2, 3]) t.is((await login('first one'))[0], 201);
    let seen = 0;
    for await (const { type } of server.memory.log.read(`users/identity/${userId}`)) {
      if (type === 'UserSeen') seen++;
    }
    t.is(seen, 1);
    server.memory.clock.advance(4 * DAY_MS);
    t.is((await login('first one'))[0], 201);
    server.memory.clock.advance(4 * DAY_MS);
    await server.login();
    server.memory.clock.advance(DAY_MS);
    t.deepEqual(await login('first one'), REFUSED);
    t.is(await set({ enabled: true }), 200);
    t.is((await login('first one'))[0], 201);
  });
});

test('options that are none are refused, and those that are set are shown', async (t) => {
  const options = { lock_password: true, multi_factor_auth_rules: [['password', 'totp']] };
  await withPolicy(
    {},
    async ({ server, userId, set }) => {
      const token = await server.login();
      const shown = await server.call('GET', `/v3/users/${userId}`, { token });
      t.deepEqual(shown.document.user.options, options);
      const wrong = [{ magic: true }, { lock_password: 'yes' }, { multi_factor_auth_rules: [[]] }];
      const wrongRules = [{ multi_factor_auth_rules: 'password' }, { multi_factor_auth_rules: [[1]] }];
      for (const each of [...wrong, ...wrongRules]) t.is(await set({ options: each }), 400);
    },
    options,
  );
});
