// Owns the operations of a user's credentials: EC2 credentials, an account's access keys among them, and
// application credentials. A secret of an application is shown once.

import { newId } from '#core/kernel/ids.ts';
import { limits } from '#core/kernel/limits.ts';
import { effectiveRoles } from '#services/identity/effective-roles.ts';
import {
  type Answer,
  accept,
  actorOf,
  bodyOf,
  callerOf,
  created,
  documentOf,
  expiryOf,
  Fields,
  found,
  type IdentityCall,
  NO_CONTENT,
  type Operation,
  ok,
  param,
  viewOf,
} from '../call.ts';
import { accessRuleDocument, applicationCredentialDocument, listAnswer } from '../documents.ts';
import { badRequest, IdentityError, notFound } from '../errors.ts';
import { factsOf } from './directory.ts';

const facts = factsOf('user', 'user_id');
const EC2 = '/v3/users/:user_id/credentials/OS-EC2';
const APPLICATIONS = '/v3/users/:user_id/application_credentials';
const RULES = '/v3/users/:user_id/access_rules';

function userOf(call: IdentityCall) {
  const id = param(call, 'user_id');
  return found(viewOf(call).get('user', id), 'user', id);
}

/** Whose the key is, and for which project. Undefined where the user has no such key. */
async function ec2Of(call: IdentityCall, accessKeyId: string): Promise<object | undefined> {
  const { accounts, identity } = call.gateway;
  const userId = param(call, 'user_id');
  const credential = identity.view.ec2Credential(accessKeyId);
  if (credential && credential.userId !== userId) return undefined;
  let secret: string | undefined;
  let projectId = credential?.projectId;
  if (credential) {
    secret = await identity.users.ec2Secret(accessKeyId);
  } else {
    await accounts.fetchAccessKey(accessKeyId);
    const owner = accounts.accessKey(accessKeyId);
    if (owner?.accountId !== userId) return undefined;
    ({ secret, accountId: projectId } = owner);
  }
  return {
    ...{ access: accessKeyId, secret, user_id: userId, tenant_id: projectId, trust_id: null },
    links: { self: `${call.base}/users/${userId}/credentials/OS-EC2/${accessKeyId}` },
  };
}

async function listEc2(call: IdentityCall): Promise<Answer> {
  const user = userOf(call);
  const listed = await call.gateway.accounts.listAccounts();
  const keysOfAccount = listed.find(({ accountId }) => accountId === user.id)?.accessKeyIds ?? [];
  const credentials: object[] = [];
  for (const accessKeyId of [...keysOfAccount, ...user.accessKeyIds]) {
    const credential = await ec2Of(call, accessKeyId);
    if (credential) credentials.push(credential);
  }
  return listAnswer(call, 'credentials', credentials);
}

async function createEc2(call: IdentityCall): Promise<Answer> {
  const user = userOf(call);
  const fields = new Fields(await documentOf(call), '');
  const projectId = fields.text('tenant_id');
  const view = viewOf(call);
  found(view.get('project', projectId), 'project', projectId);
  const restricted = callerOf(call).project;
  if (callerOf(call).applicationCredential && restricted?.id !== projectId) {
    throw new IdentityError(403, 'An application credential makes credentials for its own project alone.');
  }
  if (effectiveRoles(view, user, { kind: 'project', id: projectId }).length === 0) {
    throw new IdentityError(403, 'The user has no role on the project.');
  }
  const made = accept(
    await call.gateway.identity.users.createEc2Credential(actorOf(call), user.id, projectId),
  );
  return created({ credential: await ec2Of(call, made.accessKeyId) });
}

async function deleteEc2(call: IdentityCall): Promise<Answer> {
  const accessKeyId = param(call, 'credential_id');
  const user = userOf(call);
  found(await ec2Of(call, accessKeyId), 'credential', accessKeyId);
  const { identity, accounts } = call.gateway;
  if (user.accessKeyIds.includes(accessKeyId)) {
    accept(await identity.users.deleteEc2Credential(actorOf(call), user.id, accessKeyId));
    return NO_CONTENT;
  }
  const refused = await accounts.revokeKey(accessKeyId);
  if (refused?.rejected === 'last-admin') {
    throw new IdentityError(403, 'That would leave the cloud without an administrator that can call.');
  }
  if (refused) throw notFound('credential', accessKeyId);
  return NO_CONTENT;
}

const ACCESS_RULES = 50;
const METHOD = /^(POST|GET|HEAD|PATCH|PUT|DELETE)$/;

function accessRulesOf(call: IdentityCall, fields: Fields) {
  const rules = fields.has('access_rules') ? fields.records('access_rules') : [];
  if (rules.length > ACCESS_RULES) throw badRequest(`At most ${ACCESS_RULES} access rules.`);
  return rules.map((rule) => {
    const method = rule.text('method');
    const path = rule.text('path');
    if (!METHOD.test(method)) throw badRequest(`Invalid input for field 'method': '${method}'`);
    if (!path.startsWith('/') || path.length > 128) throw badRequest(`Invalid input for field 'path'`);
    return { ruleId: newId(call.gateway.random), service: rule.name('service'), method, path };
  });
}

/** Roles by id or name, each of which the caller has now. */
function rolesOf(call: IdentityCall, fields: Fields): readonly string[] {
  const { roles } = callerOf(call);
  if (!fields.has('roles')) return roles.map(({ id }) => id);
  return fields.records('roles').map((wanted) => {
    const [id, name] = [wanted.optionalText('id'), wanted.optionalText('name')];
    const role = roles.find((each) => (id === undefined ? each.name === name : each.id === id));
    if (!role) throw badRequest(`Could not find role assignment with role: ${id ?? name}.`);
    return role.id;
  });
}

async function createApplication(call: IdentityCall): Promise<Answer> {
  const user = userOf(call);
  const { project } = callerOf(call);
  if (!project) throw badRequest('An application credential is for the project of the token: it has none.');
  const fields = await bodyOf(call, 'application_credential');
  const secret = fields.optionalText('secret') || undefined;
  if (secret !== undefined && Buffer.byteLength(secret) > limits.passwordBytes) {
    throw badRequest(`A secret has at most ${limits.passwordBytes} bytes.`);
  }
  const expiresMs = expiryOf(call, fields);
  const made = accept(
    await call.gateway.identity.users.createApplicationCredential(actorOf(call), user.id, {
      name: fields.name(),
      description: fields.optionalText('description') ?? '',
      projectId: project.id,
      roleIds: rolesOf(call, fields),
      unrestricted: fields.optionalFlag('unrestricted') ?? false,
      accessRules: accessRulesOf(call, fields),
      ...(expiresMs !== undefined && { expiresMs }),
      ...(secret !== undefined && { secret }),
    }),
  );
  const credential = found(viewOf(call).applicationCredential(made.id), 'credential', made.id);
  const document = applicationCredentialDocument(call, credential);
  return created({ application_credential: { ...document, secret: made.secret } });
}

function applicationOf(call: IdentityCall) {
  const id = param(call, 'credential_id');
  const credential = viewOf(call).applicationCredential(id);
  return found(credential?.userId === userOf(call).id ? credential : undefined, 'application credential', id);
}

function applicationsOf(call: IdentityCall) {
  const view = viewOf(call);
  const stored = userOf(call).applicationCredentials.map(({ id }) => view.applicationCredential(id));
  return stored.filter((credential) => credential !== undefined);
}

const rulesOf = (call: IdentityCall) => applicationsOf(call).flatMap(({ accessRules }) => accessRules);

export const credentialOperations = {
  ec2_list_credentials: { method: 'GET', path: EC2, facts, run: listEc2 },
  ec2_create_credential: { method: 'POST', path: EC2, facts, run: createEc2 },
  ec2_get_credential: {
    ...{ method: 'GET', path: `${EC2}/:credential_id` },
    facts,
    async run(call) {
      const id = param(call, 'credential_id');
      userOf(call);
      return ok({ credential: found(await ec2Of(call, id), 'credential', id) });
    },
  },
  ec2_delete_credential: { method: 'DELETE', path: `${EC2}/:credential_id`, facts, run: deleteEc2 },
  list_application_credentials: {
    ...{ method: 'GET', path: APPLICATIONS },
    facts,
    run(call) {
      const name = call.query.get('name');
      const wanted = applicationsOf(call).filter((each) => name === undefined || each.name === name);
      return listAnswer(
        call,
        'application_credentials',
        wanted.map((credential) => applicationCredentialDocument(call, credential)),
      );
    },
  },
  create_application_credential: { method: 'POST', path: APPLICATIONS, facts, run: createApplication },
  get_application_credential: {
    ...{ method: 'GET', path: `${APPLICATIONS}/:credential_id` },
    facts,
    run: (call) => ok({ application_credential: applicationCredentialDocument(call, applicationOf(call)) }),
  },
  delete_application_credential: {
    ...{ method: 'DELETE', path: `${APPLICATIONS}/:credential_id` },
    facts,
    async run(call) {
      const { id, userId } = applicationOf(call);
      accept(await call.gateway.identity.users.deleteApplicationCredential(actorOf(call), userId, id));
      return NO_CONTENT;
    },
  },
  list_access_rules: {
    ...{ method: 'GET', path: RULES },
    facts,
    run: (call) => listAnswer(call, 'access_rules', rulesOf(call).map(accessRuleDocument)),
  },
  get_access_rule: {
    ...{ method: 'GET', path: `${RULES}/:rule_id` },
    facts,
    run(call) {
      const id = param(call, 'rule_id');
      const rule = rulesOf(call).find(({ ruleId }) => ruleId === id);
      return ok({ access_rule: accessRuleDocument(found(rule, 'access rule', id)) });
    },
  },
  delete_access_rule: {
    ...{ method: 'DELETE', path: `${RULES}/:rule_id` },
    facts,
    run(call) {
      const id = param(call, 'rule_id');
      const rule = rulesOf(call).find(({ ruleId }) => ruleId === id);
      found(rule, 'access rule', id);
      // A rule is its credential's, and goes with it.
      throw new IdentityError(403, `Unable to delete access rule ${id}: it is in use.`);
    },
  },
} as const satisfies Readonly<Record<string, Operation>>;
