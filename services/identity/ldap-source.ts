// Owns the reading of a directory by LDAP (RFC 4511), by ldapts, which is loaded when it is first needed.
// Guarantees: what a client typed never becomes part of the text of a filter (values travel as such); an
// empty password lets nobody in, though servers take it for no login at all (RFC 4513, 5.1.2); and whatever
// the server does, a question is answered, or found unanswerable, in a bounded time. One connection a
// question: none is left half used.

import type { Client, Entry, Filter } from 'ldapts';
import { Fault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import type { DirectorySource, SourceGroup, SourceUser } from './directory-source.ts';

export interface LdapEntries {
  readonly base: string;
  /** RFC 4515. */
  readonly filter: string;
  readonly id: string;
  readonly name: string;
  readonly description: string;
}

export interface LdapSettings {
  /** `ldap://host:port` or `ldaps://…`. */
  readonly url: string;
  readonly startTls: boolean;
  /** PEM; absent: those that Node trusts. */
  readonly certificateAuthority?: string;
  /** Absent: nobody in particular reads. */
  readonly reader?: { readonly dn: string; readonly password: string };
  readonly users: LdapEntries & {
    readonly email: string;
    /**
     * Absent: whoever is there may log in. With a mask (Active Directory's userAccountControl: 2) a user is
     * disabled where the bits are set; without, where the value is FALSE.
     */
    readonly enabled?: { readonly attribute: string; readonly mask?: number };
  };
  readonly groups: LdapEntries & {
    readonly member: string;
    /** What a member is named by: the place of the entry, or its id. */
    readonly memberIs: 'dn' | 'id';
  };
}

type Ldap = typeof import('ldapts');

const PAGE_ENTRIES = 500;
/** Ids become parts of the names of streams. */
const ID_BYTES = 128;

export class LdapSource implements DirectorySource {
  readonly #settings: LdapSettings;
  #asking = 0;

  constructor(settings: LdapSettings) {
    this.#settings = settings;
  }

  user(by: 'localId' | 'name', value: string): Promise<SourceUser | undefined> {
    const { users } = this.#settings;
    return this.#asReader(async (client, ldap) => {
      const wanted = equals(ldap, by === 'name' ? users.name : users.id, value);
      return only(await this.#users(client, ldap, users.base, wanted, 2));
    });
  }

  group(by: 'localId' | 'name', value: string): Promise<SourceGroup | undefined> {
    const { groups } = this.#settings;
    return this.#asReader(async (client, ldap) => {
      const wanted = equals(ldap, by === 'name' ? groups.name : groups.id, value);
      return only(await this.#groups(client, ldap, wanted, 2));
    });
  }

  users(most: number): Promise<readonly SourceUser[]> {
    const { base } = this.#settings.users;
    return this.#asReader((client, ldap) => this.#users(client, ldap, base, undefined, most));
  }

  groups(most: number): Promise<readonly SourceGroup[]> {
    return this.#asReader((client, ldap) => this.#groups(client, ldap, undefined, most));
  }

  groupsOf({ place, localId }: SourceUser, most: number): Promise<readonly SourceGroup[]> {
    const { member, memberIs } = this.#settings.groups;
    return this.#asReader((client, ldap) =>
      this.#groups(client, ldap, equals(ldap, member, memberIs === 'dn' ? place : localId), most),
    );
  }

  membersOf({ members }: SourceGroup, most: number): Promise<readonly SourceUser[]> {
    const { users, groups } = this.#settings;
    return this.#asReader(async (client, ldap) => {
      const found: SourceUser[] = [];
      for (const member of members.slice(0, most)) {
        const byId = groups.memberIs === 'id';
        const wanted = byId ? equals(ldap, users.id, member) : undefined;
        const base = byId ? users.base : member;
        found.push(...(await this.#users(client, ldap, base, wanted, 1, byId ? 'sub' : 'base')));
      }
      return found;
    });
  }

  async isPassword(user: SourceUser | undefined, password: string): Promise<boolean> {
    if (password === '') return false;
    // Whoever is not there is asked for all the same, so that it takes as long.
    const place = user?.place ?? `cn=nobody,${this.#settings.users.base}`;
    return this.#connected(async (client) => {
      try {
        await client.bind(place, password);
        return user !== undefined;
      } catch (error) {
        if (isRefusal(error)) return false;
        throw error;
      }
    });
  }

  async #users(
    client: Client,
    ldap: Ldap,
    base: string,
    wanted: Filter | undefined,
    most: number,
    scope: 'sub' | 'base' = 'sub',
  ): Promise<readonly SourceUser[]> {
    const { filter, id, name, description, email, enabled } = this.#settings.users;
    const attributes = [id, name, description, email, ...(enabled ? [enabled.attribute] : [])];
    const search = { base, scope, filter: both(ldap, filter, wanted), attributes, most };
    const entries = await entriesOf(client, search);
    return entries.flatMap((entry) => {
      const common = commonOf(entry, this.#settings.users);
      if (!common) return [];
      const mark = enabled && firstOf(entry, enabled.attribute);
      return [{ ...common, email: firstOf(entry, email), enabled: isEnabled(mark, enabled?.mask) }];
    });
  }

  async #groups(
    client: Client,
    ldap: Ldap,
    wanted: Filter | undefined,
    most: number,
  ): Promise<readonly SourceGroup[]> {
    const { base, filter, id, name, description, member } = this.#settings.groups;
    const attributes = [id, name, description, member];
    const search = { base, scope: 'sub', filter: both(ldap, filter, wanted), attributes, most } as const;
    const entries = await entriesOf(client, search);
    return entries.flatMap((entry) => {
      const common = commonOf(entry, this.#settings.groups);
      return common ? [{ ...common, members: textsOf(entry, member) }] : [];
    });
  }

  #asReader<Value>(use: (client: Client, ldap: Ldap) => Promise<Value>): Promise<Value> {
    const { reader } = this.#settings;
    return this.#connected(async (client, ldap) => {
      if (reader) await client.bind(reader.dn, reader.password);
      return use(client, ldap);
    });
  }

  /** @throws Fault `unreachable`, `busy` */
  async #connected<Value>(use: (client: Client, ldap: Ldap) => Promise<Value>): Promise<Value> {
    const { url, startTls, certificateAuthority: ca } = this.#settings;
    if (this.#asking >= limits.ldapQuestions) throw new Fault('busy', `too many questions to ${url}`);
    this.#asking++;
    const ldap = await import('ldapts');
    const tlsOptions = ca === undefined ? {} : { ca };
    const client = new ldap.Client({
      ...{ url, timeout: limits.ldapAnswerMs, connectTimeout: limits.ldapConnectMs, strictDN: false },
      ...(url.startsWith('ldaps:') && { tlsOptions }),
    });
    try {
      if (startTls) await client.startTLS(tlsOptions);
      return await use(client, ldap);
    } catch (cause) {
      throw new Fault('unreachable', `the directory ${url} did not answer as it should`, { cause });
    } finally {
      await client.unbind().catch(() => undefined);
      this.#asking--;
    }
  }
}

const equals = (ldap: Ldap, attribute: string, value: string): Filter =>
  new ldap.EqualityFilter({ attribute, value });

function both(ldap: Ldap, filter: string, wanted: Filter | undefined): Filter {
  const parsed = ldap.FilterParser.parseString(filter);
  return wanted ? new ldap.AndFilter({ filters: [parsed, wanted] }) : parsed;
}

interface Search {
  readonly base: string;
  readonly scope: 'sub' | 'base';
  readonly filter: Filter;
  readonly attributes: string[];
  readonly most: number;
}

async function entriesOf(client: Client, { base, most, ...search }: Search): Promise<readonly Entry[]> {
  const found: Entry[] = [];
  const paged = { pageSize: Math.min(most, PAGE_ENTRIES) };
  try {
    for await (const { searchEntries } of client.searchPaginated(base, { ...search, paged })) {
      found.push(...searchEntries);
      if (found.length >= most) break;
    }
  } catch (error) {
    // A member, or a base, that is not there (RFC 4511, noSuchObject).
    if (codeOf(error) !== NO_SUCH_OBJECT) throw error;
  }
  return found.slice(0, most);
}

/** Undefined for an entry that lacks what it is known by. */
function commonOf(entry: Entry, { id, name, description }: LdapEntries) {
  const [localId, called] = [firstOf(entry, id), firstOf(entry, name)];
  if (localId === '' || called === '' || Buffer.byteLength(localId) > ID_BYTES) return undefined;
  return { localId, name: called, description: firstOf(entry, description), place: entry.dn };
}

function textsOf(entry: Entry, attribute: string): readonly string[] {
  // Names of attributes do not depend on their case.
  const name = Object.keys(entry).find((key) => key.toLowerCase() === attribute.toLowerCase());
  const value = name === undefined ? [] : entry[name];
  const values = Array.isArray(value) ? value : [value];
  return values.filter((each): each is string => typeof each === 'string');
}

const firstOf = (entry: Entry, attribute: string): string => textsOf(entry, attribute)[0] ?? '';

function isEnabled(mark: string | undefined, mask: number | undefined): boolean {
  if (mark === undefined || mark === '') return true;
  return mask === undefined ? !/^(false|0|no)$/i.test(mark) : (Number(mark) & mask) === 0;
}

/** A name that several bear tells nobody apart. */
const only = <Value>(found: readonly Value[]): Value | undefined =>
  found.length === 1 ? found[0] : undefined;

const NO_SUCH_OBJECT = 32;
/** RFC 4511, A.1: of a bind, what is about who binds and not about the server. */
const REFUSALS = [19, 32, 34, 48, 49, 50, 53];

const isRefusal = (error: unknown): boolean => REFUSALS.includes(codeOf(error) ?? -1);

function codeOf(error: unknown): number | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'number' ? code : undefined;
}
