// Tests the file of settings of identity: what it says holds, and what it gets wrong is named.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { readIdentitySettings } from './identity-settings.ts';

const directory = mkdtempSync(join(tmpdir(), 'strata-'));

test.after.always(() => rmSync(directory, { recursive: true, force: true }));

function read(document: unknown) {
  const file = join(directory, 'settings.json');
  writeFileSync(file, typeof document === 'string' ? document : JSON.stringify(document));
  return readIdentitySettings(file);
}

test('what is demanded of passwords is read, in its units', (t) => {
  t.deepEqual(readIdentitySettings(undefined), {});
  t.deepEqual(read({}), {});
  const { loginPolicy } = read({
    passwords: {
      pattern: '^.{8,}$',
      expiresDays: 2,
      minimumAgeDays: 1,
      lockoutFailures: 3,
      lockoutSeconds: 60,
    },
  });
  t.like(loginPolicy, { passwordLifeMs: 172_800_000, passwordAgeMinMs: 86_400_000 });
  t.like(loginPolicy, { lockoutFailures: 3, lockoutMs: 60_000, passwordHistory: 0 });
  t.deepEqual([...(read({ domains: { corp: { ldap: LDAP } } }).directories?.keys() ?? [])], ['corp']);
  t.true(loginPolicy?.passwordPattern?.test('longenough'));
});

const LDAP = { url: 'ldap://127.0.0.1:389', users: { base: 'ou=p' }, groups: { base: 'ou=g' } };

const WRONG: readonly (readonly [unknown, RegExp])[] = [
  ['{', /settings\.json: .*JSON/],
  [[], /must be an object/],
  [{ password: {} }, /there is no setting password/],
  [{ passwords: { history: 25 } }, /passwords: history must be a whole number from 0 to 24/],
  [{ passwords: { lockoutSeconds: 1 } }, /lockoutSeconds must be a whole number from 60/],
  [{ passwords: { pattern: '(' } }, /pattern must be a regular expression/],
  [{ passwords: { expires: 1 } }, /there is no setting expires/],
  [{ passwords: { expiresDays: 3, minimumAgeDays: 3 } }, /minimumAgeDays must be below expiresDays/],
  [
    { oidc: { p: { issuer: 'http://idp.example', audiences: ['a'] } } },
    /issuer must be an address with https/,
  ],
  [{ oidc: { p: { issuer: 'https://idp.example' } } }, /audiences must be a list of texts/],
  [{ oidc: { p: { issuer: 'https://idp.example', audiences: [] } } }, /audiences must be/],
  [{ domains: { corp: {} } }, /corp: ldap must be there/],
  [{ domains: { corp: { ldap: { url: 'http://x' } } } }, /url must be ldap:/],
  [{ domains: { corp: { ldap: { ...LDAP, bindDn: 'cn=x' } } } }, /bindDn must be with bindPasswordFile/],
  [{ domains: { corp: { ldap: { ...LDAP, bindPasswordFile: '/none/x' } } } }, /ENOENT/],
  [{ domains: { corp: { ldap: { ...LDAP, bindPassword: 'x' } } } }, /there is no setting bindPassword/],
  [{ domains: { corp: { ldap: { ...LDAP, users: { base: 'b', filter: 'x' } } } } }, /filter in paren/],
  [{ domains: { corp: { ldap: { ...LDAP, groups: { base: 'b', memberIs: 'x' } } } } }, /one of dn, id/],
  [{ passwords: { changeUponFirstUse: 'yes' } }, /changeUponFirstUse must be true or false/],
];

test('what is wrong in it is named', (t) => {
  for (const [document, message] of WRONG) t.throws(() => read(document), { message });
  t.throws(() => readIdentitySettings(join(directory, 'none.json')), { message: /ENOENT/ });
});
