// Owns the list of role assignments with its filters: as they were granted, or as they work (`effective`).

import { limits } from '#core/kernel/limits.ts';
import type { StoredAssignment } from '#projections/identity-by-id/identity-by-id.query.ts';
import { effectiveRoles, type Scope } from '#services/identity/effective-roles.ts';
import { type Answer, callerOf, type IdentityCall, type Operation, viewOf } from '../call.ts';
import { listAnswer } from '../documents.ts';
import { badRequest } from '../errors.ts';

/** One role of one actor on one target. */
interface Assigned {
  readonly actorKind: string;
  readonly actorId: string;
  readonly targetKind: string;
  readonly targetId: string;
  readonly roleId: string;
  readonly inherited: boolean;
}

const ALL = limits.identityListed + 1;

/** Who may see one project or one domain sees what is granted there. */
function facts(call: IdentityCall) {
  const projectId = call.query.get('scope.project.id');
  const { scope } = callerOf(call);
  const own = scope?.kind === 'domain' ? scope.id : undefined;
  const project = projectId === undefined ? undefined : viewOf(call).get('project', projectId);
  return { projectId, domainId: project?.domainId ?? call.query.get('scope.domain.id') ?? own };
}

async function candidates(call: IdentityCall): Promise<readonly StoredAssignment[]> {
  const { query } = call;
  const view = viewOf(call);
  const actorId = query.get('user.id') ?? query.get('group.id');
  if (actorId !== undefined) return view.assignmentsOf(actorId, ALL);
  const targetId = query.get('scope.project.id') ?? query.get('scope.domain.id');
  if (targetId !== undefined) return view.assignmentsOn(targetId, ALL);
  return view.assignments(ALL);
}

function isThere(
  call: IdentityCall,
  { actorKind, actorId, targetKind, targetId }: StoredAssignment,
): boolean {
  const view = viewOf(call);
  const actor = view.get(actorKind === 'group' ? 'group' : 'user', actorId);
  if (!actor) return false;
  return (
    targetKind === 'system' ||
    view.get(targetKind === 'domain' ? 'domain' : 'project', targetId) !== undefined
  );
}

async function granted(call: IdentityCall): Promise<readonly Assigned[]> {
  const stored = await candidates(call);
  return stored
    .filter((assignment) => isThere(call, assignment))
    .flatMap(({ grants, revision: _, ...parties }) => grants.map((grant) => ({ ...parties, ...grant })));
}

/** For each user whom a grant reaches, and each target that it works on: what the roles come to. */
async function effective(call: IdentityCall): Promise<readonly Assigned[]> {
  const view = viewOf(call);
  const userIds = new Set<string>();
  const wanted = call.query.get('user.id');
  const all = wanted === undefined ? await view.assignments(ALL) : [];
  if (wanted !== undefined) userIds.add(wanted);
  for (const { actorKind, actorId } of all) {
    if (actorKind === 'user') userIds.add(actorId);
    else for (const userId of await view.membersOf(actorId, ALL)) userIds.add(userId);
  }
  const projects = (await view.list('project', ALL)).map(({ id }) => ({ kind: 'project', id }) as const);
  const domains = (await view.list('domain', ALL)).map(({ id }) => ({ kind: 'domain', id }) as const);
  const scopes: readonly Scope[] = [...projects, ...domains, { kind: 'system' }];
  const wantedTarget = call.query.get('scope.project.id') ?? call.query.get('scope.domain.id');
  const asked = scopes.filter(
    (scope) => wantedTarget === undefined || (scope.kind !== 'system' && scope.id === wantedTarget),
  );
  const found: Assigned[] = [];
  for (const userId of userIds) {
    const user = view.get('user', userId);
    if (!user) continue;
    for (const scope of asked) {
      for (const { id: roleId } of effectiveRoles(view, user, scope)) {
        const target = { targetKind: scope.kind, targetId: scope.kind === 'system' ? 'all' : scope.id };
        found.push({ actorKind: 'user', actorId: userId, ...target, roleId, inherited: false });
        if (found.length >= ALL) return found;
      }
    }
  }
  return found;
}

function isAsked(call: IdentityCall, assigned: Assigned): boolean {
  const { query } = call;
  const { actorKind, actorId, targetKind, targetId, roleId, inherited } = assigned;
  const matches = (parameter: string, isKind: boolean, id: string) => {
    const wanted = query.get(parameter);
    return wanted === undefined || (isKind && wanted === id);
  };
  return (
    matches('user.id', actorKind === 'user', actorId) &&
    matches('group.id', actorKind === 'group', actorId) &&
    matches('role.id', true, roleId) &&
    matches('scope.project.id', targetKind === 'project', targetId) &&
    matches('scope.domain.id', targetKind === 'domain', targetId) &&
    (!query.has('scope.system') || targetKind === 'system') &&
    (!query.has('scope.OS-INHERIT:inherited_to') || inherited)
  );
}

/** A domain's reader sees what is granted in that domain. */
function isSeen(call: IdentityCall, { targetKind, targetId }: Assigned): boolean {
  const { scope, isCloudAdmin } = callerOf(call);
  if (isCloudAdmin || scope?.kind !== 'domain') return true;
  if (targetKind === 'domain') return targetId === scope.id;
  return targetKind === 'project' && viewOf(call).get('project', targetId)?.domainId === scope.id;
}

function document(call: IdentityCall, assigned: Assigned): object {
  const { actorKind, actorId, targetKind, targetId, roleId, inherited } = assigned;
  const view = viewOf(call);
  const isNamed = isOn(call, 'include_names');
  const named = (kind: 'user' | 'group' | 'project' | 'domain' | 'role', id: string) => {
    const thing = view.get(kind, id);
    if (!isNamed || !thing) return { id };
    const domain = 'domainId' in thing && thing.domainId ? view.get('domain', thing.domainId) : undefined;
    return { id, name: thing.name, ...(domain && { domain: { id: domain.id, name: domain.name } }) };
  };
  const actor = actorKind === 'group' ? { group: named('group', actorId) } : { user: named('user', actorId) };
  const target =
    targetKind === 'system'
      ? { system: { all: true } }
      : targetKind === 'domain'
        ? { domain: named('domain', targetId) }
        : { project: named('project', targetId) };
  const on = targetKind === 'system' ? 'system' : `${targetKind}s/${targetId}`;
  const path = `${on}/${actorKind}s/${actorId}`;
  return {
    ...actor,
    role: named('role', roleId),
    scope: { ...target, ...(inherited && { 'OS-INHERIT:inherited_to': 'projects' }) },
    links: { assignment: `${call.base}/${path}/roles/${roleId}` },
  };
}

const isOn = ({ query }: IdentityCall, parameter: string): boolean => {
  const value = query.get(parameter);
  return value !== undefined && !/^(0|false)$/i.test(value);
};

async function list(call: IdentityCall): Promise<Answer> {
  const { query } = call;
  if (query.has('user.id') && query.has('group.id')) throw badRequest('Specify a user or group, not both');
  if (query.has('scope.project.id') && query.has('scope.domain.id')) {
    throw badRequest('Specify a domain or project, not both');
  }
  const all = isOn(call, 'effective') ? await effective(call) : await granted(call);
  const asked = all.filter((assigned) => isAsked(call, assigned) && isSeen(call, assigned));
  return listAnswer(
    call,
    'role_assignments',
    asked.map((assigned) => document(call, assigned)),
  );
}

export const assignmentOperations = {
  list_role_assignments: { method: 'GET', path: '/v3/role_assignments', facts, run: list },
} as const satisfies Readonly<Record<string, Operation>>;
