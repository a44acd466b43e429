// Tests the use cases of identity: names, hierarchies, what goes along with what is deleted, effective roles,
// and the one meaning of access keys and EC2 credentials.

import test from 'ava';
import fastCheck from 'fast-check';
import { isRejected } from '#core/kernel/decider.ts';
import { type MemoryCloud, openMemoryCloud } from '#tests/support/memory-cloud.ts';
import { builtInRoleId } from './adoption.ts';
import { effectiveRoles } from './effective-roles.ts';

const ACTOR = { user: 'tester', project: 'tester', requestId: 'test' };
const member = builtInRoleId('member');
const reader = builtInRoleId('reader');

interface Setting extends MemoryCloud {
  readonly accountId: string;
}

async function open(): Promise<Setting> {
  const memory = await openMemoryCloud();
  const { accountId } = made(await memory.accounts.addAccount('ada'));
  return { ...memory, accountId };
}

function made<Value>(outcome: Value): Exclude<Value, { rejected: string }> {
  if (isRejected(outcome as object)) throw new Error(`refused: ${JSON.stringify(outcome)}`);
  return outcome as Exclude<Value, { rejected: string }>;
}

const project = (name: string, parentId = '') => ({
  ...{ domainId: 'default', parentId, name, description: '', enabled: true, tags: [], extra: {} },
});
const user = (name: string) => ({
  ...{ domainId: 'default', name, description: '', email: '', defaultProjectId: '' },
  ...{ enabled: true, extra: {} },
});

test('an account is a user and a project of its id, with a role that implies reading', async (t) => {
  const { identity, accountId, accounts, close } = await open();
  const { view } = identity;
  t.is(view.idOf('user', 'default', 'ada'), accountId);
  t.is(view.idOf('project', 'default', 'ada'), accountId);
  const ada = view.get('user', accountId);
  const roles = ada && effectiveRoles(view, ada, { kind: 'project', id: accountId });
  t.deepEqual(roles?.map(({ name }) => name).sort(), ['member', 'reader']);
  made(await identity.users.createUser(ACTOR, user('taken')));
  t.deepEqual(await accounts.addAccount('taken'), { rejected: 'account-exists' });
  t.is(await accounts.removeAccount('ada'), undefined);
  t.is(view.get('user', accountId), undefined);
  t.is(view.get('project', accountId), undefined);
  await close();
});

test('a grant to an account of long ago does not come back with its name', async (t) => {
  const { identity, accountId, accounts, close } = await open();
  const p = made(await identity.directory.createProject(ACTOR, project('p')));
  const to = { kind: 'user', id: accountId } as const;
  made(await identity.roles.grant(ACTOR, to, { kind: 'project', id: p }, member, false));
  await accounts.removeAccount('ada');
  made(await accounts.addAccount('ada'));
  t.is(identity.view.assignment(accountId, p), undefined);
  await close();
});

test('the keys of an account open only while its user and project are enabled', async (t) => {
  const { identity, accountId, accounts, cloud, close } = await open();
  const { accessKeyId, secretAccessKey } = made(await accounts.createKey('ada'));
  const opens = async () => {
    await cloud.accounts.fetchAccessKey(accessKeyId);
    return cloud.accounts.accessKey(accessKeyId)?.secret === secretAccessKey;
  };
  t.true(await opens());
  for (const enabled of [false, true]) {
    made(await identity.users.updateUser(ACTOR, accountId, { enabled }));
    t.is(cloud.accounts.accessKey(accessKeyId), undefined);
    t.is(await opens(), enabled);
  }
  for (const enabled of [false, true]) {
    made(await identity.directory.updateProject(ACTOR, accountId, { enabled }));
    t.is(await opens(), enabled);
  }
  await close();
});

test('an EC2 credential opens its project as far as the roles of the user there do', async (t) => {
  const { identity, cloud, close } = await open();
  const u = made(await identity.users.createUser(ACTOR, user('bob')));
  const p = made(await identity.directory.createProject(ACTOR, project('web')));
  const { accessKeyId, secret } = made(await identity.users.createEc2Credential(ACTOR, u, p));
  const opened = async () => {
    await cloud.accounts.fetchAccessKey(accessKeyId);
    return cloud.accounts.accessKey(accessKeyId);
  };
  const to = { kind: 'user', id: u } as const;
  t.is(await opened(), undefined);
  made(await identity.roles.grant(ACTOR, to, { kind: 'project', id: p }, reader, false));
  t.like(await opened(), { accountId: p, role: 'reader', secret });
  made(await identity.roles.grant(ACTOR, to, { kind: 'project', id: p }, member, false));
  t.like(await opened(), { accountId: p, accountName: 'web', role: 'member', secret });
  t.is(cloud.accounts.owner(p).displayName, 'web');
  made(await identity.roles.withdraw(ACTOR, u, { kind: 'project', id: p }, member, false));
  t.is(cloud.accounts.accessKey(accessKeyId), undefined);
  t.like(await opened(), { accountId: p, role: 'reader', secret });
  made(await identity.roles.withdraw(ACTOR, u, { kind: 'project', id: p }, reader, false));
  t.is(await opened(), undefined);
  await close();
});

test('of things of one kind and domain only one bears a name, however they race', async (t) => {
  const { identity, close } = await open();
  const { directory, view } = identity;
  const racing = await Promise.all(
    Array.from({ length: 8 }, () => directory.createProject(ACTOR, project('same'))),
  );
  const ids = racing.filter((outcome) => typeof outcome === 'string');
  t.is(ids.length, 1);
  t.is(view.idOf('project', 'default', 'same'), ids[0]);
  const other = made(await directory.createProject(ACTOR, project('other')));
  t.deepEqual(await directory.updateProject(ACTOR, other, { name: 'same' }), { rejected: 'name-taken' });
  made(await directory.updateProject(ACTOR, ids[0] as string, { name: 'moved' }));
  t.is(await directory.updateProject(ACTOR, other, { name: 'same' }), undefined);
  t.is(view.idOf('project', 'default', 'same'), other);
  await close();
});

test('a project with something below it, or with buckets, stays as it was', async (t) => {
  const { identity, cloud, accountId, close } = await open();
  const { directory, view } = identity;
  const parent = made(await directory.createProject(ACTOR, project('parent')));
  const child = made(await directory.createProject(ACTOR, project('child', parent)));
  t.deepEqual(await directory.deleteProject(ACTOR, parent), { rejected: 'project-has-children' });
  t.true(view.get('project', parent)?.enabled);
  made(await directory.updateProject(ACTOR, child, { enabled: false }));
  t.deepEqual(await directory.createProject(ACTOR, project('deeper', child)), {
    rejected: 'parent-disabled',
  });
  t.is(await directory.deleteProject(ACTOR, child), undefined);
  t.is(await directory.deleteProject(ACTOR, parent), undefined);
  const caller = { accountId, role: 'member', requestId: 'r' } as const;
  made(await cloud.buckets.create(caller, 'photos', 'here'));
  t.deepEqual(await directory.deleteProject(ACTOR, accountId), { rejected: 'project-owns-buckets' });
  await close();
});

test('a domain takes along all that is in it, once it is disabled', async (t) => {
  const { identity, close } = await open();
  const { directory, users, roles, view } = identity;
  const domainId = made(
    await directory.createDomain(ACTOR, { name: 'acme', description: '', enabled: true }),
  );
  const parentId = made(await directory.createProject(ACTOR, { ...project('a'), domainId }));
  made(await directory.createProject(ACTOR, { ...project('b', parentId), domainId }));
  const u = made(await users.createUser(ACTOR, { ...user('eve'), domainId }, 'secret'));
  const g = made(await directory.createGroup(ACTOR, { domainId, name: 'staff', description: '' }));
  made(await users.joinGroup(ACTOR, u, g));
  made(await roles.grant(ACTOR, { kind: 'group', id: g }, { kind: 'domain', id: domainId }, reader, true));
  t.deepEqual(await directory.deleteDomain(ACTOR, domainId), { rejected: 'domain-enabled' });
  made(await directory.updateDomain(ACTOR, domainId, { enabled: false }));
  t.deepEqual(await users.createUser(ACTOR, { ...user('mallory'), domainId }), {
    rejected: 'domain-disabled',
  });
  t.is(await directory.deleteDomain(ACTOR, domainId), undefined);
  for (const [kind, id] of [
    ['user', u],
    ['group', g],
    ['project', parentId],
  ] as const) {
    t.is(view.get(kind, id), undefined);
  }
  t.deepEqual(await view.assignmentsOn(domainId, 9), []);
  await close();
});

test('a password is right or wrong, also for a user who has none', async (t) => {
  const { identity, log, close } = await open();
  const { users, view } = identity;
  const id = made(await users.createUser(ACTOR, user('bob'), 'correct horse'));
  const bob = () => view.get('user', id);
  t.true(await users.isPassword(bob(), 'correct horse'));
  t.false(await users.isPassword(bob(), 'battery staple'));
  t.false(await users.isPassword(undefined, ''));
  const before = bob()?.tokensFrom ?? 0;
  made(await users.setPassword(ACTOR, id, 'battery staple', { by: 'administrator' }));
  t.true((bob()?.tokensFrom ?? 0) > before);
  t.true(await users.isPassword(bob(), 'battery staple'));
  for await (const { payload } of log.read(`users/identity/${id}`)) {
    t.notRegex(Buffer.from(payload).toString('latin1'), /scrypt|horse|staple/);
  }
  await close();
});

test('a role implies no circle', async (t) => {
  const { identity, close } = await open();
  const { roles } = identity;
  const circle = { rejected: 'role-circle' } as const;
  t.deepEqual(await roles.implyRole(ACTOR, reader, member), circle);
  t.deepEqual(await roles.implyRole(ACTOR, reader, reader), circle);
  await close();
});

test('roles are those of the user and the groups, here or inherited from above', async (t) => {
  const { identity, close } = await open();
  const { directory, users, roles, view } = identity;
  const top = made(await directory.createProject(ACTOR, project('top')));
  const low = made(await directory.createProject(ACTOR, project('low', top)));
  const u = made(await users.createUser(ACTOR, user('bob')));
  const g = made(await directory.createGroup(ACTOR, { domainId: 'default', name: 'g', description: '' }));
  const role = made(await roles.createRole(ACTOR, { name: 'probe', description: '', domainId: '' }));
  const targets = { default: 'domain', [top]: 'project', [low]: 'project' } as const;
  const grant = fastCheck.record({
    to: fastCheck.constantFrom(u, g),
    on: fastCheck.constantFrom('default', top, low),
    inherited: fastCheck.boolean(),
  });
  const cases = fastCheck.tuple(fastCheck.array(grant, { maxLength: 3 }), fastCheck.boolean());
  await fastCheck.assert(
    fastCheck.asyncProperty(cases, async ([grants, joins]) => {
      if (joins) made(await users.joinGroup(ACTOR, u, g));
      for (const { to, on, inherited } of grants) {
        const scope = { kind: targets[on] ?? 'project', id: on };
        made(await roles.grant(ACTOR, { kind: to === u ? 'user' : 'group', id: to }, scope, role, inherited));
      }
      const reaches = (target: string, above: readonly string[]) =>
        grants.some(
          ({ to, on, inherited }) => (to === u || joins) && (inherited ? above.includes(on) : on === target),
        );
      const bob = view.get('user', u);
      const has = (kind: 'project' | 'domain', id: string) =>
        bob !== undefined && effectiveRoles(view, bob, { kind, id }).length > 0;
      t.is(has('project', low), reaches(low, [top, 'default']));
      t.is(has('project', top), reaches(top, ['default']));
      t.is(has('domain', 'default'), reaches('default', []));
      for (const actorId of [u, g]) await roles.withdrawAll(ACTOR, { actorId });
      if (joins) made(await users.leaveGroup(ACTOR, u, g));
    }),
    { numRuns: 60 },
  );
  await close();
});
