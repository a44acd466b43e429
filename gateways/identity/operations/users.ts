// Owns the operations of users: who they are, their groups and projects, and their own change of password.

import { isRejected, type Rejection } from '#core/kernel/decider.ts';
import { limits } from '#core/kernel/limits.ts';
import type { StoredUser, StoredUserOptions } from '#projections/identity-by-id/identity-by-id.query.ts';
import type { IdentityRejection } from '#services/identity/identity.ts';
import { USER_FLAGS } from '#services/identity/login-policy.ts';
import {
  accept,
  actorOf,
  bodyOf,
  created,
  extraOf,
  type Fields,
  found,
  type IdentityCall,
  NO_CONTENT,
  type Operation,
  ok,
  param,
  viewOf,
} from '../call.ts';
import {
  expiresAsWanted,
  groupDocument,
  isWanted,
  listAnswer,
  projectDocument,
  userDocument,
} from '../documents.ts';
import { badRequest, readOnly, unauthorized } from '../errors.ts';
import {
  changesOf,
  factsOf,
  listFacts,
  listOf,
  newDomainId,
  ownDomain,
  refuseAdministrator,
} from './directory.ts';
import { projectsOf } from './tokens.ts';

const KNOWN = [
  ...['id', 'name', 'domain_id', 'description', 'email', 'default_project_id', 'enabled', 'password'],
  ...['original_password', 'password_expires_at', 'options', 'links'],
];
const facts = factsOf('user', 'user_id');

function userOf(call: IdentityCall): StoredUser {
  const id = param(call, 'user_id');
  return found(viewOf(call).get('user', id), 'user', id);
}

function passwordOf(fields: Fields, name = 'password'): string | undefined {
  const password = fields.value(name) === null ? undefined : fields.optionalText(name);
  if (password !== undefined && Buffer.byteLength(password) > limits.passwordBytes) {
    throw badRequest(`A password has at most ${limits.passwordBytes} bytes.`);
  }
  return password;
}

/** What a document says of a user, besides the name and the password. */
function detailsOf(fields: Fields) {
  const email = fields.optionalText('email');
  const defaultProjectId = fields.optionalText('default_project_id');
  return {
    ...(email !== undefined && { email }),
    ...(defaultProjectId !== undefined && { defaultProjectId }),
  };
}

const isFlag = (name: string) => USER_FLAGS.some((known) => known === name);

/** What is null is taken away, what is not named stays. Undefined where the document names none. */
function optionsOf(fields: Fields, before?: StoredUser): StoredUserOptions | undefined {
  const given = fields.optionalRecord('options');
  if (!given) return undefined;
  const flags = new Map(before?.options?.flags.map(({ name, value }) => [name, value]));
  let factorRules = before?.options?.factorRules ?? [];
  for (const name of given.names()) {
    const isRemoved = given.value(name) === null;
    if (name === 'multi_factor_auth_rules') factorRules = isRemoved ? [] : rulesOf(given.value(name));
    else if (!isFlag(name)) throw badRequest(`Invalid input for field 'options': '${name.slice(0, 64)}'`);
    else if (isRemoved) flags.delete(name);
    else flags.set(name, given.optionalFlag(name) ?? false);
  }
  return { flags: [...flags].map(([name, value]) => ({ name, value })), factorRules };
}

/** Lists of methods, as Keystone has them. @throws IdentityError 400 */
function rulesOf(value: unknown): StoredUserOptions['factorRules'] {
  const isText = (method: unknown) => typeof method === 'string' && method !== '' && method.length <= 64;
  const isRule = (rule: unknown) =>
    Array.isArray(rule) && rule.length > 0 && rule.length <= limits.factorRules && rule.every(isText);
  if (!Array.isArray(value) || value.length > limits.factorRules || !value.every(isRule)) {
    throw badRequest("Invalid input for field 'options.multi_factor_auth_rules': lists of methods");
  }
  const rules: readonly (readonly string[])[] = value.map((rule) => [...new Set<string>(rule)]);
  return rules.map((methods) => ({ methods }));
}

/** As `accept`; who chose a password that will not do is told which would. */
function acceptPassword<Value>(call: IdentityCall, outcome: Value | Rejection<IdentityRejection>): Value {
  const { passwordPatternDescription: wanted, passwordHistory } = call.gateway.identity.logins.policy;
  const code = isRejected(outcome) ? outcome.rejected : undefined;
  if (code === 'weak-password') {
    throw badRequest(`The password does not match the requirements: ${wanted || 'none were described'}.`);
  }
  if (code === 'password-used-before') {
    throw badRequest(
      'The new password cannot be identical to a previous password. The total number which includes the' +
        ` new password must be unique is: ${passwordHistory}.`,
    );
  }
  return accept(outcome);
}

async function update(call: IdentityCall) {
  const { id, extra: kept, groupIds } = userOf(call);
  refuseAdministrator(call, id, groupIds);
  const fields = await bodyOf(call, 'user');
  const { users } = call.gateway.identity;
  const password = passwordOf(fields);
  const extra = extraOf(fields, KNOWN);
  const changes = {
    ...changesOf(fields),
    ...detailsOf(fields),
    ...(extra && { extra: { ...kept, ...extra } }),
  };
  if (Object.keys(changes).length > 0) accept(await users.updateUser(actorOf(call), id, changes));
  if (password !== undefined) {
    acceptPassword(call, await users.setPassword(actorOf(call), id, password, { by: 'administrator' }));
  }
  const options = optionsOf(fields, userOf(call));
  if (options) accept(await users.setOptions(actorOf(call), id, options));
  return ok({ user: userDocument(call, userOf(call)) });
}

export const userOperations = {
  list_users: {
    ...{ method: 'GET', path: '/v3/users' },
    facts: listFacts,
    run: (call) => listOf(call, 'user', userDocument, (user) => expiresAsWanted(call, user)),
  },
  create_user: {
    ...{ method: 'POST', path: '/v3/users' },
    facts: listFacts,
    async run(call) {
      const fields = await bodyOf(call, 'user');
      const user = {
        domainId: ownDomain(call, newDomainId(call, fields)),
        name: fields.name(),
        description: fields.optionalText('description') ?? '',
        enabled: fields.optionalFlag('enabled') ?? true,
        ...{ email: '', defaultProjectId: '', ...detailsOf(fields) },
        extra: extraOf(fields, KNOWN) ?? {},
      };
      if (call.gateway.identity.external.has(user.domainId)) throw readOnly();
      const options = optionsOf(fields);
      const { users } = call.gateway.identity;
      const id = acceptPassword(call, await users.createUser(actorOf(call), user, passwordOf(fields)));
      if (options) accept(await users.setOptions(actorOf(call), id, options));
      return created({ user: userDocument(call, found(viewOf(call).get('user', id), 'user', id)) });
    },
  },
  get_user: {
    ...{ method: 'GET', path: '/v3/users/:user_id' },
    facts,
    run: (call) => ok({ user: userDocument(call, userOf(call)) }),
  },
  update_user: { method: 'PATCH', path: '/v3/users/:user_id', facts, run: update },
  delete_user: {
    ...{ method: 'DELETE', path: '/v3/users/:user_id' },
    facts,
    async run(call) {
      const { id, groupIds } = userOf(call);
      refuseAdministrator(call, id, groupIds);
      accept(await call.gateway.identity.users.deleteUser(actorOf(call), id));
      return NO_CONTENT;
    },
  },
  change_password: {
    ...{ method: 'POST', path: '/v3/users/:user_id/password' },
    async run(call) {
      const fields = await bodyOf(call, 'user');
      const { identity, clock } = call.gateway;
      const user = viewOf(call).get('user', param(call, 'user_id'));
      const password = passwordOf(fields);
      if (!password) throw badRequest("'password' is a required property");
      const before = fields.text('original_password');
      const actor = actorOf(call);
      const outcome = await identity.logins.changePassword(actor, user, before, password, clock.nowMs());
      if (outcome?.rejected === 'wrong-password') throw unauthorized();
      acceptPassword(call, outcome as undefined | Rejection<IdentityRejection>);
      return NO_CONTENT;
    },
  },
  list_user_groups: {
    ...{ method: 'GET', path: '/v3/users/:user_id/groups' },
    facts,
    run(call) {
      const view = viewOf(call);
      const groups = userOf(call).groupIds.map((id) => view.get('group', id));
      const wanted = groups.filter((group) => group !== undefined).filter((group) => isWanted(call, group));
      return listAnswer(
        call,
        'groups',
        wanted.map((group) => groupDocument(call, group)),
      );
    },
  },
  list_user_projects: {
    ...{ method: 'GET', path: '/v3/users/:user_id/projects' },
    facts,
    async run(call) {
      const projects = await projectsOf(call, { user: userOf(call) });
      const wanted = projects.filter((project) => isWanted(call, project));
      return listAnswer(
        call,
        'projects',
        wanted.map((project) => projectDocument(call, project)),
      );
    },
  },
} as const satisfies Readonly<Record<string, Operation>>;
