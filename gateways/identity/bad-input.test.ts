// Tests what hostile requests found: each has an answer of Keystone's own.

import test from 'ava';
import { IdentityServer } from '#tests/support/identity-server.ts';
import { RawClient } from '#tests/support/raw-http.ts';

let server: IdentityServer;

test.before(async () => {
  server = await IdentityServer.start();
});

test.after.always(() => server?.stop());

const open = () => RawClient.open(Number(new URL(server.root).port));

test('a catalog is told also to who names a host that there cannot be', async (t) => {
  const token = await server.login();
  for (const host of ['127.0.0.1:99999', '256.0.0.0', '1.2.3.4.5', '[::::]', 'a b', '']) {
    const client = await open();
    client.send(`GET /identity/v3/auth/catalog HTTP/1.1\r\nHost: ${host}\r\nX-Auth-Token: ${token}\r\n\r\n`);
    const [, status] = await client.until(/^HTTP\/1\.1 (\d+)/);
    t.is(status, '200', host);
    await client.until(/"url":"http:\/\/localhost[:/]/);
    client.close();
  }
  t.deepEqual(server.logged, []);
});

test('a document that breaks off is not an error of ours', async (t) => {
  const client = await open();
  client.send('POST /identity/v3/auth/tokens HTTP/1.1\r\nHost: h\r\nContent-Length: 99\r\n\r\n{"auth"');
  client.socket.end();
  await client.closed;
  t.is((await server.call('GET', '/v3')).status, 200);
  t.deepEqual(server.logged, []);
});

test('a tag of any characters is made, and named where it is', async (t) => {
  const token = await server.login();
  const id = await server.make('/v3/projects', 'project', { name: 'tagged' });
  for (const tag of ['%00', '%F0%9F%92%A9', '%C3%BC', 'a%0D%0Ab']) {
    const { status, headers } = await server.call('PUT', `/v3/projects/${id}/tags/${tag}`, { token });
    t.is(status, 201, tag);
    t.true(headers.get('location')?.endsWith(`/tags/${tag}`), tag);
    t.is((await server.call('GET', `/v3/projects/${id}/tags/${tag}`, { token })).status, 204);
  }
  t.deepEqual(server.logged, []);
});
