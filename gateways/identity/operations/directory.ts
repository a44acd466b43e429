// Owns the operations of domains and groups, and what lists of things in domains have in common.

import { limits } from '#core/kernel/limits.ts';
import type { StoredGroup, ThingKind, Things } from '#projections/identity-by-id/identity-by-id.query.ts';
import { administersCloud } from '#services/identity/effective-roles.ts';
import {
  type Answer,
  accept,
  actorOf,
  bodyOf,
  callerOf,
  created,
  type Fields,
  found,
  type IdentityCall,
  NO_CONTENT,
  type Operation,
  ok,
  param,
  viewOf,
} from '../call.ts';
import { domainDocument, groupDocument, isWanted, listAnswer, pageOf, userDocument } from '../documents.ts';
import { badRequest, forbidden, readOnly } from '../errors.ts';

/** The domain of a list: what the query wants, or what the token is for. */
export const listFacts = (call: IdentityCall) => ({ domainId: listedDomain(call) });

/** Who may see one domain alone sees no other, whatever the query says. */
function listedDomain(call: IdentityCall): string | undefined {
  const { scope } = callerOf(call);
  return call.query.get('domain_id') ?? (scope?.kind === 'domain' ? scope.id : undefined);
}

/** All things of a kind that the query wants, in the domain that the caller may see. */
export async function listOf<Kind extends 'project' | 'user' | 'group'>(
  call: IdentityCall,
  kind: Kind,
  document: (call: IdentityCall, thing: Things[Kind]) => object,
  isWantedToo: (thing: Things[Kind]) => boolean = () => true,
): Promise<Answer> {
  const view = viewOf(call);
  const domainId = listedDomain(call);
  const name = call.query.get('name');
  const isListed = (thing: Things[Kind]) =>
    (domainId === undefined || thing.domainId === domainId) && isWanted(call, thing) && isWantedToo(thing);
  const { external } = call.gateway.identity;
  if (domainId !== undefined && kind !== 'project' && external.has(domainId)) {
    const things = (await external.list(kind, domainId, name)) as readonly Things[Kind][];
    const shown = things.filter(isListed).map((thing) => document(call, thing));
    return listAnswer(call, `${kind}s`, shown);
  }
  if (domainId !== undefined && name !== undefined) {
    const id = view.idOf(kind, domainId, name);
    const thing = id === undefined ? undefined : view.get(kind, id);
    return listAnswer(call, `${kind}s`, thing && isListed(thing) ? [document(call, thing)] : []);
  }
  return listPage(call, kind, document, isListed);
}

/** The page of all things of a kind that is asked for: no more of them is read than that. */
export async function listPage<Kind extends ThingKind>(
  call: IdentityCall,
  kind: Kind,
  document: (call: IdentityCall, thing: Things[Kind]) => object,
  isListed: (thing: Things[Kind]) => boolean,
): Promise<Answer> {
  const { after, entries } = pageOf(call);
  const things = await viewOf(call).list(kind, entries + 1, isListed, after);
  return listAnswer(
    call,
    `${kind}s`,
    things.map((thing) => document(call, thing)),
  );
}

/** Where a new thing is to lie: as the document says, else the domain that the token is for. */
export function newDomainId(call: IdentityCall, fields: Fields): string {
  const given = fields.optionalText('domain_id');
  if (given) return given;
  const { scope, domain } = callerOf(call);
  if (scope?.kind === 'system') throw badRequest("'domain_id' is a required property");
  return domain?.id ?? 'default';
}

/** Of a thing in a domain, by the path's parameter. */
export const factsOf = (kind: 'project' | 'user' | 'group', name: string) => (call: IdentityCall) => {
  const id = param(call, name);
  const thing = viewOf(call).get(kind, id);
  return {
    domainId: thing?.domainId,
    ...(kind === 'project' && { projectId: id }),
    ...(kind === 'user' && { userId: id }),
  };
};

const DOMAIN_NAME_CHARACTERS = 64;
const domainFacts = (call: IdentityCall) => ({ domainId: param(call, 'domain_id') });
const groupFacts = factsOf('group', 'group_id');

function domainOf(call: IdentityCall) {
  const id = param(call, 'domain_id');
  return found(viewOf(call).get('domain', id), 'domain', id);
}

function groupOf(call: IdentityCall): StoredGroup {
  const id = param(call, 'group_id');
  return found(viewOf(call).get('group', id), 'group', id);
}

/** Both must be there, and the membership. */
function checkMember(call: IdentityCall): Answer {
  const group = groupOf(call);
  const userId = param(call, 'user_id');
  const user = found(viewOf(call).get('user', userId), 'user', userId);
  found(user.groupIds.includes(group.id) || undefined, `user ${userId} in group`, group.id);
  return NO_CONTENT;
}

/** A domain's manager may put only users of the domain into its groups. */
function memberFacts(call: IdentityCall) {
  const view = viewOf(call);
  const userId = param(call, 'user_id');
  const group = view.get('group', param(call, 'group_id'));
  const user = view.get('user', userId);
  return { userId, domainId: group?.domainId === user?.domainId ? group?.domainId : undefined };
}

export const directoryOperations = {
  list_domains: {
    ...{ method: 'GET', path: '/v3/domains' },
    run: (call) => listPage(call, 'domain', domainDocument, (domain) => isWanted(call, domain)),
  },
  create_domain: {
    ...{ method: 'POST', path: '/v3/domains' },
    async run(call) {
      const fields = await bodyOf(call, 'domain');
      const domain = {
        name: fields.name('name', DOMAIN_NAME_CHARACTERS),
        description: fields.optionalText('description') ?? '',
        enabled: fields.optionalFlag('enabled') ?? true,
      };
      const id = accept(await call.gateway.identity.directory.createDomain(actorOf(call), domain));
      return created({ domain: domainDocument(call, found(viewOf(call).get('domain', id), 'domain', id)) });
    },
  },
  get_domain: {
    ...{ method: 'GET', path: '/v3/domains/:domain_id' },
    facts: domainFacts,
    run: (call) => ok({ domain: domainDocument(call, domainOf(call)) }),
  },
  update_domain: {
    ...{ method: 'PATCH', path: '/v3/domains/:domain_id' },
    facts: domainFacts,
    async run(call) {
      const { id } = domainOf(call);
      const fields = await bodyOf(call, 'domain');
      const changes = changesOf(fields, DOMAIN_NAME_CHARACTERS);
      accept(await call.gateway.identity.directory.updateDomain(actorOf(call), id, changes));
      return ok({ domain: domainDocument(call, domainOf(call)) });
    },
  },
  delete_domain: {
    ...{ method: 'DELETE', path: '/v3/domains/:domain_id' },
    facts: domainFacts,
    async run(call) {
      const { id } = domainOf(call);
      accept(await call.gateway.identity.directory.deleteDomain(actorOf(call), id));
      return NO_CONTENT;
    },
  },
  list_groups: {
    ...{ method: 'GET', path: '/v3/groups' },
    facts: listFacts,
    run: (call) => listOf(call, 'group', groupDocument),
  },
  create_group: {
    ...{ method: 'POST', path: '/v3/groups' },
    facts: listFacts,
    async run(call) {
      const fields = await bodyOf(call, 'group');
      const domainId = ownDomain(call, newDomainId(call, fields));
      if (call.gateway.identity.external.has(domainId)) throw readOnly();
      const group = { domainId, name: fields.name(), description: fields.optionalText('description') ?? '' };
      const id = accept(await call.gateway.identity.directory.createGroup(actorOf(call), group));
      return created({ group: groupDocument(call, found(viewOf(call).get('group', id), 'group', id)) });
    },
  },
  get_group: {
    ...{ method: 'GET', path: '/v3/groups/:group_id' },
    facts: groupFacts,
    run: (call) => ok({ group: groupDocument(call, groupOf(call)) }),
  },
  update_group: {
    ...{ method: 'PATCH', path: '/v3/groups/:group_id' },
    facts: groupFacts,
    async run(call) {
      const { id } = groupOf(call);
      const { enabled: _, ...changes } = changesOf(await bodyOf(call, 'group'));
      accept(await call.gateway.identity.directory.updateGroup(actorOf(call), id, changes));
      return ok({ group: groupDocument(call, groupOf(call)) });
    },
  },
  delete_group: {
    ...{ method: 'DELETE', path: '/v3/groups/:group_id' },
    facts: groupFacts,
    async run(call) {
      const { id } = groupOf(call);
      accept(await call.gateway.identity.directory.deleteGroup(actorOf(call), id));
      return NO_CONTENT;
    },
  },
  list_users_in_group: {
    ...{ method: 'GET', path: '/v3/groups/:group_id/users' },
    facts: groupFacts,
    async run(call) {
      const view = viewOf(call);
      const { id: groupId } = groupOf(call);
      const elsewhere = await call.gateway.identity.external.membersOf(groupId);
      const members = elsewhere ? [] : await view.membersOf(groupId, limits.identityListed + 1);
      const known = members.map((id) => view.get('user', id)).filter((user) => user !== undefined);
      const users = elsewhere ?? known;
      const wanted = users.filter((user) => isWanted(call, user));
      return listAnswer(
        call,
        'users',
        wanted.map((user) => userDocument(call, user)),
      );
    },
  },
  add_user_to_group: {
    ...{ method: 'PUT', path: '/v3/groups/:group_id/users/:user_id' },
    facts: memberFacts,
    async run(call) {
      const { id } = groupOf(call);
      const userId = param(call, 'user_id');
      found(viewOf(call).get('user', userId), 'user', userId);
      refuseAdministrator(call, id);
      accept(await call.gateway.identity.users.joinGroup(actorOf(call), userId, id));
      return NO_CONTENT;
    },
  },
  check_user_in_group: {
    ...{ method: 'HEAD', path: '/v3/groups/:group_id/users/:user_id' },
    facts: memberFacts,
    run: checkMember,
  },
  get_user_in_group: {
    ...{ method: 'GET', path: '/v3/groups/:group_id/users/:user_id' },
    facts: memberFacts,
    run: checkMember,
  },
  remove_user_from_group: {
    ...{ method: 'DELETE', path: '/v3/groups/:group_id/users/:user_id' },
    facts: memberFacts,
    async run(call) {
      checkMember(call);
      const [userId, groupId] = [param(call, 'user_id'), param(call, 'group_id')];
      accept(await call.gateway.identity.users.leaveGroup(actorOf(call), userId, groupId));
      return NO_CONTENT;
    },
  },
} as const satisfies Readonly<Record<string, Operation>>;

/** What a document changes of a thing that has a name. */
export function changesOf(fields: Fields, nameCharacters?: number) {
  const name = fields.optionalName('name', nameCharacters);
  const description = fields.optionalText('description');
  const enabled = fields.optionalFlag('enabled');
  return {
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description }),
    ...(enabled !== undefined && { enabled }),
  };
}

/**
 * Whoever could become an administrator of the cloud is no domain's manager's to change.
 * @throws IdentityError 403
 */
export function refuseAdministrator(call: IdentityCall, id: string, groupIds: readonly string[] = []): void {
  if (callerOf(call).isCloudAdmin || !administersCloud(viewOf(call), { id, groupIds })) return;
  throw forbidden(call.operation);
}

/** Who was let in as one domain's manager makes things in no other. */
export function ownDomain(call: IdentityCall, domainId: string): string {
  const { isCloudAdmin, scope } = callerOf(call);
  if (!isCloudAdmin && scope?.kind === 'domain' && scope.id !== domainId) {
    throw badRequest('The token is for another domain than that of the request.');
  }
  return domainId;
}
