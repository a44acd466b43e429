// Tests the rules by which claims become users and groups: what holds, what is read, and what is no rule.

import test from 'ava';
import { mapClaims, readRules, WrongRules } from './mapping-rules.ts';

const user = { user: { name: '{0}', email: '{1}' } };
const who = [{ type: 'OIDC-preferred_username' }, { type: 'HTTP_OIDC_EMAIL' }];
const claims = { preferred_username: 'eve', email: 'eve@corp', groups: ['ops', 'dev', 'all'], admin: true };

const mapped = (rules: object, of: Readonly<Record<string, unknown>> = claims) =>
  mapClaims(readRules(rules), of);

test('a user is made of claims, by the places of those that are only read', (t) => {
  t.like(mapped([{ local: [user], remote: who }]), { userName: 'eve', email: 'eve@corp', userId: '' });
  const tested = [{ type: 'admin', any_one_of: ['true'] }, ...who];
  t.like(mapped([{ local: [user], remote: tested }]), { userName: 'eve', email: 'eve@corp' });
});

test('a rule holds when all of its remote entries do', (t) => {
  const holds = (remote: object) =>
    mapped([{ local: [{ user: { name: 'x' } }], remote: [remote] }]) !== undefined;
  t.true(holds({ type: 'groups', any_one_of: ['dev', 'none'] }));
  t.false(holds({ type: 'groups', any_one_of: ['none'] }));
  t.false(holds({ type: 'groups', not_any_of: ['dev'] }));
  t.true(holds({ type: 'groups', not_any_of: ['none'] }));
  t.true(holds({ type: 'groups', any_one_of: ['^d.v$'], regex: true }));
  t.false(holds({ type: 'groups', any_one_of: ['^d.v$'] }));
  t.false(holds({ type: 'nothing' }));
  t.false(holds({ type: 'nothing', not_any_of: ['x'] }));
});

test('groups are told by id, by name, and by all that a claim lists and a list lets through', (t) => {
  const domain = { name: 'Default' };
  const local = [user, { groups: '{2}', domain }, { group: { id: 'g' } }];
  const groupsOf = (more: object) =>
    mapped([{ local, remote: [...who, { type: 'groups', ...more }] }])?.groupNames.map(({ name }) => name);
  t.deepEqual(groupsOf({}), ['ops', 'dev', 'all']);
  t.deepEqual(groupsOf({ whitelist: ['dev', 'none'] }), ['dev']);
  t.deepEqual(groupsOf({ blacklist: ['all'] }), ['ops', 'dev']);
  t.deepEqual(groupsOf({ whitelist: ['^o'], regex: true }), ['ops']);
  t.deepEqual(mapped([{ local, remote: [...who, { type: 'groups' }] }])?.groupIds, ['g']);
});

test('of several rules the first tells the user, and all tell groups', (t) => {
  const rules = [
    { local: [{ user: { name: 'nobody' } }], remote: [{ type: 'nothing' }] },
    { local: [user], remote: who },
    { local: [{ user: { name: 'other' } }, { group: { id: 'g' } }], remote: [{ type: 'email' }] },
  ];
  t.like(mapped(rules), { userName: 'eve', groupIds: ['g'] });
  t.is(mapped([{ local: [{ group: { id: 'g' } }], remote: who }]), undefined);
  t.is(mapped([{ local: [{ user: { name: '{7}' } }], remote: who }]), undefined);
  t.is(
    mapped([{ local: [user], remote: who }], { preferred_username: { deep: 'eve' }, email: 'x' }),
    undefined,
  );
});

const WRONG: readonly unknown[] = [
  {},
  [{ local: [], remote: [], more: 1 }],
  [{ local: [{ user: { type: 'local', name: 'x' } }], remote: [] }],
  [{ local: [{ user: { name: 1 } }], remote: [] }],
  [{ local: [{ group: { name: 'x' } }], remote: [] }],
  [{ local: [{ projects: [] }], remote: [] }],
  [{ local: [], remote: [{ type: 'x', any_one_of: ['('], regex: true }] }],
  [{ local: [], remote: [{ type: 'x', any_one_of: ['a'], whitelist: ['a'] }] }],
  [{ local: [], remote: [{}] }],
  Array.from({ length: 101 }, () => ({ local: [], remote: [] })),
];

test('what is no rule is refused when it is set', (t) => {
  for (const rules of WRONG)
    t.throws(() => readRules(rules), { instanceOf: WrongRules }, JSON.stringify(rules));
});
