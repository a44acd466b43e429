// Tests access control lists of buckets and objects: canned ones, grants in headers and documents, whose the
// objects are, and what is blocked.

import test from 'ava';
import { errorOf, type RawAnswer, type RawRequest, S3Server } from '#tests/support/s3-server.ts';
import type { AccessKey } from '#tests/support/signed-requests.ts';

let server: S3Server;
let owner: AccessKey;
let other: AccessKey;
let third: AccessKey;
let buckets = 0;

test.before(async () => {
  server = await S3Server.start();
  [owner, other] = server.keys as [AccessKey, AccessKey];
  third = (await server.memory.accounts.addAccount('third', { email: 'third@example.org' })) as never;
  for (const name of ['twin-a', 'twin-b']) {
    await server.memory.accounts.addAccount(name, { email: 'twins@example.org' });
  }
});

test.after.always(() => server?.stop());

async function canonicalOf(name: string): Promise<string> {
  const all = await server.memory.accounts.listAccounts();
  const accountId = all.find((account) => account.name === name)?.accountId ?? '';
  return server.memory.cloud.accounts.owner(accountId).canonicalId;
}

const send = (key: AccessKey | undefined, request: RawRequest): Promise<RawAnswer> =>
  key ? server.raw(request, key) : server.unsigned(request);
const by = async (key: AccessKey | undefined, request: RawRequest) => errorOf(await send(key, request));

/** A new bucket of `owner` with the object `k`. */
async function bucketWith(rule?: string, headers: Record<string, string> = {}): Promise<string> {
  const bucket = `lists-${buckets++}`;
  const owned = { ...(rule && { 'x-amz-object-ownership': rule }), ...headers };
  const made = await by(owner, { method: 'PUT', path: `/${bucket}`, headers: owned });
  if (made !== '- 200') throw new Error(made);
  await by(owner, put(bucket, 'k'));
  return bucket;
}

const get = (bucket: string, key = 'k') => ({ method: 'GET', path: `/${bucket}/${key}` });
const put = (bucket: string, key = 'k', headers: Record<string, string> = {}, body = 'kept') => ({
  ...{ method: 'PUT', path: `/${bucket}/${key}`, body, headers },
});
const list = (bucket: string) => ({ method: 'GET', path: `/${bucket}` });
const acl = (path: string) => ({ method: 'GET', path: `/${path}`, query: { acl: '' } });
const setAcl = (path: string, headers: Record<string, string> = {}, body = '') => ({
  ...{ method: 'PUT', path: `/${path}`, query: { acl: '' }, headers, body },
});
const canned = (name: string) => ({ 'x-amz-acl': name });

/** `<permission> <grantee>` of each grant. */
async function grantsIn(path: string, key = owner): Promise<string[]> {
  const { body } = await send(key, acl(path));
  const grants = [...body.matchAll(/<Grant>.*?<(?:ID|URI)>(.*?)<\/.*?<Permission>(.*?)<\/Permission>/g)];
  return grants.map(([, grantee = '', permission]) => `${permission} ${grantee.split('/').at(-1)}`).sort();
}

test('a new bucket has no lists but those that say what is the case', async (t) => {
  const bucket = await bucketWith();
  const full = `FULL_CONTROL ${await canonicalOf('owner')}`;
  t.deepEqual(await grantsIn(bucket), [full]);
  t.deepEqual(await grantsIn(`${bucket}/k`), [full]);
  for (const path of [bucket, `${bucket}/k`]) {
    t.is(await by(owner, setAcl(path, canned('public-read'))), 'AccessControlListNotSupported 400', path);
    t.is(await by(owner, setAcl(path, canned('private'))), '- 200', path);
    t.is(await by(owner, setAcl(path, canned('bucket-owner-full-control'))), '- 200', path);
    t.is(await by(owner, setAcl(path)), 'MissingSecurityHeader 400', path);
    t.is(await by(other, acl(path)), 'AccessDenied 403', path);
  }
  t.is(await by(owner, put(bucket, 'k', canned('public-read'))), 'AccessControlListNotSupported 400');
  t.is(await by(owner, put(bucket, 'k', canned('bucket-owner-full-control'))), '- 200');
  const opened = { method: 'PUT', path: '/lists-open', headers: canned('public-read') };
  t.is(await by(owner, opened), 'InvalidBucketAclWithObjectOwnership 400');
  t.is(await by(owner, list('lists-open')), 'NoSuchBucket 404');
});

test('canned lists of buckets open them as they say', async (t) => {
  const bucket = await bucketWith('ObjectWriter', canned('public-read'));
  t.is(await by(undefined, list(bucket)), '- 200');
  t.is(await by(undefined, get(bucket)), 'AccessDenied 403', 'an object has a list of its own');
  t.is(await by(undefined, put(bucket)), 'AccessDenied 403');
  t.is(await by(owner, setAcl(bucket, canned('authenticated-read'))), '- 200');
  t.is(await by(undefined, list(bucket)), 'AccessDenied 403');
  t.is(await by(other, list(bucket)), '- 200');
  t.is(await by(owner, setAcl(bucket, canned('public-read-write'))), '- 200');
  t.is(await by(undefined, put(bucket, 'new')), '- 200');
  t.is(await by(undefined, { method: 'DELETE', path: `/${bucket}/new` }), '- 204');
  t.is(await by(owner, setAcl(bucket, canned('log-delivery-write'))), '- 200');
  t.deepEqual(await grantsIn(bucket), [
    ...[`FULL_CONTROL ${await canonicalOf('owner')}`, 'READ_ACP LogDelivery', 'WRITE LogDelivery'],
  ]);
  t.is(await by(owner, setAcl(bucket, canned('private'))), '- 200');
  t.is(await by(other, list(bucket)), 'AccessDenied 403');
  t.is(await by(owner, setAcl(bucket, canned('open-sesame'))), 'InvalidArgument 400');
});

test('each version has a list of its own, whatever the key names', async (t) => {
  const bucket = await bucketWith('ObjectWriter');
  const document = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>';
  const keeping = { method: 'PUT', path: `/${bucket}`, query: { versioning: '' }, body: document };
  t.is(await by(owner, keeping), '- 200');
  const versionOf = async (request: RawRequest) =>
    (await send(owner, request)).headers['x-amz-version-id'] as string;
  const open = await versionOf(put(bucket, 'k', canned('public-read'), 'for all'));
  const shut = await versionOf(put(bucket, 'k', {}, 'for me'));
  const at = (versionId: string) => ({ ...get(bucket), query: { versionId } });
  t.is((await send(undefined, at(open))).body, 'for all');
  t.is(await by(undefined, at(shut)), 'AccessDenied 403');
  t.is(await by(undefined, get(bucket)), 'AccessDenied 403');
  t.is(await by(undefined, at('null')), 'AccessDenied 403', 'what was put first');
  const copyOf = (versionId: string) => ({ 'x-amz-copy-source': `${bucket}/k?versionId=${versionId}` });
  const mine = '/lists-copies';
  t.is(await by(other, { method: 'PUT', path: mine }), '- 200');
  const copy = (versionId: string) => ({ method: 'PUT', path: `${mine}/c`, headers: copyOf(versionId) });
  t.is(await by(other, copy(open)), '- 200');
  t.is(await by(other, copy(shut)), 'AccessDenied 403');
  const listAt = (versionId: string) => ({ ...acl(`${bucket}/k`), query: { acl: '', versionId } });
  t.true((await send(owner, listAt(open))).body.includes('AllUsers'));
  t.false((await send(owner, listAt(shut))).body.includes('AllUsers'));
  t.is(await by(owner, { method: 'DELETE', path: `/${bucket}/k` }), '- 204');
  t.is((await send(undefined, at(open))).body, 'for all', 'though the key names nothing');
  t.is(await by(undefined, at(shut)), 'AccessDenied 403');
});

test('lists of objects open them as they say, and make them no younger', async (t) => {
  const bucket = await bucketWith('BucketOwnerPreferred');
  const modified = async () => (await send(owner, get(bucket))).headers['last-modified'];
  const before = await modified();
  t.is(await by(owner, setAcl(`${bucket}/k`, canned('public-read'))), '- 200');
  t.is((await send(undefined, get(bucket))).body, 'kept');
  t.is(await modified(), before);
  t.is(await by(undefined, acl(`${bucket}/k`)), 'AccessDenied 403');
  t.is(await by(owner, put(bucket, 'k')), '- 200');
  t.is(await by(undefined, get(bucket)), 'AccessDenied 403', 'another object under the same key');
  t.is(await by(owner, put(bucket, 'k', canned('authenticated-read'))), '- 200');
  t.is(await by(other, get(bucket)), '- 200');
  const copy = { ...canned('public-read'), 'x-amz-copy-source': `${bucket}/k` };
  t.is(await by(owner, put(bucket, 'copy', copy, '')), '- 200');
  t.is((await send(undefined, get(bucket, 'copy'))).body, 'kept');
  t.is(await by(undefined, get(bucket, 'nothing')), 'AccessDenied 403');
});

test('an upload becomes an object with the list that it began with', async (t) => {
  const bucket = await bucketWith('ObjectWriter');
  const started = await send(owner, {
    ...{ method: 'POST', path: `/${bucket}/parts`, query: { uploads: '' }, headers: canned('public-read') },
  });
  const uploadId = /<UploadId>(.*)<\/UploadId>/.exec(started.body)?.[1] ?? '';
  const part = {
    method: 'PUT',
    path: `/${bucket}/parts`,
    query: { partNumber: '1', uploadId },
    body: 'part',
  };
  const { headers } = await send(owner, part);
  const listed = `<Part><PartNumber>1</PartNumber><ETag>${headers.etag}</ETag></Part>`;
  const body = `<CompleteMultipartUpload>${listed}</CompleteMultipartUpload>`;
  const completion = { method: 'POST', path: `/${bucket}/parts`, query: { uploadId }, body };
  t.is(await by(undefined, completion), 'AccessDenied 403');
  t.is(await by(owner, completion), '- 200');
  t.is((await send(undefined, get(bucket, 'parts'))).body, 'part');
});

test('grants name accounts by canonical id and by address, and groups', async (t) => {
  const bucket = await bucketWith('ObjectWriter');
  const path = `${bucket}/k`;
  const id = await canonicalOf('other');
  const granted = { 'x-amz-grant-read': `id="${id}", emailAddress="Third@example.org"` };
  t.is(await by(owner, setAcl(path, granted)), '- 200');
  t.deepEqual(await grantsIn(path), [`READ ${id}`, `READ ${await canonicalOf('third')}`].sort());
  t.is(await by(other, get(bucket)), '- 200');
  t.is(await by(third, get(bucket)), '- 200');
  t.is(await by(undefined, get(bucket)), 'AccessDenied 403');
  t.is(await by(other, acl(path)), 'AccessDenied 403');
  t.is(await by(owner, acl(path)), '- 200');
  const may = { 'x-amz-grant-read-acp': `id=${id}`, 'x-amz-grant-write-acp': `id=${id}` };
  t.is(await by(owner, setAcl(path, may)), '- 200');
  t.is(await by(other, acl(path)), '- 200');
  t.is(await by(other, get(bucket)), 'AccessDenied 403');
  t.is(await by(other, setAcl(path, canned('public-read'))), '- 200');
  t.is(await by(undefined, get(bucket)), '- 200');
  const wrong: Record<string, string> = {
    'id="nobody"': 'InvalidArgument 400',
    'emailAddress="nobody@example.org"': 'UnresolvableGrantByEmailAddress 400',
    'emailAddress="twins@example.org"': 'AmbiguousGrantByEmailAddress 400',
    'uri="http://acs.amazonaws.com/groups/global/Nobody"': 'InvalidArgument 400',
    everybody: 'InvalidArgument 400',
  };
  for (const [value, answer] of Object.entries(wrong)) {
    t.is(await by(owner, setAcl(path, { 'x-amz-grant-read': value })), answer, value);
  }
  const both = { ...canned('private'), 'x-amz-grant-read': `id=${id}` };
  t.is(await by(owner, setAcl(path, both)), 'InvalidRequest 400');
});

const XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"';
const policyOf = (ownerId: string, ...grants: (readonly [permission: string, grantee: string])[]) => {
  const listed = grants.map(([permission, grantee]) => {
    const typed = `<Grantee ${XSI} xsi:type="CanonicalUser">${grantee}</Grantee>`;
    return `<Grant>${typed}<Permission>${permission}</Permission></Grant>`;
  });
  const who = `<Owner><ID>${ownerId}</ID></Owner>`;
  return (
    '<AccessControlPolicy xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' +
    `${who}<AccessControlList>${listed.join('')}</AccessControlList></AccessControlPolicy>`
  );
};

test('a list can be put as a document, and what was got can be put again', async (t) => {
  const bucket = await bucketWith('ObjectWriter');
  const [me, them] = [await canonicalOf('owner'), await canonicalOf('other')];
  const document = policyOf(me, ['FULL_CONTROL', `<ID>${me}</ID>`], ['READ', `<ID>${them}</ID>`]);
  for (const path of [bucket, `${bucket}/k`]) {
    t.is(await by(owner, setAcl(path, {}, document)), '- 200', path);
    const before = await grantsIn(path);
    t.deepEqual(before, [`FULL_CONTROL ${me}`, `READ ${them}`]);
    const { body } = await send(owner, acl(path));
    t.is(await by(owner, setAcl(path, {}, body)), '- 200', path);
    t.deepEqual(await grantsIn(path), before);
    t.is(await by(other, { method: 'GET', path: `/${path}` }), '- 200', path);
    t.is(await by(third, { method: 'GET', path: `/${path}` }), 'AccessDenied 403', path);
    t.is(await by(owner, setAcl(path, canned('private'), document)), 'UnexpectedContent 400');
    t.is(await by(owner, setAcl(path, {}, '<AccessControlPolicy/>')), 'MalformedACLError 400');
    t.is(await by(owner, setAcl(path, {}, 'no document')), 'MalformedACLError 400');
    const flying = policyOf(me, ['FLY', `<ID>${me}</ID>`]);
    t.is(await by(owner, setAcl(path, {}, flying)), 'MalformedACLError 400');
    t.is(await by(owner, setAcl(path, {}, policyOf(them))), 'AccessDenied 403');
    const many = Array.from({ length: 101 }, () => ['READ', `<ID>${them}</ID>`] as const);
    t.is(await by(owner, setAcl(path, {}, policyOf(me, ...many))), 'MalformedACLError 400');
  }
});

test('whoever writes owns where the bucket says so, and its owner does not see it', async (t) => {
  const open = canned('public-read-write');
  const ownerIn = async (path: string, key: AccessKey) =>
    /<Owner><ID>(.*?)<\/ID>/.exec((await send(key, acl(path))).body)?.[1];
  const [me, them] = [await canonicalOf('owner'), await canonicalOf('other')];
  const writers = await bucketWith('ObjectWriter', open);
  t.is(await by(other, put(writers, 'theirs')), '- 200');
  t.is(await ownerIn(`${writers}/theirs`, other), them);
  t.is(await by(owner, get(writers, 'theirs')), 'AccessDenied 403');
  t.is(await by(other, get(writers, 'theirs')), '- 200');
  t.is(await by(other, put(writers, 'shown', canned('bucket-owner-read'))), '- 200');
  t.is(await by(owner, get(writers, 'shown')), '- 200');
  t.is(await by(owner, acl(`${writers}/shown`)), 'AccessDenied 403');
  t.is(await by(owner, { method: 'DELETE', path: `/${writers}/theirs` }), '- 204');
  const preferred = await bucketWith('BucketOwnerPreferred', open);
  t.is(await by(other, put(preferred, 'given', canned('bucket-owner-full-control'))), '- 200');
  t.is(await ownerIn(`${preferred}/given`, owner), me);
  t.is(await by(other, put(preferred, 'kept')), '- 200');
  t.is(await ownerIn(`${preferred}/kept`, other), them);
  t.is(await by(owner, get(preferred, 'kept')), 'AccessDenied 403');
});

const ruleDocument = (rule: string) =>
  `<OwnershipControls><Rule><ObjectOwnership>${rule}</ObjectOwnership></Rule></OwnershipControls>`;
const controls = (bucket: string, method = 'GET', rule?: string) => ({
  ...{ method, path: `/${bucket}`, query: { ownershipControls: '' } },
  ...(rule && { body: ruleDocument(rule) }),
});

test('ownership controls can be put, deleted, and make lists count or not', async (t) => {
  const bucket = await bucketWith();
  const ruleOf = async () => {
    const answer = await send(owner, controls(bucket));
    return /<ObjectOwnership>(.*)<\/ObjectOwnership>/.exec(answer.body)?.[1] ?? errorOf(answer);
  };
  t.is(await ruleOf(), 'BucketOwnerEnforced');
  t.is(await by(owner, controls(bucket, 'PUT', 'ObjectWriter')), '- 200');
  t.is(await ruleOf(), 'ObjectWriter');
  t.is(await by(owner, setAcl(bucket, canned('public-read'))), '- 200');
  t.is(await by(owner, setAcl(`${bucket}/k`, canned('public-read'))), '- 200');
  const enforced = controls(bucket, 'PUT', 'BucketOwnerEnforced');
  t.is(await by(owner, enforced), 'InvalidBucketAclWithObjectOwnership 400');
  t.is(await by(owner, setAcl(bucket, canned('private'))), '- 200');
  t.is(await by(undefined, get(bucket)), '- 200');
  t.is(await by(owner, enforced), '- 200');
  t.is(await by(undefined, get(bucket)), 'AccessDenied 403');
  t.is(await by(owner, controls(bucket, 'DELETE')), '- 204');
  t.is(await ruleOf(), 'OwnershipControlsNotFoundError 404');
  t.is(await by(undefined, get(bucket)), '- 200', 'a list that was there counts again');
  t.is(await by(owner, controls(bucket, 'PUT', 'Mine')), 'MalformedXML 400');
  t.is(await by(other, enforced), 'AccessDenied 403');
});

test('public lists are refused, or do not count, where that is blocked', async (t) => {
  const bucket = await bucketWith('ObjectWriter', canned('public-read'));
  t.is(await by(owner, setAcl(`${bucket}/k`, canned('public-read'))), '- 200');
  const block = (name: string) => ({
    ...{ method: 'PUT', path: `/${bucket}`, query: { publicAccessBlock: '' } },
    body: `<PublicAccessBlockConfiguration><${name}>true</${name}></PublicAccessBlockConfiguration>`,
  });
  t.is(await by(owner, block('BlockPublicAcls')), '- 200');
  t.is(await by(undefined, get(bucket)), '- 200', 'what is there stays');
  t.is(await by(owner, setAcl(bucket, canned('public-read-write'))), 'AccessDenied 403');
  t.is(await by(owner, put(bucket, 'k', canned('authenticated-read'))), 'AccessDenied 403');
  t.is(await by(owner, block('IgnorePublicAcls')), '- 200');
  t.is(await by(undefined, get(bucket)), 'AccessDenied 403');
  t.is(await by(undefined, list(bucket)), 'AccessDenied 403');
  t.is(await by(owner, setAcl(`${bucket}/k`, canned('public-read'))), '- 200');
});

test('an operator may have lists count in all new buckets', async (t) => {
  const preferring = await S3Server.start({ ownership: 'ObjectWriter' });
  t.teardown(() => preferring.stop());
  const [key] = preferring.keys;
  const make = (path: string, headers: Record<string, string>) =>
    preferring.raw({ method: 'PUT', path, headers }, key);
  t.is(errorOf(await make('/open', canned('public-read'))), '- 200');
  t.is(errorOf(await preferring.unsigned(list('open'))), '- 200');
  const enforced = { 'x-amz-object-ownership': 'BucketOwnerEnforced' };
  t.is(errorOf(await make('/shut', enforced)), '- 200');
  t.is(
    errorOf(await preferring.raw(setAcl('shut', canned('public-read')), key)),
    'AccessControlListNotSupported 400',
  );
});
