// Tests the reading of LDAP against a real slapd: who is found and how, passwords by bind, members both ways,
// what a client cannot smuggle into a filter, TLS, and a server that is gone or hangs.

import test from 'ava';
import { isFault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import { BASE, READER, Slapd } from '#tests/support/slapd.ts';
import { memberIdentity } from '#tests/support/tls-identities.ts';
import { type LdapSettings, LdapSource } from './ldap-source.ts';

const person = (uid: string, more = '') => `
dn: uid=${uid},ou=people,${BASE}
objectClass: inetOrgPerson
uid: ${uid}
cn: ${uid}
sn: ${uid}
mail: ${uid}@example.org
userPassword: secret of ${uid}
${more}
`;

const ENTRIES = `
dn: ${BASE}
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: ou=people,${BASE}
objectClass: organizationalUnit
ou: people

dn: ou=groups,${BASE}
objectClass: organizationalUnit
ou: groups
${person('eve', 'employeeType: FALSE\n')}${person('adam', 'employeeType: TRUE\n')}${person('*')}
dn: cn=staff,ou=groups,${BASE}
objectClass: groupOfNames
cn: staff
description: all of us
member: uid=eve,ou=people,${BASE}
member: uid=gone,ou=people,${BASE}
`;

let slapd: Slapd;

test.before(async () => {
  slapd = await Slapd.start(ENTRIES);
});

test.after.always(() => slapd?.stop());

const entries = { filter: '(objectClass=inetOrgPerson)', id: 'uid', name: 'uid', description: 'title' };

function settings(more: Partial<LdapSettings> = {}): LdapSettings {
  return {
    ...{ url: slapd.url, startTls: false, reader: READER },
    users: { ...entries, base: `ou=people,${BASE}`, email: 'mail' },
    groups: {
      ...{ base: `ou=groups,${BASE}`, filter: '(objectClass=groupOfNames)', id: 'cn', name: 'CN' },
      ...{ description: 'description', member: 'member', memberIs: 'dn' },
    },
    ...more,
  };
}

test.serial('users and groups are found by name, by id, through each other, and listed', async (t) => {
  const source = new LdapSource(settings());
  const eve = await source.user('name', 'eve');
  t.like(eve, { localId: 'eve', name: 'eve', email: 'eve@example.org', enabled: true });
  t.is((await source.user('localId', 'EVE'))?.localId, 'eve');
  t.is(await source.user('name', 'nobody'), undefined);
  t.deepEqual((await source.users(10)).map(({ name }) => name).sort(), ['*', 'adam', 'eve']);
  t.is((await source.users(2)).length, 2);
  if (!eve) return t.fail();
  const [staff] = await source.groupsOf(eve, 10);
  t.like(staff, { localId: 'staff', name: 'staff', description: 'all of us' });
  if (!staff) return t.fail();
  t.deepEqual(await source.groups(10), [staff]);
  // A member that is gone is none.
  t.deepEqual(await source.membersOf(staff, 10), [eve]);
});

test.serial('a password is right or wrong, and an empty one is never right', async (t) => {
  const source = new LdapSource(settings());
  const eve = await source.user('name', 'eve');
  t.true(await source.isPassword(eve, 'secret of eve'));
  t.false(await source.isPassword(eve, 'secret of adam'));
  t.false(await source.isPassword(eve, ''));
  t.false(await source.isPassword(undefined, 'secret of eve'));
  t.false(await source.isPassword(undefined, ''));
});

test.serial('nothing that a client types is more than a value', async (t) => {
  const source = new LdapSource(settings());
  // The one who is called so, and not everybody.
  t.is((await source.user('name', '*'))?.localId, '*');
  const attempts = ['e*', 'eve)(uid=*', '*)(|(uid=*', '\\2a', 'eve\\00', 'eve\u0000', ')(&', '(uid=eve)'];
  for (const attempt of attempts) {
    t.is(await source.user('name', attempt), undefined, attempt);
    t.is(await source.user('localId', attempt), undefined, attempt);
    t.is(await source.group('name', attempt), undefined, attempt);
  }
});

test.serial('who is marked as disabled is', async (t) => {
  const { users } = settings();
  const source = new LdapSource(settings({ users: { ...users, enabled: { attribute: 'employeeType' } } }));
  t.false((await source.user('name', 'eve'))?.enabled);
  t.true((await source.user('name', 'adam'))?.enabled);
  t.true((await source.user('name', '*'))?.enabled);
});

test.serial('TLS is spoken with whom it should be, and with nobody else', async (t) => {
  const trusted = { certificateAuthority: memberIdentity.authority };
  for (const more of [
    { url: slapd.secureUrl, ...trusted },
    { startTls: true, ...trusted },
  ]) {
    t.truthy(await new LdapSource(settings(more)).user('name', 'eve'));
  }
  for (const more of [{ url: slapd.secureUrl }, { startTls: true }]) {
    const error = await t.throwsAsync(new LdapSource(settings(more)).user('name', 'eve'));
    t.true(isFault(error, 'unreachable'));
  }
});

test.serial(
  'a reader that is not taken, a server that is gone or hangs, is told within its time',
  async (t) => {
    const wrong = new LdapSource(settings({ reader: { ...READER, password: 'no' } }));
    t.true(isFault(await t.throwsAsync(wrong.users(1)), 'unreachable'));
    const source = new LdapSource(settings());
    const eve = await source.user('name', 'eve');
    slapd.freeze();
    const beganMs = performance.now();
    t.true(isFault(await t.throwsAsync(source.isPassword(eve, 'secret of eve')), 'unreachable'));
    t.true(performance.now() - beganMs < limits.ldapConnectMs + limits.ldapAnswerMs + 1_000);
    slapd.thaw();
    t.true(await source.isPassword(eve, 'secret of eve'));
    await slapd.kill();
    t.true(isFault(await t.throwsAsync(source.user('name', 'eve')), 'unreachable'));
    await slapd.resume();
    t.truthy(await source.user('name', 'eve'));
  },
);
