// Owns the documents in which Keystone shows things, and the form of its lists.

import { limits } from '#core/kernel/limits.ts';
import type {
  StoredApplicationCredential,
  StoredDomain,
  StoredGroup,
  StoredProject,
  StoredRole,
  StoredUser,
} from '#projections/identity-by-id/identity-by-id.query.ts';
import { type Answer, type IdentityCall, ok } from './call.ts';
import { badRequest } from './errors.ts';

export const timeText = (timeMs: number): string => new Date(timeMs).toISOString().replace('Z', '000Z');

const link = (call: IdentityCall, path: string) => ({ self: `${call.base}/${path}` });

export function domainDocument(call: IdentityCall, domain: StoredDomain) {
  const { id, name, description, enabled } = domain;
  return { id, name, description, enabled, options: {}, tags: [], links: link(call, `domains/${id}`) };
}

export function projectDocument(call: IdentityCall, project: StoredProject) {
  const { id, name, domainId, parentId, description, enabled, tags, extra } = project;
  return {
    ...extra,
    ...{ id, name, domain_id: domainId, parent_id: parentId || domainId, description, enabled },
    ...{ is_domain: false, options: {}, tags, links: link(call, `projects/${id}`) },
  };
}

export function userDocument(call: IdentityCall, user: StoredUser) {
  const { id, name, domainId, description, email, defaultProjectId, enabled, extra } = user;
  return {
    ...extra,
    ...{ id, name, domain_id: domainId, enabled, password_expires_at: null, options: {} },
    ...(description && { description }),
    ...(email && { email }),
    ...(defaultProjectId && { default_project_id: defaultProjectId }),
    links: link(call, `users/${id}`),
  };
}

export function groupDocument(call: IdentityCall, group: StoredGroup) {
  const { id, name, domainId, description } = group;
  return { id, name, domain_id: domainId, description, links: link(call, `groups/${id}`) };
}

export function roleDocument(call: IdentityCall, role: StoredRole) {
  const { id, name, domainId, description } = role;
  return {
    id,
    name,
    domain_id: domainId || null,
    description,
    options: {},
    links: link(call, `roles/${id}`),
  };
}

export function applicationCredentialDocument(call: IdentityCall, credential: StoredApplicationCredential) {
  const { id, userId, name, description, projectId, roleIds, unrestricted, expiresMs, accessRules } =
    credential;
  const { view } = call.gateway.identity;
  const roles = roleIds.map((roleId) => {
    const role = view.get('role', roleId);
    return { id: roleId, name: role?.name ?? null, domain_id: role?.domainId || null };
  });
  const expiresAt = expiresMs === undefined ? null : timeText(expiresMs).slice(0, -1);
  return {
    ...{ id, name, description: description || null, project_id: projectId, user_id: userId, system: null },
    ...{ roles, unrestricted, expires_at: expiresAt },
    ...(accessRules.length > 0 && { access_rules: accessRules.map(accessRuleDocument) }),
    links: link(call, `users/${userId}/application_credentials/${id}`),
  };
}

export const accessRuleDocument = (rule: StoredApplicationCredential['accessRules'][number]) => {
  const { ruleId: id, service, method, path } = rule;
  return { id, service, method, path };
};

/** A list with its links; cut, and saying so, where there is more than anybody can want at once. */
export function listAnswer(call: IdentityCall, name: string, entries: readonly object[]): Answer {
  const self = `${call.base}/${(call.request.url ?? '').replace(/^.*?\/v3\//, '')}`;
  const wanted = Math.min(limitOf(call), limits.identityListed);
  return ok({
    [name]: entries.slice(0, wanted),
    links: { next: null, self, previous: null },
    ...(entries.length > wanted && { truncated: true }),
  });
}

function limitOf(call: IdentityCall): number {
  const asked = call.query.get('limit');
  if (asked === undefined) return limits.identityListed;
  if (!/^\d{1,9}$/.test(asked)) throw badRequest(`Invalid input for query parameter 'limit': ${asked}`);
  return Number(asked);
}

/** `enabled` in a query: what is not `0` or `false` is true. */
const isTrue = (text: string): boolean => !/^(0|false|no|off)$/i.test(text);

const COMPARISONS: Readonly<Record<string, (value: string, wanted: string) => boolean>> = {
  '': (value, wanted) => value === wanted,
  __contains: (value, wanted) => value.includes(wanted),
  __icontains: (value, wanted) => value.toLowerCase().includes(wanted.toLowerCase()),
  __startswith: (value, wanted) => value.startsWith(wanted),
  __istartswith: (value, wanted) => value.toLowerCase().startsWith(wanted.toLowerCase()),
  __endswith: (value, wanted) => value.endsWith(wanted),
  __iendswith: (value, wanted) => value.toLowerCase().endsWith(wanted.toLowerCase()),
};

/** Whether a thing is what the query's `name`, with its comparisons, and `enabled` want. */
export function isWanted(
  call: IdentityCall,
  thing: { readonly name: string; readonly enabled?: boolean },
): boolean {
  for (const [parameter, wanted] of call.query) {
    if (parameter === 'enabled' && thing.enabled !== undefined && thing.enabled !== isTrue(wanted))
      return false;
    if (!parameter.startsWith('name')) continue;
    const compare = COMPARISONS[parameter.slice('name'.length)];
    if (compare && !compare(thing.name, wanted)) return false;
  }
  return true;
}
