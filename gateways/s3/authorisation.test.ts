// Tests that every operation has its row, and that each row is judged, by requests made from the tables
// themselves: nobody, one of another project, one who may only read, and one whose key or signature has ended
// are refused in S3's own way.

import test from 'ava';
import { limits } from '#core/kernel/limits.ts';
import { builtInRoleId } from '#services/identity/adoption.ts';
import { PERMISSIONS } from '#services/permissions.ts';
import { type Ec2Credential, ec2CredentialOf, made, OPERATOR } from '#tests/support/ec2-credentials.ts';
import { errorOf, type RawAnswer, type RawRequest, S3Server } from '#tests/support/s3-server.ts';
import { type AccessKey, presignedQuery, signedHeaders } from '#tests/support/signed-requests.ts';
import { Query } from './call.ts';
import { BUCKET_SUBRESOURCES, detect, METHODS, OBJECT_SUBRESOURCES, type OperationName } from './detect.ts';
import { OPERATIONS } from './operations/operations.ts';

const names = Object.keys(OPERATIONS) as OperationName[];
const rowOf = (name: OperationName) => PERMISSIONS[OPERATIONS[name].needs];
const ofReaders = names.filter((name) => rowOf(name).role === 'reader');
const ofWriters = names.filter((name) => rowOf(name).role !== 'reader');
const atBuckets = names.filter((name) => rowOf(name).on === 'bucket');

let server: S3Server;
let things: Things;

/** What the requests are about. */
interface Things {
  readonly bucket: string;
  readonly uploadId: string;
}

test.before(async () => {
  server = await S3Server.start();
  things = await makeThings('shared', server.keys[0] as AccessKey);
});

test.after.always(() => server?.stop());

async function makeThings(bucket: string, key: AccessKey): Promise<Things> {
  await server.raw({ method: 'PUT', path: `/${bucket}` }, key);
  await server.raw({ method: 'PUT', path: `/${bucket}/k`, body: 'kept' }, key);
  const tagging = '<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>';
  await server.raw({ method: 'PUT', path: `/${bucket}`, query: { tagging: '' }, body: tagging }, key);
  const cors =
    '<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>a</AllowedOrigin>' +
    '</CORSRule></CORSConfiguration>';
  await server.raw({ method: 'PUT', path: `/${bucket}`, query: { cors: '' }, body: cors }, key);
  const suffix = '<IndexDocument><Suffix>i</Suffix></IndexDocument>';
  const website = `<WebsiteConfiguration>${suffix}</WebsiteConfiguration>`;
  await server.raw({ method: 'PUT', path: `/${bucket}`, query: { website: '' }, body: website }, key);
  const rule = '<Status>Enabled</Status><Filter/><Expiration><Days>1</Days></Expiration>';
  const lifecycle = `<LifecycleConfiguration><Rule>${rule}</Rule></LifecycleConfiguration>`;
  await server.raw({ method: 'PUT', path: `/${bucket}`, query: { lifecycle: '' }, body: lifecycle }, key);
  const started = await server.raw({ method: 'POST', path: `/${bucket}/k`, query: { uploads: '' } }, key);
  return { bucket, uploadId: /<UploadId>(.*)<\/UploadId>/.exec(started.body)?.[1] ?? '' };
}

const ofSubresource = (name: string, uploadId: string): Record<string, string> =>
  name === 'uploadId' ? { uploadId, partNumber: '1' } : { [name]: '' };

/** A request that means the operation, found as the gateway finds it. */
function requestOf(name: OperationName, { bucket, uploadId }: Things): RawRequest {
  const places = [
    { address: { bucket: '', key: '' }, subresources: [] },
    { address: { bucket, key: '' }, subresources: Object.keys(BUCKET_SUBRESOURCES) },
    { address: { bucket, key: 'k' }, subresources: Object.keys(OBJECT_SUBRESOURCES) },
  ];
  for (const method of METHODS) {
    for (const { address, subresources } of places) {
      const queries = subresources.map((each) => ofSubresource(each, uploadId));
      for (const query of [{}, { 'list-type': '2' }, ...queries]) {
        for (const copies of [false, true]) {
          const request = { method, ...address, query: new Query(Object.entries(query)), copies };
          if (!means(request, name)) continue;
          const path = `/${address.bucket}${address.key && `/${address.key}`}`;
          const headers = { 'x-amz-object-attributes': 'ETag', ...(copies && copying(bucket)) };
          return { method, path, query, headers };
        }
      }
    }
  }
  throw new Error(`no request means ${name}`);
}

const copying = (bucket: string) => ({ 'x-amz-copy-source': `${bucket}/k` });

function means(request: Parameters<typeof detect>[0], name: OperationName): boolean {
  try {
    return detect(request) === name;
  } catch {
    return false;
  }
}

type Send = (request: RawRequest) => Promise<RawAnswer>;

/** Which of the operations were not answered so. */
async function otherwise(send: Send, wanted: readonly OperationName[], answer: string): Promise<string[]> {
  const others: string[] = [];
  for (const name of wanted) {
    const request = requestOf(name, things);
    const got = errorOf(await send(request));
    // A HEAD has no document to name an error in.
    const expected = request.method === 'HEAD' ? `- ${answer.split(' ')[1]}` : answer;
    if (got !== expected) others.push(`${name}: ${got}`);
  }
  return others;
}

let users = 0;

/** Of a user with that role on the project of the account. */
async function credentialOf(account: 'owner' | 'other', role: string): Promise<Ec2Credential> {
  const accounts = await server.memory.accounts.listAccounts();
  const { accountId = '' } = accounts.find(({ name }) => name === account) ?? {};
  return ec2CredentialOf(server.memory.identity, `user-${users++}`, role, accountId);
}

/** Of the project that owns the things. */
const inside = (role: string) => credentialOf('owner', role);
const outside = (role: string) => credentialOf('other', role);

const by =
  (key: AccessKey): Send =>
  (request) =>
    server.raw(request, key);

async function isAsItWas(): Promise<boolean> {
  const { body } = await server.raw({ method: 'GET', path: `/${things.bucket}/k` });
  const listing = await server.raw({ method: 'GET', path: `/${things.bucket}`, query: { uploads: '' } });
  return body === 'kept' && listing.body.includes(things.uploadId);
}

test('every operation has a row that can be judged, and a request that means it', (t) => {
  for (const name of names) {
    t.truthy(rowOf(name), name);
    t.truthy(requestOf(name, things), name);
  }
  t.true(ofReaders.length > 0 && ofWriters.length > 0);
});

test('nobody in particular is refused everything', async (t) => {
  t.deepEqual(await otherwise((request) => server.unsigned(request), names, 'AccessDenied 403'), []);
  t.true(await isAsItWas());
});

for (const role of ['reader', 'member', 'manager', 'admin']) {
  test(`a ${role} of another project is refused everything at a bucket, and sees none`, async (t) => {
    const send = by(await outside(role));
    t.deepEqual(await otherwise(send, atBuckets, 'AccessDenied 403'), []);
    const list = await send(requestOf('ListBuckets', things));
    t.is(list.status, 200);
    t.false(list.body.includes(things.bucket));
    const making = role === 'reader' ? 'AccessDenied 403' : 'BucketAlreadyExists 409';
    t.is(errorOf(await send(requestOf('CreateBucket', things))), making);
    t.true(await isAsItWas());
  });
}

test('a reader may read and list, and is refused whatever changes something', async (t) => {
  const send = by(await inside('reader'));
  t.deepEqual(await otherwise(send, ofReaders, '- 200'), []);
  t.is((await send({ method: 'GET', path: `/${things.bucket}/k` })).body, 'kept');
  t.deepEqual(await otherwise(send, ofWriters, 'AccessDenied 403'), []);
  // Whether it is there or not.
  t.is(errorOf(await send({ method: 'PUT', path: '/not-there/k', body: '' })), 'AccessDenied 403');
  t.is(errorOf(await send({ method: 'GET', path: '/not-there/k' })), 'NoSuchBucket 404');
  t.true(await isAsItWas());
});

for (const role of ['member', 'manager', 'admin']) {
  test(`a ${role} may do everything`, async (t) => {
    const key = await inside(role);
    const own = await makeThings(`of-a-${role}`, key);
    for (const name of names) {
      const { status, body } = await server.raw(requestOf(name, own), key);
      t.false([401, 403].includes(status), `${name}: ${status} ${body}`);
      t.true(status < 500, `${name}: ${status} ${body}`);
    }
    const put = { method: 'PUT', path: `/of-a-${role}-too` };
    t.is((await server.raw(put, key)).status, 200);
    t.is((await server.raw({ ...put, path: `${put.path}/k`, body: 'x' }, key)).status, 200);
  });
}

/** Signed with the key of the owner at a moment of the past. */
function presigned(atMs: number, expiresSeconds: number): Send {
  return (request) => {
    const { method, path: rawPath, query = {}, headers = {} } = request;
    const rawQuery = Object.entries(query)
      .map(([name, value]) => `${name}=${value}`)
      .join('&');
    const signed = presignedQuery(
      { method, rawPath, rawQuery, headers: [['host', host()], ...Object.entries(headers)] },
      server.keys[0] as AccessKey,
      { atMs, expiresSeconds },
    );
    return server.unsigned({ ...request, path: `${rawPath}?${signed}`, query: {} });
  };
}

const host = () => new URL(server.endpoint).host;

function signedAt(atMs: number): Send {
  return (request) => {
    const { method, path: rawPath, query = {}, headers = {} } = request;
    const rawQuery = Object.entries(query)
      .map(([name, value]) => `${name}=${value}`)
      .join('&');
    const given = [['host', host()], ...Object.entries(headers)] as const;
    const unsigned = { method, rawPath, rawQuery, headers: given, payload: 'UNSIGNED-PAYLOAD' };
    const signed = signedHeaders(unsigned, server.keys[0] as AccessKey, atMs);
    return server.unsigned({ ...request, headers: Object.fromEntries(signed.headers) });
  };
}

test('a signature opens nothing when its time is over', async (t) => {
  const nowMs = Date.now();
  const open = await presigned(nowMs, 60)(requestOf('GetObject', things));
  t.is(open.body, 'kept');
  t.deepEqual(await otherwise(presigned(nowMs - 61_000, 60), names, 'AccessDenied 403'), []);
  const { body } = await presigned(nowMs - 61_000, 60)(requestOf('GetObject', things));
  t.regex(body, /<Message>Request has expired<\/Message>/);
  t.is((await signedAt(nowMs)(requestOf('GetObject', things))).body, 'kept');
  const skewed = signedAt(nowMs - limits.s3ClockSkewMs - 1_000);
  t.deepEqual(await otherwise(skewed, names, 'RequestTimeTooSkewed 403'), []);
  t.true(await isAsItWas());
});

const ENDS: Readonly<Record<string, (credential: Ec2Credential) => Promise<unknown>>> = {
  'was revoked': ({ userId, accessKeyId }) =>
    server.memory.identity.users.deleteEc2Credential(OPERATOR, userId, accessKeyId),
  'is of a user who is disabled': ({ userId }) =>
    server.memory.identity.users.updateUser(OPERATOR, userId, { enabled: false }),
  'is of a user who is gone': ({ userId }) => server.memory.identity.users.deleteUser(OPERATOR, userId),
  'is of a user without a role': ({ userId, projectId }) => {
    const scope = { kind: 'project', id: projectId } as const;
    return server.memory.identity.roles.withdraw(OPERATOR, userId, scope, builtInRoleId('member'), false);
  },
};

for (const [what, end] of Object.entries(ENDS)) {
  test(`a key that ${what} opens nothing any more`, async (t) => {
    const credential = await inside('member');
    t.is((await by(credential)(requestOf('GetObject', things))).body, 'kept');
    made(await end(credential));
    t.deepEqual(await otherwise(by(credential), names, 'InvalidAccessKeyId 403'), []);
    t.true(await isAsItWas());
  });
}

test('who copies must be let read where the copy comes from', async (t) => {
  const key = await outside('member');
  const own = await makeThings('target', key);
  const headers = { 'x-amz-copy-source': `${things.bucket}/k` };
  for (const name of ['CopyObject', 'UploadPartCopy'] as const) {
    const request = { ...requestOf(name, own), headers };
    t.is(errorOf(await server.raw(request, key)), 'AccessDenied 403', name);
    const ownSource = {
      ...request,
      headers: { 'x-amz-copy-source': 'target/k', 'x-amz-metadata-directive': 'REPLACE' },
    };
    t.is((await server.raw(ownSource, key)).status, 200, name);
  }
  t.is((await server.raw({ method: 'GET', path: '/target/k' }, key)).body, 'kept');
});
