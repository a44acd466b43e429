// Owns the proof that browsers' forms (PostObject) are taken as their policies say, and not otherwise.

import {
  CreateBucketCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  PutBucketCorsCommand,
} from '@aws-sdk/client-s3';
import test from 'ava';
import { systemClock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import { contentOf, md5 } from '#tests/support/contents.ts';
import { errorOf, failureOf, S3Server } from '#tests/support/s3-server.ts';
import { type AccessKey, signedForm } from '#tests/support/signed-requests.ts';

const Bucket = 'forms';
const BOUNDARY = '----formboundary7MA4YWxk';
let server: S3Server;
let key: AccessKey;

test.before(async () => {
  server = await S3Server.start();
  key = server.keys[0] as AccessKey;
  await server.client.send(new CreateBucketCommand({ Bucket }));
});

test.after.always(() => server?.stop());

interface Form {
  readonly fields?: Readonly<Record<string, string>>;
  /** Besides those that let the fields be. */
  readonly conditions?: readonly unknown[];
  /** Whether each field has a condition of its own. */
  readonly covers?: boolean;
  readonly policy?: object;
  readonly altered?: Readonly<Record<string, string>>;
  readonly fileName?: string;
  readonly file?: string | Buffer | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signer?: AccessKey;
}

/** Sent as a browser sends it. */
function post(form: Form) {
  const { fields = { key: 'k' }, conditions = [], covers = true, altered = {} } = form;
  const atMs = systemClock.nowMs();
  const each = covers ? Object.entries(fields).map(([name, value]) => ['eq', `$${name}`, value]) : [];
  const policy = {
    expiration: new Date(atMs + 60_000).toISOString(),
    conditions: [{ bucket: Bucket }, ...each, ...conditions],
    ...form.policy,
  };
  const signed = { ...fields, ...signedForm(policy, form.signer ?? key, atMs), ...altered };
  const parts: (string | Buffer)[] = [];
  for (const [name, value] of Object.entries(signed)) {
    parts.push(`--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`);
  }
  if (!('file' in form) || form.file !== undefined) {
    const disposition = `form-data; name="file"; filename="${form.fileName ?? 'a.txt'}"`;
    parts.push(`--${BOUNDARY}\r\nContent-Disposition: ${disposition}\r\n\r\n`, form.file ?? 'hello', '\r\n');
  }
  const body = Buffer.concat([...parts, `--${BOUNDARY}--\r\n`].map((part) => Buffer.from(part)));
  const type = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` };
  return server.unsigned({ method: 'POST', path: `/${Bucket}`, headers: { ...type, ...form.headers }, body });
}

const get = (Key: string) => server.client.send(new GetObjectCommand({ Bucket, Key }));
const textOf = async (Key: string) => (await get(Key)).Body?.transformToString();

test('a file becomes an object, described by the fields', async (t) => {
  const tagging = '<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>';
  const answer = await post({
    fields: {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the gateway is to fill it in
      key: 'user/${filename}',
      'Content-Type': 'text/plain',
      'x-amz-meta-Motto': 'ümlaut',
      'x-ignore-this': 'whatever',
      acl: 'private',
      'x-amz-storage-class': 'STANDARD_IA',
      'x-amz-checksum-sha256': 'LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=',
      tagging,
    },
    covers: false,
    conditions: [
      ['starts-with', '$key', 'user/'],
      ['STARTS-WITH', '$content-TYPE', 'text/'],
      ['starts-with', '$x-amz-meta-motto', ''],
      { ACL: 'private' },
      { 'x-amz-storage-class': 'STANDARD_IA' },
      ['starts-with', '$x-amz-checksum-sha256', ''],
      ['eq', '$tagging', tagging],
    ],
    fileName: 'C:\\files\\photo.txt',
  });
  t.is(answer.status, 204, answer.body);
  t.is(answer.headers.etag, `"${md5(Buffer.from('hello'))}"`);
  t.regex(String(answer.headers.location), /\/forms\/user\/photo\.txt$/);
  t.is(await textOf('user/photo.txt'), 'hello');
  const { TagSet } = await server.client.send(new GetObjectTaggingCommand({ Bucket, Key: 'user/photo.txt' }));
  t.deepEqual(TagSet, [{ Key: 'a', Value: 'b' }]);
  const head = new HeadObjectCommand({ Bucket, Key: 'user/photo.txt', ChecksumMode: 'ENABLED' });
  const described = await server.client.send(head);
  t.like(described, { ContentType: 'text/plain', StorageClass: 'STANDARD_IA' });
  t.is(described.ChecksumSHA256, 'LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=');
  t.regex(described.Metadata?.motto ?? '', /UTF-8|ümlaut/);
});

test('a large file streams through', async (t) => {
  const file = contentOf(7, 3_000_000);
  t.is((await post({ fields: { key: 'large' }, file })).status, 204);
  const bytes = await (await get('large')).Body?.transformToByteArray();
  t.is(md5(Buffer.from(bytes ?? [])), md5(file));
  t.is((await post({ fields: { key: 'empty' }, file: '' })).status, 204);
  t.is((await get('empty')).ContentLength, 0);
});

test('who sent the form is answered, or sent on, as it says', async (t) => {
  const created = await post({ fields: { key: 'a b', success_action_status: '201' } });
  t.is(created.status, 201);
  t.regex(
    created.body,
    /<PostResponse><Location>http:.*\/forms\/a%20b<\/Location><Bucket>forms<.*<Key>a b</s,
  );
  t.is((await post({ fields: { key: 'k', success_action_status: '200' } })).status, 200);
  t.is((await post({ fields: { key: 'k', success_action_status: '404' } })).status, 204);
  const to = 'http://127.0.0.1:1/done?x=1';
  const sent = await post({ fields: { key: 'k', success_action_redirect: to } });
  t.is(sent.status, 303);
  const etag = encodeURIComponent(`"${md5(Buffer.from('hello'))}"`);
  t.is(sent.headers.location, `${to}&bucket=forms&key=k&etag=${etag}`);
  t.is((await post({ fields: { key: 'k', success_action_redirect: 'javascript:1' } })).status, 204);
});

test('a form that its policy does not let be is denied', async (t) => {
  const denied: readonly Form[] = [
    { policy: { expiration: '2020-01-01T00:00:00Z' } },
    { covers: false },
    { conditions: [['eq', '$key', 'other']] },
    { conditions: [['starts-with', '$key', 'o']] },
    { conditions: [{ 'x-amz-meta-a': 'b' }] },
    { altered: { 'x-amz-meta-a': 'b' } },
    { policy: { conditions: [{ bucket: 'other' }, { key: 'k' }] } },
  ];
  for (const form of denied) {
    const named = { ...form, fields: { key: 'k' } };
    const answer = await post(named);
    t.is(errorOf(answer), 'AccessDenied 403', JSON.stringify(form));
    t.regex(answer.body, /Invalid according to Policy/);
  }
});

test('a policy that is none is refused', async (t) => {
  const expiration = '2099-01-01T00:00:00Z';
  const invalid: readonly object[] = [
    { expiration: undefined },
    { conditions: undefined },
    { expiration: 'tomorrow' },
    { conditions: {} },
    { more: 1 },
    { expiration, conditions: [['like', '$key', 'k']] },
    { expiration, conditions: [['eq', 'key', 'k']] },
    { expiration, conditions: [['eq', '$key']] },
    { expiration, conditions: [{}] },
    { expiration, conditions: [{ a: 'b', c: 'd' }] },
    { expiration, conditions: [{ a: 1 }] },
    { expiration, conditions: [null] },
    { expiration, conditions: [['content-length-range', 0]] },
    { expiration, conditions: [['content-length-range', -1, 0]] },
    { expiration, conditions: [['content-length-range', 5, 1]] },
  ];
  for (const policy of invalid) {
    t.is(errorOf(await post({ policy })), 'InvalidPolicyDocument 400', JSON.stringify(policy));
  }
});

test('a form that nobody signed is refused', async (t) => {
  const altered = (fields: Record<string, string>) => post({ altered: fields });
  t.is(errorOf(await altered({ 'x-amz-signature': '0'.repeat(64) })), 'SignatureDoesNotMatch 403');
  t.is(errorOf(await altered({ policy: Buffer.from('{}').toString('base64') })), 'SignatureDoesNotMatch 403');
  t.is(errorOf(await altered({ 'x-amz-algorithm': 'AWS4' })), 'InvalidArgument 400');
  t.is(errorOf(await altered({ 'x-amz-date': 'now' })), 'InvalidArgument 400');
  t.is(errorOf(await altered({ 'x-amz-credential': 'a/b' })), 'InvalidArgument 400');
  t.is(errorOf(await altered({ 'x-amz-security-token': 'x' })), 'InvalidToken 400');
  t.is(errorOf(await altered({ AWSAccessKeyId: 'x', signature: 'y' })), 'InvalidRequest 400');
  const stranger = { accessKeyId: 'AKIDUNKNOWN', secretAccessKey: 'x' };
  t.is(errorOf(await post({ signer: stranger })), 'InvalidAccessKeyId 403');
  t.is(errorOf(await post({ signer: server.keys[1] as AccessKey })), 'AccessDenied 403');
  const type = { 'content-type': 'multipart/form-data; boundary=x' };
  const field = (name: string) => `--x\r\nContent-Disposition: form-data; name="${name}"\r\n\r\nk\r\n`;
  const bare = (body: string) => server.unsigned({ method: 'POST', path: `/${Bucket}`, headers: type, body });
  t.is(errorOf(await bare(`${field('key')}${field('file')}--x--`)), 'AccessDenied 403');
});

test('what is no form, too little or too much is refused', async (t) => {
  const fields = { key: 'sized' };
  const range = (min: number, max: number) =>
    post({ fields, conditions: [['content-length-range', min, max]] });
  t.is(errorOf(await range(0, 4)), 'EntityTooLarge 400');
  t.is(errorOf(await range(6, 9)), 'EntityTooSmall 400');
  t.is(await failureOf(get('sized')), 'NoSuchKey 404');
  t.is((await range(5, 5)).status, 204);
  t.is(errorOf(await post({ fields, file: undefined })), 'InvalidArgument 400');
  t.is(errorOf(await post({ fields: {} })), 'InvalidArgument 400');
  t.is(errorOf(await post({ fields: { key: 'x'.repeat(limits.s3KeyBytes + 1) } })), 'KeyTooLongError 400');
  const much = { key: 'k', 'x-ignore-a': 'x'.repeat(limits.s3FormFieldsBytes) };
  t.is(errorOf(await post({ fields: much })), 'MaxPostPreDataLengthExceededError 400');
  t.is(
    errorOf(await post({ fields: { key: 'k', acl: 'public-read' } })),
    'AccessControlListNotSupported 400',
  );
  t.is(errorOf(await post({ fields: { key: 'k', tagging: '<x' } })), 'MalformedXML 400');
  const wrongDigest = { key: 'k', 'x-amz-checksum-crc32': 'AAAAAA==' };
  t.is(errorOf(await post({ fields: wrongDigest })), 'BadDigest 400');
  const type = { 'content-type': 'multipart/form-data; boundary=x' };
  const raw = (body: string, headers: Record<string, string> = type) =>
    server.unsigned({ method: 'POST', path: `/${Bucket}`, headers, body });
  t.is(errorOf(await raw('nonsense')), 'MalformedPOSTRequest 400');
  t.is(
    errorOf(await raw('--x\r\nContent-Disposition: form-data; name="key"\r\n\r\nk')),
    'MalformedPOSTRequest 400',
  );
  t.is(errorOf(await raw('', { 'content-type': 'text/plain' })), 'AccessDenied 403');
  t.is(errorOf(await server.raw({ method: 'POST', path: `/${Bucket}` })), 'PreconditionFailed 412');
  const signed = { method: 'POST', path: `/${Bucket}`, headers: type };
  t.is(errorOf(await server.raw(signed)), 'PreconditionFailed 412');
});

test('a page of another origin is told so where the bucket lets it', async (t) => {
  const CORSConfiguration = { CORSRules: [{ AllowedMethods: ['POST'], AllowedOrigins: ['http://a'] }] };
  await server.client.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration }));
  const answer = await post({ headers: { origin: 'http://a' } });
  t.is(answer.headers['access-control-allow-origin'], 'http://a');
  const refused = await post({ headers: { origin: 'http://a' }, altered: { 'x-amz-signature': 'x' } });
  t.is(refused.headers['access-control-allow-origin'], 'http://a');
});
