// Owns the proof that the openstack client logs in and administers the cloud: tokens, domains, projects,
// users, groups, roles and their assignments, credentials, the catalog and limits.

import { ListBucketsCommand } from '@aws-sdk/client-s3';
import test from 'ava';
import { runEngine } from '#tests/support/engine.ts';
import { StrataProcess } from '#tests/support/strata-process.ts';

let strata: StrataProcess;

test.before(async () => {
  strata = await StrataProcess.start();
});

test.after.always(() => strata?.remove());

/** Who logs in, and for what. */
function settings(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return {
    ...{ OS_AUTH_URL: strata.identityEndpoint, OS_IDENTITY_API_VERSION: '3' },
    ...(more.OS_AUTH_TYPE === undefined && {
      ...{ OS_USERNAME: 'admin', OS_PASSWORD: strata.credentials.adminPassword, OS_PROJECT_NAME: 'admin' },
      ...{ OS_USER_DOMAIN_NAME: 'Default', OS_PROJECT_DOMAIN_NAME: 'Default' },
    }),
    ...more,
  };
}

const openstack = (args: readonly string[], environment?: NodeJS.ProcessEnv): Promise<string> =>
  runEngine('openstack', args, settings(environment));

/** What a command shows. */
async function shown(args: readonly string[], environment?: NodeJS.ProcessEnv) {
  return JSON.parse(await openstack([...args, '-f', 'json'], environment));
}

async function namesIn(args: readonly string[], column = 'Name'): Promise<string[]> {
  const rows: Record<string, string>[] = await shown(args);
  return rows.map((row) => row[column] ?? '').sort();
}

test.serial('the administrator gets a token, for a project and for the system', async (t) => {
  const token = await shown(['token', 'issue']);
  t.truthy(token.id && token.project_id && token.user_id);
  const ofSystem = await shown(['token', 'issue', '--os-system-scope', 'all'], {
    ...{ OS_PROJECT_NAME: '', OS_PROJECT_DOMAIN_NAME: '' },
  });
  t.is(ofSystem.system, 'all');
  await openstack(['token', 'revoke', token.id]);
  const refused = await t.throwsAsync(
    openstack(['project', 'list'], {
      OS_AUTH_TYPE: 'token',
      OS_TOKEN: token.id,
      OS_PROJECT_ID: token.project_id,
    }),
  );
  t.regex(refused?.message ?? '', /401/);
});

test.serial('the catalog tells where identity, S3 and Swift are', async (t) => {
  t.deepEqual(await namesIn(['catalog', 'list'], 'Type'), ['identity', 'object-store', 's3']);
  const s3 = await shown(['catalog', 'show', 's3']);
  t.is(s3.endpoints[0].url, strata.endpoint);
});

test.serial('domains and projects are created, shown, changed, listed and deleted', async (t) => {
  const domain = await shown(['domain', 'create', '--description', 'one', 'acme']);
  t.like(domain, { name: 'acme', enabled: true, description: 'one' });
  await openstack(['domain', 'set', '--description', 'two', 'acme']);
  t.is((await shown(['domain', 'show', 'acme'])).description, 'two');
  t.deepEqual(await namesIn(['domain', 'list']), ['Default', 'acme']);
  const create = ['project', 'create', '--domain', 'acme', '--tag', 'blue', '--property', 'cost=7'];
  const project = await shown([...create, 'web']);
  t.like(project, { name: 'web', domain_id: domain.id, tags: ['blue'], cost: '7' });
  const child = await shown(['project', 'create', '--domain', 'acme', '--parent', project.id, 'low']);
  t.is(child.parent_id, project.id);
  await openstack(['project', 'set', '--domain', 'acme', '--name', 'site', '--tag', 'red', 'web']);
  t.deepEqual((await shown(['project', 'show', project.id])).tags, ['blue', 'red']);
  t.deepEqual(await namesIn(['project', 'list', '--domain', 'acme']), ['low', 'site']);
  await openstack(['project', 'delete', child.id]);
  t.deepEqual(await namesIn(['project', 'list', '--domain', 'acme']), ['site']);
});

test.serial('users, groups and roles are created, shown, changed and listed', async (t) => {
  const create = ['user', 'create', '--domain', 'acme', '--project', 'site', '--project-domain', 'acme'];
  const user = await shown([...create, '--password', 'first', '--email', 'eve@acme.example', 'eve']);
  t.like(user, { name: 'eve', email: 'eve@acme.example', enabled: true });
  await openstack(['user', 'set', '--domain', 'acme', '--description', 'd', '--password', 'second', 'eve']);
  t.is((await shown(['user', 'show', '--domain', 'acme', 'eve'])).description, 'd');
  t.deepEqual(await namesIn(['user', 'list', '--domain', 'acme']), ['eve']);
  await openstack(['group', 'create', '--domain', 'acme', 'staff']);
  await openstack(['group', 'set', '--domain', 'acme', '--description', 'all', 'staff']);
  const inAcme = ['--group-domain', 'acme', '--user-domain', 'acme'];
  await openstack(['group', 'add', 'user', ...inAcme, 'staff', 'eve']);
  t.regex(await openstack(['group', 'contains', 'user', ...inAcme, 'staff', 'eve']), /eve in group staff/);
  t.deepEqual(await namesIn(['group', 'list', '--domain', 'acme']), ['staff']);
  await openstack(['role', 'create', '--description', 'r', 'operator']);
  await openstack(['role', 'set', '--name', 'pilot', 'operator']);
  t.is((await shown(['role', 'show', 'pilot'])).description, 'r');
  const roles = ['admin', 'manager', 'member', 'pilot', 'reader', 'service'];
  t.deepEqual(await namesIn(['role', 'list']), roles);
  await openstack(['implied', 'role', 'create', '--implied-role', 'reader', 'pilot']);
  t.true((await namesIn(['implied', 'role', 'list'], 'Prior Role Name')).includes('pilot'));
});

const ON_SITE = ['--project', 'site', '--project-domain', 'acme'];
const EVE = {
  ...{ OS_USERNAME: 'eve', OS_PASSWORD: 'second', OS_PROJECT_NAME: 'site' },
  ...{ OS_USER_DOMAIN_NAME: 'acme', OS_PROJECT_DOMAIN_NAME: 'acme' },
};

test.serial('a role is added and removed, and with it the login', async (t) => {
  const ofStaff = ['--group', 'staff', '--group-domain', 'acme', ...ON_SITE];
  await openstack(['role', 'add', ...ofStaff, 'pilot']);
  t.truthy((await shown(['token', 'issue'], EVE)).project_id);
  const listed = await shown(['role', 'assignment', 'list', '--names', ...ofStaff]);
  t.is(listed[0].Role, 'pilot');
  await openstack(['role', 'remove', ...ofStaff, 'pilot']);
  const refused = await t.throwsAsync(shown(['token', 'issue'], EVE));
  t.regex(refused?.message ?? '', /401/);
  await openstack(['role', 'add', '--user', 'eve', '--user-domain', 'acme', ...ON_SITE, 'member']);
  t.truthy((await shown(['token', 'issue'], EVE)).project_id);
  await t.throwsAsync(openstack(['project', 'create', 'forbidden'], EVE), { message: /403/ });
});

test.serial('an EC2 credential opens S3 to its project', async (t) => {
  const { access, secret } = await shown(['ec2', 'credentials', 'create'], EVE);
  const s3 = strata.client({ accessKeyId: access, secretAccessKey: secret });
  t.is((await s3.send(new ListBucketsCommand({}))).Owner?.DisplayName, 'site');
  t.deepEqual(
    await namesIn(['ec2', 'credentials', 'list', '--user', 'eve', '--user-domain', 'acme'], 'Access'),
    [access],
  );
  await openstack(['ec2', 'credentials', 'delete', access], EVE);
  await t.throwsAsync(s3.send(new ListBucketsCommand({})), { name: 'InvalidAccessKeyId' });
});

test.serial('an application credential logs in, until it is deleted', async (t) => {
  const made = await shown(['application', 'credential', 'create', '--role', 'reader', 'ci'], EVE);
  const environment = {
    ...{ OS_AUTH_TYPE: 'v3applicationcredential' },
    ...{ OS_APPLICATION_CREDENTIAL_ID: made.id, OS_APPLICATION_CREDENTIAL_SECRET: made.secret },
  };
  const token = await shown(['token', 'issue'], environment);
  t.is(token.project_id, made.project_id);
  await openstack(['application', 'credential', 'delete', 'ci'], EVE);
  await t.throwsAsync(shown(['token', 'issue'], environment), { message: /401/ });
});

test.serial('regions, services, endpoints and limits are managed', async (t) => {
  await openstack(['region', 'create', 'north']);
  await openstack(['service', 'create', '--name', 'designate', 'dns']);
  const url = 'http://dns.example:9001';
  await openstack(['endpoint', 'create', '--region', 'north', 'dns', 'public', url]);
  t.true((await namesIn(['endpoint', 'list'], 'URL')).includes(url));
  const limit = ['--service', 'designate', '--region', 'north'];
  await openstack(['registered', 'limit', 'create', ...limit, '--default-limit', '5', 'zones']);
  const project = await shown(['project', 'show', '--domain', 'acme', 'site']);
  await openstack(['limit', 'create', ...limit, '--project', project.id, '--resource-limit', '9', 'zones']);
  const [listed] = await shown(['limit', 'list']);
  t.like(listed, { 'Resource Name': 'zones', 'Resource Limit': 9 });
  t.is((await shown(['registered', 'limit', 'list']))[0]['Default Limit'], 5);
});

test.serial('what was made is deleted again, a domain with all that is in it', async (t) => {
  await openstack(['role', 'delete', 'pilot']);
  await openstack(['group', 'delete', '--domain', 'acme', 'staff']);
  await openstack(['user', 'delete', '--domain', 'acme', 'eve']);
  await openstack(['domain', 'set', '--disable', 'acme']);
  await openstack(['domain', 'delete', 'acme']);
  t.deepEqual(await namesIn(['domain', 'list']), ['Default']);
  t.deepEqual(await namesIn(['project', 'list']), ['admin']);
  t.is(strata.stderr, '');
});
