// Tests who may do what by a bucket's policy: others, nobody in particular, users of the owner's own account;
// what is blocked; and what is refused as no policy.

import { createHash } from 'node:crypto';
import test from 'ava';
import { limits } from '#core/kernel/limits.ts';
import { type Ec2Credential, ec2CredentialOf, made, OPERATOR } from '#tests/support/ec2-credentials.ts';
import { errorOf, type RawRequest, S3Server } from '#tests/support/s3-server.ts';
import type { AccessKey } from '#tests/support/signed-requests.ts';

let server: S3Server;
let owner: AccessKey;
let other: AccessKey;
let buckets = 0;

test.before(async () => {
  server = await S3Server.start();
  [owner, other] = server.keys as [AccessKey, AccessKey];
});

test.after.always(() => server?.stop());

interface Statement {
  readonly Effect?: 'Allow' | 'Deny';
  readonly Principal?: unknown;
  readonly Action?: string | string[];
  readonly Resource?: string;
  readonly Condition?: object;
}

const arn = (bucket: string, tail = '') => `arn:aws:s3:::${bucket}${tail}`;

function policyOf(bucket: string, ...statements: Statement[]): string {
  const all = statements.map((each) => ({
    ...{ Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: arn(bucket, '/*') },
    ...each,
  }));
  return JSON.stringify({ Version: '2012-10-17', Statement: all });
}

/** A new bucket of `owner` with the object `k`. */
async function bucketWith(...statements: Statement[]): Promise<string> {
  const bucket = `policies-${buckets++}`;
  await server.raw({ method: 'PUT', path: `/${bucket}` }, owner);
  await server.raw({ method: 'PUT', path: `/${bucket}/k`, body: 'kept' }, owner);
  if (statements.length > 0) await accepted(bucket, statements);
  return bucket;
}

async function accepted(bucket: string, statements: Statement[]): Promise<void> {
  const answer = await setPolicy(bucket, policyOf(bucket, ...statements));
  if (answer !== '- 204') throw new Error(answer);
}

const setPolicy = async (bucket: string, text: string, key = owner) =>
  errorOf(await server.raw({ method: 'PUT', path: `/${bucket}`, query: { policy: '' }, body: text }, key));

const by = async (key: AccessKey | undefined, request: RawRequest) =>
  errorOf(await (key ? server.raw(request, key) : server.unsigned(request)));

const get = (bucket: string, key = 'k') => ({ method: 'GET', path: `/${bucket}/${key}` });
const put = (bucket: string, key = 'k', headers = {}) => ({
  ...{ method: 'PUT', path: `/${bucket}/${key}`, body: 'new', headers },
});
const list = (bucket: string, query = {}) => ({ method: 'GET', path: `/${bucket}`, query });

async function accountIdOf(name: 'owner' | 'other'): Promise<string> {
  const all = await server.memory.accounts.listAccounts();
  return all.find((account) => account.name === name)?.accountId ?? '';
}

let users = 0;
async function userOf(account: 'owner' | 'other', role: string): Promise<[Ec2Credential, arn: string]> {
  const name = `policy-user-${users++}`;
  const accountId = await accountIdOf(account);
  const key = await ec2CredentialOf(server.memory.identity, name, role, accountId);
  return [key, `arn:aws:iam::${accountId}:user/${name}`];
}

test('a policy is kept as it was put, until it is deleted', async (t) => {
  const bucket = await bucketWith();
  const asked = { method: 'GET', path: `/${bucket}`, query: { policy: '' } };
  t.is(await by(owner, asked), 'NoSuchBucketPolicy 404');
  const text = `${policyOf(bucket, {})}\n\n`;
  t.is(await setPolicy(bucket, text), '- 204');
  const { body, headers } = await server.raw(asked, owner);
  t.is(body, text);
  t.is(headers['content-type'], 'application/json');
  t.is(await by(other, asked), 'AccessDenied 403');
  t.is(await by(owner, { ...asked, method: 'DELETE' }), '- 204');
  t.is(await by(owner, { ...asked, method: 'DELETE' }), '- 204');
  t.is(await by(owner, asked), 'NoSuchBucketPolicy 404');
});

test('everybody may do what a policy lets everybody do, and nothing more', async (t) => {
  const bucket = await bucketWith({});
  for (const key of [undefined, other]) {
    t.is(await by(key, get(bucket)), '- 200');
    t.is(await by(key, { ...get(bucket), method: 'HEAD' }), '- 200');
    t.is(await by(key, put(bucket)), 'AccessDenied 403');
    t.is(await by(key, list(bucket)), 'AccessDenied 403');
    t.is(await by(key, { method: 'DELETE', path: `/${bucket}/k` }), 'AccessDenied 403');
    t.is(await by(key, { method: 'GET', path: `/${bucket}`, query: { policy: '' } }), 'AccessDenied 403');
  }
  t.is((await server.unsigned(get(bucket))).body, 'kept');
  t.is(await by(undefined, get('policies-not-there')), 'NoSuchBucket 404');
});

test('who may not list a bucket is not told which keys it has not', async (t) => {
  const bucket = await bucketWith({});
  t.is(await by(undefined, get(bucket, 'nothing')), 'AccessDenied 403');
  t.is(await by(undefined, { ...get(bucket, 'nothing'), method: 'HEAD' }), '- 403');
  t.is(await by(owner, get(bucket, 'nothing')), 'NoSuchKey 404');
  await accepted(bucket, [{}, { Action: 's3:ListBucket', Resource: arn(bucket) }]);
  t.is(await by(undefined, get(bucket, 'nothing')), 'NoSuchKey 404');
  t.is(await by(undefined, list(bucket)), '- 200');
});

test('another account may what is let to it, as far as its own roles let its users', async (t) => {
  const [reader] = await userOf('other', 'reader');
  const [member, memberArn] = await userOf('other', 'member');
  const account = await accountIdOf('other');
  const Action = ['s3:GetObject', 's3:PutObject'];
  const bucket = await bucketWith({ Principal: { AWS: account }, Action });
  t.is(await by(other, put(bucket)), '- 200');
  t.is(await by(member, put(bucket)), '- 200');
  t.is(await by(reader, put(bucket)), 'AccessDenied 403');
  t.is(await by(reader, get(bucket)), '- 200');
  t.is(await by(undefined, get(bucket)), 'AccessDenied 403');
  await accepted(bucket, [{ Principal: { AWS: memberArn } }]);
  t.is(await by(member, get(bucket)), '- 200');
  t.is(await by(other, get(bucket)), 'AccessDenied 403');
  const { canonicalId } = server.memory.cloud.accounts.owner(account);
  await accepted(bucket, [{ Principal: { CanonicalUser: canonicalId } }]);
  t.is(await by(other, get(bucket)), '- 200');
});

test("a user of the owner's account may more by name, and less by a denial", async (t) => {
  const [reader, readerArn] = await userOf('owner', 'reader');
  const account = await accountIdOf('owner');
  const bucket = await bucketWith({ Principal: { AWS: account }, Action: 's3:*' });
  t.is(await by(reader, put(bucket)), 'AccessDenied 403', 'the account lets, and does not let readers');
  await accepted(bucket, [{ Principal: { AWS: readerArn }, Action: 's3:PutObject' }]);
  t.is(await by(reader, put(bucket)), '- 200');
  await accepted(bucket, [{ Effect: 'Deny', Principal: { AWS: readerArn } }]);
  t.is(await by(reader, get(bucket)), 'AccessDenied 403');
  t.is(await by(owner, get(bucket)), '- 200');
});

test('an account that has shut out itself can still change the policy', async (t) => {
  const bucket = await bucketWith();
  const [member] = await userOf('owner', 'member');
  await accepted(bucket, [
    { Effect: 'Deny', Action: 's3:*' },
    { Effect: 'Deny', Action: 's3:*', Resource: arn(bucket) },
  ]);
  t.is(await by(owner, get(bucket)), 'AccessDenied 403');
  t.is(await by(owner, { method: 'DELETE', path: `/${bucket}` }), 'AccessDenied 403');
  const removal = { method: 'DELETE', path: `/${bucket}`, query: { policy: '' } };
  t.is(await by(member, removal), 'AccessDenied 403');
  t.is(await by(owner, removal), '- 204');
  t.is(await by(owner, get(bucket)), '- 200');
});

test('conditions are of what the request says', async (t) => {
  const bucket = await bucketWith(
    { Action: 's3:ListBucket', Resource: arn(bucket0()), Condition: { StringEquals: { 's3:prefix': 'k' } } },
    { Condition: { IpAddress: { 'aws:SourceIp': '127.0.0.0/8' }, Bool: { 'aws:SecureTransport': 'false' } } },
    {
      Action: 's3:PutObject',
      Condition: { StringEquals: { 's3:x-amz-storage-class': 'GLACIER', 's3:RequestObjectTag/a': 'b' } },
    },
  );
  t.is(await by(undefined, list(bucket, { prefix: 'k' })), '- 200');
  t.is(await by(undefined, list(bucket)), 'AccessDenied 403');
  t.is(await by(undefined, get(bucket)), '- 200');
  const glacier = { 'x-amz-storage-class': 'GLACIER', 'x-amz-tagging': 'a=b' };
  t.is(await by(other, put(bucket, 'k', glacier)), 'AccessDenied 403', 'tags need an action of their own');
  await accepted(bucket, [
    {
      Action: ['s3:PutObject', 's3:PutObjectTagging'],
      Condition: { StringEquals: { 's3:RequestObjectTag/a': 'b' } },
    },
    { Condition: { StringEquals: { 's3:ExistingObjectTag/a': 'b' } } },
    {
      Effect: 'Deny',
      Action: 's3:*',
      Condition: {
        DateGreaterThan: { 'aws:CurrentTime': '2000-01-01' },
        StringEquals: { 'aws:Referer': 'http://evil' },
      },
    },
  ]);
  t.is(await by(undefined, get(bucket)), 'AccessDenied 403');
  t.is(await by(other, put(bucket, 'k', glacier)), '- 200');
  t.is(await by(undefined, get(bucket)), '- 200');
  t.is(await by(undefined, { ...get(bucket), headers: { referer: 'http://evil' } }), 'AccessDenied 403');
});

/** The name that the next bucket will have. */
const bucket0 = () => `policies-${buckets}`;

/** Of several keys in one request. */
function deletionOf(bucket: string, keys: readonly string[], query: Record<string, string> = {}): RawRequest {
  const body = `<Delete>${keys.map((key) => `<Object><Key>${key}</Key></Object>`).join('')}</Delete>`;
  const headers = { 'content-md5': createHash('md5').update(body).digest('base64') };
  return { method: 'POST', path: `/${bucket}`, query: { delete: '', ...query }, body, headers };
}

test('of many keys each is judged by itself', async (t) => {
  const bucket = await bucketWith({ Action: 's3:DeleteObject', Resource: arn(bucket0(), '/open*') });
  await server.raw(put(bucket, 'open'), owner);
  const answer = await server.unsigned(deletionOf(bucket, ['open', 'k']));
  t.is(answer.status, 200);
  t.regex(answer.body, /<Deleted><Key>open<\/Key><\/Deleted>/);
  t.regex(answer.body, /<Error><Key>k<\/Key><Code>AccessDenied<\/Code>/);
  t.is(await by(owner, get(bucket, 'open')), 'NoSuchKey 404');
  t.is(await by(owner, get(bucket)), '- 200');
});

test('a version in the address of a deletion of many keys says nothing of them', async (t) => {
  const tagged = { StringEquals: { 's3:ExistingObjectTag/a': 'b' } };
  const bucket = await bucketWith(
    { Action: 's3:DeleteObjectVersion' },
    { Action: 's3:DeleteObject', Condition: tagged },
  );
  for (const versionId of ['null', '', 'x']) {
    const { status, body } = await server.unsigned(deletionOf(bucket, ['k'], { versionId }));
    t.is(status, 200, versionId);
    t.regex(body, /<Error><Key>k<\/Key><Code>AccessDenied<\/Code>/, versionId);
  }
  t.is(await by(owner, get(bucket)), '- 200');
});

test('who copies must be let read where the copy comes from, by policy too', async (t) => {
  const source = await bucketWith();
  const target = await bucketWith({ Action: 's3:PutObject' });
  const copy = put(target, 'copy', { 'x-amz-copy-source': `/${source}/k` });
  t.is(await by(other, copy), 'AccessDenied 403');
  await accepted(source, [{}]);
  t.is(await by(other, copy), '- 200');
  t.is((await server.raw(get(target, 'copy'), owner)).body, 'kept');
});

test('who is let in leaves what the owner of the bucket owns', async (t) => {
  const bucket = await bucketWith({ Action: ['s3:PutObject', 's3:GetObject'] });
  t.is(await by(undefined, put(bucket, 'anonymous')), '- 200');
  const { body } = await server.raw(list(bucket, { 'list-type': '2', 'fetch-owner': 'true' }), owner);
  const { canonicalId } = server.memory.cloud.accounts.owner(await accountIdOf('owner'));
  t.is([...body.matchAll(new RegExp(`<ID>${canonicalId}</ID>`, 'g'))].length, 2);
});

const BLOCK = 'PublicAccessBlockConfiguration';
const block = (bucket: string, ...names: string[]) => ({
  ...{ method: 'PUT', path: `/${bucket}`, query: { publicAccessBlock: '' } },
  body: `<${BLOCK}>${names.map((name) => `<${name}>true</${name}>`).join('')}</${BLOCK}>`,
});
const statusOf = async (bucket: string) => {
  const request = { method: 'GET', path: `/${bucket}`, query: { policyStatus: '' } };
  const answer = await server.raw(request, owner);
  return /<IsPublic>(.*)<\/IsPublic>/.exec(answer.body)?.[1] ?? errorOf(answer);
};

test('what is blocked counts whatever the policy says', async (t) => {
  const bucket = await bucketWith();
  t.is(await statusOf(bucket), 'NoSuchBucketPolicy 404');
  const asked = { method: 'GET', path: `/${bucket}`, query: { publicAccessBlock: '' } };
  t.is(await by(owner, asked), 'NoSuchPublicAccessBlockConfiguration 404');
  t.is(await by(owner, block(bucket, 'BlockPublicPolicy')), '- 200');
  t.regex((await server.raw(asked, owner)).body, /<BlockPublicPolicy>true<\/BlockPublicPolicy>/);
  t.is(await setPolicy(bucket, policyOf(bucket, {})), 'AccessDenied 403');
  const account = await accountIdOf('other');
  await accepted(bucket, [{ Principal: { AWS: account } }]);
  t.is(await statusOf(bucket), 'false');
  t.is(await by(owner, { ...asked, method: 'DELETE' }), '- 204');
  await accepted(bucket, [{}, { Principal: { AWS: account } }]);
  t.is(await statusOf(bucket), 'true');
  t.is(await by(other, get(bucket)), '- 200');
  t.is(await by(owner, block(bucket, 'RestrictPublicBuckets')), '- 200');
  t.is(await by(undefined, get(bucket)), 'AccessDenied 403');
  t.is(await by(other, get(bucket)), 'AccessDenied 403');
  t.is(await by(owner, get(bucket)), '- 200');
});

test('what is no policy of the bucket is refused with its reason', async (t) => {
  const bucket = await bucketWith();
  const reasonOf = async (text: string | Buffer) => {
    const answer = await server.raw(
      { method: 'PUT', path: `/${bucket}`, query: { policy: '' }, body: text },
      owner,
    );
    return `${errorOf(answer)} ${/<Message>(.*)<\/Message>/.exec(answer.body)?.[1]}`;
  };
  const of = (statement: Statement) => reasonOf(policyOf(bucket, statement));
  t.is(await of({ Action: 's3:Fly' }), 'MalformedPolicy 400 Policy has invalid action');
  t.is(await of({ Resource: arn('elsewhere', '/*') }), 'MalformedPolicy 400 Policy has invalid resource');
  t.is(
    await of({ Action: 's3:ListBucket' }),
    'MalformedPolicy 400 Action does not apply to any resource(s) in statement',
  );
  t.is(
    await of({ Condition: { StringEquals: { 's3:unheard': 'x' } } }),
    'MalformedPolicy 400 Policy has an invalid condition key',
  );
  t.regex(await reasonOf('{'), /^MalformedPolicy 400 This policy contains invalid Json/);
  t.regex(await reasonOf(Buffer.from([0x7b, 0xff, 0x7d])), /^MalformedPolicy 400/);
  t.regex(await reasonOf(`{${' '.repeat(limits.policyBytes)}}`), /^MalformedPolicy 400 Normalized policy/);
  t.regex(await reasonOf(' '.repeat(3 * 1024 * 1024)), /^MalformedPolicy 400/);
  t.regex(
    await reasonOf(`${'{"a":'.repeat(3_000)}1${'}'.repeat(3_000)}`),
    /^MalformedPolicy 400 Unknown field a/,
  );
  t.is(
    await by(owner, { method: 'GET', path: `/${bucket}`, query: { policy: '' } }),
    'NoSuchBucketPolicy 404',
  );
});

test('a website is for everybody whom the policy lets read', async (t) => {
  const bucket = await bucketWith();
  await server.raw(put(bucket, 'index.html'), owner);
  const index = '<IndexDocument><Suffix>index.html</Suffix></IndexDocument>';
  const body = `<WebsiteConfiguration>${index}</WebsiteConfiguration>`;
  await server.raw({ method: 'PUT', path: `/${bucket}`, query: { website: '' }, body }, owner);
  const host = `${bucket}.s3-website.localhost`;
  const page = async (path: string) =>
    (await server.unsigned({ method: 'GET', path, headers: { host } })).status;
  t.is(await page('/'), 403);
  await accepted(bucket, [{}]);
  t.is(await page('/'), 200);
  t.is(await page('/nothing'), 403);
  await accepted(bucket, [{}, { Action: 's3:ListBucket', Resource: arn(bucket) }]);
  t.is(await page('/nothing'), 404);
});

test('a form that nobody signed is taken where everybody may put', async (t) => {
  const bucket = await bucketWith({ Action: 's3:PutObject', Resource: arn(bucket0(), '/in/*') });
  const form = async (key: string) => {
    const fields = new FormData();
    fields.set('key', key);
    fields.set('file', new Blob(['from a form']));
    return (await fetch(`${server.endpoint}/${bucket}`, { method: 'POST', body: fields })).status;
  };
  t.is(await form('in/a'), 204);
  t.is(await form('out/a'), 403);
  t.is((await server.raw(get(bucket, 'in/a'), owner)).body, 'from a form');
});

test('who has the name of another in another domain is not taken for that other', async (t) => {
  const { identity } = server.memory;
  const [named, arnOfNamed] = await userOf('other', 'member');
  const domain = { name: 'elsewhere', description: '', enabled: true };
  const domainId = made(await identity.directory.createDomain(OPERATOR, domain));
  const name = arnOfNamed.split('/')[1] as string;
  const namesake = await ec2CredentialOf(identity, name, 'member', await accountIdOf('other'), domainId);
  const bucket = await bucketWith({ Principal: { AWS: arnOfNamed } });
  t.is(await by(named, get(bucket)), '- 200');
  t.is(await by(namesake, get(bucket)), 'AccessDenied 403');
  await accepted(bucket, [{ Principal: { AWS: arnOfNamed.replace('/', `/${domainId}/`) } }]);
  t.is(await by(namesake, get(bucket)), '- 200');
  t.is(await by(named, get(bucket)), 'AccessDenied 403');
});
