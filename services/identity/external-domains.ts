// Owns domains whose people are kept elsewhere. A user or a group of such a domain gets a row here when
// somebody first needs it: at a login, a grant, a look at it by its id. The row is a shadow: it is brought up
// to what the directory says whenever that is asked, and gives roles, scopes and tokens what they need. Lists
// are the directory's own. Guarantees: nobody logs in but by the directory's word at that moment; an id tells
// its domain and entry, so that looking writes nothing for those whom nobody needs; who is gone there is
// disabled here; and where one directory cannot be asked, the other domains go on.

import { createHash } from 'node:crypto';
import { isRejected } from '#core/kernel/decider.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Actor } from '#core/log/event-log.ts';
import type { StoredGroup, StoredUser } from '#projections/identity-by-id/identity-by-id.query.ts';
import type { DirectoryUseCases } from './directory.service.ts';
import type { DirectorySource, SourceEntry, SourceGroup, SourceUser } from './directory-source.ts';
import type { IdentityContext } from './identity-context.ts';
import type { UserUseCases } from './users.service.ts';

/** By the name of the domain. */
export type DirectorySources = ReadonlyMap<string, DirectorySource>;

type Kind = 'user' | 'group';

interface Located {
  readonly kind: Kind;
  readonly domainId: string;
  readonly source: DirectorySource;
  readonly localId: string;
}

const ID = /^([ug])([0-9a-f]{16})-([A-Za-z0-9_-]+)$/;
const ACTOR: Actor = { user: 'system', project: 'system', requestId: 'directory' };

const tagOf = (domainId: string): string =>
  createHash('sha256').update(`directory\n${domainId}`).digest('hex').slice(0, 16);

function externalId(kind: Kind, domainId: string, localId: string): string {
  return `${kind.charAt(0)}${tagOf(domainId)}-${Buffer.from(localId).toString('base64url')}`;
}

export class ExternalDomains {
  readonly #context: IdentityContext;
  readonly #users: UserUseCases;
  readonly #directory: DirectoryUseCases;
  readonly #sources: DirectorySources;

  constructor(
    context: IdentityContext,
    users: UserUseCases,
    directory: DirectoryUseCases,
    sources: DirectorySources,
  ) {
    this.#context = context;
    this.#users = users;
    this.#directory = directory;
    this.#sources = sources;
  }

  /** Whether the people of the domain are kept elsewhere. */
  has(domainId: string): boolean {
    return this.#sourceOf(domainId) !== undefined;
  }

  /** Whether the id is that of somebody who is kept elsewhere. */
  isExternal(id: string): boolean {
    return this.domainOf(id) !== undefined;
  }

  /** The domain of somebody who is kept elsewhere. */
  domainOf(id: string): string | undefined {
    return this.#locate(id)?.domainId;
  }

  /** Undefined where the password is wrong, or nobody is called so. @throws Fault `unreachable` */
  async login(
    domainId: string,
    by: { readonly id: string } | { readonly name: string },
    password: string,
  ): Promise<StoredUser | undefined> {
    const source = this.#sourceOf(domainId);
    const located = 'id' in by ? this.#locate(by.id) : undefined;
    if (!source || ('id' in by && !located)) return undefined;
    const user = await ('id' in by
      ? source.user('localId', located?.localId ?? '')
      : source.user('name', by.name));
    const isRight = await source.isPassword(user, password);
    return isRight && user ? this.#meetUser(domainId, source, user) : undefined;
  }

  /** Brings the rows of those among the ids who are kept elsewhere up to what is said there. */
  async meet(ids: Iterable<string | undefined>): Promise<void> {
    if (this.#sources.size === 0) return;
    for (const id of ids) {
      const located = id === undefined ? undefined : this.#locate(id);
      if (!located) continue;
      const { kind, domainId, source, localId } = located;
      if (kind === 'group') {
        const group = await source.group('localId', localId);
        if (group) await this.#meetGroup(domainId, group);
        continue;
      }
      const user = await source.user('localId', localId);
      if (user) await this.#meetUser(domainId, source, user);
      else await this.#disable(id ?? '');
    }
  }

  /** In order of id; by name where one is wanted. */
  async list<Wanted extends Kind>(
    kind: Wanted,
    domainId: string,
    name: string | undefined,
  ): Promise<readonly (Wanted extends 'user' ? StoredUser : StoredGroup)[]> {
    const source = this.#sourceOf(domainId);
    type Shown = Wanted extends 'user' ? StoredUser : StoredGroup;
    if (!source) return [];
    if (kind === 'group') {
      const named = name === undefined ? undefined : await source.group('name', name);
      const groups = name === undefined ? await source.groups(limits.identityListed + 1) : [named];
      return groups.filter((each) => each !== undefined).map((each) => groupOf(domainId, each) as Shown);
    }
    const named = name === undefined ? undefined : await source.user('name', name);
    const users = name === undefined ? await source.users(limits.identityListed + 1) : [named];
    return users.filter((each) => each !== undefined).map((each) => userOf(domainId, each) as Shown);
  }

  /** Undefined where the group is not kept elsewhere. */
  async membersOf(groupId: string): Promise<readonly StoredUser[] | undefined> {
    const located = this.#locate(groupId);
    if (!located) return undefined;
    const { source, domainId, localId } = located;
    const group = await source.group('localId', localId);
    const users = group ? await source.membersOf(group, limits.externalMembers) : [];
    return users.map((user) => userOf(domainId, user));
  }

  async #meetUser(
    domainId: string,
    source: DirectorySource,
    user: SourceUser,
  ): Promise<StoredUser | undefined> {
    const { identity } = this.#context;
    const id = externalId('user', domainId, user.localId);
    const { name, description, email, enabled } = user;
    const known = identity.get('user', id);
    if (!known) {
      const made = { domainId, name, description, email, enabled, defaultProjectId: '', extra: {} };
      await this.#users.createUser(ACTOR, made, undefined, id);
    } else {
      const is = { name, description, email, enabled };
      const isSame = Object.entries(is).every(([field, value]) => known[field as keyof typeof is] === value);
      if (!isSame) await this.#users.updateUser(ACTOR, id, is);
    }
    const groups = await source.groupsOf(user, limits.groupsPerUser);
    await this.#meetMemberships(domainId, id, groups);
    return identity.get('user', id);
  }

  async #meetMemberships(domainId: string, id: string, groups: readonly SourceGroup[]): Promise<void> {
    const { identity } = this.#context;
    const before = identity.get('user', id)?.groupIds ?? [];
    const now: string[] = [];
    for (const group of groups) {
      const groupId = await this.#meetGroup(domainId, group);
      if (groupId === undefined) continue;
      now.push(groupId);
      if (!before.includes(groupId)) await this.#users.joinGroup(ACTOR, id, groupId);
    }
    // Groups of other domains are no affair of the directory's.
    const isOurs = (groupId: string) => this.#locate(groupId)?.domainId === domainId;
    for (const groupId of before) {
      if (isOurs(groupId) && !now.includes(groupId)) await this.#users.leaveGroup(ACTOR, id, groupId);
    }
  }

  /** Undefined where a group that is gone there still has the name here. */
  async #meetGroup(
    domainId: string,
    { localId, name, description }: SourceGroup,
  ): Promise<string | undefined> {
    const id = externalId('group', domainId, localId);
    const known = this.#context.identity.get('group', id);
    if (!known) {
      const made = await this.#directory.createGroup(ACTOR, { domainId, name, description }, id);
      return isRejected(made) && made.rejected !== 'group-exists' ? undefined : id;
    }
    if (known.name !== name || known.description !== description) {
      await this.#directory.updateGroup(ACTOR, id, { name, description });
    }
    return id;
  }

  async #disable(id: string): Promise<void> {
    if (this.#context.identity.get('user', id)?.enabled) {
      await this.#users.updateUser(ACTOR, id, { enabled: false });
    }
  }

  #sourceOf(domainId: string): DirectorySource | undefined {
    if (this.#sources.size === 0) return undefined;
    const name = this.#context.identity.get('domain', domainId)?.name;
    return name === undefined ? undefined : this.#sources.get(name);
  }

  #locate(id: string): Located | undefined {
    const [, letter, tag, encoded = ''] = (this.#sources.size > 0 && ID.exec(id)) || [];
    if (letter === undefined) return undefined;
    for (const [name, source] of this.#sources) {
      const domainId = this.#context.identity.idOf('domain', '', name);
      if (domainId === undefined || tagOf(domainId) !== tag) continue;
      const localId = Buffer.from(encoded, 'base64url').toString();
      // One way of writing it alone, lest one entry had two rows.
      const kind = letter === 'u' ? 'user' : 'group';
      if (externalId(kind, domainId, localId) === id) return { kind, domainId, source, localId };
    }
    return undefined;
  }
}

const shownOf = (kind: Kind, domainId: string, { localId, name, description }: SourceEntry) => ({
  ...{ id: externalId(kind, domainId, localId), domainId, name, description, createdMs: 0, revision: 0 },
});

const groupOf = (domainId: string, group: SourceGroup): StoredGroup => shownOf('group', domainId, group);

/** As a list shows it; whoever is needed for more has a row. */
function userOf(domainId: string, user: SourceUser): StoredUser {
  const nothing = { groupIds: [], accessKeyIds: [], applicationCredentials: [], credentialIds: [] };
  const { email, enabled } = user;
  const common = { ...shownOf('user', domainId, user), ...nothing, email, enabled };
  return { ...common, defaultProjectId: '', extra: {}, tokensFrom: 0 };
}
