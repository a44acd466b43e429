// Owns the proof that pages of other origins may do with a bucket what its rules say, and nothing more.

import {
  type CORSRule,
  CreateBucketCommand,
  DeleteBucketCorsCommand,
  GetBucketCorsCommand,
  GetObjectCommand,
  PutBucketCorsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import test from 'ava';
import { limits } from '#core/kernel/limits.ts';
import { errorOf, failureOf, S3Server } from '#tests/support/s3-server.ts';

const Bucket = 'shown';
let server: S3Server;

test.before(async () => {
  server = await S3Server.start();
  await server.client.send(new CreateBucketCommand({ Bucket }));
  await server.client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'hello' }));
});

test.after.always(() => server?.stop());

const allow = (CORSRules: CORSRule[]) =>
  server.client.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules } }));

const RULES: CORSRule[] = [
  { AllowedMethods: ['GET', 'HEAD'], AllowedOrigins: ['https://*.example.com'], AllowedHeaders: ['x-*'] },
  {
    ID: 'second',
    AllowedMethods: ['PUT'],
    AllowedOrigins: ['http://a', 'http://b'],
    AllowedHeaders: ['*'],
    ExposeHeaders: ['ETag', 'x-amz-request-id'],
    MaxAgeSeconds: 3_000,
  },
  { AllowedMethods: ['DELETE'], AllowedOrigins: ['*'] },
];

const ask = (origin: string, method: string, more: Record<string, string> = {}, path = `/${Bucket}/k`) =>
  server.unsigned({
    method: 'OPTIONS',
    path,
    headers: { origin, 'access-control-request-method': method, ...more },
  });

test.serial('a configuration comes back as it was put, and goes', async (t) => {
  const get = () => server.client.send(new GetBucketCorsCommand({ Bucket }));
  t.is(await failureOf(get()), 'NoSuchCORSConfiguration 404');
  t.is(errorOf(await ask('http://a', 'PUT')), 'AccessForbidden 403');
  await allow(RULES);
  t.deepEqual((await get()).CORSRules, RULES);
  await server.client.send(new DeleteBucketCorsCommand({ Bucket }));
  t.is(await failureOf(get()), 'NoSuchCORSConfiguration 404');
});

test.serial('a preflight is answered by the first rule that allows all of it', async (t) => {
  await allow(RULES);
  const get = await ask('https://www.example.com', 'GET', { 'access-control-request-headers': 'X-A, x-b' });
  t.is(get.status, 200);
  t.like(get.headers, {
    'access-control-allow-origin': 'https://www.example.com',
    'access-control-allow-methods': 'GET, HEAD',
    'access-control-allow-headers': 'x-a, x-b',
    'access-control-allow-credentials': 'true',
    vary: 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method',
  });
  const put = await ask('http://b', 'PUT', { 'access-control-request-headers': 'content-md5' });
  t.like(put.headers, {
    'access-control-max-age': '3000',
    'access-control-expose-headers': 'ETag, x-amz-request-id',
  });
  const all = await ask('anybody', 'DELETE');
  t.is(all.headers['access-control-allow-origin'], '*');
  t.is(all.headers['access-control-allow-credentials'], undefined);
});

test.serial('a preflight that no rule allows, or that says too little, is refused', async (t) => {
  await allow(RULES);
  for (const refused of [
    await ask('https://example.com', 'GET'),
    await ask('https://www.example.com', 'PUT'),
    await ask('https://www.example.com', 'GET', { 'access-control-request-headers': 'y-a' }),
    await ask('anybody', 'DELETE', { 'access-control-request-headers': 'x-a' }),
    await ask('http://c', 'PUT'),
  ]) {
    t.is(errorOf(refused), 'AccessForbidden 403');
    t.regex(refused.body, /CORSResponse: This CORS request is not allowed\..*<ResourceType>OBJECT</s);
    t.is(refused.headers['access-control-allow-origin'], undefined);
  }
  const bare = { method: 'OPTIONS', path: `/${Bucket}/k` };
  t.is(errorOf(await server.unsigned(bare)), 'BadRequest 400');
  t.is(errorOf(await server.unsigned({ ...bare, headers: { origin: 'http://a' } })), 'BadRequest 400');
  t.is(errorOf(await ask('http://a', 'BREW')), 'BadRequest 400');
  t.is(errorOf(await ask('http://a', 'GET', {}, '/not-there/k')), 'NoSuchBucket 404');
});

test.serial('every answer tells the origin what it may know, also a refusal', async (t) => {
  await allow(RULES);
  const url = await getSignedUrl(server.client, new GetObjectCommand({ Bucket, Key: 'k' }));
  const got = await fetch(url, { headers: { origin: 'https://www.example.com' } });
  t.is(await got.text(), 'hello');
  t.is(got.headers.get('access-control-allow-origin'), 'https://www.example.com');
  const other = await fetch(url, { headers: { origin: 'https://www.example.org' } });
  t.is(await other.text(), 'hello');
  t.is(other.headers.get('access-control-allow-origin'), null);
  t.is((await fetch(url)).headers.get('vary'), null);
  const denied = await server.unsigned({
    method: 'PUT',
    path: `/${Bucket}/k`,
    headers: { origin: 'http://a' },
  });
  t.is(errorOf(denied), 'AccessDenied 403');
  t.is(denied.headers['access-control-allow-origin'], 'http://a');
  const missing = await server.raw({
    method: 'GET',
    path: `/${Bucket}/m`,
    headers: { origin: 'https://.example.com' },
  });
  t.is(errorOf(missing), 'NoSuchKey 404');
  t.is(missing.headers['access-control-allow-origin'], 'https://.example.com');
});

test.serial('what is no configuration is refused', async (t) => {
  const rule = { AllowedMethods: ['GET'], AllowedOrigins: ['*'] };
  t.is(await failureOf(allow([{ ...rule, AllowedMethods: ['PATCH'] }])), 'InvalidRequest 400');
  t.is(await failureOf(allow([{ ...rule, AllowedOrigins: ['a*b*'] }])), 'InvalidRequest 400');
  t.is(await failureOf(allow([{ ...rule, AllowedHeaders: ['**'] }])), 'InvalidRequest 400');
  t.is(await failureOf(allow([{ ...rule, ExposeHeaders: ['x-*'] }])), 'InvalidRequest 400');
  t.is(await failureOf(allow([{ ...rule, ExposeHeaders: ['a\r\nb: c'] }])), 'InvalidRequest 400');
  t.is(await failureOf(allow([{ ...rule, AllowedOrigins: [] }])), 'MalformedXML 400');
  t.is(await failureOf(allow([])), 'MalformedXML 400');
  const many = Array.from({ length: limits.s3CorsRules + 1 }, () => rule);
  t.is(await failureOf(allow(many)), 'InvalidRequest 400');
  const long = { ...rule, AllowedOrigins: ['x'.repeat(limits.s3ConfigurationBytes)] };
  t.is(await failureOf(allow([long])), 'MalformedXML 400');
});
