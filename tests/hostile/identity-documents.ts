// Owns the documents of Keystone that are legal, for each path that takes one.

import type { Chance } from '#tests/simulation/world.ts';
import { letters } from './hostile-values.ts';

export interface IdentityIds {
  readonly domainId: string;
  readonly projectId: string;
  readonly userId: string;
  readonly roleId: string;
  readonly token: string;
}

/** A legal document for the collection that the path ends in, or that it names a member of. */
export function documentFor(path: string, ids: IdentityIds, chance: Chance): object {
  const name = `n-${letters(chance, 6)}`;
  const { domainId: domain_id, projectId, userId, roleId } = ids;
  const documents: Readonly<Record<string, () => object>> = {
    tokens: () => loginFor(ids, chance),
    domains: () => ({ domain: { name, description: 'd', enabled: true } }),
    projects: () => ({
      project: { name, domain_id, parent_id: projectId, tags: ['a', 'b'], is_domain: false },
    }),
    tags: () => ({ tags: ['a', name] }),
    users: () => ({
      user: { name, domain_id, password: 'secret', email: 'a@b', default_project_id: projectId },
    }),
    password: () => ({ user: { original_password: 'wrong', password: 'new' } }),
    groups: () => ({ group: { name, domain_id, description: 'd' } }),
    roles: () => ({ role: { name, domain_id, options: { immutable: false } } }),
    'OS-EC2': () => ({ tenant_id: projectId }),
    application_credentials: () => ({
      application_credential: {
        ...{ name, roles: [{ id: roleId }], unrestricted: false, expires_at: '2099-01-01T00:00:00' },
        access_rules: [{ service: 'identity', method: 'GET', path: '/v3/**' }],
      },
    }),
    regions: () => ({ region: { id: name, description: 'd', parent_region_id: null } }),
    services: () => ({ service: { name, type: 'x', enabled: true } }),
    endpoints: () => ({
      endpoint: { service_id: 'x', interface: 'public', url: 'http://a', region_id: 'b' },
    }),
    registered_limits: () => ({
      registered_limits: [{ service_id: 'x', resource_name: 'r', default_limit: 5 }],
    }),
    limits: () => ({
      limits: [{ service_id: 'x', resource_name: 'r', resource_limit: 5, project_id: projectId }],
    }),
    s3tokens: () => ({ credentials: { access: 'a', token: 'b', signature: 'c' } }),
    ec2tokens: () => ({
      credentials: {
        ...{ access: 'a', verb: 'GET', host: 'h', path: '/', signature: 's', body_hash: 'x' },
        ...{ params: { X: 'y' }, headers: { authorization: 'AWS4-HMAC-SHA256 Credential=a' } },
      },
    }),
  };
  const segments = path.split('/').reverse();
  const found = segments.find((segment) => Object.hasOwn(documents, segment));
  const document = found === undefined ? { nothing: { name, userId } } : documents[found]?.();
  return document ?? {};
}

function loginFor({ domainId, projectId, userId, token }: IdentityIds, chance: Chance): object {
  const user = { id: userId, name: 'mallory', password: 'wrong', domain: { id: domainId } };
  const identity = chance.pick([
    { methods: ['password'], password: { user } },
    { methods: ['token'], token: { id: token } },
    { methods: ['application_credential'], application_credential: { id: 'x', secret: 'y' } },
    { methods: ['totp'], totp: { user: { id: userId, passcode: '123456' } } },
    { methods: ['password', 'totp'], password: { user }, totp: { user: { id: userId, passcode: '0' } } },
    { methods: ['external'] },
  ]);
  const scope = chance.pick([
    ...[undefined, 'unscoped', { project: { id: projectId } }, { domain: { id: domainId } }],
    ...[{ system: { all: true } }, { project: { name: 'admin', domain: { name: 'Default' } } }],
  ]);
  return { auth: { identity, ...(scope !== undefined && { scope }) } };
}
