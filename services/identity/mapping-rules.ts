// Owns the rules by which claims of an identity provider elsewhere become a user and groups here, in the form
// that Keystone has them (docs.openstack.org/keystone/latest/admin/federation/mapping_combinations.html), and
// their reading. Guarantee: what a claim lacks makes a rule not hold; nothing is made up in its place.

/** What is made of the claims; `groups` by id, or by name and domain. */
export interface Mapped {
  readonly userName: string;
  /** By which the provider knows the user for ever; empty where no rule tells. */
  readonly userId: string;
  readonly email: string;
  readonly groupIds: readonly string[];
  readonly groupNames: readonly { readonly name: string; readonly domain: DomainOf }[];
}

type DomainOf = { readonly id: string } | { readonly name: string };

interface Remote {
  readonly claim: string;
  readonly test?: 'any_one_of' | 'not_any_of';
  readonly keep?: 'whitelist' | 'blacklist';
  readonly values: readonly string[];
  readonly regex: boolean;
}

interface Local {
  readonly userName?: string;
  readonly userId?: string;
  readonly email?: string;
  readonly groupIds: readonly string[];
  readonly groupName?: string;
  /** Each value of a claim is the name of a group. */
  readonly groupNames?: string;
  readonly domain?: DomainOf;
}

export interface MappingRule {
  readonly local: readonly Local[];
  readonly remote: readonly Remote[];
}

/** What is wrong with rules, in words for whoever wrote them. */
export class WrongRules extends Error {
  override readonly name = 'WrongRules';
}

const RULES_MAX = 100;
const ENTRIES_MAX = 100;
const TESTS = ['any_one_of', 'not_any_of'] as const;
const KEEPS = ['whitelist', 'blacklist'] as const;

/** @throws WrongRules */
export function readRules(document: unknown): readonly MappingRule[] {
  return listOf(document, 'rules', RULES_MAX).map((rule) => {
    const { local, remote } = recordOf(rule, 'a rule', ['local', 'remote']);
    return {
      local: listOf(local, 'local', ENTRIES_MAX).map(localOf),
      remote: listOf(remote, 'remote', ENTRIES_MAX).map(remoteOf),
    };
  });
}

function remoteOf(value: unknown): Remote {
  const fields = recordOf(value, 'an entry of remote', ['type', ...TESTS, ...KEEPS, 'regex']);
  const test = TESTS.find((name) => fields[name] !== undefined);
  const keep = KEEPS.find((name) => fields[name] !== undefined);
  const values = listOf(fields[test ?? keep ?? ''] ?? [], test ?? keep ?? '', ENTRIES_MAX).map(textOf);
  const regex = fields.regex === true;
  if (test && keep) throw new WrongRules(`${test} and ${keep} exclude each other`);
  if (regex) for (const each of values) patternOf(each);
  const claim = claimName(textOf(fields.type));
  return { claim, values, regex, ...(test && { test }), ...(keep && { keep }) };
}

function localOf(value: unknown): Local {
  const fields = recordOf(value, 'an entry of local', ['user', 'group', 'groups', 'group_ids', 'domain']);
  const user = fields.user === undefined ? {} : userOf(fields.user);
  const group = fields.group === undefined ? {} : recordOf(fields.group, 'group', ['id', 'name', 'domain']);
  const ids = [group.id, fields.group_ids].filter((each) => each !== undefined).map(textOf);
  const domain = group.domain ?? fields.domain;
  if ((group.name !== undefined || fields.groups !== undefined) && domain === undefined) {
    throw new WrongRules('a group that is told by its name has a domain');
  }
  return {
    ...user,
    groupIds: ids,
    ...(group.name !== undefined && { groupName: textOf(group.name) }),
    ...(fields.groups !== undefined && { groupNames: textOf(fields.groups) }),
    ...(domain !== undefined && { domain: domainOf(domain) }),
  };
}

function userOf(value: unknown): Pick<Local, 'userName' | 'userId' | 'email'> {
  const fields = recordOf(value, 'user', ['id', 'name', 'email', 'domain', 'type']);
  if (fields.type !== undefined && fields.type !== 'ephemeral') {
    throw new WrongRules('users of the type ephemeral alone are known');
  }
  return {
    ...(fields.name !== undefined && { userName: textOf(fields.name) }),
    ...(fields.id !== undefined && { userId: textOf(fields.id) }),
    ...(fields.email !== undefined && { email: textOf(fields.email) }),
  };
}

function domainOf(value: unknown): DomainOf {
  const { id, name } = recordOf(value, 'domain', ['id', 'name']);
  return id === undefined ? { name: textOf(name) } : { id: textOf(id) };
}

function recordOf(value: unknown, what: string, known: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new WrongRules(`${what} is an object`);
  }
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown !== undefined) throw new WrongRules(`${what} has no '${unknown.slice(0, 64)}'`);
  return value as Record<string, unknown>;
}

function listOf(value: unknown, what: string, most: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length > most)
    throw new WrongRules(`${what} is a list of up to ${most}`);
  return value;
}

function textOf(value: unknown): string {
  if (typeof value !== 'string' || value === '' || value.length > 1_024) {
    throw new WrongRules('what is to be text is no text');
  }
  return value;
}

function patternOf(text: string): RegExp {
  try {
    return new RegExp(text, 'u');
  } catch {
    throw new WrongRules(`'${text.slice(0, 64)}' is no regular expression`);
  }
}

/** Keystone's names come by way of a web server: `OIDC-preferred_username`, `HTTP_OIDC_EMAIL`. */
const claimName = (type: string): string =>
  type
    .replace(/^(HTTP[_-])?OIDC[_-]/i, '')
    .toLowerCase()
    .replaceAll('-', '_');

type Claims = ReadonlyMap<string, readonly string[]>;

function claimsOf(payload: Readonly<Record<string, unknown>>): Claims {
  const claims = new Map<string, readonly string[]>();
  for (const [name, value] of Object.entries(payload)) {
    const values = (Array.isArray(value) ? value : [value])
      .filter((each) => ['string', 'number', 'boolean'].includes(typeof each))
      .map(String);
    claims.set(claimName(name), values);
  }
  return claims;
}

/** Undefined where no rule that holds tells of a user. */
export function mapClaims(
  rules: readonly MappingRule[],
  payload: Readonly<Record<string, unknown>>,
): Mapped | undefined {
  const claims = claimsOf(payload);
  let user = { userName: '', userId: '', email: '' };
  const groupIds = new Set<string>();
  const groupNames = new Map<string, Mapped['groupNames'][number]>();
  for (const { local, remote } of rules) {
    const values = valuesOf(remote, claims);
    if (!values) continue;
    for (const each of local) {
      // The first rule that tells a user's name is the user's.
      if (user.userName === '' && each.userName !== undefined) {
        const one = (text: string | undefined) => (text === undefined ? '' : (filled(text, values) ?? ''));
        user = { userName: one(each.userName), userId: one(each.userId), email: one(each.email) };
      }
      for (const id of each.groupIds.flatMap((text) => spread(text, values))) groupIds.add(id);
      const { groupName, groupNames: many, domain } = each;
      if (domain === undefined) continue;
      const single = groupName === undefined ? undefined : filled(groupName, values);
      const names = [...(single ? [single] : []), ...(many === undefined ? [] : spread(many, values))];
      for (const name of names) groupNames.set(JSON.stringify([name, domain]), { name, domain });
    }
  }
  if (user.userName === '') return undefined;
  return { ...user, groupIds: [...groupIds], groupNames: [...groupNames.values()] };
}

/** For each entry that only reads, what it read, in order; undefined where one does not hold. */
function valuesOf(remote: readonly Remote[], claims: Claims): readonly (readonly string[])[] | undefined {
  const read: (readonly string[])[] = [];
  for (const { claim, test, keep, values: wanted, regex } of remote) {
    const found = claims.get(claim);
    if (!found || found.length === 0) return undefined;
    const isWanted = (value: string) =>
      regex ? wanted.some((each) => patternOf(each).test(value)) : wanted.includes(value);
    if (test) {
      if (found.some(isWanted) !== (test === 'any_one_of')) return undefined;
      continue;
    }
    read.push(keep ? found.filter((value) => isWanted(value) === (keep === 'whitelist')) : found);
  }
  return read;
}

/** `{0}` stands for what the first entry read. Undefined where that is nothing. */
function filled(text: string, values: readonly (readonly string[])[]): string | undefined {
  let isWhole = true;
  const result = text.replace(/\{(\d+)\}/g, (_, number: string) => {
    const [value] = values[Number(number)] ?? [];
    if (value === undefined) isWhole = false;
    return value ?? '';
  });
  return isWhole ? result : undefined;
}

/** As {@link filled}, once for each value of a claim that stands alone. */
function spread(text: string, values: readonly (readonly string[])[]): readonly string[] {
  const alone = /^\{(\d+)\}$/.exec(text)?.[1];
  if (alone !== undefined) return values[Number(alone)] ?? [];
  const one = filled(text, values);
  return one === undefined ? [] : [one];
}
