// Tests what pages of other origins are told: as much as the metadata of the container says, and otherwise
// nothing.

import test from 'ava';
import { SwiftServer } from '#tests/support/swift-server.ts';

let server: SwiftServer;
const ORIGIN = 'https://page.example';

test.before(async () => {
  server = await SwiftServer.start();
  const headers = {
    'X-Container-Meta-Access-Control-Allow-Origin': `https://other.example ${ORIGIN}`,
    'X-Container-Meta-Access-Control-Expose-Headers': 'X-Mine',
    'X-Container-Meta-Access-Control-Max-Age': '600',
    'X-Container-Read': '.r:*',
  };
  await server.call('PUT', '/pages', { headers });
  await server.call('PUT', '/any', { headers: { 'X-Container-Meta-Access-Control-Allow-Origin': '*' } });
  await server.call('PUT', '/none');
  await server.call('PUT', '/pages/o', { body: 'o', headers: { 'X-Object-Meta-Colour': 'blue' } });
});

test.after.always(() => server?.stop());

function preflight(path: string, origin: string, method = 'GET', names = 'X-Auth-Token, X-B') {
  const headers = {
    ...{ Origin: origin, 'Access-Control-Request-Method': method },
    'Access-Control-Request-Headers': names,
  };
  return server.call('OPTIONS', path, { token: null, headers });
}

test('a preflight of an origin that the container names is allowed what it asks', async (t) => {
  const { status, headers } = await preflight('/pages/o', ORIGIN, 'PUT');
  t.is(status, 200);
  t.is(headers.get('access-control-allow-origin'), ORIGIN);
  t.is(headers.get('access-control-max-age'), '600');
  t.is(headers.get('access-control-allow-headers'), 'X-Auth-Token, X-B');
  t.regex(headers.get('access-control-allow-methods') ?? '', /PUT/);
  t.is(headers.get('vary'), 'Origin');
  const any = await preflight('/any', 'https://whoever.example');
  t.is(any.headers.get('access-control-allow-origin'), '*');
  t.false(any.headers.has('vary'));
});

test('any other preflight is refused', async (t) => {
  for (const answer of [
    await preflight('/pages/o', 'https://page.example.evil'),
    await preflight('/pages/o', 'null'),
    await preflight('/pages/o', ORIGIN, 'TRACE'),
    await preflight('/none', ORIGIN),
    await preflight('/nowhere', ORIGIN),
  ]) {
    t.is(answer.status, 401);
  }
  t.false((await preflight('/none', ORIGIN)).headers.has('access-control-allow-origin'));
});

test('what no browser asks for is told which methods there are', async (t) => {
  for (const path of ['', '/none', '/none/o']) {
    const { status, headers } = await server.call('OPTIONS', path, { token: null });
    t.is(status, 200);
    t.regex(headers.get('allow') ?? '', /GET/);
  }
  t.is((await server.raw('OPTIONS', '/object-store/v1/', { token: null })).status, 412);
  t.is((await server.raw('OPTIONS', '/info', { token: null })).status, 401);
});

test('answers to named origins tell what may be read; failures too', async (t) => {
  const { headers } = await server.call('GET', '/pages/o', { token: null, headers: { Origin: ORIGIN } });
  t.is(headers.get('access-control-allow-origin'), ORIGIN);
  const exposed = headers.get('access-control-expose-headers')?.split(', ') ?? [];
  for (const name of ['etag', 'x-object-meta-colour', 'X-Mine', 'x-trans-id']) {
    t.true(exposed.includes(name), name);
  }
  const missing = await server.call('GET', '/pages/none', { headers: { Origin: ORIGIN } });
  t.is(missing.status, 404);
  t.is(missing.headers.get('access-control-allow-origin'), ORIGIN);
  const other = await server.call('GET', '/pages/o', { headers: { Origin: 'https://evil.example' } });
  t.is(other.status, 200);
  t.false(other.headers.has('access-control-allow-origin'));
  t.false((await server.call('GET', '/pages/o')).headers.has('access-control-allow-origin'));
});
