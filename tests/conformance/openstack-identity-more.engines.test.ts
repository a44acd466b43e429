// Owns the proof that the openstack client does what is beyond a plain login: trusts, several factors,
// passwords under a policy, pages of lists, a domain whose people are in LDAP, and users of a provider of
// OpenID Connect.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { systemClock } from '#core/kernel/clock.ts';
import { fromBase32, oneTimePassword } from '#services/identity/one-time-passwords.ts';
import { runEngine } from '#tests/support/engine.ts';
import { OIDC_AUDIENCE, OidcServer } from '#tests/support/oidc-server.ts';
import { BASE, READER, Slapd } from '#tests/support/slapd.ts';
import { StrataProcess } from '#tests/support/strata-process.ts';

const ENTRIES = `
dn: ${BASE}
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: uid=lea,${BASE}
objectClass: inetOrgPerson
uid: lea
cn: Lea
sn: Lea
mail: lea@example.org
userPassword: of lea

dn: cn=crew,${BASE}
objectClass: groupOfNames
cn: crew
member: uid=lea,${BASE}
`;

const directory = mkdtempSync(join(tmpdir(), 'strata-'));
let strata: StrataProcess;
let slapd: Slapd;
let provider: OidcServer;

test.before(async () => {
  slapd = await Slapd.start(ENTRIES);
  provider = await OidcServer.start();
  const passwordFile = join(directory, 'ldap-password');
  writeFileSync(passwordFile, `${READER.password}\n`, { mode: 0o600 });
  const ldap = {
    ...{ url: slapd.url, bindDn: READER.dn, bindPasswordFile: passwordFile },
    ...{ users: { base: BASE }, groups: { base: BASE } },
  };
  const passwords = { pattern: '^.{6,}$', patternDescription: 'six characters', lockoutFailures: 3 };
  const settings = join(directory, 'identity.json');
  const oidc = { login: { issuer: provider.issuer, audiences: [OIDC_AUDIENCE] } };
  writeFileSync(settings, JSON.stringify({ passwords, domains: { corp: { ldap } }, oidc }));
  strata = await StrataProcess.start({ args: ['--identity-settings', settings] });
});

test.after.always(async () => {
  await strata?.remove();
  await slapd?.stop();
  await provider?.stop();
  rmSync(directory, { recursive: true, force: true });
});

type Environment = NodeJS.ProcessEnv;

function settingsOf(user: string, password: string, more: Environment = {}): Environment {
  return {
    ...{ OS_AUTH_URL: strata.identityEndpoint, OS_IDENTITY_API_VERSION: '3' },
    ...{ OS_USERNAME: user, OS_PASSWORD: password, OS_USER_DOMAIN_NAME: 'Default' },
    ...more,
  };
}

const inProject = (name: string): Environment => ({
  ...{ OS_PROJECT_NAME: name, OS_PROJECT_DOMAIN_NAME: 'Default' },
});

const admin = () => settingsOf('admin', strata.credentials.adminPassword, inProject('admin'));

const openstack = (args: readonly string[], environment = admin()): Promise<string> =>
  runEngine('openstack', args, environment);

async function shown(args: readonly string[], environment = admin()) {
  return JSON.parse(await openstack([...args, '-f', 'json'], environment));
}

async function namesIn(args: readonly string[], environment = admin()): Promise<string[]> {
  const rows: Record<string, string>[] = await shown(args, environment);
  return rows.map((row) => row.Name ?? '').sort();
}

test.serial('a user lets another act by a trust, until it is deleted', async (t) => {
  await openstack(['project', 'create', 'shared']);
  for (const name of ['giver', 'taker']) await openstack(['user', 'create', '--password', 'secret', name]);
  await openstack(['role', 'add', '--user', 'giver', '--project', 'shared', 'member']);
  const giver = settingsOf('giver', 'secret', inProject('shared'));
  const ids = await Promise.all(
    [
      ['user', 'giver'],
      ['user', 'taker'],
      ['project', 'shared'],
      ['role', 'member'],
    ].map(async ([kind = '', name = '']) => (await shown([kind, 'show', name])).id as string),
  );
  const [giverId = '', takerId = '', projectId = '', roleId = ''] = ids;
  const create = ['trust', 'create', '--project', projectId, '--role', roleId, '--impersonate'];
  const trust = await shown([...create, giverId, takerId], giver);
  t.like(trust, { project_id: projectId, trustor_user_id: giverId, impersonation: true });
  const byTrust = settingsOf('taker', 'secret', { OS_TRUST_ID: trust.id });
  const token = await shown(['token', 'issue'], byTrust);
  t.is(token.user_id, giverId);
  t.is(token.project_id, projectId);
  const rows: Record<string, string>[] = await shown(['trust', 'list']);
  t.deepEqual(
    rows.map(({ ID }) => ID),
    [trust.id],
  );
  t.is((await shown(['trust', 'show', trust.id], giver)).id, trust.id);
  await openstack(['trust', 'delete', trust.id], giver);
  await t.throwsAsync(shown(['token', 'issue'], byTrust), { message: /403/ });
});

test.serial('a user needs a password and a one-time password', async (t) => {
  const seed = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
  const rule = ['--multi-factor-auth-rule', 'password,totp', '--enable-multi-factor-auth'];
  await openstack(['user', 'create', '--password', 'secret', ...rule, 'careful']);
  await openstack(['credential', 'create', '--type', 'totp', 'careful', seed]);
  t.is((await shown(['credential', 'list', '--type', 'totp'])).length, 1);
  const one = settingsOf('careful', 'secret');
  await t.throwsAsync(openstack(['token', 'issue'], one), {
    message: /Not all required auth rules were satisfied/,
  });
  const passcode = oneTimePassword(
    fromBase32(seed) ?? Buffer.alloc(0),
    Math.floor(systemClock.nowMs() / 30_000),
  );
  // The client takes a list of methods from a file alone.
  const auth = {
    ...{ auth_url: strata.identityEndpoint, username: 'careful', user_domain_name: 'Default' },
    ...{ password: 'secret', passcode, auth_methods: ['v3password', 'v3totp'] },
  };
  const file = join(directory, 'clouds.yaml');
  const cloud = { auth, auth_type: 'v3multifactor', identity_api_version: '3' };
  writeFileSync(file, JSON.stringify({ clouds: { here: cloud } }));
  const both = { OS_CLIENT_CONFIG_FILE: file, OS_CLOUD: 'here' };
  t.truthy((await shown(['token', 'issue'], both)).id);
});

test.serial('a password is as strong as the operator wants, and guessing locks out', async (t) => {
  const weak = openstack(['user', 'create', '--password', 'weak', 'tester']);
  await t.throwsAsync(weak, { message: /does not match the requirements: six characters/ });
  await openstack(['user', 'create', '--password', 'secret', 'tester']);
  await openstack(['role', 'add', '--user', 'tester', '--project', 'shared', 'member']);
  const tester = settingsOf('tester', 'secret', inProject('shared'));
  await openstack(
    ['user', 'password', 'set', '--original-password', 'secret', '--password', 'better'],
    tester,
  );
  for (const _ of [1, 2, 3]) {
    await t.throwsAsync(openstack(['token', 'issue'], settingsOf('tester', 'guess')), { message: /401/ });
  }
  const right = settingsOf('tester', 'better');
  await t.throwsAsync(openstack(['token', 'issue'], right), { message: /401/ });
  await openstack(['user', 'set', '--enable', 'tester']);
  t.truthy((await shown(['token', 'issue'], right)).id);
});

test.serial('the people of LDAP are listed, shown, and let in with the roles of their groups', async (t) => {
  await openstack(['domain', 'create', 'corp']);
  t.deepEqual(await namesIn(['user', 'list', '--domain', 'corp']), ['lea']);
  t.deepEqual(await namesIn(['group', 'list', '--domain', 'corp']), ['crew']);
  const shownLea = await shown(['user', 'show', '--domain', 'corp', 'lea']);
  t.like(shownLea, { name: 'lea', email: 'lea@example.org', enabled: true });
  const lea = settingsOf('lea', 'of lea', { OS_USER_DOMAIN_NAME: 'corp', ...inProject('shared') });
  await t.throwsAsync(openstack(['token', 'issue'], lea), { message: /401/ });
  const crew = ['--group', 'crew', '--group-domain', 'corp'];
  await openstack(['role', 'add', ...crew, '--project', 'shared', 'member']);
  const token = await shown(['token', 'issue'], lea);
  t.is(token.user_id, shownLea.id);
  t.deepEqual(await namesIn(['user', 'list', '--group', 'crew', '--domain', 'corp']), ['lea']);
  await t.throwsAsync(openstack(['token', 'issue'], { ...lea, OS_PASSWORD: 'guess' }), { message: /401/ });
  await t.throwsAsync(openstack(['user', 'set', '--domain', 'corp', '--email', 'x@y', 'lea']), {
    message: /403/,
  });
  await openstack(['role', 'remove', ...crew, '--project', 'shared', 'member']);
  await t.throwsAsync(openstack(['token', 'issue'], lea), { message: /401/ });
});

const RULES = [
  {
    local: [{ user: { name: '{0}' } }, { group: { name: 'guests', domain: { name: 'Default' } } }],
    remote: [{ type: 'OIDC-name' }],
  },
];

test.serial(
  'whom a provider of OpenID Connect vouches for is let in, with the roles of a group',
  async (t) => {
    const rules = join(directory, 'rules.json');
    writeFileSync(rules, JSON.stringify(RULES));
    await openstack(['group', 'create', 'guests']);
    await openstack(['role', 'add', '--group', 'guests', '--project', 'shared', 'reader']);
    await openstack(['mapping', 'create', '--rules', rules, 'login-rules']);
    await openstack(['identity', 'provider', 'create', '--remote-id', provider.issuer, 'login']);
    const protocol = ['--identity-provider', 'login', '--mapping', 'login-rules'];
    await openstack(['federation', 'protocol', 'create', ...protocol, 'openid']);
    t.is((await shown(['identity', 'provider', 'show', 'login'])).remote_ids[0], provider.issuer);
    provider.claims = { name: 'visitor' };
    const visitor: Environment = {
      ...{ OS_AUTH_URL: strata.identityEndpoint, OS_IDENTITY_API_VERSION: '3', ...inProject('shared') },
      ...{ OS_AUTH_TYPE: 'v3oidcaccesstoken', OS_IDENTITY_PROVIDER: 'login', OS_PROTOCOL: 'openid' },
      OS_ACCESS_TOKEN: await provider.token(),
    };
    const token = await shown(['token', 'issue'], visitor);
    const user = await shown(['user', 'show', token.user_id]);
    t.is(user.name, 'visitor');
    await openstack(['identity', 'provider', 'set', '--disable', 'login']);
    await t.throwsAsync(openstack(['token', 'issue'], visitor), { message: /401/ });
  },
);

test.serial('a list is whole however small its pages are', async (t) => {
  const token = (await shown(['token', 'issue'])).id as string;
  const ids: string[] = [];
  for (let next: string | null = `${strata.identityEndpoint}/users?limit=1`; next !== null; ) {
    const answer = await fetch(next, { headers: { 'X-Auth-Token': token } });
    const { users, links } = (await answer.json()) as {
      users: { id: string }[];
      links: { next: string | null };
    };
    ids.push(...users.map(({ id }) => id));
    next = links.next;
  }
  const listed: Record<string, string>[] = await shown(['user', 'list']);
  t.deepEqual(ids, listed.map(({ ID }) => ID ?? '').sort());
});

test.serial('where LDAP is away its people wait, and all others go on', async (t) => {
  await slapd.kill();
  const lea = settingsOf('lea', 'of lea', { OS_USER_DOMAIN_NAME: 'corp' });
  await t.throwsAsync(openstack(['token', 'issue'], lea), { message: /503/ });
  t.truthy((await shown(['token', 'issue'])).id);
  await slapd.resume();
  t.truthy((await shown(['token', 'issue'], lea)).id);
});
