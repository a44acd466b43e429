// Owns the operations of versions and tokens: discovery, login, validation, revocation, and what a caller may
// ask tokens for.

import { limits } from '#core/kernel/limits.ts';
import type { StoredDomain, StoredProject } from '#projections/identity-by-id/identity-by-id.query.ts';
import { effectiveRoles } from '#services/identity/effective-roles.ts';
import type { Token } from '#services/identity/tokens.service.ts';
import {
  type Answer,
  actorOf,
  bodyOf,
  callerOf,
  type IdentityCall,
  NO_CONTENT,
  type Operation,
  ok,
  viewOf,
} from '../call.ts';
import { domainDocument, listAnswer, projectDocument, timeText } from '../documents.ts';
import { IdentityError } from '../errors.ts';
import { login, MoreWanted } from '../login.ts';
import { catalogDocument } from '../own-services.ts';
import { tokenDocument } from '../token-document.ts';

const UPDATED = '2023-10-01T00:00:00Z';
const MEDIA = [{ base: 'application/json', type: 'application/vnd.openstack.identity-v3+json' }];

const version = ({ base }: IdentityCall) => ({
  ...{ id: 'v3.14', status: 'stable', updated: UPDATED, 'media-types': MEDIA },
  links: [{ rel: 'self', href: `${base}/` }],
});

/** The token that is asked about. @throws IdentityError 404 where it is not in force */
async function subjectOf(call: IdentityCall): Promise<Token> {
  const id = call.request.headers['x-subject-token'];
  if (typeof id !== 'string' || id === '') {
    throw new IdentityError(400, 'X-Subject-Token is a required header.');
  }
  const token = await call.gateway.tokens.validate(id);
  if (!token) throw new IdentityError(404, 'Could not find token.');
  return token;
}

/** A caller may always ask about tokens of its own user. */
async function subjectFacts(call: IdentityCall) {
  const id = call.request.headers['x-subject-token'];
  const token = typeof id === 'string' ? await call.gateway.tokens.validate(id) : undefined;
  return { userId: token?.user.id, domainId: token?.user.domainId };
}

const SUBJECT = 'X-Subject-Token';

async function validate(call: IdentityCall): Promise<Answer> {
  const token = await subjectOf(call);
  const id = String(call.request.headers['x-subject-token']);
  return { ...ok(tokenDocument(call, token)), headers: [[SUBJECT, id]] };
}

/** By the receipt the client may bring the rest without what it has shown. */
async function receiptAnswer(call: IdentityCall, { user, methods }: MoreWanted): Promise<Answer> {
  const { id, issuedMs, expiresMs } = await call.gateway.tokens.issueReceipt(user, methods);
  const domain = viewOf(call).get('domain', user.domainId);
  return {
    status: 401,
    headers: [['Openstack-Auth-Receipt', id]],
    document: {
      receipt: {
        ...{ methods, issued_at: timeText(issuedMs), expires_at: timeText(expiresMs) },
        user: { id: user.id, name: user.name, domain: { id: user.domainId, name: domain?.name ?? null } },
      },
      required_auth_methods: (user.options?.factorRules ?? []).map((rule) => rule.methods),
    },
  };
}

/** Projects where the user has a role. */
export async function projectsOf(call: IdentityCall, token: Pick<Token, 'user'>) {
  const view = viewOf(call);
  const { user } = token;
  const isOpen = (project: StoredProject) =>
    project.enabled &&
    view.get('domain', project.domainId)?.enabled === true &&
    effectiveRoles(view, user, { kind: 'project', id: project.id }).length > 0;
  return view.list('project', limits.identityListed + 1, isOpen);
}

async function domainsOf(call: IdentityCall): Promise<readonly StoredDomain[]> {
  const view = viewOf(call);
  const { user } = callerOf(call);
  return view.list(
    'domain',
    limits.identityListed + 1,
    (domain) => domain.enabled && effectiveRoles(view, user, { kind: 'domain', id: domain.id }).length > 0,
  );
}

export const tokenOperations = {
  list_versions: {
    ...{ method: 'GET', path: '/' },
    run: (call) => ({ status: 300, document: { versions: { values: [version(call)] } } }),
  },
  show_version: { method: 'GET', path: '/v3', run: (call) => ok({ version: version(call) }) },
  issue_token: {
    ...{ method: 'POST', path: '/v3/auth/tokens' },
    async run(call) {
      const outcome = await login(call, await bodyOf(call, 'auth'));
      if (outcome instanceof MoreWanted) return receiptAnswer(call, outcome);
      const { id, token } = outcome;
      return { status: 201, document: tokenDocument(call, token), headers: [[SUBJECT, id]] };
    },
  },
  validate_token: { method: 'GET', path: '/v3/auth/tokens', facts: subjectFacts, run: validate },
  check_token: { method: 'HEAD', path: '/v3/auth/tokens', facts: subjectFacts, run: validate },
  revoke_token: {
    ...{ method: 'DELETE', path: '/v3/auth/tokens' },
    facts: subjectFacts,
    async run(call) {
      await call.gateway.tokens.revoke(actorOf(call), await subjectOf(call));
      return NO_CONTENT;
    },
  },
  get_auth_projects: {
    ...{ method: 'GET', path: '/v3/auth/projects' },
    async run(call) {
      const projects = await projectsOf(call, callerOf(call));
      return listAnswer(
        call,
        'projects',
        projects.map((project) => projectDocument(call, project)),
      );
    },
  },
  get_auth_domains: {
    ...{ method: 'GET', path: '/v3/auth/domains' },
    async run(call) {
      const domains = await domainsOf(call);
      return listAnswer(
        call,
        'domains',
        domains.map((domain) => domainDocument(call, domain)),
      );
    },
  },
  get_auth_system: {
    ...{ method: 'GET', path: '/v3/auth/system' },
    run(call) {
      const roles = effectiveRoles(viewOf(call), callerOf(call).user, { kind: 'system' });
      return ok({
        system: roles.length > 0 ? [{ all: true }] : [],
        links: { self: `${call.base}/auth/system` },
      });
    },
  },
  get_auth_catalog: {
    ...{ method: 'GET', path: '/v3/auth/catalog' },
    run(call) {
      if (!callerOf(call).scope)
        throw new IdentityError(403, 'The token is for nothing yet: it has no catalog.');
      const self = `${call.base}/auth/catalog`;
      return ok({
        catalog: catalogDocument(call, call.token?.project?.id),
        links: { next: null, self, previous: null },
      });
    },
  },
} as const satisfies Readonly<Record<string, Operation>>;
