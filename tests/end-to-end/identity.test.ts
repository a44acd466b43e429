// Owns the proof of identity on the built program: the administrator logs in with the password of the
// credentials file, what is made by Keystone opens S3, and all of it is there after a restart.

import { CreateBucketCommand, ListBucketsCommand } from '@aws-sdk/client-s3';
import test from 'ava';
import { StrataProcess } from '#tests/support/strata-process.ts';

let strata: StrataProcess;

test.before(async () => {
  strata = await StrataProcess.start({ environment: { STRATA_ADMIN_PASSWORD: 'given' } });
});

test.after.always(() => strata?.remove());

async function call(method: string, path: string, token: string | undefined, body?: object) {
  const answer = await fetch(`${strata.identityEndpoint}${path}`, {
    method,
    headers: { ...(token !== undefined && { 'X-Auth-Token': token }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return {
    ...{ status: answer.status, headers: answer.headers },
    document: text === '' ? {} : JSON.parse(text),
  };
}

async function login(name: string, password: string, projectId?: string): Promise<string | undefined> {
  const user = { name, password, domain: { id: 'default' } };
  const identity = { methods: ['password'], password: { user } };
  const scope = projectId === undefined ? {} : { scope: { project: { id: projectId } } };
  const { headers } = await call('POST', '/auth/tokens', undefined, { auth: { identity, ...scope } });
  return headers.get('x-subject-token') ?? undefined;
}

test.serial('the administrator logs in with the password that was given', async (t) => {
  t.is(strata.credentials.adminPassword, 'given');
  t.is(await login('admin', 'wrong'), undefined);
  const token = await login('admin', 'given');
  t.is((await call('GET', '/users', token)).document.users.length, 1);
});

test.serial('who was made by Keystone calls S3, also after a restart', async (t) => {
  const token = await login('admin', 'given');
  const make = async (path: string, name: string, body: object) =>
    (await call('POST', path, token, { [name]: body })).document[name];
  const project = await make('/projects', 'project', { name: 'web' });
  const user = await make('/users', 'user', { name: 'bob', password: 'secret' });
  const [role] = (await call('GET', '/roles?name=member', token)).document.roles;
  await call('PUT', `/projects/${project.id}/users/${user.id}/roles/${role.id}`, token);
  const own = await login('bob', 'secret', project.id);
  const path = `/users/${user.id}/credentials/OS-EC2`;
  const { credential } = (await call('POST', path, own, { tenant_id: project.id })).document;
  const client = () => strata.client({ accessKeyId: credential.access, secretAccessKey: credential.secret });
  await client().send(new CreateBucketCommand({ Bucket: 'webs' }));
  t.deepEqual(await strata.stop(), { code: 0, signal: null });
  await strata.restart();
  const { Buckets, Owner } = await client().send(new ListBucketsCommand({}));
  t.is(Owner?.DisplayName, 'web');
  t.is(Buckets?.[0]?.Name, 'webs');
  t.is((await call('GET', `/projects/${project.id}`, own)).status, 200);
  t.truthy(await login('bob', 'secret', project.id));
  t.is((await call('DELETE', `/projects/${project.id}`, token)).status, 409);
  t.is(strata.stderr, '');
});
