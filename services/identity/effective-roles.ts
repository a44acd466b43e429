// Owns the question "which roles has this user there?": what was granted to the user and to the user's
// groups, there or, inherited, above, and what those roles imply. Synchronous: it is asked for each token.

import { limits } from '#core/kernel/limits.ts';
import type {
  IdentityById,
  StoredProject,
  StoredRole,
  StoredUser,
} from '#projections/identity-by-id/identity-by-id.query.ts';

/** What a token is for. */
export type Scope =
  | { readonly kind: 'project' | 'domain'; readonly id: string }
  | { readonly kind: 'system' };

/** A user, or a group as a user without groups. */
type Actor = Pick<StoredUser, 'id' | 'groupIds'>;

/** The id that assignments on the whole system have as target. */
const SYSTEM = 'all';

export const targetIdOf = (scope: Scope): string => (scope.kind === 'system' ? SYSTEM : scope.id);

/** None where the user has none. Roles of single domains count only by what they imply. */
export function effectiveRoles(identity: IdentityById, user: Actor, scope: Scope): readonly StoredRole[] {
  const granted = new Set<string>();
  const add = (targetId: string, wanted: 'here' | 'inherited') => {
    const isThere = (groupId: string) => identity.get('group', groupId) !== undefined;
    for (const actorId of [user.id, ...user.groupIds.filter(isThere)]) {
      for (const { roleId, inherited } of identity.assignment(actorId, targetId)?.grants ?? []) {
        if (inherited === (wanted === 'inherited')) granted.add(roleId);
      }
    }
  };
  add(targetIdOf(scope), 'here');
  if (scope.kind === 'project') {
    for (const id of above(identity, scope.id)) add(id, 'inherited');
  }
  return withImplied(identity, granted);
}

/** The project whose administrators administer the cloud, as those of the system do. */
export function isAdminProject(project: StoredProject | undefined): boolean {
  return project?.name === 'admin' && project.domainId === 'default' && project.parentId === '';
}

/** Whether someone could log in as an administrator of the cloud. */
export function administersCloud(identity: IdentityById, actor: Actor): boolean {
  const projectId = identity.idOf('project', 'default', 'admin');
  const project = projectId === undefined ? undefined : identity.get('project', projectId);
  const scopes: Scope[] = [{ kind: 'system' }];
  if (project && isAdminProject(project)) scopes.push({ kind: 'project', id: project.id });
  return scopes.some((scope) => effectiveRoles(identity, actor, scope).some(({ name }) => name === 'admin'));
}

/** What lies above a project, its domain last. */
export function above(identity: IdentityById, projectId: string): readonly string[] {
  const ids: string[] = [];
  let project: StoredProject | undefined = identity.get('project', projectId);
  for (let depth = 0; project && depth <= limits.projectDepth; depth++) {
    ids.push(project.parentId || project.domainId);
    if (project.parentId === '') return ids;
    project = identity.get('project', project.parentId);
  }
  return ids;
}

export function withImplied(identity: IdentityById, roleIds: Iterable<string>): readonly StoredRole[] {
  const found = new Map<string, StoredRole>();
  const waiting = [...roleIds];
  for (let roleId = waiting.pop(); roleId !== undefined; roleId = waiting.pop()) {
    const role = found.has(roleId) ? undefined : identity.get('role', roleId);
    if (!role) continue;
    found.set(roleId, role);
    waiting.push(...role.impliedRoleIds);
  }
  return [...found.values()].filter(({ domainId }) => domainId === '');
}
