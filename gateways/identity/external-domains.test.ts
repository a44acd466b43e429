// Tests a domain whose people are kept elsewhere, over HTTP: logins, lists, grants to users and groups, what
// changes there, what cannot be changed from here, and a directory that cannot be asked.

import test from 'ava';
import { Fault } from '#core/kernel/errors.ts';
import { builtInRoleId } from '#services/identity/adoption.ts';
import type { DirectorySource, SourceGroup, SourceUser } from '#services/identity/directory-source.ts';
import { IdentityServer } from '#tests/support/identity-server.ts';

const member = builtInRoleId('member');

/** People in memory, whose password is their name backwards. */
class TestSource implements DirectorySource {
  people: SourceUser[] = [];
  teams: SourceGroup[] = [];
  isGone = false;

  async user(by: 'localId' | 'name', value: string) {
    return this.#asked(this.people).find((user) => user[by] === value);
  }

  async group(by: 'localId' | 'name', value: string) {
    return this.#asked(this.teams).find((group) => group[by] === value);
  }

  async users(most: number) {
    return this.#asked(this.people).slice(0, most);
  }

  async groups(most: number) {
    return this.#asked(this.teams).slice(0, most);
  }

  async groupsOf({ place }: SourceUser) {
    return this.#asked(this.teams).filter(({ members }) => members.includes(place));
  }

  async membersOf({ members }: SourceGroup) {
    return this.#asked(this.people).filter(({ place }) => members.includes(place));
  }

  async isPassword(user: SourceUser | undefined, password: string) {
    this.#asked(this.people);
    return user !== undefined && password === [...user.name].reverse().join('');
  }

  #asked<Value>(value: Value): Value {
    if (this.isGone) throw new Fault('unreachable', 'nobody is there');
    return value;
  }
}

const person = (name: string, more: Partial<SourceUser> = {}): SourceUser => ({
  ...{ localId: `id of ${name}`, name, description: '', place: `at ${name}`, email: `${name}@corp` },
  ...{ enabled: true, ...more },
});

const team = (name: string, ...members: string[]): SourceGroup => ({
  ...{ localId: name, name, description: 'a team', place: name, members },
});

interface Setting {
  readonly server: IdentityServer;
  readonly source: TestSource;
  readonly domainId: string;
  readonly projectId: string;
  readonly token: string;
  login(name: string, password: string): Promise<number>;
  ids(path: string): Promise<Record<string, string>>;
}

async function open(): Promise<Setting> {
  const source = new TestSource();
  source.people = [person('eve'), person('adam')];
  source.teams = [team('staff', 'at eve', 'at adam')];
  const server = await IdentityServer.start({ directories: new Map([['corp', source]]) });
  const domainId = await server.make('/v3/domains', 'domain', { name: 'corp' });
  const projectId = await server.make('/v3/projects', 'project', { name: 'web', domain_id: domainId });
  const token = await server.login();
  return {
    ...{ server, source, domainId, projectId, token },
    async login(name, password) {
      const user = { name, domain: { name: 'corp' }, password };
      const identity = { methods: ['password'], password: { user } };
      const auth = { identity, scope: { project: { id: projectId } } };
      return (await server.call('POST', '/v3/auth/tokens', { body: { auth } })).status;
    },
    async ids(path) {
      const { document } = await server.call('GET', path, { token });
      const [list = []] = Object.values(document).filter(Array.isArray);
      return Object.fromEntries(list.map(({ name, id }: Record<string, string>) => [name, id]));
    },
  };
}

test('roles that were granted to users and groups of a directory open their projects', async (t) => {
  const { server, source, domainId, projectId, token, login, ids } = await open();
  t.is(await login('eve', 'eve'), 401);
  const users = await ids(`/v3/users?domain_id=${domainId}`);
  t.deepEqual(Object.keys(users).sort(), ['adam', 'eve']);
  const groups = await ids(`/v3/groups?domain_id=${domainId}`);
  const roles = (of: string, id?: string) => `/v3/projects/${projectId}/${of}/${id}/roles/${member}`;
  t.is((await server.call('PUT', roles('users', users.eve), { token })).status, 204);
  t.is(await login('eve', 'eve'), 201);
  t.is(await login('eve', 'wrong'), 401);
  t.is(await login('adam', 'mada'), 401);
  t.is((await server.call('PUT', roles('groups', groups.staff), { token })).status, 204);
  t.is(await login('adam', 'mada'), 201);
  const members = await ids(`/v3/groups/${groups.staff}/users`);
  t.deepEqual(members, users);
  t.deepEqual(await ids(`/v3/users/${users.adam}/groups`), groups);
  t.deepEqual(Object.keys(await ids(`/v3/users?domain_id=${domainId}&name=eve`)), ['eve']);
  source.teams = [team('staff', 'at eve')];
  t.is(await login('adam', 'mada'), 401);
  await server.stop();
});

test('who changes there changes here, and who is gone or disabled there has no login', async (t) => {
  const { server, source, domainId, projectId, token, login, ids } = await open();
  const { eve = '', adam = '' } = await ids(`/v3/users?domain_id=${domainId}`);
  for (const id of [eve, adam]) {
    await server.call('PUT', `/v3/projects/${projectId}/users/${id}/roles/${member}`, { token });
  }
  const show = async (id: string) => (await server.call('GET', `/v3/users/${id}`, { token })).document.user;
  t.like(await show(eve), { name: 'eve', email: 'eve@corp', enabled: true });
  source.people = [person('eve', { email: 'new@corp' }), person('adam', { enabled: false })];
  t.like(await show(eve), { email: 'new@corp' });
  t.is(await login('adam', 'mada'), 401);
  t.false((await show(adam)).enabled);
  source.people = [];
  t.is(await login('eve', 'eve'), 401);
  t.false((await show(eve)).enabled);
  source.people = [person('eve')];
  t.is(await login('eve', 'eve'), 201);
  await server.stop();
});

test('looking at people writes nothing that a second look would write again', async (t) => {
  const { server, source, domainId, token, ids } = await open();
  const written = async () => {
    let events = 0;
    for await (const _ of server.memory.log.read(`users/identity/${eve}`)) events++;
    return events;
  };
  const { eve = '' } = await ids(`/v3/users?domain_id=${domainId}`);
  t.is(await written(), 0);
  await server.call('GET', `/v3/users/${eve}`, { token });
  const first = await written();
  t.true(first > 0);
  for (const _ of [1, 2, 3]) await server.call('GET', `/v3/users/${eve}`, { token });
  t.is(await written(), first);
  // An id that only looks like one is nobody.
  source.people = [person('eve', { localId: 'x' })];
  t.is((await server.call('GET', `/v3/users/${eve.replace(/-.*/, '-eHh')}`, { token })).status, 404);
  await server.stop();
});

test('the people of a directory are not changed from here', async (t) => {
  const { server, domainId, token, ids } = await open();
  const { eve = '' } = await ids(`/v3/users?domain_id=${domainId}`);
  const { staff = '' } = await ids(`/v3/groups?domain_id=${domainId}`);
  const password = { original_password: 'eve', password: 'other' };
  const attempts: readonly (readonly [string, string, object?])[] = [
    ['POST', '/v3/users', { user: { name: 'new', domain_id: domainId } }],
    ['POST', '/v3/groups', { group: { name: 'new', domain_id: domainId } }],
    ['PATCH', `/v3/users/${eve}`, { user: { enabled: false } }],
    ['DELETE', `/v3/users/${eve}`],
    ['POST', `/v3/users/${eve}/password`, { user: password }],
    ['PATCH', `/v3/groups/${staff}`, { group: { name: 'x' } }],
    ['DELETE', `/v3/groups/${staff}`],
    ['PUT', `/v3/groups/${staff}/users/${eve}`],
    ['DELETE', `/v3/groups/${staff}/users/${eve}`],
  ];
  for (const [method, path, body] of attempts) {
    const answer = await server.call(method, path, { token, ...(body && { body }) });
    t.is(answer.status, 403, `${method} ${path}`);
    t.regex(answer.document.error.message, /only read/);
  }
  await server.stop();
});

test('a directory that cannot be asked is unavailable, and the other domains go on', async (t) => {
  const { server, source, domainId, login, token, ids } = await open();
  const { eve = '' } = await ids(`/v3/users?domain_id=${domainId}`);
  source.isGone = true;
  t.is(await login('eve', 'eve'), 503);
  const shown = await server.call('GET', `/v3/users/${eve}`, { token });
  t.is(shown.status, 503);
  t.is(shown.headers.get('retry-after'), '1');
  t.is((await server.call('GET', `/v3/users?domain_id=${domainId}`, { token })).status, 503);
  t.is((await server.call('GET', '/v3/users?domain_id=default', { token })).status, 200);
  t.truthy(await server.login());
  await server.stop();
});
