// Owns the rows of identity-by-id: domains, projects, users, groups and roles by id and by name, who has
// which roles on what, trusts, credentials, the catalog and the limits of projects.

import { catalog, quotas } from '#core/identity/catalog.events.ts';
import {
  type DomainEvent,
  domains,
  type GroupEvent,
  groups,
  identityIdOf,
  names,
  type ProjectEvent,
  projects,
} from '#core/identity/directory.events.ts';
import { federation } from '#core/identity/federation.events.ts';
import { assignments, type RoleEvent, roles } from '#core/identity/roles.events.ts';
import { trusts } from '#core/identity/trusts.events.ts';
import { users } from '#core/identity/users.events.ts';
import { assert } from '#core/kernel/assert.ts';
import { familyOf, type RecordedEvent } from '#core/log/event-log.ts';
import type { Projection, RowWriter } from '../store/projection.ts';
import { applyEntry } from './entries.ts';
import type { StoredAssignment } from './identity-by-id.query.ts';
import { jsonRow, readJson, rowKey } from './identity-rows.ts';
import { endedTokens, ThingRows } from './thing-rows.ts';
import { applyTrust } from './trust-rows.ts';
import { applyUser } from './user-rows.ts';

export const identityById: Projection = {
  name: 'identity-by-id',
  version: 3,
  families: [
    ...[domains, projects, groups, names, users].map(({ family }) => family),
    ...[roles, assignments, trusts, catalog, quotas, federation].map(({ family }) => family),
  ],
  apply(recorded, rows) {
    const { type, payload } = recorded;
    switch (familyOf(recorded.stream)) {
      case domains.family:
        applyDomain(domains.decode(type, payload), recorded, rows);
        break;
      case projects.family:
        applyProject(projects.decode(type, payload), recorded, rows);
        break;
      case groups.family:
        applyGroup(groups.decode(type, payload), recorded, rows);
        break;
      case users.family:
        applyUser(users.decode(type, payload), recorded, rows);
        break;
      case roles.family:
        applyRole(roles.decode(type, payload), recorded, rows);
        break;
      case assignments.family:
        applyAssignment(recorded, rows);
        break;
      case trusts.family:
        applyTrust(trusts.decode(type, payload), recorded, rows);
        break;
      case names.family: {
        const { holderId } = names.decode(type, payload).data;
        const claim = { holderId, revision: recorded.revision };
        rows.put(rowKey.claim(identityIdOf(recorded.stream)), jsonRow(claim));
        break;
      }
      case federation.family:
        applyEntry(rowKey.federation, federation.decode(type, payload), recorded, rows);
        break;
      case catalog.family:
        applyEntry(rowKey.catalog, catalog.decode(type, payload), recorded, rows);
        break;
      default:
        applyEntry(rowKey.quotas, quotas.decode(type, payload), recorded, rows);
        break;
    }
  },
};

function applyDomain(event: DomainEvent, recorded: RecordedEvent, rows: RowWriter): void {
  const things = new ThingRows('domain', recorded, rows);
  if (event.type === 'DomainCreated') {
    things.put({ ...event.data, ...things.born(), tokensFrom: recorded.revision }, '');
  } else if (event.type === 'DomainUpdated') {
    things.change('', (domain) => ({ ...domain, ...event.data, ...endedTokens(event.data, recorded) }));
  } else {
    things.remove('');
  }
}

function applyProject(event: ProjectEvent, recorded: RecordedEvent, rows: RowWriter): void {
  const things = new ThingRows('project', recorded, rows);
  if (event.type === 'ProjectCreated') {
    const { domainId, parentId } = event.data;
    things.put({ ...event.data, ...things.born(), tokensFrom: recorded.revision }, domainId);
    rows.put(rowKey.child(parentId || domainId, things.id), jsonRow(true));
    return;
  }
  const { domainId, parentId } = things.before();
  if (event.type === 'ProjectDeleted') {
    rows.delete(rowKey.child(parentId || domainId, things.id));
    things.remove(domainId);
  } else if (event.type === 'ProjectTagged') {
    things.change(domainId, (project) => ({ ...project, tags: event.data.tags }));
  } else {
    const { extra, ...data } = event.data;
    things.change(domainId, (project) => ({
      ...project,
      ...data,
      ...(extra && { extra: extra.values }),
      ...endedTokens(data, recorded),
    }));
  }
}

function applyGroup(event: GroupEvent, recorded: RecordedEvent, rows: RowWriter): void {
  const things = new ThingRows('group', recorded, rows);
  if (event.type === 'GroupCreated') things.put({ ...event.data, ...things.born() }, event.data.domainId);
  else if (event.type === 'GroupDeleted') things.remove(things.before().domainId);
  else things.change(things.before().domainId, (group) => ({ ...group, ...event.data }));
}

function applyRole(event: RoleEvent, recorded: RecordedEvent, rows: RowWriter): void {
  const things = new ThingRows('role', recorded, rows);
  if (event.type === 'RoleCreated') {
    things.put({ ...event.data, ...things.born(), impliedRoleIds: [] }, event.data.domainId);
    return;
  }
  const { domainId, impliedRoleIds } = things.before();
  switch (event.type) {
    case 'RoleDeleted':
      things.remove(domainId);
      break;
    case 'RoleUpdated':
      things.change(domainId, (role) => ({ ...role, ...event.data }));
      break;
    case 'RoleImplied': {
      const implied = [...impliedRoleIds, event.data.impliedRoleId];
      things.change(domainId, (role) => ({ ...role, impliedRoleIds: implied }));
      break;
    }
    case 'RoleUnimplied': {
      const implied = impliedRoleIds.filter((id) => id !== event.data.impliedRoleId);
      things.change(domainId, (role) => ({ ...role, impliedRoleIds: implied }));
      break;
    }
  }
}

function applyAssignment(recorded: RecordedEvent, rows: RowWriter): void {
  const id = identityIdOf(recorded.stream);
  const event = assignments.decode(recorded.type, recorded.payload);
  const row = rows.get(rowKey.assignment(id));
  const known = row && readJson<StoredAssignment>(row);
  const { roleId, inherited } = event.data;
  const others = (known?.grants ?? []).filter(
    (each) => each.roleId !== roleId || each.inherited !== inherited,
  );
  const { revision } = recorded;
  if (event.type === 'RoleGranted') {
    const { actorKind, actorId, targetKind, targetId } = event.data;
    const grants = [...others, { roleId, inherited }];
    rows.put(
      rowKey.assignment(id),
      jsonRow({ actorKind, actorId, targetKind, targetId, grants, revision } satisfies StoredAssignment),
    );
    rows.put(rowKey.onTarget(targetId, actorId), jsonRow(true));
    return;
  }
  assert(known, `a role was withdrawn at ${id}, where none was granted`);
  if (others.length > 0) {
    rows.put(rowKey.assignment(id), jsonRow({ ...known, grants: others, revision }));
    return;
  }
  rows.delete(rowKey.assignment(id));
  rows.delete(rowKey.onTarget(known.targetId, known.actorId));
  rows.put(rowKey.gone('assignment', id), jsonRow(revision));
}
