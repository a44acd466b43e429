// Tests Swift's old ways of keeping what is replaced: a stack, which a deletion pops, and a history, which it
// is told in.

import test from 'ava';
import { SwiftServer } from '#tests/support/swift-server.ts';

let server: SwiftServer;

test.before(async () => {
  server = await SwiftServer.start();
});

test.after.always(() => server?.stop());

const put = async (path: string, body: string, headers: Readonly<Record<string, string>> = {}) =>
  (await server.call('PUT', path, { body, headers })).status;
const text = async (path: string) => {
  const { status, text } = await server.call('GET', path);
  return status === 200 ? text : status;
};
const remove = async (path: string) => (await server.call('DELETE', path)).status;

interface Row {
  readonly name: string;
  readonly content_type: string;
}

/** A container and its archive. */
async function kept(name: string, header: string) {
  await server.call('PUT', `/${name}`, { headers: { [header]: `${name}-archive` } });
  await server.call('PUT', `/${name}-archive`);
  const rows = async (): Promise<readonly Row[]> =>
    JSON.parse((await server.call('GET', `/${name}-archive?format=json`)).text);
  return {
    path: `/${name}`,
    rows,
    texts: async () =>
      Promise.all(
        (await rows()).map(async (row) => text(`/${name}-archive/${encodeURIComponent(row.name)}`)),
      ),
  };
}

test('a stack keeps what is replaced, and each deletion brings the newest of it back', async (t) => {
  const { path, rows, texts } = await kept('stack', 'X-Versions-Location');
  t.is((await server.call('HEAD', path)).headers.get('x-versions-location'), 'stack-archive');
  for (const body of ['1', '2', '3']) t.is(await put(`${path}/a/é`, body, { 'X-Object-Meta-N': body }), 201);
  t.is(await put(`${path}/a`, 'other'), 201);
  t.deepEqual(await texts(), ['1', '2']);
  for (const { name } of await rows()) t.regex(name, /^004a\/é\/\d{10}\.\d{5}$/);
  t.is(await remove(`${path}/a/é`), 204);
  t.is(await text(`${path}/a/é`), '2');
  t.is((await server.call('HEAD', `${path}/a/é`)).headers.get('x-object-meta-n'), '2');
  t.deepEqual(await texts(), ['1']);
  t.is(await remove(`${path}/a/é`), 204);
  t.is(await remove(`${path}/a/é`), 204);
  t.is(await text(`${path}/a/é`), 404);
  t.is(await remove(`${path}/a/é`), 404);
  t.is(await text(`${path}/a`), 'other');
});

test('a history keeps what is replaced and deleted, and tells of deletions', async (t) => {
  const { path, rows, texts } = await kept('history', 'X-History-Location');
  t.is((await server.call('HEAD', path)).headers.get('x-history-location'), 'history-archive');
  await put(`${path}/a`, '1');
  await put(`${path}/a`, '2');
  t.is(await remove(`${path}/a`), 204);
  t.is(await text(`${path}/a`), 404);
  t.deepEqual(await texts(), ['1', '2', '']);
  const deletion = (await rows())[2];
  t.is(deletion?.content_type, 'application/x-deleted;swift_versions_deleted=1');
  t.is(await remove(`${path}/a`), 404);
  const [first] = await rows();
  const from = `history-archive/${first?.name}`;
  t.is(await put(`${path}/a`, '', { 'X-Copy-From': from }), 201);
  t.is(await text(`${path}/a`), '1');
  await server.call('POST', path, { headers: { 'X-Versions-Location': 'history-archive' } });
  t.is((await server.call('HEAD', path)).headers.get('x-history-location'), null);
  t.is(await remove(`${path}/a`), 204);
  t.is(await text(`${path}/a`), 404, 'as it was when it was deleted');
});

test('whatever puts or deletes keeps what was there', async (t) => {
  const { path, texts } = await kept('all', 'X-Versions-Location');
  await put(`${path}/a`, '1');
  await put(`${path}/b`, 'b');
  await server.call('COPY', `${path}/b`, { headers: { Destination: 'all/a' } });
  t.deepEqual(await texts(), ['1']);
  await put(`${path}/a`, '', { 'X-Symlink-Target': 'all/b' });
  t.deepEqual(await texts(), ['1', 'b']);
  await server.call('POST', '?bulk-delete', { body: '/all/a\n', headers: { 'Content-Type': 'text/plain' } });
  t.is(await text(`${path}/a`), 'b');
  const manifest = JSON.stringify([{ path: '/all/b' }]);
  t.is((await server.call('PUT', `${path}/a?multipart-manifest=put`, { body: manifest })).status, 201);
  t.is(await put(`${path}/a`, 'plain'), 201);
  t.deepEqual(await texts(), ['1', 'b', 'b']);
  t.is(await remove(`${path}/a`), 204);
  t.is((await server.call('HEAD', `${path}/a`)).headers.get('x-static-large-object'), 'True');
});

test('one container keeps in one way, and nothing is replaced where it cannot be kept', async (t) => {
  const both = { 'X-Versions-Location': 'x', 'X-History-Location': 'y' };
  t.is((await server.call('PUT', '/both', { headers: both })).status, 400);
  const twofold = { 'X-Versions-Location': 'x', 'X-Versions-Enabled': 'true' };
  t.is((await server.call('PUT', '/both', { headers: twofold })).status, 400);
  t.is((await server.call('HEAD', '/both')).status, 404);
  await server.call('PUT', '/one', { headers: { 'X-Versions-Location': 'nowhere' } });
  t.is((await server.call('POST', '/one', { headers: { 'X-Versions-Enabled': 'true' } })).status, 400);
  t.is((await server.call('POST', '/one', { headers: { 'X-Versions-Location': 'a/b' } })).status, 412);
  t.is(await put('/one/a', '1'), 201);
  t.is(await put('/one/a', '2'), 412);
  t.is(await text('/one/a'), '1');
  t.is((await server.call('POST', '/one', { headers: { 'X-Remove-Versions-Location': 'x' } })).status, 204);
  t.is(await put('/one/a', '2'), 201);
  await server.call('PUT', '/new', { headers: { 'X-Versions-Enabled': 'true' } });
  t.is((await server.call('POST', '/new', { headers: { 'X-History-Location': 'one' } })).status, 400);
});
