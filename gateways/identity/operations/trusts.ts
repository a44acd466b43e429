// Owns the operations of trusts (OS-TRUST): who lets whom act with which roles, and passes on what was let.

import { limits } from '#core/kernel/limits.ts';
import type { StoredTrust } from '#projections/identity-by-id/identity-by-id.query.ts';
import {
  type Answer,
  accept,
  actorOf,
  bodyOf,
  callerOf,
  created,
  expiryOf,
  type Fields,
  found,
  type IdentityCall,
  NO_CONTENT,
  type Operation,
  ok,
  param,
  viewOf,
} from '../call.ts';
import { listAnswer, pageOf, roleDocument, timeText } from '../documents.ts';
import { badRequest, forbidden } from '../errors.ts';

const PATH = '/v3/OS-TRUST/trusts';
const ONE = `${PATH}/:trust_id`;

function rolesOf(call: IdentityCall, { roleIds }: StoredTrust) {
  const roles = roleIds.map((id) => viewOf(call).get('role', id));
  return roles.filter((role) => role !== undefined).map((role) => roleDocument(call, role));
}

function summaryOf(call: IdentityCall, trust: StoredTrust) {
  const { id, trustorId, trusteeId, projectId, impersonation, expiresMs, usesLeft } = trust;
  const { redelegations, parentId } = trust;
  return {
    ...{ id, trustor_user_id: trustorId, trustee_user_id: trusteeId, project_id: projectId, impersonation },
    expires_at: expiresMs === undefined ? null : timeText(expiresMs),
    ...{ remaining_uses: usesLeft ?? null, redelegation_count: redelegations, deleted_at: null },
    ...(parentId !== '' && { redelegated_trust_id: parentId }),
    links: { self: `${call.base}/OS-TRUST/trusts/${id}` },
  };
}

function documentOf(call: IdentityCall, trust: StoredTrust) {
  const self = `${call.base}/OS-TRUST/trusts/${trust.id}/roles`;
  const roles = rolesOf(call, trust);
  return { ...summaryOf(call, trust), roles, roles_links: { next: null, previous: null, self } };
}

/** One that has ended is as one that is not there. */
function trustOf(call: IdentityCall): StoredTrust {
  const id = param(call, 'trust_id');
  const trust = viewOf(call).trust(id);
  const isOver = (trust?.expiresMs ?? Infinity) <= call.gateway.clock.nowMs();
  return found(isOver ? undefined : trust, 'trust', id);
}

/** Either of the two whom it concerns, where that is the caller. */
function partyFacts(call: IdentityCall) {
  const trust = viewOf(call).trust(param(call, 'trust_id'));
  const { id } = callerOf(call).user;
  return { userId: trust?.trusteeId === id ? id : trust?.trustorId };
}

const trustorFacts = (call: IdentityCall) => ({
  userId: viewOf(call).trust(param(call, 'trust_id'))?.trustorId,
});

/** Whoever does not ask for one user's asks for all. */
const listFacts = (call: IdentityCall) => ({
  userId: call.query.get('trustor_user_id') ?? call.query.get('trustee_user_id'),
});

async function list(call: IdentityCall): Promise<Answer> {
  const { query } = call;
  const view = viewOf(call);
  const [trustor, trustee] = [query.get('trustor_user_id'), query.get('trustee_user_id')];
  const one = trustor ?? trustee;
  const { after, entries } = pageOf(call);
  const stored = await (one === undefined
    ? view.trusts(entries + 1, after)
    : view.trustsOf(one, limits.identityListed));
  const isAsked = ({ trustorId, trusteeId }: StoredTrust) =>
    (trustor ?? trustorId) === trustorId && (trustee ?? trusteeId) === trusteeId;
  return listAnswer(
    call,
    'trusts',
    stored.filter(isAsked).map((trust) => summaryOf(call, trust)),
  );
}

/** By id or by name, of those that the caller's token has. */
function givenRoles(call: IdentityCall, fields: Fields): readonly string[] {
  const { roles } = callerOf(call);
  const wanted = fields.has('roles') ? fields.records('roles') : [];
  if (wanted.length === 0) throw badRequest('A trust gives one role at least.');
  const ids = wanted.map((role) => {
    const [id, name] = [role.optionalText('id'), role.optionalText('name')];
    const held = roles.find((each) => (id === undefined ? each.name === name : each.id === id));
    if (!held) throw forbidden(call.operation);
    return held.id;
  });
  return [...new Set(ids)];
}

function optionalWhole(fields: Fields, name: string, least: number): number | undefined {
  const value = fields.value(name);
  if (value === undefined || value === null) return undefined;
  const number = fields.whole(name);
  if (number < least) throw badRequest(`Invalid input for field '${name}': it is below ${least}`);
  return number;
}

/** How often it may be passed on: once less than that from which it is. */
function redelegationsOf(call: IdentityCall, fields: Fields): number {
  const given = optionalWhole(fields, 'redelegation_count', 0);
  const { trust: parent } = callerOf(call);
  const most = parent ? parent.redelegations - 1 : limits.trustRedelegations;
  if (parent && most < 0) throw forbidden(call.operation);
  if (fields.optionalFlag('allow_redelegation') !== true) return 0;
  if ((given ?? most) > most) throw forbidden(call.operation);
  return given ?? most;
}

async function create(call: IdentityCall): Promise<Answer> {
  const { user, trust: parent, project, applicationCredential } = callerOf(call);
  if (applicationCredential?.unrestricted === false) throw forbidden(call.operation);
  const fields = await bodyOf(call, 'trust');
  // Only the trustor's own word counts, or that of one who may pass the trustor's on.
  const trustorId = fields.text('trustor_user_id');
  if (trustorId !== (parent?.trustorId ?? user.id)) throw forbidden(call.operation);
  const impersonation = fields.optionalFlag('impersonation');
  if (impersonation === undefined) throw badRequest("'impersonation' is a required property");
  const projectId = fields.text('project_id');
  found(viewOf(call).get('project', projectId), 'project', projectId);
  // Roles are given where the token has them.
  if (project?.id !== projectId) throw forbidden(call.operation);
  const redelegations = redelegationsOf(call, fields);
  const uses = optionalWhole(fields, 'remaining_uses', 1);
  if (uses !== undefined && redelegations > 0) {
    throw badRequest('A trust that may be passed on is not limited to a number of uses.');
  }
  const expiresMs = expiryOf(call, fields) ?? parent?.expiresMs;
  const { trusts, external } = call.gateway.identity;
  await external.meet([fields.text('trustee_user_id')]);
  const id = accept(
    await trusts.create(actorOf(call), {
      ...{ trustorId, trusteeId: fields.text('trustee_user_id'), projectId },
      ...{ roleIds: givenRoles(call, fields), impersonation, redelegations, parentId: parent?.id ?? '' },
      ...(expiresMs !== undefined && { expiresMs }),
      ...(uses !== undefined && { uses }),
    }),
  );
  return created({ trust: documentOf(call, found(viewOf(call).trust(id), 'trust', id)) });
}

function showRole(call: IdentityCall): Answer {
  const id = param(call, 'role_id');
  const role = rolesOf(call, trustOf(call)).find((each) => each.id === id);
  return ok({ role: found(role, 'role', id) });
}

const show = (call: IdentityCall) => ok({ trust: documentOf(call, trustOf(call)) });

export const trustOperations = {
  list_trusts: { method: 'GET', path: PATH, facts: listFacts, run: list },
  create_trust: { method: 'POST', path: PATH, run: create },
  get_trust: { method: 'GET', path: ONE, facts: partyFacts, run: show },
  check_trust: { method: 'HEAD', path: ONE, facts: partyFacts, run: show },
  delete_trust: {
    ...{ method: 'DELETE', path: ONE },
    facts: trustorFacts,
    async run(call) {
      const id = param(call, 'trust_id');
      found(viewOf(call).trust(id), 'trust', id);
      accept(await call.gateway.identity.trusts.delete(actorOf(call), id));
      return NO_CONTENT;
    },
  },
  list_roles_for_trust: {
    ...{ method: 'GET', path: `${ONE}/roles` },
    facts: partyFacts,
    run: (call) => listAnswer(call, 'roles', rolesOf(call, trustOf(call))),
  },
  get_role_for_trust: {
    ...{ method: 'GET', path: `${ONE}/roles/:role_id` },
    facts: partyFacts,
    run: showRole,
  },
  check_role_for_trust: {
    ...{ method: 'HEAD', path: `${ONE}/roles/:role_id` },
    facts: partyFacts,
    run: showRole,
  },
} as const satisfies Readonly<Record<string, Operation>>;
