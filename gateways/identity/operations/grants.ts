// Owns the operations of role assignments: who has which role on a project, a domain or the system, on it or
// inherited below it. Guarantee: the manager of a domain grants within that domain alone, and never a role
// that reaches beyond it.

import { limits } from '#core/kernel/limits.ts';
import type { StoredRole } from '#projections/identity-by-id/identity-by-id.query.ts';
import { type Scope, targetIdOf } from '#services/identity/effective-roles.ts';
import {
  type Answer,
  accept,
  actorOf,
  callerOf,
  found,
  type IdentityCall,
  NO_CONTENT,
  type Operation,
  ok,
  param,
  viewOf,
} from '../call.ts';
import { roleDocument } from '../documents.ts';
import { forbidden, IdentityError, notFound } from '../errors.ts';

interface Grant {
  readonly scope: Scope;
  readonly actor: { readonly kind: 'user' | 'group'; readonly id: string };
  readonly inherited: boolean;
}

const INHERIT = '/v3/OS-INHERIT';
const ROLES_OF = ':actors/:actor_id/roles';
const TARGET = ':targets/:target_id';

/** Of the path: `/projects/ID/users/ID/…`. @throws IdentityError 404 where it is none of those */
function grantOf(call: IdentityCall): Grant {
  const { params, operation } = call;
  const targets = params.targets ?? 'system';
  const kind = { users: 'user', groups: 'group' }[params.actors ?? ''] as 'user' | 'group' | undefined;
  const target = { projects: 'project', domains: 'domain', system: 'system' }[targets] as
    | Scope['kind']
    | undefined;
  if (!kind || !target) throw notFound('resource', call.request.url ?? '');
  const id = param(call, 'target_id');
  const scope: Scope = target === 'system' ? { kind: target } : { kind: target, id };
  return {
    scope,
    actor: { kind, id: param(call, 'actor_id') },
    inherited: operation.includes('_inherited_'),
  };
}

/** Where target and actor lie in one domain, that is whose manager may grant. */
function grantFacts(call: IdentityCall) {
  const view = viewOf(call);
  const { scope, actor } = grantOf(call);
  if (scope.kind === 'system') return {};
  const domainId = scope.kind === 'domain' ? scope.id : view.get('project', scope.id)?.domainId;
  const actorsDomain = view.get(actor.kind, actor.id)?.domainId;
  return { domainId: actorsDomain === domainId ? domainId : undefined };
}

/** Actor, target and role must be there. */
function checkedGrant(call: IdentityCall): Grant & { readonly role: StoredRole } {
  const grant = checkedParties(call);
  const roleId = param(call, 'role_id');
  return { ...grant, role: found(viewOf(call).get('role', roleId), 'role', roleId) };
}

function checkedParties(call: IdentityCall): Grant {
  const view = viewOf(call);
  const grant = grantOf(call);
  const { scope, actor } = grant;
  if (scope.kind !== 'system') found(view.get(scope.kind, scope.id), scope.kind, scope.id);
  found(view.get(actor.kind, actor.id), actor.kind, actor.id);
  return grant;
}

const MANAGED = ['manager', 'member', 'reader'];

/** @throws IdentityError 403 */
function checkRoleIsManaged(call: IdentityCall, role: StoredRole): void {
  const { isCloudAdmin, scope } = callerOf(call);
  const isSystemAdmin = isCloudAdmin || scope?.kind === 'system';
  if (!isSystemAdmin && !(MANAGED.includes(role.name) && role.domainId === ''))
    throw forbidden(call.operation);
}

async function create(call: IdentityCall): Promise<Answer> {
  const { scope, actor, inherited, role } = checkedGrant(call);
  checkRoleIsManaged(call, role);
  const project = scope.kind === 'project' ? viewOf(call).get('project', scope.id) : undefined;
  const domainId = scope.kind === 'domain' ? scope.id : (project?.domainId ?? '');
  if (role.domainId !== '' && role.domainId !== domainId) {
    throw new IdentityError(403, 'A role of a domain is granted in that domain alone.');
  }
  const { roles } = call.gateway.identity;
  accept(await roles.grant(actorOf(call), actor, scope, role.id, inherited));
  return NO_CONTENT;
}

function check(call: IdentityCall): Answer {
  const { scope, actor, inherited, role } = checkedGrant(call);
  const grants = viewOf(call).assignment(actor.id, targetIdOf(scope))?.grants ?? [];
  const isThere = grants.some((grant) => grant.roleId === role.id && grant.inherited === inherited);
  found(isThere || undefined, 'role assignment with role', role.id);
  return NO_CONTENT;
}

async function revoke(call: IdentityCall): Promise<Answer> {
  const { scope, actor, inherited, role } = checkedGrant(call);
  checkRoleIsManaged(call, role);
  const { roles } = call.gateway.identity;
  accept(await roles.withdraw(actorOf(call), actor.id, scope, role.id, inherited));
  return NO_CONTENT;
}

function list(call: IdentityCall): Answer {
  const view = viewOf(call);
  const { scope, actor, inherited } = checkedParties(call);
  const grants = view.assignment(actor.id, targetIdOf(scope))?.grants ?? [];
  const granted = grants.filter((grant) => grant.inherited === inherited);
  const roles = granted.map(({ roleId }) => view.get('role', roleId)).filter((role) => role !== undefined);
  const self = `${call.base}/${(call.request.url ?? '').replace(/^.*?\/v3\//, '')}`;
  return ok({
    roles: roles.slice(0, limits.identityListed).map((role) => roleDocument(call, role)),
    links: { next: null, previous: null, self },
  });
}

const common = { facts: grantFacts } as const;
const inheritedRole = `${INHERIT}/${TARGET}/${ROLES_OF}/:role_id/inherited_to_projects`;
const direct = `/v3/${TARGET}/${ROLES_OF}`;
const system = `/v3/system/${ROLES_OF}`;

export const grantOperations = {
  list_grants: { ...common, method: 'GET', path: direct, run: list },
  create_grant: { ...common, method: 'PUT', path: `${direct}/:role_id`, run: create },
  check_grant: { ...common, method: 'HEAD', path: `${direct}/:role_id`, run: check },
  get_grant: { ...common, method: 'GET', path: `${direct}/:role_id`, run: check },
  revoke_grant: { ...common, method: 'DELETE', path: `${direct}/:role_id`, run: revoke },
  list_inherited_grants: {
    ...common,
    method: 'GET',
    path: `${INHERIT}/${TARGET}/${ROLES_OF}/inherited_to_projects`,
    run: list,
  },
  create_inherited_grant: { ...common, method: 'PUT', path: inheritedRole, run: create },
  check_inherited_grant: { ...common, method: 'HEAD', path: inheritedRole, run: check },
  get_inherited_grant: { ...common, method: 'GET', path: inheritedRole, run: check },
  revoke_inherited_grant: { ...common, method: 'DELETE', path: inheritedRole, run: revoke },
  list_system_grants: { ...common, method: 'GET', path: system, run: list },
  create_system_grant: { ...common, method: 'PUT', path: `${system}/:role_id`, run: create },
  check_system_grant: { ...common, method: 'HEAD', path: `${system}/:role_id`, run: check },
  get_system_grant: { ...common, method: 'GET', path: `${system}/:role_id`, run: check },
  revoke_system_grant: { ...common, method: 'DELETE', path: `${system}/:role_id`, run: revoke },
} as const satisfies Readonly<Record<string, Operation>>;
