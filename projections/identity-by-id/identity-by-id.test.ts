// Tests identity-by-id: things by id and by name, names that are free again, memberships, assignments from
// both sides, and that the row of a user is the state that its decider folds.

import test from 'ava';
import fastCheck from 'fast-check';
import { catalog, quotas } from '#core/identity/catalog.events.ts';
import { domains, groups, identityStream, names, projects } from '#core/identity/directory.events.ts';
import { type FederationState, federationDecider } from '#core/identity/federation.decider.ts';
import { federation } from '#core/identity/federation.events.ts';
import { assignments, roles } from '#core/identity/roles.events.ts';
import { type TrustState, trustDecider } from '#core/identity/trusts.decider.ts';
import { trusts } from '#core/identity/trusts.events.ts';
import { type UserState, userDecider } from '#core/identity/users.decider.ts';
import { users } from '#core/identity/users.events.ts';
import { walkOf } from '#tests/support/lifecycle-walk.ts';
import { openTestReadModels, type TestReadModels } from '#tests/support/read-models.ts';
import type { StoredUser } from './identity-by-id.query.ts';

const project = (name: string, parentId = '') => ({
  ...{ domainId: 'd', parentId, name, description: '', enabled: true, tags: [], extra: {} },
});
const user = (name: string) => ({
  ...{ domainId: 'd', name, description: '', email: '', defaultProjectId: '', enabled: true, extra: {} },
});
const makeProject = (models: TestReadModels, id: string, name: string, parentId?: string) =>
  models.append(projects, identityStream('projects', id), {
    type: 'ProjectCreated',
    data: project(name, parentId),
  });
const makeUser = (models: TestReadModels, id: string, name: string) =>
  models.append(users, identityStream('users', id), { type: 'UserCreated', data: user(name) });

test('a thing is found by id and by name, under its new name alone after it was renamed', async (t) => {
  const models = await openTestReadModels();
  const { identity } = models;
  await makeProject(models, 'p', 'web/tier');
  t.like(identity.get('project', 'p'), { id: 'p', name: 'web/tier', revision: 0, enabled: true });
  t.is(identity.idOf('project', 'd', 'web/tier'), 'p');
  await models.append(projects, identityStream('projects', 'p'), {
    type: 'ProjectUpdated',
    data: { name: 'shop', extra: { values: { cost: '7' } } },
  });
  t.is(identity.idOf('project', 'd', 'web/tier'), undefined);
  t.is(identity.idOf('project', 'd', 'shop'), 'p');
  t.is(identity.idOf('project', 'other', 'shop'), undefined);
  t.like(identity.get('project', 'p'), { name: 'shop', extra: { cost: '7' }, description: '' });
  await models.append(projects, identityStream('projects', 'p'), { type: 'ProjectDeleted', data: {} });
  t.is(identity.get('project', 'p'), undefined);
  t.is(identity.idOf('project', 'd', 'shop'), undefined);
  t.is(identity.revision('project', 'p'), 2);
  t.is(identity.revision('project', 'q'), undefined);
  await models.close();
});

test('projects are listed below their parent, and those below none below their domain', async (t) => {
  const models = await openTestReadModels();
  await makeProject(models, 'p', 'parent');
  await makeProject(models, 'c', 'child', 'p');
  t.deepEqual(await models.identity.childrenOf('d', 9), ['p']);
  t.deepEqual(await models.identity.childrenOf('p', 9), ['c']);
  await models.append(projects, identityStream('projects', 'c'), { type: 'ProjectDeleted', data: {} });
  t.deepEqual(await models.identity.childrenOf('p', 9), []);
  const listed = await models.identity.list('project', 9, ({ name }) => name === 'parent');
  t.deepEqual(
    listed.map(({ id }) => id),
    ['p'],
  );
  await models.close();
});

test('what voids tokens moves the revision from which they count', async (t) => {
  const models = await openTestReadModels();
  const stream = identityStream('users', 'u');
  const tokensFrom = () => models.identity.get('user', 'u')?.tokensFrom;
  await makeUser(models, 'u', 'ada');
  await models.append(users, stream, { type: 'UserUpdated', data: { description: 'x' } });
  t.is(tokensFrom(), 0);
  await models.append(users, stream, {
    type: 'PasswordSet',
    data: {
      sealedHash: Buffer.from('h'),
      bySelf: false,
      mustChange: false,
      neverExpires: false,
      formerKept: 0,
    },
  });
  t.is(tokensFrom(), 2);
  await models.append(users, stream, { type: 'UserUpdated', data: { enabled: false } });
  await models.append(users, stream, { type: 'UserUpdated', data: { enabled: true } });
  t.is(tokensFrom(), 3);
  await models.append(users, stream, { type: 'UserDeleted', data: {} });
  await makeUser(models, 'u', 'ada');
  t.is(tokensFrom(), 6);
  await models.close();
});

test('who ends takes memberships and credentials along', async (t) => {
  const models = await openTestReadModels();
  const { identity } = models;
  const stream = identityStream('users', 'u');
  await makeUser(models, 'u', 'ada');
  await models.append(groups, identityStream('groups', 'g'), {
    type: 'GroupCreated',
    data: { domainId: 'd', name: 'staff', description: '' },
  });
  await models.append(users, stream, { type: 'GroupJoined', data: { groupId: 'g' } });
  await models.append(users, stream, {
    type: 'Ec2CredentialCreated',
    data: { accessKeyId: 'K', projectId: 'p', sealedSecret: Buffer.from('s') },
  });
  await models.append(users, stream, {
    type: 'ApplicationCredentialCreated',
    data: {
      ...{ credentialId: 'c', name: 'ci', description: '', projectId: 'p', roleIds: ['r'] },
      ...{ unrestricted: false, accessRules: [], sealedHash: Buffer.from('h') },
    },
  });
  t.deepEqual(await identity.membersOf('g', 9), ['u']);
  t.like(identity.ec2Credential('K'), { userId: 'u', projectId: 'p', sealedSecret: 'cw==' });
  t.like(identity.applicationCredential('c'), { userId: 'u', name: 'ci', sealedHash: 'aA==' });
  await models.append(users, stream, { type: 'UserDeleted', data: {} });
  t.deepEqual(await identity.membersOf('g', 9), []);
  t.is(identity.ec2Credential('K'), undefined);
  t.is(identity.applicationCredential('c'), undefined);
  await models.close();
});

test('assignments are found from the actor and from the target, until the last is withdrawn', async (t) => {
  const models = await openTestReadModels();
  const { identity } = models;
  const stream = identityStream('assignments', 'u:p');
  const parties = { actorKind: 'user', actorId: 'u', targetKind: 'project', targetId: 'p' };
  const grant = (roleId: string, inherited: boolean) =>
    models.append(assignments, stream, { type: 'RoleGranted', data: { ...parties, roleId, inherited } });
  await grant('r1', false);
  await grant('r2', true);
  const stored = identity.assignment('u', 'p');
  t.like(stored, { ...parties, revision: 1 });
  t.deepEqual(stored?.grants, [
    { roleId: 'r1', inherited: false },
    { roleId: 'r2', inherited: true },
  ]);
  for (const found of [
    identity.assignmentsOf('u', 9),
    identity.assignmentsOn('p', 9),
    identity.assignments(9),
  ])
    t.deepEqual(await found, [stored]);
  for (const data of stored?.grants ?? []) {
    await models.append(assignments, stream, { type: 'RoleWithdrawn', data });
  }
  t.is(identity.assignment('u', 'p'), undefined);
  t.deepEqual(await identity.assignmentsOn('p', 9), []);
  t.is(identity.assignmentRevision('u', 'p'), 3);
  await models.close();
});

test('roles, domains, claims, the catalog and limits have their rows', async (t) => {
  const models = await openTestReadModels();
  const { identity } = models;
  const role = identityStream('roles', 'r');
  await models.append(roles, role, {
    type: 'RoleCreated',
    data: { name: 'member', description: '', domainId: '' },
  });
  await models.append(roles, role, { type: 'RoleImplied', data: { impliedRoleId: 'x' } });
  t.deepEqual(identity.get('role', 'r')?.impliedRoleIds, ['x']);
  await models.append(domains, identityStream('domains', 'd'), {
    type: 'DomainCreated',
    data: { name: 'acme', description: '', enabled: true },
  });
  t.is(identity.idOf('domain', '', 'acme'), 'd');
  await models.append(names, identityStream('names', 'user/d/a/b'), {
    type: 'NameClaimed',
    data: { kind: 'user', holderId: 'u' },
  });
  t.deepEqual(identity.claim('user', 'd', 'a/b'), { holderId: 'u', revision: 0 });
  const region = { regionId: 'n', parentId: '', description: '' };
  const all = identityStream('catalog', 'all');
  await models.append(catalog, all, { type: 'RegionSet', data: region });
  await models.append(catalog, all, { type: 'RegionSet', data: { ...region, description: 'north' } });
  t.deepEqual(identity.catalog().regions, [{ ...region, description: 'north' }]);
  t.is(identity.catalog().revision, 1);
  await models.append(catalog, all, { type: 'RegionDeleted', data: { regionId: 'n' } });
  t.deepEqual(identity.catalog().regions, []);
  await models.append(quotas, identityStream('quotas', 'all'), {
    type: 'RegisteredLimitSet',
    data: { limitId: 'l', serviceId: 's', regionId: '', resource: 'volumes', limit: 5, description: '' },
  });
  t.like(identity.quotas().registered[0], { limitId: 'l', resource: 'volumes', limit: 5 });
  await models.close();
});

test('the row of a user is the state that the decider folds, along every legal life', async (t) => {
  await fastCheck.assert(
    fastCheck.asyncProperty(walkOf(users, 12), async (steps) => {
      const models = await openTestReadModels();
      let state = userDecider.initial;
      for (const [revision, { event }] of steps.entries()) {
        await models.append(users, identityStream('users', 'u'), event);
        state = userDecider.evolve(state, event, { stream: 'users/identity/u', revision, timeMs: 0 });
        t.deepEqual(stateOf(models.identity.get('user', 'u')), state.status === 'active' ? state : undefined);
        t.is(models.identity.revision('user', 'u'), revision);
      }
      await models.close();
    }),
    { numRuns: 50 },
  );
});

test('the rows of a trust are the state that the decider folds, along every legal life', async (t) => {
  await fastCheck.assert(
    fastCheck.asyncProperty(walkOf(trusts, 12), async (steps) => {
      const models = await openTestReadModels();
      const { identity } = models;
      let state: TrustState = trustDecider.initial;
      for (const [revision, { event }] of steps.entries()) {
        await models.append(trusts, identityStream('trusts', 't'), event);
        state = trustDecider.evolve(state, event, { stream: 'trusts/identity/t', revision, timeMs: 0 });
        const trust = identity.trust('t');
        t.is(trust !== undefined, state.status === 'active');
        t.is(trust?.usesLeft, state.status === 'active' ? state.usesLeft : undefined);
        t.is(identity.trustRevision('t'), revision);
        t.deepEqual(await identity.trusts(9), trust ? [trust] : []);
        for (const userId of trust ? [trust.trustorId, trust.trusteeId] : []) {
          t.deepEqual(await identity.trustsOf(userId, 9), [trust]);
        }
      }
      await models.close();
    }),
    { numRuns: 30 },
  );
});

test('the row of federation is the state that the decider folds, along every legal life', async (t) => {
  await fastCheck.assert(
    fastCheck.asyncProperty(walkOf(federation, 12), async (steps) => {
      const models = await openTestReadModels();
      let state: FederationState = federationDecider.initial;
      for (const [revision, { event }] of steps.entries()) {
        await models.append(federation, identityStream('federation', 'all'), event);
        state = federationDecider.evolve(state, event, { stream: 'federation', revision, timeMs: 0 });
        const { revision: seen, ...rows } = models.identity.federation();
        t.is(seen, revision);
        const { providers, protocols, mappings } = state;
        t.deepEqual(byId(rows.providers, 'providerId'), byId(providers, 'providerId'));
        t.deepEqual(byId(rows.protocols, 'entryId'), byId(protocols, 'entryId'));
        t.deepEqual(byId(rows.mappings, 'mappingId'), byId(mappings, 'mappingId'));
      }
      await models.close();
    }),
    { numRuns: 30 },
  );
});

const byId = <Entry, Name extends keyof Entry>(entries: readonly Entry[], id: Name) =>
  [...entries].sort((a, b) => (a[id] < b[id] ? -1 : 1));

function stateOf(stored: StoredUser | undefined): UserState | undefined {
  if (!stored) return undefined;
  const { groupIds, accessKeyIds, applicationCredentials, credentialIds, keyBlob } = stored;
  const key = keyBlob === undefined ? {} : { keyBlob };
  return { status: 'active', groupIds, accessKeyIds, applicationCredentials, credentialIds, ...key };
}
