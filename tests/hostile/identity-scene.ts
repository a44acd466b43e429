// Owns what an attack on Keystone finds: a domain that the attacker manages, beside what is none of the
// attacker's affair, and the proof that the latter is as it was.

import { type IdentityScene, SENTINEL } from './identity-dialect.ts';

/** As a test reads it. */
type Document = ReturnType<typeof JSON.parse>;

const COLLECTIONS = ['users', 'projects', 'groups'];
const OF_THE_CLOUD = ['domains', 'roles', 'services', 'endpoints', 'regions'];

export class IdentityAdministrator {
  readonly #endpoint: string;
  readonly #password: string;

  /** @param endpoint `http://…/identity/v3` */
  constructor(endpoint: string, password: string) {
    this.#endpoint = endpoint;
    this.#password = password;
  }

  /** As the manager of the domain finds it, and as a careless administrator of the cloud does. */
  async setScene(): Promise<Readonly<Record<'manager' | 'administrator', IdentityScene>>> {
    const token = await this.#login(
      { name: 'admin', password: this.#password, domain: { id: 'default' } },
      'admin',
    );
    const make = async (path: string, kind: string, body: object): Promise<string> =>
      (await this.#call('POST', path, token, { [kind]: body })).document[kind].id;
    await make('/projects', 'project', { name: 'sentinel', description: SENTINEL });
    await make('/groups', 'group', { name: 'sentinel', description: SENTINEL });
    const domainId = await make('/domains', 'domain', { name: 'hostile' });
    const user = { name: 'mallory', password: 'secret', domain_id: domainId };
    const ownId = await make('/users', 'user', user);
    // What is made, changed and deleted, so that the attacker stays.
    const userId = await make('/users', 'user', { ...user, name: 'trudy' });
    const projectId = await make('/projects', 'project', { name: 'hostile', domain_id: domainId });
    const { roles } = (await this.#call('GET', '/roles', token)).document;
    const roleId = roles.find(({ name }: { name: string }) => name === 'manager').id;
    await this.#call('PUT', `/domains/${domainId}/users/${ownId}/roles/${roleId}`, token);
    const own = await this.#login({ id: ownId, password: 'secret' }, { domain: { id: domainId } });
    const victimRoleId = await make('/roles', 'role', { name: 'victim' });
    const ids = { host: new URL(this.#endpoint).host, domainId, projectId, userId, roleId: victimRoleId };
    return { manager: { ...ids, token: own }, administrator: { ...ids, token } };
  }

  /** All that is not the attacker's, in one text. */
  async whatIsThere(): Promise<string> {
    const token = await this.#login(
      { name: 'admin', password: this.#password, domain: { id: 'default' } },
      'admin',
    );
    const all: Document[] = [];
    for (const name of COLLECTIONS) {
      all.push((await this.#call('GET', `/${name}?domain_id=default`, token)).document[name]);
    }
    for (const name of OF_THE_CLOUD) all.push((await this.#call('GET', `/${name}`, token)).document[name]);
    // Roles of the attacker's own domain are the attacker's.
    return JSON.stringify(all);
  }

  async #login(user: object, scope: 'admin' | object): Promise<string> {
    const project = { name: 'admin', domain: { id: 'default' } };
    const identity = { methods: ['password'], password: { user } };
    const body = { auth: { identity, scope: scope === 'admin' ? { project } : scope } };
    const { headers } = await this.#call('POST', '/auth/tokens', undefined, body);
    return headers.get('x-subject-token') ?? '';
  }

  async #call(method: string, path: string, token: string | undefined, body?: object) {
    const answer = await fetch(`${this.#endpoint}${path}`, {
      method,
      headers: { 'Content-Type': 'application/json', ...(token !== undefined && { 'X-Auth-Token': token }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return { headers: answer.headers, document: (text === '' ? {} : JSON.parse(text)) as Document };
  }
}
