// Tests versions of objects in Swift's own mode: their ids, deletions, listings, and what is refused.

import test from 'ava';
import { SwiftServer } from '#tests/support/swift-server.ts';

let server: SwiftServer;

test.before(async () => {
  server = await SwiftServer.start();
});

test.after.always(() => server?.stop());

interface Row {
  readonly name?: string;
  readonly subdir?: string;
  readonly version_id: string;
  readonly is_latest: boolean;
  readonly content_type: string;
  readonly bytes: number;
}

const ON = { 'X-Versions-Enabled': 'true' };
const OFF = { 'X-Versions-Enabled': 'false' };

async function container(name: string, headers: Readonly<Record<string, string>> = ON): Promise<string> {
  await server.call('PUT', `/${name}`, { headers });
  return `/${name}`;
}

const versionOf = (answer: { readonly headers: Headers }) => answer.headers.get('x-object-version-id') ?? '';
const put = async (path: string, body: string) => versionOf(await server.call('PUT', path, { body }));
const text = async (path: string) => (await server.call('GET', path)).text;
const listed = async (path: string, more = ''): Promise<readonly Row[]> =>
  JSON.parse((await server.call('GET', `${path}?versions&format=json${more}`)).text);
const told = (rows: readonly Row[]) =>
  rows.map(({ name, subdir, is_latest, bytes }) => subdir ?? `${name} ${bytes} ${is_latest}`);

test('a container says whether it keeps versions, once it was told to', async (t) => {
  const path = await container('told', {});
  t.is((await server.call('HEAD', path)).headers.get('x-versions-enabled'), null);
  t.is((await server.call('POST', path, { headers: OFF })).status, 204);
  t.is((await server.call('HEAD', path)).headers.get('x-versions-enabled'), null);
  t.is(await put(`${path}/a`, 'plain'), '');
  t.is((await server.call('POST', path, { headers: ON })).status, 204);
  t.is((await server.call('HEAD', path)).headers.get('x-versions-enabled'), 'True');
  t.is(versionOf(await server.call('HEAD', `${path}/a`)), 'null');
  const first = await put(`${path}/a`, 'first');
  t.is(versionOf(await server.call('GET', `${path}/a`)), first);
  await server.call('POST', path, { headers: OFF });
  t.is((await server.call('HEAD', path)).headers.get('x-versions-enabled'), 'False');
  t.is(await put(`${path}/a`, 'second'), 'null');
  t.is(await text(`${path}/a?version-id=${first}`), 'first');
  t.is(await text(`${path}/a?version-id=null`), 'second');
});

test('what is replaced or deleted is read by its id, and is there again by a PUT', async (t) => {
  const path = `${await container('kept')}/a`;
  const first = await put(path, 'first');
  const second = await put(path, 'second');
  const deleted = await server.call('DELETE', path);
  t.is(deleted.status, 204);
  t.is((await server.call('GET', path)).status, 404);
  t.is(await text(`${path}?version-id=${first}`), 'first');
  const marker = await server.call('GET', `${path}?version-id=${versionOf(deleted)}`);
  t.is(marker.status, 404);
  t.is(versionOf(marker), versionOf(deleted));
  const restored = await server.call('PUT', `${path}?version-id=${first}`, { body: '' });
  t.is(restored.status, 201);
  t.is(await text(path), 'first');
  t.is(versionOf(await server.call('HEAD', path)), versionOf(restored));
  const gone = await server.call('DELETE', `${path}?version-id=${versionOf(restored)}`);
  t.is(gone.status, 204);
  t.is(gone.headers.get('x-object-current-version-id'), 'null');
  t.is((await server.call('DELETE', `${path}?version-id=${versionOf(deleted)}`)).status, 204);
  t.is(await text(path), 'second');
  const last = await server.call('DELETE', `${path}?version-id=${second}`);
  t.is(last.headers.get('x-object-current-version-id'), first);
  t.is((await server.call('DELETE', `${path}?version-id=${second}`)).status, 404);
  const copied = await server.call('COPY', `${path}?version-id=${first}`, {
    headers: { Destination: 'kept/b' },
  });
  t.is(copied.status, 201);
  t.is(await text('/kept/b'), 'first');
});

test('a POST describes the newest version and makes none', async (t) => {
  const path = `${await container('described')}/a`;
  const first = await put(path, 'first');
  t.is((await server.call('POST', path, { headers: { 'X-Object-Meta-Colour': 'red' } })).status, 202);
  const { headers } = await server.call('HEAD', `${path}?version-id=${first}`);
  t.is(headers.get('x-object-meta-colour'), 'red');
  t.is((await listed('/described')).length, 1);
  t.is((await server.call('POST', `${path}?version-id=${first}`)).status, 400);
});

test('all versions are listed, page after page, forwards and backwards', async (t) => {
  const path = await container('listed');
  for (const name of ['a', 'b/c']) {
    await put(`${path}/${name}`, '1');
    await put(`${path}/${name}`, '22');
    await server.call('DELETE', `${path}/${name}`);
  }
  const all = await listed(path);
  const wanted = ['a 0 true', 'a 2 false', 'a 1 false', 'b/c 0 true', 'b/c 2 false', 'b/c 1 false'];
  t.deepEqual(told(all), wanted);
  t.is(all[0]?.content_type, 'application/x-deleted;swift_versions_deleted=1');
  t.is((await server.call('GET', `${path}?format=json`)).text, '[]');
  for (const limit of [1, 2, 4]) {
    const found: Row[] = [];
    let more = `&limit=${limit}`;
    for (;;) {
      const page = await listed(path, more);
      found.push(...page);
      const last = page.at(-1);
      if (!last) break;
      more = `&limit=${limit}&marker=${last.name}&version_marker=${last.version_id}`;
    }
    t.deepEqual(told(found), wanted, `pages of ${limit}`);
  }
  t.deepEqual(told(await listed(path, '&reverse=true')), [...wanted].reverse());
  t.deepEqual(told(await listed(path, '&marker=a')), wanted.slice(3));
  t.deepEqual(told(await listed(path, '&end_marker=b')), wanted.slice(0, 3));
  t.deepEqual(told(await listed(path, '&delimiter=/')), [...wanted.slice(0, 3), 'b/']);
  t.deepEqual(told(await listed(path, '&prefix=b/')), wanted.slice(3));
  t.is((await server.call('GET', `${path}?versions`)).status, 406);
  t.is((await server.call('GET', `${path}?versions&format=json&version_marker=null`)).status, 400);
  t.is((await server.call('GET', `${path}?versions&format=json&marker=a&version_marker=x`)).status, 400);
});

test('a container goes when its last version has gone', async (t) => {
  const path = await container('going');
  await put(`${path}/a`, '1');
  t.is((await server.call('DELETE', `${path}/none`)).status, 404);
  await server.call('DELETE', `${path}/a`);
  t.is((await server.call('HEAD', path)).headers.get('x-container-object-count'), '0');
  t.is((await server.call('HEAD', path)).headers.get('x-container-bytes-used'), '1');
  for (const { name, version_id } of await listed(path)) {
    t.is((await server.call('DELETE', path)).status, 409);
    t.is((await server.call('DELETE', `${path}/${name}?version-id=${version_id}`)).status, 204);
  }
  t.is((await server.call('DELETE', path)).status, 204);
});

test('what names no version, or cannot, is refused', async (t) => {
  const path = await container('refusing');
  await put(`${path}/a`, '1');
  const none = '0'.repeat(32);
  t.is((await server.call('GET', `${path}/a?version-id=${none}`)).status, 404);
  t.is((await server.call('GET', `${path}/a?version-id=null`)).status, 404);
  t.is((await server.call('GET', `${path}/a?version-id=x`)).status, 400);
  t.is((await server.call('PUT', `${path}/a?version-id=${none}`, { body: '' })).status, 404);
  t.is((await server.call('PUT', `${path}/a?version-id=${none}`, { body: 'x' })).status, 400);
  const plain = await container('keepless', {});
  await put(`${plain}/a`, '1');
  t.is((await server.call('GET', `${plain}/a?version-id=${none}`)).status, 400);
  t.is(await text(`${plain}/a?version-id=null`), '1');
  t.deepEqual(told(await listed(plain)), ['a 1 true']);
});

test.serial('what comes to its end is a version like any other', async (t) => {
  const path = `${await container('ending')}/a`;
  const headers = { 'X-Delete-After': '60' };
  const first = versionOf(await server.call('PUT', path, { body: 'brief', headers }));
  server.memory.clock.advance(61_000);
  t.is((await server.call('GET', path)).status, 404);
  t.is((await server.call('GET', `${path}?version-id=${first}`)).status, 404);
  t.true((await server.memory.expirer.runOnce()).deleted >= 1);
  t.is((await server.call('GET', path)).status, 404);
  t.is(await text(`${path}?version-id=${first}`), 'brief');
  t.deepEqual(told(await listed('/ending')), ['a 0 true', 'a 5 false']);
});
