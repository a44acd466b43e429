// Tests the login of those whom a provider of OpenID Connect vouches for, against a real one: what its claims
// come to here, which of its tokens are not taken, and who is turned away once the provider is.

import { generateKeyPairSync } from 'node:crypto';
import test from 'ava';
import { decodeJwt, decodeProtectedHeader, SignJWT } from 'jose';
import { systemClock } from '#core/kernel/clock.ts';
import { builtInRoleId } from '#services/identity/adoption.ts';
import { IdentityServer } from '#tests/support/identity-server.ts';
import { OIDC_AUDIENCE, OidcServer } from '#tests/support/oidc-server.ts';

const RULES = [
  {
    local: [{ user: { name: '{0}', email: '{1}' } }, { groups: '{2}', domain: { name: 'Default' } }],
    remote: [{ type: 'OIDC-name' }, { type: 'OIDC-email' }, { type: 'OIDC-groups', blacklist: ['secret'] }],
  },
];
const PROVIDER = '/v3/OS-FEDERATION/identity_providers/corp';
const AUTH = `${PROVIDER}/protocols/openid/auth`;

let oidc: OidcServer;
let server: IdentityServer;
let groupId: string;
let projectId: string;

test.before(async () => {
  oidc = await OidcServer.start();
  const settings = { issuer: oidc.issuer, audiences: [OIDC_AUDIENCE] };
  server = await IdentityServer.start({ oidc: new Map([['corp', settings]]) });
  const token = await server.login();
  const put = async (path: string, body?: object) => {
    const { status, document } = await server.call('PUT', path, { token, ...(body && { body }) });
    if (status >= 300) throw new Error(`${path}: ${status} ${JSON.stringify(document)}`);
  };
  groupId = await server.make('/v3/groups', 'group', { name: 'ops' });
  projectId = await server.make('/v3/projects', 'project', { name: 'shared' });
  await put(`/v3/projects/${projectId}/groups/${groupId}/roles/${builtInRoleId('member')}`);
  await put('/v3/OS-FEDERATION/mappings/corp-rules', { mapping: { rules: RULES } });
  await put(PROVIDER, { identity_provider: { remote_ids: [oidc.issuer] } });
  await put(`${PROVIDER}/protocols/openid`, { protocol: { mapping_id: 'corp-rules' } });
});

test.after.always(async () => {
  await server?.stop();
  await oidc?.stop();
});

async function enter(token: string, path = AUTH) {
  const answer = await fetch(`${server.root}${path}`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}` },
  });
  const document = JSON.parse(await answer.text());
  return { status: answer.status, document, id: answer.headers.get('x-subject-token') ?? '' };
}

test.serial('whom the provider vouches for gets a user, groups, and by them a project', async (t) => {
  oidc.claims = { name: 'fay', email: 'fay@corp', groups: ['ops', 'secret', 'unknown'] };
  const { status, document, id } = await enter(await oidc.token());
  t.is(status, 201);
  const { user } = document.token;
  t.is(user.name, 'fay');
  t.is(user.domain.name, 'federated-corp');
  t.deepEqual(user['OS-FEDERATION'], {
    identity_provider: { id: 'corp' },
    protocol: { id: 'openid' },
    groups: [{ id: groupId }],
  });
  t.deepEqual(document.token.methods, ['mapped']);
  const scope = { project: { id: projectId } };
  const auth = { identity: { methods: ['token'], token: { id } }, scope };
  const scoped = await server.call('POST', '/v3/auth/tokens', { body: { auth } });
  t.is(scoped.status, 201);
  t.is(scoped.document.token.project.id, projectId);
  // The same one comes back as the same user, as the claims are by then.
  oidc.claims = { name: 'Fay', email: 'new@corp', groups: ['unknown'] };
  const again = (await enter(await oidc.token())).document.token.user;
  t.is(again.id, user.id);
  t.is(again.name, 'Fay');
  t.deepEqual(again['OS-FEDERATION'].groups, []);
  const shown = await server.call('GET', `/v3/users/${user.id}`, { token: await server.login() });
  t.is(shown.document.user.email, 'new@corp');
});

test.serial("a token that is not for us, not the provider's, or not in force lets nobody in", async (t) => {
  oidc.claims = { name: 'fay', email: 'fay@corp', groups: ['ops'] };
  const good = await oidc.token();
  t.is((await enter(good)).status, 201);
  t.is((await enter(good, AUTH.replace('openid', 'saml2'))).status, 401);
  t.is((await enter(good, AUTH.replace('corp', 'other'))).status, 401);
  t.is((await enter('opaque')).status, 401);
  t.is((await enter(`${good.slice(0, -4)}AAAA`)).status, 401);
  t.is((await server.call('POST', AUTH)).status, 401);
  const [, payload] = good.split('.');
  const none = Buffer.from('{"alg":"none"}').toString('base64url');
  t.is((await enter(`${none}.${payload}.`)).status, 401);
  // Signed by somebody else, under the name of the provider's key.
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const { kid = '' } = decodeProtectedHeader(good);
  const forged = new SignJWT(decodeJwt(good)).setProtectedHeader({ alg: 'RS256', kid });
  t.is((await enter(await forged.sign(privateKey))).status, 401);
  const byText = new SignJWT(decodeJwt(good)).setProtectedHeader({ alg: 'HS256', kid });
  t.is((await enter(await byText.sign(Buffer.from('a key that everybody may know')))).status, 401);
  oidc.audience = 'urn:somebody-else';
  t.is((await enter(await oidc.token())).status, 401);
  oidc.audience = OIDC_AUDIENCE;
});

test.serial('claims that no rule takes let nobody in', async (t) => {
  oidc.claims = { email: 'nobody@corp', groups: [] };
  t.is((await enter(await oidc.token())).status, 401);
});

test.serial('who was disabled here stays so, and all end with their provider', async (t) => {
  oidc.claims = { name: 'fay', email: 'fay@corp', groups: ['ops'] };
  const { id, document } = await enter(await oidc.token());
  const token = await server.login();
  const path = `/v3/users/${document.token.user.id}`;
  const valid = async (subject: string) =>
    (await server.call('GET', '/v3/auth/tokens', { token, subject })).status === 200;
  t.true(await valid(id));
  await server.call('PATCH', path, { token, body: { user: { enabled: false } } });
  t.is((await enter(await oidc.token())).status, 401);
  await server.call('PATCH', path, { token, body: { user: { enabled: true } } });
  const second = (await enter(await oidc.token())).id;
  t.true(await valid(second));
  await server.call('PATCH', PROVIDER, { token, body: { identity_provider: { enabled: false } } });
  t.false(await valid(second));
  t.is((await enter(await oidc.token())).status, 401);
  await server.call('PATCH', PROVIDER, { token, body: { identity_provider: { enabled: true } } });
  t.is((await enter(await oidc.token())).status, 201);
});

test.serial('what is told of providers is listed, kept whole, and deleted', async (t) => {
  const token = await server.login();
  const get = async (path: string) => (await server.call('GET', path, { token })).document;
  t.is((await get('/v3/OS-FEDERATION/identity_providers')).identity_providers[0].id, 'corp');
  t.is((await get(`${PROVIDER}/protocols`)).protocols[0].mapping_id, 'corp-rules');
  t.deepEqual((await get('/v3/OS-FEDERATION/mappings/corp-rules')).mapping.rules, RULES);
  const wrong = { mapping: { rules: [{ local: [] }] } };
  t.is((await server.call('PUT', '/v3/OS-FEDERATION/mappings/x', { token, body: wrong })).status, 400);
  t.is((await server.call('DELETE', '/v3/OS-FEDERATION/mappings/corp-rules', { token })).status, 409);
  const taken = { identity_provider: { remote_ids: [oidc.issuer] } };
  const other = '/v3/OS-FEDERATION/identity_providers/other';
  t.is((await server.call('PUT', other, { token, body: taken })).status, 409);
  t.is((await server.call('PUT', PROVIDER, { token, body: taken })).status, 409);
  t.is((await server.call('GET', other, { token })).status, 404);
});

test.serial(
  "an hour later the provider's token is worth nothing, and without its keys nobody can tell",
  async (t) => {
    oidc.claims = { name: 'fay', email: 'fay@corp', groups: ['ops'] };
    const good = await oidc.token();
    const { clock } = server.memory;
    clock.advance(systemClock.nowMs() + 60 * 60_000 - clock.nowMs());
    t.is((await enter(good)).status, 401);
    const token = await server.login();
    t.is((await server.call('DELETE', PROVIDER, { token })).status, 204);
    t.is((await enter(good)).status, 401);
    const gone = { issuer: 'http://127.0.0.1:9', audiences: [OIDC_AUDIENCE] };
    const lost = await IdentityServer.start({ oidc: new Map([['corp', gone]]) });
    const admin = await lost.login();
    for (const [path, body] of [
      ['/v3/OS-FEDERATION/mappings/m', { mapping: { rules: RULES } }],
      [PROVIDER, { identity_provider: {} }],
      [`${PROVIDER}/protocols/openid`, { protocol: { mapping_id: 'm' } }],
    ] as const) {
      t.is((await lost.call('PUT', path, { token: admin, body })).status, 201);
    }
    const answer = await fetch(`${lost.root}${AUTH}`, { headers: { Authorization: `Bearer ${good}` } });
    t.is(answer.status, 503);
    await lost.stop();
  },
);
