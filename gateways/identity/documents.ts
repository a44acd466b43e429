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
import { isActive, passwordEndMs } from '#services/identity/login-policy.ts';
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

/** When the password is good for nothing but choosing another, in Keystone's form. */
export function passwordExpiresAt(call: IdentityCall, user: StoredUser): string | null {
  const endMs = passwordEndMs(call.gateway.identity.logins.policy, user);
  return endMs === undefined ? null : timeText(endMs).slice(0, -1);
}

function optionsDocument({ options }: StoredUser): Readonly<Record<string, unknown>> {
  const { flags = [], factorRules = [] } = options ?? {};
  return {
    ...Object.fromEntries(flags.map(({ name, value }) => [name, value])),
    ...(factorRules.length > 0 && { multi_factor_auth_rules: factorRules.map(({ methods }) => methods) }),
  };
}

export function userDocument(call: IdentityCall, user: StoredUser) {
  const { id, name, domainId, description, email, defaultProjectId, extra } = user;
  const { clock, identity } = call.gateway;
  const enabled = isActive(identity.logins.policy, user, clock.nowMs());
  return {
    ...extra,
    ...{ id, name, domain_id: domainId, enabled, options: optionsDocument(user) },
    password_expires_at: passwordExpiresAt(call, user),
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

export interface Page {
  /** The id behind which it begins; empty: at the beginning. */
  readonly after: string;
  readonly entries: number;
}

/** By `limit` and `marker`; never more than anybody can want at once. @throws IdentityError 400 */
export function pageOf(call: IdentityCall): Page {
  const asked = call.query.get('limit');
  if (asked !== undefined && !/^[1-9]\d{0,8}$/.test(asked)) {
    throw badRequest(`Invalid input for query parameter 'limit': '${asked.slice(0, 64)}'`);
  }
  const after = call.query.get('marker') ?? '';
  if (after.length > MARKER_CHARACTERS) throw badRequest("Invalid input for query parameter 'marker'");
  return { after, entries: Math.min(Number(asked ?? limits.identityListed), limits.identityListed) };
}

const MARKER_CHARACTERS = 255;

/**
 * The page of a list that the query wants, with its links. What has an id is listed in the order of ids, so
 * that what comes and goes between two pages moves nothing else from one to the other.
 */
export function listAnswer(call: IdentityCall, name: string, listed: readonly object[]): Answer {
  const { after, entries } = pageOf(call);
  const self = `${call.base}/${(call.request.url ?? '').replace(/^.*?\/v3\//, '')}`;
  const rest = listed.every(hasId) ? inOrder(listed).filter(({ id }) => after === '' || id > after) : listed;
  const page = rest.slice(0, entries);
  const last = page.at(-1);
  const isCut = rest.length > page.length;
  const next = isCut && last && hasId(last) ? nextOf(self, last.id, page.length) : null;
  return ok({ [name]: page, links: { next, self, previous: null }, ...(isCut && { truncated: true }) });
}

const hasId = (entry: object): entry is { readonly id: string } => 'id' in entry;

function inOrder<Entry extends { readonly id: string }>(entries: readonly Entry[]): readonly Entry[] {
  return [...entries].sort((a, b) => (a.id < b.id ? -1 : 1));
}

function nextOf(self: string, marker: string, entries: number): string {
  const url = new URL(self);
  url.searchParams.set('limit', String(entries));
  url.searchParams.set('marker', marker);
  return url.toString();
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

const ORDERS: Readonly<Record<string, (timeMs: number, wantedMs: number) => boolean>> = {
  lt: (time, wanted) => time < wanted,
  lte: (time, wanted) => time <= wanted,
  gt: (time, wanted) => time > wanted,
  gte: (time, wanted) => time >= wanted,
  eq: (time, wanted) => time === wanted,
  neq: (time, wanted) => time !== wanted,
};

/** `password_expires_at=lt:TIME`: who has no such time is none of them. @throws IdentityError 400 */
export function expiresAsWanted(call: IdentityCall, user: StoredUser): boolean {
  const asked = call.query.get('password_expires_at');
  if (asked === undefined) return true;
  const [, order = 'eq', time = ''] = /^(?:([a-z]+):)?(\d.*)$/.exec(asked) ?? [];
  const compare = ORDERS[order];
  const wantedMs = Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(time) ? time : `${time}Z`);
  if (!compare || !Number.isFinite(wantedMs)) {
    throw badRequest("Invalid input for query parameter 'password_expires_at'");
  }
  const endMs = passwordEndMs(call.gateway.identity.logins.policy, user);
  return endMs !== undefined && compare(endMs, wantedMs);
}

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
