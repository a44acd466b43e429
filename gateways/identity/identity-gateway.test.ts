// Tests the identity gateway over HTTP: login in all its forms, directories, grants, credentials, the
// catalog, limits, and what a domain's manager and an application credential may not.

import { createHmac } from 'node:crypto';
import test from 'ava';
import { builtInRoleId } from '#services/identity/adoption.ts';
import { IdentityServer, passwordLogin } from '#tests/support/identity-server.ts';

let server: IdentityServer;

test.before(async () => {
  server = await IdentityServer.start();
});

test.after.always(() => server?.stop());

const member = builtInRoleId('member');
const manager = builtInRoleId('manager');
const admin = builtInRoleId('admin');

async function userWithRole(name: string, roleId = member) {
  const projectId = await server.make('/v3/projects', 'project', { name });
  const userId = await server.make('/v3/users', 'user', { name, password: 'correct horse' });
  const token = await server.login();
  const path = `/v3/projects/${projectId}/users/${userId}/roles/${roleId}`;
  if ((await server.call('PUT', path, { token })).status !== 204) throw new Error('no grant');
  return { projectId, userId, login: () => server.login(name, { project: { id: projectId } }) };
}

test('versions are told, with links to where the client came from', async (t) => {
  const versions = await server.call('GET', '/');
  t.is(versions.status, 300);
  t.is(versions.document.versions.values[0].links[0].href, `${server.root}/v3/`);
  const { status, document } = await server.call('GET', '/v3/');
  t.is(status, 200);
  t.regex(document.version.id, /^v3\.\d+$/);
});

test('what is not there, not so called, or not built says so', async (t) => {
  const token = await server.login();
  t.is((await server.call('GET', '/v3/nothing', { token })).status, 404);
  t.is((await server.call('GET', '/elsewhere', { token })).status, 404);
  t.is((await server.call('DELETE', '/v3/projects', { token })).status, 405);
  t.is((await server.call('GET', '/v3/OS-OAUTH1/consumers', { token })).status, 501);
  const { status, document, headers } = await server.call('GET', '/v3/projects/none', { token });
  t.is(status, 404);
  t.deepEqual(document, {
    error: { code: 404, message: 'Could not find project: none.', title: 'Not Found' },
  });
  t.regex(headers.get('x-openstack-request-id') ?? '', /^req-/);
  t.is(headers.get('vary'), 'X-Auth-Token');
});

test('a login tells who, for what, with which roles, and where', async (t) => {
  const scope = { project: { name: 'admin', domain: { name: 'Default' } } };
  const { status, document, headers } = await server.call('POST', '/v3/auth/tokens', {
    body: passwordLogin('admin', scope),
  });
  t.is(status, 201);
  const { token } = document;
  t.like(token, { methods: ['password'], is_domain: false });
  t.is(token.user.name, 'admin');
  t.is(token.project.domain.id, 'default');
  const roles = token.roles.map(({ name }: { name: string }) => name);
  t.deepEqual(roles.sort(), ['admin', 'manager', 'member', 'reader']);
  t.is(token.catalog[0].type, 'identity');
  t.is(token.catalog[0].endpoints.length, 3);
  const id = headers.get('x-subject-token') ?? '';
  const shown = await server.call('GET', '/v3/auth/tokens?nocatalog', { token: id, subject: id });
  t.is(shown.status, 200);
  const { catalog: _, ...rest } = token;
  t.deepEqual(shown.document.token, rest);
  t.is((await server.call('HEAD', '/v3/auth/tokens', { token: id, subject: id })).status, 200);
  t.is((await server.call('DELETE', '/v3/auth/tokens', { token: id, subject: id })).status, 204);
  t.is((await server.call('GET', '/v3/projects', { token: id })).status, 401);
});

test('a token is for the system, a domain, or nothing, as it was asked for', async (t) => {
  const ask = async (scope: object | 'unscoped') =>
    (await server.call('POST', '/v3/auth/tokens', { body: passwordLogin('admin', scope) })).document.token;
  t.deepEqual((await ask({ system: { all: true } })).system, { all: true });
  const unscoped = await ask('unscoped');
  for (const field of ['project', 'domain', 'system', 'roles', 'catalog']) t.false(field in unscoped, field);
  const refused = await server.call('POST', '/v3/auth/tokens', {
    body: passwordLogin('admin', { domain: { id: 'default' } }),
  });
  t.is(refused.status, 401);
});

const WRONG: readonly (readonly [string, unknown, number])[] = [
  ['a wrong password', passwordLogin('admin', undefined, 'wrong'), 401],
  ['an unknown user', passwordLogin('nobody'), 401],
  ['a project that is not there', passwordLogin('admin', { project: { id: 'none' } }), 401],
  ['no method', { auth: { identity: { methods: [] } } }, 400],
  ['an unknown method', { auth: { identity: { methods: ['magic'] } } }, 401],
  ['no identity', { auth: {} }, 400],
  ['no document', '', 400],
  ['no JSON', '{', 400],
  ['a list', '[]', 400],
  [
    'a number as a name',
    { auth: { identity: { methods: ['password'], password: { user: { name: 1 } } } } },
    400,
  ],
  ['a forged token', { auth: { identity: { methods: ['token'], token: { id: 'x' } } } }, 401],
  ['a document beyond all measure', JSON.stringify({ auth: 'x'.repeat(200_000) }), 413],
];

for (const [what, body, status] of WRONG) {
  test(`a login with ${what} is answered with ${status}`, async (t) => {
    const answer = await server.call('POST', '/v3/auth/tokens', { body });
    t.is(answer.status, status);
    t.is(answer.document.error.code, status);
  });
}

test('a token is exchanged for one of another scope, which ends with it', async (t) => {
  const { projectId, login } = await userWithRole('rescoper');
  const id = await login();
  const first = (await server.call('GET', '/v3/auth/tokens', { token: id, subject: id })).document.token;
  const auth = { identity: { methods: ['token'], token: { id } }, scope: { project: { id: projectId } } };
  const { status, document } = await server.call('POST', '/v3/auth/tokens', { body: { auth } });
  t.is(status, 201);
  t.is(document.token.expires_at, first.expires_at);
  t.deepEqual(document.token.methods, ['token', 'password']);
  t.is(document.token.audit_ids[1], first.audit_ids[0]);
});

test('a caller sees the projects and domains that there are roles for', async (t) => {
  const { projectId, login } = await userWithRole('seer');
  const token = await login();
  const { document } = await server.call('GET', '/v3/auth/projects', { token });
  t.deepEqual(
    document.projects.map(({ id }: { id: string }) => id),
    [projectId],
  );
  t.deepEqual((await server.call('GET', '/v3/auth/domains', { token })).document.domains, []);
  t.deepEqual((await server.call('GET', '/v3/auth/system', { token })).document.system, []);
  t.is((await server.call('GET', '/v3/auth/catalog', { token })).status, 200);
});

test('projects are made, found by what they are, changed and deleted', async (t) => {
  const token = await server.login();
  const parent = await server.make('/v3/projects', 'project', {
    name: 'parent',
    tags: ['b', 'a'],
    cost: '7',
  });
  const child = await server.make('/v3/projects', 'project', { name: 'child', parent_id: parent });
  const get = async (query: string) => {
    const { document } = await server.call('GET', `/v3/projects?${query}`, { token });
    return document.projects.map(({ name }: { name: string }) => name);
  };
  t.deepEqual(await get('name=parent'), ['parent']);
  t.deepEqual(await get('name=parent&domain_id=default'), ['parent']);
  t.deepEqual(await get('name=parent&domain_id=other'), []);
  t.deepEqual(await get(`parent_id=${parent}`), ['child']);
  t.deepEqual(await get('tags=a,b'), ['parent']);
  t.deepEqual(await get('name__startswith=par'), ['parent']);
  const shown = await server.call('GET', `/v3/projects/${child}?parents_as_list`, { token });
  t.is(shown.document.project.parents[0].project.id, parent);
  t.is((await server.call('GET', `/v3/projects/${parent}`, { token })).document.project.cost, '7');
  const changed = await server.call('PATCH', `/v3/projects/${parent}`, {
    token,
    body: { project: { name: 'father', description: 'd' } },
  });
  t.like(changed.document.project, { name: 'father', description: 'd', tags: ['a', 'b'], cost: '7' });
  t.is(
    (await server.call('POST', '/v3/projects', { token, body: { project: { name: 'child' } } })).status,
    409,
  );
  t.is((await server.call('DELETE', `/v3/projects/${parent}`, { token })).status, 403);
  for (const id of [child, parent]) {
    t.is((await server.call('DELETE', `/v3/projects/${id}`, { token })).status, 204);
  }
});

test('tags of a project are set, added and taken away one by one', async (t) => {
  const token = await server.login();
  const id = await server.make('/v3/projects', 'project', { name: 'tagged' });
  const tags = `/v3/projects/${id}/tags`;
  t.is((await server.call('PUT', `${tags}/blue`, { token })).status, 201);
  t.is((await server.call('GET', `${tags}/blue`, { token })).status, 204);
  t.is((await server.call('GET', `${tags}/red`, { token })).status, 404);
  await server.call('PUT', tags, { token, body: { tags: ['x', 'y'] } });
  t.is((await server.call('DELETE', `${tags}/x`, { token })).status, 204);
  t.deepEqual((await server.call('GET', tags, { token })).document.tags, ['y']);
  t.is((await server.call('PUT', tags, { token, body: { tags: ['a,b'] } })).status, 400);
  t.is((await server.call('DELETE', tags, { token })).status, 204);
});

test('a user changes the own password by the old one, and all tokens from before end', async (t) => {
  const { userId, login } = await userWithRole('changer');
  const before = await login();
  const change = (original_password: string) =>
    server.call('POST', `/v3/users/${userId}/password`, {
      body: { user: { original_password, password: 'battery staple' } },
    });
  t.is((await change('wrong')).status, 401);
  t.is((await change('correct horse')).status, 204);
  t.is((await server.call('GET', `/v3/users/${userId}`, { token: before })).status, 401);
  const token = await server.login('changer', undefined, 'battery staple');
  t.is((await server.call('GET', `/v3/users/${userId}`, { token })).document.user.name, 'changer');
});

test('roles come through groups, and go with them', async (t) => {
  const token = await server.login();
  const domainId = await server.make('/v3/domains', 'domain', { name: 'grouped' });
  const userId = await server.make('/v3/users', 'user', {
    ...{ name: 'lisa', domain_id: domainId, password: 'correct horse' },
  });
  const groupId = await server.make('/v3/groups', 'group', { name: 'staff', domain_id: domainId });
  const projectId = await server.make('/v3/projects', 'project', { name: 'p', domain_id: domainId });
  const path = `/v3/OS-INHERIT/domains/${domainId}/groups/${groupId}/roles/${member}/inherited_to_projects`;
  t.is((await server.call('PUT', path, { token })).status, 204);
  t.is((await server.call('HEAD', path, { token })).status, 204);
  t.is((await server.call('PUT', `/v3/groups/${groupId}/users/${userId}`, { token })).status, 204);
  const user = { id: userId, password: 'correct horse' };
  const auth = {
    identity: { methods: ['password'], password: { user } },
    scope: { project: { id: projectId } },
  };
  const login = () => server.call('POST', '/v3/auth/tokens', { body: { auth } });
  t.is((await login()).status, 201);
  const query = `effective&user.id=${userId}&include_names`;
  const { document } = await server.call('GET', `/v3/role_assignments?${query}`, { token });
  const effective = document.role_assignments.map(
    ({ role, scope }: { role: { name: string }; scope: { project?: { name: string } } }) =>
      `${role.name} on ${scope.project?.name}`,
  );
  t.deepEqual(effective.sort(), ['member on p', 'reader on p']);
  t.is((await server.call('DELETE', `/v3/groups/${groupId}`, { token })).status, 204);
  t.is((await login()).status, 401);
});

test("a domain's manager manages that domain alone, and grants no administrator's role", async (t) => {
  const token = await server.login();
  const domainId = await server.make('/v3/domains', 'domain', { name: 'managed' });
  const userId = await server.make('/v3/users', 'user', { name: 'boss', password: 'correct horse' });
  t.is(
    (await server.call('PUT', `/v3/domains/${domainId}/users/${userId}/roles/${manager}`, { token })).status,
    204,
  );
  const boss = await server.login('boss', { domain: { id: domainId } });
  const make = (path: string, body: object) => server.call('POST', path, { token: boss, body });
  const project = await make('/v3/projects', { project: { name: 'inside', domain_id: domainId } });
  t.is(project.status, 201);
  const outside = await make('/v3/projects', { project: { name: 'outside', domain_id: 'default' } });
  t.is(outside.status, 400);
  const user = await make('/v3/users', { user: { name: 'worker', domain_id: domainId } });
  t.is(user.status, 201);
  const at = `/v3/projects/${project.document.project.id}/users`;
  const grant = (actorId: string, roleId: string) =>
    server.call('PUT', `${at}/${actorId}/roles/${roleId}`, { token: boss });
  t.is((await grant(user.document.user.id, member)).status, 204);
  t.is((await grant(user.document.user.id, admin)).status, 403);
  t.is((await grant(userId, member)).status, 403);
  t.is((await server.call('GET', '/v3/domains', { token: boss })).status, 403);
  t.is((await server.call('GET', '/v3/users?domain_id=default', { token: boss })).status, 403);
  const listed = await server.call('GET', '/v3/users', { token: boss });
  t.deepEqual(
    listed.document.users.map(({ name }: { name: string }) => name),
    ['worker'],
  );
});

test("a domain's manager cannot become, or become one with, an administrator of the cloud", async (t) => {
  const token = await server.login();
  const userId = await server.make('/v3/users', 'user', { name: 'climber', password: 'correct horse' });
  await server.call('PUT', `/v3/domains/default/users/${userId}/roles/${manager}`, { token });
  const climber = await server.login('climber', { domain: { id: 'default' } });
  const [boss] = (await server.call('GET', '/v3/users?name=admin', { token: climber })).document.users;
  const change = { token: climber, body: { user: { password: 'mine' } } };
  t.is((await server.call('PATCH', `/v3/users/${boss.id}`, change)).status, 403);
  t.is((await server.call('DELETE', `/v3/users/${boss.id}`, { token: climber })).status, 403);
  const [theirs] = (await server.call('GET', '/v3/projects?name=admin', { token: climber })).document
    .projects;
  const rename = { token: climber, body: { project: { name: 'x' } } };
  t.is((await server.call('PATCH', `/v3/projects/${theirs.id}`, rename)).status, 403);
  const groupId = await server.make('/v3/groups', 'group', { name: 'bosses' });
  const join = () => server.call('PUT', `/v3/groups/${groupId}/users/${userId}`, { token: climber });
  await server.call('PUT', `/v3/system/groups/${groupId}/roles/${admin}`, { token });
  t.is((await join()).status, 403);
  await server.call('DELETE', `/v3/system/groups/${groupId}/roles/${admin}`, { token });
  t.is((await join()).status, 204);
});

test('roles are made, imply each other, and those of every cloud stay', async (t) => {
  const token = await server.login();
  const role = await server.make('/v3/roles', 'role', { name: 'operator' });
  const implied = `/v3/roles/${role}/implies/${member}`;
  t.is((await server.call('PUT', implied, { token })).status, 201);
  t.is((await server.call('HEAD', implied, { token })).status, 204);
  t.is(
    (await server.call('GET', `/v3/roles/${role}/implies`, { token })).document.role_inference.implies.length,
    1,
  );
  t.is((await server.call('PUT', `/v3/roles/${role}/implies/${admin}`, { token })).status, 403);
  t.is((await server.call('DELETE', implied, { token })).status, 204);
  t.is((await server.call('DELETE', `/v3/roles/${role}`, { token })).status, 204);
  t.is((await server.call('DELETE', `/v3/roles/${admin}`, { token })).status, 403);
});

test('an application credential logs in with what it was given, and makes no other', async (t) => {
  const { userId, projectId, login } = await userWithRole('developer');
  const token = await login();
  const path = `/v3/users/${userId}/application_credentials`;
  const access_rules = [{ service: 'identity', method: 'GET', path: '/v3/projects/{id}' }];
  const make = (body: object) => server.call('POST', path, { token, body: { application_credential: body } });
  const { status, document } = await make({ name: 'ci', access_rules });
  t.is(status, 201);
  const { id, secret } = document.application_credential;
  t.is((await make({ name: 'ci' })).status, 409);
  t.is((await make({ name: 'x', roles: [{ name: 'admin' }] })).status, 400);
  t.is((await make({ name: 'x', expires_at: '2001-01-01T00:00:00' })).status, 400);
  const enter = (given: object) =>
    server.call('POST', '/v3/auth/tokens', {
      body: { auth: { identity: { methods: ['application_credential'], application_credential: given } } },
    });
  t.is((await enter({ id, secret: 'wrong' })).status, 401);
  const byName = { name: 'ci', user: { name: 'developer', domain: { id: 'default' } }, secret };
  t.is((await enter(byName)).status, 201);
  const entered = await enter({ id, secret });
  t.is(entered.document.token.project.id, projectId);
  const limited = entered.headers.get('x-subject-token') ?? '';
  const get = async (of: string) => (await server.call('GET', of, { token: limited })).status;
  t.is(await get(`/v3/projects/${projectId}`), 200);
  t.is(await get(`/v3/users/${userId}`), 403);
  const free = (await make({ name: 'free' })).document.application_credential;
  const second = (await enter({ id: free.id, secret: free.secret })).headers.get('x-subject-token') ?? '';
  const again = { token: second, body: { application_credential: { name: 'more' } } };
  t.is((await server.call('POST', path, again)).status, 403);
  t.is((await server.call('DELETE', `${path}/${id}`, { token })).status, 204);
  t.is(await get(`/v3/projects/${projectId}`), 401);
});

test('an EC2 credential is one to S3 too, and judged for services alone', async (t) => {
  const { userId, projectId, login } = await userWithRole('signer');
  const token = await login();
  const path = `/v3/users/${userId}/credentials/OS-EC2`;
  const made = await server.call('POST', path, { token, body: { tenant_id: projectId } });
  t.is(made.status, 201);
  const { access, secret } = made.document.credential;
  const { accounts } = server.memory;
  await accounts.fetchAccessKey(access);
  t.like(accounts.accessKey(access), { accountId: projectId, secret });
  t.is((await server.call('GET', path, { token })).document.credentials.length, 1);

  const params = { Action: 'DescribeInstances', SignatureVersion: '2', SignatureMethod: 'HmacSHA256' };
  const query = Object.entries(params)
    .map(([name, value]) => `${name}=${value}`)
    .sort()
    .join('&');
  const signature = createHmac('sha256', secret).update(`GET\nhost\n/\n${query}`).digest('base64');
  const credentials = { access, signature, host: 'host', verb: 'GET', path: '/', params, headers: {} };
  const judge = (caller: string, given: object) =>
    server.call('POST', '/v3/ec2tokens', { token: caller, body: { credentials: given } });
  t.is((await judge(token, credentials)).status, 403);
  const service = await server.login();
  const judged = await judge(service, credentials);
  t.is(judged.status, 200);
  t.is(judged.document.token.user.id, userId);
  t.is(judged.document.token.project.id, projectId);
  t.is((await judge(service, { ...credentials, path: '/other' })).status, 401);

  const toSign = 'GET\n\n\nThu, 17 Nov 2005 18:49:58 GMT\n/bucket/key';
  const ofS3 = {
    ...{ access, token: Buffer.from(toSign).toString('base64') },
    signature: createHmac('sha1', secret).update(toSign).digest('base64'),
  };
  const s3 = (given: object) =>
    server.call('POST', '/v3/s3tokens', { token: service, body: { credentials: given } });
  t.is((await s3(ofS3)).status, 200);
  t.is((await s3({ ...ofS3, signature: 'x' })).status, 401);
  t.is((await server.call('DELETE', `${path}/${access}`, { token })).status, 204);
  t.is((await s3(ofS3)).status, 401);
});

test('the access keys of an account are EC2 credentials of its user', async (t) => {
  const account = await server.memory.accounts.addAccount('keeper');
  if ('rejected' in account) return t.fail();
  const token = await server.login();
  const path = `/v3/users/${account.accountId}/credentials/OS-EC2`;
  const { document } = await server.call('GET', path, { token });
  t.like(document.credentials[0], { access: account.accessKeyId, tenant_id: account.accountId });
  t.is((await server.call('DELETE', `${path}/${account.accessKeyId}`, { token })).status, 204);
  await server.memory.accounts.fetchAccessKey(account.accessKeyId);
  t.is(server.memory.accounts.accessKey(account.accessKeyId), undefined);
});

test('regions, services and endpoints are added to those of the cloud, which stay', async (t) => {
  const token = await server.login();
  await server.make('/v3/regions', 'region', { id: 'north' });
  const serviceId = await server.make('/v3/services', 'service', { type: 'dns', name: 'designate' });
  const endpoint = {
    service_id: serviceId,
    region_id: 'north',
    interface: 'public',
    url: 'http://dns.example',
  };
  const endpointId = await server.make('/v3/endpoints', 'endpoint', endpoint);
  const post = (body: object) => server.call('POST', '/v3/endpoints', { token, body: { endpoint: body } });
  t.is((await post({ ...endpoint, url: 'nonsense' })).status, 400);
  t.is((await post({ ...endpoint, service_id: 'none' })).status, 404);
  const { catalog } = (await server.call('GET', '/v3/auth/catalog', { token })).document;
  const types = catalog.map(({ type }: { type: string }) => type);
  t.true(types.includes('dns') && types.includes('identity'));
  t.is((await server.call('DELETE', '/v3/regions/north', { token })).status, 409);
  const [own] = (await server.call('GET', '/v3/services?type=identity', { token })).document.services;
  t.is((await server.call('DELETE', `/v3/services/${own.id}`, { token })).status, 403);
  t.is((await server.call('DELETE', `/v3/endpoints/${endpointId}`, { token })).status, 204);
  t.is((await server.call('DELETE', `/v3/services/${serviceId}`, { token })).status, 204);
});

test('limits are registered for all, and set for one', async (t) => {
  const { projectId, login } = await userWithRole('limited');
  const token = await server.login();
  const [service] = (await server.call('GET', '/v3/services', { token })).document.services;
  const common = { service_id: service.id, resource_name: 'volumes' };
  const registered = await server.call('POST', '/v3/registered_limits', {
    token,
    body: { registered_limits: [{ ...common, default_limit: 10 }] },
  });
  t.is(registered.status, 201);
  const made = await server.call('POST', '/v3/limits', {
    token,
    body: { limits: [{ ...common, project_id: projectId, resource_limit: -1 }] },
  });
  t.is(made.document.limits[0].resource_limit, -1);
  const own = await server.call('GET', '/v3/limits', { token: await login() });
  t.is(own.document.limits.length, 1);
  const { id } = own.document.limits[0];
  const patched = await server.call('PATCH', `/v3/limits/${id}`, {
    token,
    body: { limit: { resource_limit: 3 } },
  });
  t.is(patched.document.limit.resource_limit, 3);
  const [{ id: registeredId }] = registered.document.registered_limits;
  t.is((await server.call('DELETE', `/v3/registered_limits/${registeredId}`, { token })).status, 403);
  t.is((await server.call('DELETE', `/v3/limits/${id}`, { token })).status, 204);
  t.is((await server.call('GET', '/v3/limits/model', { token })).document.model.name, 'flat');
});

test('whatever a document holds, it is refused with a 4xx', async (t) => {
  const token = await server.login();
  const odd = [null, true, 1, -1, 1e308, '', ' ', '\u0000', 'x'.repeat(300), [], {}, [[]], { a: {} }];
  for (const [path, name] of [
    ['/v3/projects', 'project'],
    ['/v3/users', 'user'],
    ['/v3/roles', 'role'],
  ]) {
    for (const value of odd) {
      const { status } = await server.call('POST', path ?? '', {
        token,
        body: { [name ?? '']: { name: value } },
      });
      t.true(status >= 400 && status < 500, `${path} ${JSON.stringify(value)?.slice(0, 20)}: ${status}`);
    }
  }
  t.is((await server.call('GET', '/v3/projects?%zz', { token })).status, 400);
  t.is((await server.call('GET', '/v3/projects/%2e%2e%2fusers', { token })).status, 404);
  t.deepEqual(server.logged, []);
});
