// Tests that whom one dialect lets in at a bucket of both, the other does not; and that the owner's own users
// see it by both as before (docs/decisions/0019-policies.md).

import {
  CreateBucketCommand,
  GetObjectCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import test from 'ava';
import { SwiftServer } from '#tests/support/swift-server.ts';

let server: SwiftServer;

test.before(async () => {
  server = await SwiftServer.start();
});

test.after.always(() => server?.stop());

const s3Endpoint = async () => {
  const { protocol, hostname, port, path } = (await server.s3.config.endpoint?.()) ?? {};
  return `${protocol}//${hostname}:${port}${path === '/' ? '' : path}`;
};
const anonymously = async (path: string) => (await fetch(`${await s3Endpoint()}/${path}`)).status;

async function makeBucket(Bucket: string): Promise<void> {
  const CreateBucketConfiguration = { LocationConstraint: 'here' as never };
  await server.s3.send(new CreateBucketCommand({ Bucket, CreateBucketConfiguration }));
  await server.s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'kept' }));
}

const bothOfOwner = async (Bucket: string) => {
  const { Body } = await server.s3.send(new GetObjectCommand({ Bucket, Key: 'k' }));
  return [await Body?.transformToString(), (await server.call('GET', `/${Bucket}/k`)).text];
};

test('a policy of S3 opens nothing to Swift, and a denial there closes nothing', async (t) => {
  await makeBucket('open-by-policy');
  const allow = {
    Effect: 'Allow',
    Principal: '*',
    Action: 's3:*',
    Resource: 'arn:aws:s3:::open-by-policy/*',
  };
  const setPolicy = (...Statement: object[]) => {
    const Policy = JSON.stringify({ Statement });
    return server.s3.send(new PutBucketPolicyCommand({ Bucket: 'open-by-policy', Policy }));
  };
  await setPolicy(allow);
  t.is(await anonymously('open-by-policy/k'), 200);
  t.is((await server.call('GET', '/open-by-policy/k', { token: null })).status, 401);
  const friend = await server.person('stranger', 'admin');
  t.is((await server.call('GET', '/open-by-policy/k', { token: friend.token })).status, 403);
  t.deepEqual(await bothOfOwner('open-by-policy'), ['kept', 'kept']);
  await setPolicy({ ...allow, Effect: 'Deny' });
  t.is(await anonymously('open-by-policy/k'), 403);
  t.is((await server.call('GET', '/open-by-policy/k')).text, 'kept');
});

test('a list of Swift opens nothing to S3', async (t) => {
  await makeBucket('open-by-list');
  await server.call('POST', '/open-by-list', { headers: { 'X-Container-Read': '.r:*,.rlistings' } });
  t.is((await server.call('GET', '/open-by-list/k', { token: null })).status, 200);
  for (const path of ['open-by-list/k', 'open-by-list']) t.is(await anonymously(path), 403, path);
  t.deepEqual(await bothOfOwner('open-by-list'), ['kept', 'kept']);
});

test('what is made of others is not given to guests: nobody let them in there', async (t) => {
  await makeBucket('secret-parts');
  await makeBucket('public-whole');
  const link = { 'X-Symlink-Target': 'secret-parts/k' };
  t.is((await server.call('PUT', '/public-whole/link', { headers: link })).status, 201);
  const etag = (await server.call('GET', '/secret-parts/k')).headers.get('etag');
  const manifest = JSON.stringify([{ path: '/secret-parts/k', etag }]);
  await server.call('PUT', '/public-whole/large?multipart-manifest=put', { body: manifest });
  const Resource = 'arn:aws:s3:::public-whole/*';
  const Statement = { Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource };
  const Policy = JSON.stringify({ Statement });
  await server.s3.send(new PutBucketPolicyCommand({ Bucket: 'public-whole', Policy }));
  t.is(await anonymously('public-whole/k'), 200);
  for (const Key of ['link', 'large']) {
    t.is(await anonymously(`public-whole/${Key}`), 403, Key);
    const { Body } = await server.s3.send(new GetObjectCommand({ Bucket: 'public-whole', Key }));
    t.is(await Body?.transformToString(), 'kept', Key);
  }
});
