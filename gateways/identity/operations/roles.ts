// Owns the operations of roles and of what they imply.

import { limits } from '#core/kernel/limits.ts';
import type { StoredRole } from '#projections/identity-by-id/identity-by-id.query.ts';
import {
  type Answer,
  accept,
  actorOf,
  bodyOf,
  callerOf,
  created,
  found,
  type IdentityCall,
  NO_CONTENT,
  type Operation,
  ok,
  param,
  viewOf,
} from '../call.ts';
import { isWanted, roleDocument } from '../documents.ts';
import { IdentityError } from '../errors.ts';
import { changesOf, listPage } from './directory.ts';

function roleOf(call: IdentityCall, name = 'role_id'): StoredRole {
  const id = param(call, name);
  return found(viewOf(call).get('role', id), 'role', id);
}

const ALL = limits.identityListed + 1;

const inOwnDomain = (call: IdentityCall) => {
  const { scope } = callerOf(call);
  return scope?.kind === 'domain' ? { domainId: scope.id } : {};
};

const short = (call: IdentityCall, { id, name, description }: StoredRole) => ({
  ...{ id, name, description, links: { self: `${call.base}/roles/${id}` } },
});

function implication(call: IdentityCall): object {
  const prior = roleOf(call, 'prior_role_id');
  const implied = roleOf(call, 'implied_role_id');
  found(prior.impliedRoleIds.includes(implied.id) || undefined, 'implied role', implied.id);
  const self = `${call.base}/roles/${prior.id}/implies/${implied.id}`;
  return {
    role_inference: { prior_role: short(call, prior), implies: short(call, implied) },
    links: { self },
  };
}

function impliedBy(call: IdentityCall, prior: StoredRole): object {
  const implied = prior.impliedRoleIds.map((id) => viewOf(call).get('role', id));
  return {
    prior_role: short(call, prior),
    implies: implied.filter((role) => role !== undefined).map((role) => short(call, role)),
  };
}

const IMPLIES = '/v3/roles/:prior_role_id/implies';
const IMPLIED = `${IMPLIES}/:implied_role_id`;

async function inferences(call: IdentityCall): Promise<Answer> {
  const roles = await viewOf(call).list('role', ALL, ({ impliedRoleIds }) => impliedRoleIds.length > 0);
  return ok({
    role_inferences: roles.map((role) => impliedBy(call, role)),
    links: { self: `${call.base}/role_inferences` },
  });
}

export const roleOperations = {
  list_roles: {
    ...{ method: 'GET', path: '/v3/roles' },
    facts: inOwnDomain,
    run(call) {
      // Without a word about it those of the whole cloud.
      const domainId = call.query.get('domain_id') ?? '';
      const isListed = (role: StoredRole) => role.domainId === domainId && isWanted(call, role);
      return listPage(call, 'role', roleDocument, isListed);
    },
  },
  create_role: {
    ...{ method: 'POST', path: '/v3/roles' },
    async run(call) {
      const fields = await bodyOf(call, 'role');
      const role = {
        name: fields.name(),
        description: fields.optionalText('description') ?? '',
        domainId: fields.optionalText('domain_id') ?? '',
      };
      const id = accept(await call.gateway.identity.roles.createRole(actorOf(call), role));
      return created({ role: roleDocument(call, found(viewOf(call).get('role', id), 'role', id)) });
    },
  },
  get_role: {
    ...{ method: 'GET', path: '/v3/roles/:role_id' },
    facts: inOwnDomain,
    run: (call) => ok({ role: roleDocument(call, roleOf(call)) }),
  },
  update_role: {
    ...{ method: 'PATCH', path: '/v3/roles/:role_id' },
    async run(call) {
      const { id } = roleOf(call);
      const { enabled: _, ...changes } = changesOf(await bodyOf(call, 'role'));
      accept(await call.gateway.identity.roles.updateRole(actorOf(call), id, changes));
      return ok({ role: roleDocument(call, roleOf(call)) });
    },
  },
  delete_role: {
    ...{ method: 'DELETE', path: '/v3/roles/:role_id' },
    async run(call) {
      const { id } = roleOf(call);
      if (call.gateway.identity.adoption.isBuiltIn(id)) {
        throw new IdentityError(403, `Cannot delete the role ${id}: every cloud has it.`);
      }
      accept(await call.gateway.identity.roles.deleteRole(actorOf(call), id));
      return NO_CONTENT;
    },
  },
  list_implied_roles: {
    ...{ method: 'GET', path: IMPLIES },
    run(call) {
      const prior = roleOf(call, 'prior_role_id');
      const self = `${call.base}/roles/${prior.id}/implies`;
      return ok({ role_inference: impliedBy(call, prior), links: { self } });
    },
  },
  create_implied_role: {
    ...{ method: 'PUT', path: IMPLIED },
    async run(call) {
      const [prior, implied] = [roleOf(call, 'prior_role_id'), roleOf(call, 'implied_role_id')];
      // Who grants a role must not thereby grant the administrator's.
      if (implied.name === 'admin' && implied.domainId === '') {
        throw new IdentityError(403, 'Cannot create an implied role of admin.');
      }
      accept(await call.gateway.identity.roles.implyRole(actorOf(call), prior.id, implied.id));
      return created(implication(call));
    },
  },
  get_implied_role: { method: 'GET', path: IMPLIED, run: (call) => ok(implication(call)) },
  check_implied_role: {
    ...{ method: 'HEAD', path: IMPLIED },
    run(call) {
      implication(call);
      return NO_CONTENT;
    },
  },
  delete_implied_role: {
    ...{ method: 'DELETE', path: IMPLIED },
    async run(call) {
      const [prior, implied] = [roleOf(call, 'prior_role_id'), roleOf(call, 'implied_role_id')];
      accept(await call.gateway.identity.roles.unimplyRole(actorOf(call), prior.id, implied.id));
      return NO_CONTENT;
    },
  },
  list_role_inferences: { method: 'GET', path: '/v3/role_inferences', run: inferences },
} as const satisfies Readonly<Record<string, Operation>>;
