// Tests that no document makes the gateway fail: whatever stands where in it, the answer is one that the API
// has, and what is no rule of a mapping is told as such.

import test from 'ava';
import fastCheck from 'fast-check';
import { readRules, WrongRules } from '#services/identity/mapping-rules.ts';
import { IdentityServer } from '#tests/support/identity-server.ts';

let server: IdentityServer;

test.before(async () => {
  server = await IdentityServer.start();
});

test.after.always(() => server?.stop());

const LONG = 'x'.repeat(70_000);
const ODD: readonly unknown[] = [
  ...[null, true, false, 0, -1, 1e308, 2 ** 53, '', ' ', '\u0000', '{0}', LONG, [], {}, [[]], [null], [{}]],
  ...['admin', 'default', 'Default', 'member', 'password', 'totp', 'ec2', '__proto__', '../x', 'a/b'],
  ...['2001-01-01T00:00:00Z', '9999-12-31', '+275760-09-13', '(', '\ud800', '\ud800/\udfff'],
];
const scalar = fastCheck.oneof(
  fastCheck.constantFrom(...ODD),
  fastCheck.string({ unit: 'binary', maxLength: 12 }),
);

/** Of these names, each with anything. */
function documentWith(names: readonly string[]): fastCheck.Arbitrary<unknown> {
  const { any } = fastCheck.letrec((tie) => ({
    any: fastCheck.oneof(
      { depthSize: 'small', withCrossShrink: true },
      scalar,
      fastCheck.array(tie('any'), { maxLength: 3 }),
      fastCheck.dictionary(fastCheck.constantFrom(...names), tie('any'), { maxKeys: 4 }),
    ),
  }));
  return fastCheck.record(Object.fromEntries(names.map((name) => [name, any])), { requiredKeys: [] });
}

const RULE_NAMES = ['local', 'remote', 'user', 'name', 'group', 'groups', 'domain', 'id', 'type', 'regex'];
const TARGETS: readonly (readonly [string, string, string, readonly string[]])[] = [
  ['POST', '/v3/users', 'user', ['name', 'password', 'options', 'enabled', 'domain_id', 'email']],
  ['POST', '/v3/credentials', 'credential', ['type', 'blob', 'project_id', 'user_id']],
  [
    ...(['POST', '/v3/OS-TRUST/trusts', 'trust'] as const),
    [
      'trustor_user_id',
      'trustee_user_id',
      'project_id',
      'impersonation',
      'roles',
      'expires_at',
      'id',
      'name',
    ],
  ],
  ['PUT', '/v3/OS-FEDERATION/mappings/m', 'mapping', ['rules', ...RULE_NAMES, 'any_one_of', 'whitelist']],
  [
    ...(['PUT', '/v3/OS-FEDERATION/identity_providers/p', 'identity_provider'] as const),
    ['remote_ids', 'domain_id', 'description', 'enabled'],
  ],
  [
    ...(['POST', '/v3/auth/tokens', 'auth'] as const),
    ['identity', 'methods', 'password', 'totp', 'user', 'passcode', 'domain', 'id', 'name', 'scope', 'token'],
  ],
];

for (const [method, path, root, names] of TARGETS) {
  test(`whatever a document of ${method} ${path} holds, the answer is one of the API's`, async (t) => {
    const token = await server.login();
    await fastCheck.assert(
      fastCheck.asyncProperty(documentWith(names), async (document) => {
        const { status } = await server.call(method, path, { token, body: { [root]: document } });
        return status < 500 || status === 501;
      }),
      { numRuns: 60 },
    );
    t.deepEqual(server.logged, []);
  });
}

/** What the gateway takes, so that each part of it can be replaced by something odd. */
async function takenDocuments(): Promise<readonly (readonly [string, string, object])[]> {
  const scope = { project: { name: 'admin', domain: { id: 'default' } } };
  const user = { name: 'admin', domain: { id: 'default' }, password: 'correct horse' };
  const identity = { methods: ['password'], password: { user } };
  const id = server.memory.identity.view.idOf('user', 'default', 'admin');
  const projectId = server.memory.identity.view.idOf('project', 'default', 'admin');
  const options = { lock_password: true, multi_factor_auth_rules: [['password']] };
  const parties = { trustor_user_id: id, trustee_user_id: id, project_id: projectId };
  const trust = { ...parties, impersonation: true, roles: [{ name: 'reader' }], expires_at: '9999-01-01' };
  const remote = [{ type: 'sub' }, { type: 'groups', whitelist: ['a'], regex: true }];
  const local = [{ user: { name: '{0}' }, group: { name: '{1}', domain: { id: 'default' } } }];
  return [
    ['POST', '/v3/auth/tokens', { auth: { identity, scope } }],
    ['POST', '/v3/users', { user: { name: 'n', password: 'p', email: 'e', extra: 'x', options } }],
    ['POST', '/v3/credentials', { credential: { type: 'totp', blob: 'MZXW6', project_id: projectId } }],
    ['POST', '/v3/OS-TRUST/trusts', { trust: { ...trust, remaining_uses: 3, allow_redelegation: false } }],
    ['PUT', '/v3/OS-FEDERATION/mappings/n', { mapping: { rules: [{ local, remote }] } }],
    ['PUT', '/v3/OS-FEDERATION/identity_providers/q', { identity_provider: { remote_ids: ['u'] } }],
  ];
}

/** Every document with one part replaced. */
function* withOnePartOdd(document: unknown): Iterable<unknown> {
  yield* ODD;
  if (typeof document !== 'object' || document === null) return;
  for (const [name, value] of Object.entries(document)) {
    for (const odd of withOnePartOdd(value)) {
      if (Array.isArray(document)) yield document.with(Number(name), odd);
      else yield { ...document, [name]: odd };
    }
  }
}

test('a document that is good but for one part is taken or refused, and nothing else', async (t) => {
  const token = await server.login();
  for (const [method, path, document] of await takenDocuments()) {
    t.true((await server.call(method, path, { token, body: document })).status < 300, path);
    for (const body of withOnePartOdd(document)) {
      const { status } = await server.call(method, path, { token, body });
      t.true(status < 500 || status === 501, `${path} ${JSON.stringify(body).slice(0, 300)}: ${status}`);
    }
  }
  t.deepEqual(server.logged, []);
});

test("whatever an address holds, the answer is one of the API's", async (t) => {
  const token = await server.login();
  const parts = [
    '%ed%a0%80',
    '%ff',
    '%00',
    '%2e%2e%2f',
    '%',
    'x'.repeat(2_000),
    '__proto__',
    "'",
    '%25',
    ' ',
  ];
  for (const part of parts) {
    for (const path of [
      'users',
      'projects',
      'credentials',
      'OS-TRUST/trusts',
      'users?name=',
      'users?marker=',
    ]) {
      const target = path.includes('?') ? `${path}${part}` : `${path}/${part}`;
      for (const method of ['GET', 'DELETE', 'PATCH'] as const) {
        if (path.includes('?') && method !== 'GET') continue;
        const { status } = await server.call(method, `/v3/${target}`, { token });
        t.true(status < 500, `${method} ${target.slice(0, 60)}: ${status}`);
      }
    }
  }
  t.deepEqual(server.logged, []);
});

test('what is no rule of a mapping is always told as such', (t) => {
  const names = [...RULE_NAMES, 'any_one_of', 'not_any_of', 'whitelist', 'blacklist', 'group_ids', 'email'];
  fastCheck.assert(
    fastCheck.property(fastCheck.array(documentWith(names), { maxLength: 3 }), (rules) => {
      try {
        readRules(rules);
      } catch (error) {
        return error instanceof WrongRules;
      }
      return true;
    }),
    { numRuns: 500 },
  );
  t.pass();
});
