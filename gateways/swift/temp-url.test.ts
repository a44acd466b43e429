// Tests signed URLs: who signs what, with which key, in every form; what they do not open; and that their
// keys are shown to nobody else and stand on the log sealed.

import { createHmac } from 'node:crypto';
import test from 'ava';
import { SwiftServer } from '#tests/support/swift-server.ts';

let server: SwiftServer;
const KEY = 'the key of the account';
const OWN = 'the key of the container';
const HOUR_S = 3_600;

test.before(async () => {
  server = await SwiftServer.start();
  await server.call('POST', '', { headers: { 'X-Account-Meta-Temp-URL-Key': KEY } });
  for (const name of ['/signed', '/other']) await server.call('PUT', name);
  await server.call('POST', '/signed', { headers: { 'X-Container-Meta-Temp-URL-Key-2': OWN } });
  const headers = { 'X-Object-Meta-A': 'hidden', 'X-Object-Meta-Public-B': 'shown', Expires: 'never' };
  await server.call('PUT', '/signed/folder/ein%20St%C3%BCck', { body: 'content', headers });
  await server.call('PUT', '/other/o', { body: 'other' });
});

test.after.always(() => server?.stop());

interface Signing {
  readonly key?: string;
  readonly algorithm?: string;
  /** As it is signed, where it is not what is asked for. */
  readonly path?: string;
  readonly method?: string;
  readonly lifeS?: number;
  readonly from?: string;
  readonly isBase64?: boolean;
}

const nowS = () => Math.floor(server.memory.clock.nowMs() / 1_000);

function signed(method: string, path: string, signing: Signing = {}) {
  const expires = nowS() + (signing.lifeS ?? HOUR_S);
  const full = `/v1/AUTH_${server.owner.projectId}${decodeURIComponent(path)}`;
  const from = signing.from === undefined ? '' : `ip=${signing.from}\n`;
  const text = `${from}${signing.method ?? method}\n${expires}\n${signing.path ?? full}`;
  const algorithm = signing.algorithm ?? 'sha256';
  const hmac = createHmac(algorithm, signing.key ?? KEY).update(text);
  const signature = signing.isBase64 ? `${algorithm}:${hmac.digest('base64url')}` : hmac.digest('hex');
  return { signature, expires, query: `temp_url_sig=${signature}&temp_url_expires=${expires}` };
}

const FOLDER = '/signed/folder/ein%20St%C3%BCck';

async function get(path: string, query: string, method = 'GET') {
  return server.call(method, `${path}?${query}`, { token: null });
}

test.serial('a URL that either key signed opens its object, whatever the digest', async (t) => {
  for (const key of [KEY, OWN]) {
    for (const algorithm of ['sha1', 'sha256', 'sha512']) {
      for (const isBase64 of [false, true]) {
        const answer = await get(FOLDER, signed('GET', FOLDER, { key, algorithm, isBase64 }).query);
        t.is(answer.text, 'content', `${key} ${algorithm}`);
      }
    }
  }
  const path = `/object-store/v1/AUTH_${server.owner.projectId}/signed/folder/ein Stück`;
  t.is((await get(FOLDER, signed('GET', FOLDER, { path }).query)).status, 200);
});

test.serial('what it shows: the name, the end, and no metadata but the public', async (t) => {
  const { query, expires } = signed('GET', FOLDER);
  const { headers } = await get(FOLDER, query);
  t.is(headers.get('x-object-meta-a'), null);
  t.is(headers.get('x-object-meta-public-b'), 'shown');
  t.is(headers.get('expires'), new Date(expires * 1_000).toUTCString());
  const plain = 'attachment; filename="ein St%C3%BCck"; filename*=UTF-8\'\'ein%20St%C3%BCck';
  t.is(headers.get('content-disposition'), plain);
  const shown = async (more: string) =>
    (await get(FOLDER, `${query}&${more}`)).headers.get('content-disposition');
  t.is(await shown('inline'), 'inline');
  t.is(
    await shown('filename=a%0d%0ab%22'),
    `attachment; filename="a%0D%0Ab%22"; filename*=UTF-8''a%0D%0Ab%22`,
  );
  t.is(await shown('filename=a&inline'), `inline; filename="a"; filename*=UTF-8''a`);
});

test.serial('HEAD is let by what GET, PUT and POST are signed for; nothing else is by another', async (t) => {
  for (const method of ['HEAD', 'GET', 'PUT', 'POST']) {
    t.is((await get(FOLDER, signed('HEAD', FOLDER, { method }).query, 'HEAD')).status, 200, method);
  }
  for (const method of ['GET', 'PUT', 'POST', 'DELETE', 'COPY']) {
    const { query } = signed(method, FOLDER, { method: method === 'GET' ? 'PUT' : 'GET' });
    const answer = await get(FOLDER, query, method);
    t.is(answer.status, 401, method);
    t.is(answer.text, '401 Unauthorized: Temp URL invalid\n');
    t.is(answer.headers.get('www-authenticate'), `Swift realm="AUTH_${server.owner.projectId}"`);
  }
  t.is((await get(FOLDER, signed('HEAD', FOLDER, { method: 'DELETE' }).query, 'HEAD')).status, 401);
});

test.serial('it is over when it says, as a number or as a date', async (t) => {
  t.is((await get(FOLDER, signed('GET', FOLDER, { lifeS: -1 }).query)).status, 401);
  const { signature, expires } = signed('GET', FOLDER);
  const date = new Date(expires * 1_000).toISOString();
  for (const text of [`${date.slice(0, 19)}Z`, date.slice(0, 19)]) {
    t.is((await get(FOLDER, `temp_url_sig=${signature}&temp_url_expires=${text}`)).status, 200, text);
  }
  for (const text of ['', 'tomorrow', '-1', '1e99', '9'.repeat(20), '2099-99-99']) {
    t.is((await get(FOLDER, `temp_url_sig=${signature}&temp_url_expires=${text}`)).status, 401, text);
  }
});

test.serial('prefixes and addresses are signed too', async (t) => {
  const path = `prefix:/v1/AUTH_${server.owner.projectId}/signed/folder/`;
  const { query } = signed('GET', FOLDER, { path });
  t.is((await get(FOLDER, `${query}&temp_url_prefix=folder/`)).text, 'content');
  t.is((await get(FOLDER, `${query}&temp_url_prefix=fold`)).status, 401);
  t.is((await get(FOLDER, query)).status, 401);
  await server.call('PUT', '/signed/outside', { body: 'o' });
  t.is((await get('/signed/outside', `${query}&temp_url_prefix=folder/`)).status, 401);
  for (const [from, status] of [
    ['127.0.0.1', 200],
    ['127.0.0.0/8', 200],
    ['10.0.0.0/8', 401],
    ['::/0', 401],
    ['127.0.0.1/99', 401],
    ['nowhere', 401],
  ] as const) {
    const { query } = signed('GET', FOLDER, { from });
    t.is((await get(FOLDER, `${query}&temp_url_ip_range=${from}`)).status, status, from);
    t.is((await get(FOLDER, query)).status, 401, from);
  }
});

test.serial('PUT, POST and DELETE do what they say, and nothing that is added', async (t) => {
  const path = '/signed/new';
  const put = signed('PUT', path).query;
  const write = (more: string, headers: Record<string, string> = {}) =>
    server.call('PUT', `${path}?${put}${more}`, { token: null, headers, body: '[{"path":"/other/o"}]' });
  for (const name of ['X-Object-Manifest', 'X-Symlink-Target', 'X-Copy-From']) {
    t.is((await write('', { [name]: 'other/o' })).status, 400, name);
  }
  t.is((await write('&multipart-manifest=put')).status, 201);
  t.is((await server.call('GET', path)).text, '[{"path":"/other/o"}]');
  const post = await server.call('POST', `${path}?${signed('POST', path).query}`, {
    token: null,
    headers: { 'X-Object-Meta-C': 'd' },
  });
  t.is(post.status, 202);
  t.is((await get(path, signed('DELETE', path).query, 'DELETE')).status, 204);
  t.is((await server.call('HEAD', path)).status, 404);
});

test.serial('the key of a container opens nothing else, not even by way of what is made of it', async (t) => {
  t.is((await get('/other/o', signed('GET', '/other/o', { key: OWN }).query)).status, 401);
  await server.call('PUT', '/signed/joined', { body: '', headers: { 'X-Object-Manifest': 'other/o' } });
  t.is((await get('/signed/joined', signed('GET', '/signed/joined', { key: OWN }).query)).status, 401);
  t.is((await get('/signed/joined', signed('GET', '/signed/joined').query)).text, 'other');
  t.is((await get('/signed', signed('GET', '/signed').query)).status, 401);
  t.is((await get('', signed('GET', '').query)).status, 401);
});

test.serial('nonsense in the place of a signature is refused', async (t) => {
  const { expires } = signed('GET', FOLDER);
  for (const signature of ['', 'x', 'sha256:', 'sha256:AAAA', 'md5:AAAA', '00'.repeat(20), 'g'.repeat(64)]) {
    t.is((await get(FOLDER, `temp_url_sig=${signature}&temp_url_expires=${expires}`)).status, 401, signature);
  }
  t.is((await get(FOLDER, `temp_url_sig=${signed('GET', FOLDER).signature}`)).status, 401);
});

test.serial('keys are shown to who may change them, and stand sealed on the log', async (t) => {
  t.is((await server.call('HEAD', '')).headers.get('x-account-meta-temp-url-key'), KEY);
  t.is((await server.call('GET', '/signed')).headers.get('x-container-meta-temp-url-key-2'), OWN);
  const { token } = await server.person('only-reading', 'reader', server.owner.projectId);
  for (const path of ['', '/signed']) {
    const { headers } = await server.call('HEAD', path, { token });
    t.is(headers.get('x-account-meta-temp-url-key'), null);
    t.is(headers.get('x-container-meta-temp-url-key-2'), null);
    t.false(
      [...headers.keys()].some((name) => name.includes('temp')),
      path,
    );
  }
  for (const stream of [`spaces/${server.owner.projectId}`, 'buckets/signed']) {
    let told = '';
    for await (const { payload } of server.memory.log.read(stream)) told += Buffer.from(payload).toString();
    t.true(told.includes('secret/temp-url-key'), stream);
    t.false(told.includes(KEY) || told.includes(OWN), stream);
  }
});

test.serial('a key that was replaced, or taken away, signs no more', async (t) => {
  const before = signed('GET', FOLDER, { key: OWN }).query;
  t.is((await get(FOLDER, before)).status, 200);
  await server.call('POST', '/signed', { headers: { 'X-Container-Meta-Temp-URL-Key-2': 'another' } });
  t.is((await get(FOLDER, before)).status, 401);
  t.is((await get(FOLDER, signed('GET', FOLDER, { key: 'another' }).query)).status, 200);
  await server.call('POST', '/signed', { headers: { 'X-Remove-Container-Meta-Temp-URL-Key-2': 'x' } });
  t.is((await get(FOLDER, signed('GET', FOLDER, { key: 'another' }).query)).status, 401);
  await server.call('POST', '', { headers: { 'X-Account-Meta-Temp-URL-Key': '' } });
  t.is((await get(FOLDER, signed('GET', FOLDER).query)).status, 401);
  t.is((await get(FOLDER, signed('GET', FOLDER, { key: '' }).query)).status, 401);
});
