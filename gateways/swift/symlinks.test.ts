// Tests symbolic links: made, followed, shown and copied; that none lets anybody read what they may not; and
// what S3 shows of them.

import { hash } from 'node:crypto';
import { GetObjectCommand, HeadObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import test from 'ava';
import { type Person, SwiftServer } from '#tests/support/swift-server.ts';

let server: SwiftServer;
let friend: Person;
const ETAG = hash('md5', 'content');
const EMPTY = hash('md5', '');

test.before(async () => {
  server = await SwiftServer.start();
  friend = await server.person('friend', 'member');
  for (const path of ['/links', '/targets', '/secret']) await server.call('PUT', path);
  await server.call('PUT', '/targets/ein%20Ziel', { body: 'content', headers: { 'X-Object-Meta-A': 'b' } });
  await server.call('PUT', '/secret/s', { body: 'secret' });
});

test.after.always(() => server?.stop());

const link = (path: string, target: string, headers: Record<string, string> = {}) =>
  server.call('PUT', path, { headers: { 'X-Symlink-Target': target, ...headers }, body: '' });

test.serial('a link is read as what it names, and shown as itself where that is asked', async (t) => {
  const made = await link('/links/a', 'targets/ein%20Ziel', { 'X-Object-Meta-Own': 'c' });
  t.is(made.status, 201);
  t.is(made.headers.get('etag'), EMPTY);
  for (const method of ['GET', 'HEAD']) {
    const { status, headers, text } = await server.call(method, '/links/a');
    t.is(status, 200);
    t.is(text, method === 'GET' ? 'content' : '');
    t.is(headers.get('etag'), ETAG);
    t.is(headers.get('x-object-meta-a'), 'b');
    t.false(headers.has('x-symlink-target'));
    const at = `/object-store/v1/AUTH_${server.owner.projectId}/targets/ein%20Ziel`;
    t.is(headers.get('content-location'), at);
  }
  t.is((await server.call('GET', '/links/a', { headers: { Range: 'bytes=1-3' } })).text, 'ont');
  const own = await server.call('GET', '/links/a?symlink=get');
  t.is(own.text, '');
  t.is(own.headers.get('x-symlink-target'), 'targets/ein%20Ziel');
  t.is(own.headers.get('x-object-meta-own'), 'c');
  t.is(own.headers.get('content-type'), 'application/symlink');
  t.is((await server.call('GET', '/targets/ein%20Ziel?symlink=get')).text, 'content');
});

test.serial('listings tell what links name; they count as objects of 0 bytes', async (t) => {
  await link('/links/fixed', 'targets/ein%20Ziel', { 'X-Symlink-Target-Etag': ETAG });
  await server.call('PUT', '/links/empty', { body: '' });
  const rows = JSON.parse((await server.call('GET', '/links?format=json')).text);
  const path = `/object-store/v1/AUTH_${server.owner.projectId}/targets/ein%20Ziel`;
  const shown = rows.map(({ last_modified: _, ...row }: Record<string, unknown>) => row);
  t.deepEqual(shown, [
    { name: 'a', hash: EMPTY, bytes: 0, content_type: 'application/symlink', symlink_path: path },
    { name: 'empty', hash: EMPTY, bytes: 0, content_type: 'application/octet-stream' },
    {
      ...{ name: 'fixed', hash: EMPTY, bytes: 0, content_type: 'application/symlink', symlink_path: path },
      ...{ symlink_etag: ETAG, symlink_bytes: 7 },
    },
  ]);
  t.is((await server.call('HEAD', '/links')).headers.get('x-container-bytes-used'), '0');
});

test.serial('a link with an etag is made of what is there, and holds as long as it is', async (t) => {
  await server.call('PUT', '/targets/changing', { body: 'one' });
  const one = hash('md5', 'one');
  const target = 'targets/changing';
  t.is((await link('/links/s', target, { 'X-Symlink-Target-Etag': ETAG })).status, 409);
  t.is((await link('/links/s', 'targets/none', { 'X-Symlink-Target-Etag': ETAG })).status, 409);
  t.is((await link('/links/s', target, { 'X-Symlink-Target-Etag': one })).status, 201);
  t.is((await server.call('GET', '/links/s')).text, 'one');
  const own = await server.call('HEAD', '/links/s?symlink=get');
  t.is(own.headers.get('x-symlink-target-etag'), one);
  t.is(own.headers.get('x-symlink-target-bytes'), '3');
  await server.call('PUT', '/targets/changing', { body: 'two' });
  t.is((await server.call('GET', '/links/s')).status, 409);
});

test.serial('links to links are followed twice; circles and what leads nowhere are refused', async (t) => {
  await link('/links/twice', 'links/a');
  t.is((await server.call('GET', '/links/twice')).text, 'content');
  await link('/links/thrice', 'links/twice');
  t.is((await server.call('GET', '/links/thrice')).status, 409);
  await link('/links/round', 'links/about');
  await link('/links/about', 'links/round');
  t.is((await server.call('GET', '/links/round')).status, 409);
  await link('/links/nowhere', 'targets/none');
  t.is((await server.call('GET', '/links/nowhere')).status, 404);
  t.is((await server.call('GET', '/links/nowhere?symlink=get')).status, 200);
});

test.serial('POST and DELETE are of the link; copies of either', async (t) => {
  const post = await fetch(`${server.root}/object-store/v1/AUTH_${server.owner.projectId}/links/a`, {
    ...{ method: 'POST', redirect: 'manual' },
    headers: { 'X-Auth-Token': server.owner.token, 'X-Object-Meta-Mine': 'd' },
  });
  t.is(post.status, 307);
  t.regex(post.headers.get('location') ?? '', /\/targets\/ein%20Ziel$/);
  t.is((await server.call('HEAD', '/links/a?symlink=get')).headers.get('x-object-meta-mine'), 'd');
  t.false((await server.call('HEAD', '/targets/ein%20Ziel')).headers.has('x-object-meta-mine'));
  await server.call('COPY', '/links/a', { headers: { Destination: 'links/content' } });
  t.is((await server.call('HEAD', '/links/content?symlink=get')).headers.get('content-length'), '7');
  await server.call('COPY', '/links/a?symlink=get', { headers: { Destination: 'links/link' } });
  const copied = await server.call('HEAD', '/links/link?symlink=get');
  t.is(copied.headers.get('x-symlink-target'), 'targets/ein%20Ziel');
  t.is((await server.call('DELETE', '/links/link')).status, 204);
  t.is((await server.call('GET', '/targets/ein%20Ziel')).text, 'content');
});

test.serial('no link lets anybody read what they may not', async (t) => {
  await link('/links/secret', 'secret/s');
  await server.call('POST', '/links', { headers: { 'X-Container-Read': '.r:*' } });
  t.is((await server.call('GET', '/links/secret', { token: null })).status, 401);
  t.is((await server.call('GET', '/links/secret', { token: friend.token })).status, 403);
  const copy = { token: friend.token, headers: { 'X-Copy-From': 'links/secret' } };
  const from = { 'X-Copy-From-Account': `AUTH_${server.owner.projectId}` };
  const own = `/object-store/v1/AUTH_${friend.projectId}/mine`;
  await server.raw('PUT', own, { token: friend.token });
  const copied = await server.raw('PUT', `${own}/o`, { ...copy, headers: { ...copy.headers, ...from } });
  t.is(copied.status, 403);
  // Nor does one of one's own to another's.
  const headers = { 'X-Symlink-Target': 'secret/s', 'X-Symlink-Target-Account': from['X-Copy-From-Account'] };
  t.is((await server.raw('PUT', `${own}/l`, { token: friend.token, headers, body: '' })).status, 201);
  t.is((await server.raw('GET', `${own}/l`, { token: friend.token })).status, 403);
  const fixed = { ...headers, 'X-Symlink-Target-Etag': hash('md5', 'secret') };
  t.is((await server.raw('PUT', `${own}/l`, { token: friend.token, headers: fixed, body: '' })).status, 403);
  await server.call('POST', '/secret', { headers: { 'X-Container-Read': 'friend:friend' } });
  t.is((await server.raw('GET', `${own}/l`, { token: friend.token })).text, 'secret');
});

test.serial('S3 reads what a link names, and lists it as it is', async (t) => {
  const at = { Bucket: 'links', Key: 'a' };
  const { Body, ETag } = await server.s3.send(new GetObjectCommand(at));
  t.is(await Body?.transformToString(), 'content');
  t.is(ETag, `"${ETAG}"`);
  t.is((await server.s3.send(new HeadObjectCommand(at))).ContentLength, 7);
  const { Contents = [] } = await server.s3.send(new ListObjectsV2Command({ Bucket: 'links', Prefix: 'a' }));
  t.is(Contents.find(({ Key }) => Key === 'a')?.Size, 0);
  const missing = server.s3.send(new GetObjectCommand({ Bucket: 'links', Key: 'nowhere' }));
  await t.throwsAsync(missing, { name: 'NoSuchKey' });
  await t.throwsAsync(server.s3.send(new GetObjectCommand({ Bucket: 'links', Key: 'round' })));
});

test.serial('what is no link is refused', async (t) => {
  const wrong = async (target: string, headers: Record<string, string> = {}, body = '') =>
    (await server.call('PUT', '/links/x', { headers: { 'X-Symlink-Target': target, ...headers }, body }))
      .status;
  t.is(await wrong('links/x'), 400);
  t.is(await wrong('a/b', {}, 'bytes'), 400);
  t.is(await wrong('a/b', { 'X-Object-Manifest': 'a/b' }), 400);
  t.is(await wrong('a/b', { ETag: ETAG }), 422);
  t.is(await wrong('a/b', { 'X-Symlink-Target-Account': 'other' }), 412);
  for (const target of ['', 'a', 'a/', '/', '%ff/a', 'a/%00']) t.is(await wrong(target), 412, target);
  const manifest = JSON.stringify([{ path: '/links/a' }]);
  t.is((await server.call('PUT', '/links/x?multipart-manifest=put', { body: manifest })).status, 400);
  t.deepEqual(server.logged, []);
});
