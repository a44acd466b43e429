// Owns the file of `--identity-settings`: what the operator demands of passwords and logins, and which
// domains' people are kept in a directory elsewhere. Guarantee: what is misspelt or out of its range stops
// the program with a sentence that names it; nothing is guessed. Secrets stand in files of their own. Its
// fields are told in docs/OPERATIONS.md.

import { readFileSync } from 'node:fs';
import { limits } from '#core/kernel/limits.ts';
import type { DirectorySources } from '#services/identity/external-domains.ts';
import type { OidcProviders } from '#services/identity/federation.service.ts';
import type { IdentityOptions } from '#services/identity/identity.ts';
import { type LdapEntries, type LdapSettings, LdapSource } from '#services/identity/ldap-source.ts';
import type { LoginPolicy } from '#services/identity/login-policy.ts';
import type { OidcSettings } from '#services/identity/oidc-provider-keys.ts';
import { CommandFailed } from './failure.ts';

export type IdentitySettings = Pick<IdentityOptions, 'loginPolicy' | 'directories' | 'oidc'>;

const DAY_MS = 24 * 60 * 60 * 1_000;
const DAYS_MAX = 36_500;
/** Shorter, and whoever guesses could fill the log with locks. */
const LOCKOUT_SECONDS_MIN = 60;
const LOCKOUT_SECONDS_MAX = 10 * 365 * 24 * 60 * 60;
const FAILURES_MAX = 1_000;

/** @throws CommandFailed */
export function readIdentitySettings(file: string | undefined): IdentitySettings {
  if (file === undefined) return {};
  const text = readText(file);
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw new CommandFailed(`${file}: ${error instanceof Error ? error.message : error}`);
  }
  const settings = new Settings(document, file);
  const passwords = settings.within('passwords');
  const domains = settings.within('domains');
  const oidc = settings.within('oidc');
  settings.nothingElse();
  return {
    ...(passwords && { loginPolicy: loginPolicyOf(passwords) }),
    ...(domains && { directories: directoriesOf(domains) }),
    ...(oidc && { oidc: oidcOf(oidc) }),
  };
}

function oidcOf(settings: Settings): OidcProviders {
  const providers = new Map<string, OidcSettings>();
  for (const id of settings.names()) {
    const provider = settings.required(id);
    const issuer = provider.requiredText('issuer');
    const isSafe = /^(https:\/\/|http:\/\/(127\.0\.0\.1|localhost|\[::1\])[:/])/.test(issuer);
    if (!isSafe || !URL.canParse(issuer)) throw provider.wrong('issuer', 'an address with https://');
    providers.set(id, { issuer, audiences: provider.texts('audiences') });
    provider.nothingElse();
  }
  return providers;
}

function directoriesOf(domains: Settings): DirectorySources {
  const sources = new Map<string, LdapSource>();
  for (const name of domains.names()) {
    const domain = domains.required(name);
    sources.set(name, new LdapSource(ldapOf(domain.required('ldap'))));
    domain.nothingElse();
  }
  return sources;
}

function ldapOf(settings: Settings): LdapSettings {
  const url = settings.requiredText('url');
  if (!/^ldaps?:\/\/[^/]+\/?$/.test(url))
    throw settings.wrong('url', 'ldap://host:port or ldaps://host:port');
  const startTls = settings.flag('startTls') ?? false;
  if (startTls && url.startsWith('ldaps:')) throw settings.wrong('startTls', 'absent with ldaps://');
  const certificateAuthority = settings.file('caFile');
  const dn = settings.text('bindDn');
  const password = settings.file('bindPasswordFile')?.replace(/\r?\n$/, '');
  if ((dn === undefined) !== (password === undefined))
    throw settings.wrong('bindDn', 'with bindPasswordFile');
  const users = settings.required('users');
  const groups = settings.required('groups');
  const enabled = users.within('enabled');
  const mask = enabled?.whole('mask', 1, 0x7fffffff);
  const read: LdapSettings = {
    ...{ url, startTls },
    ...(certificateAuthority !== undefined && { certificateAuthority }),
    ...(dn !== undefined && password !== undefined && { reader: { dn, password } }),
    users: {
      ...entriesOf(users, '(objectClass=inetOrgPerson)', 'uid'),
      email: users.text('email') ?? 'mail',
      ...(enabled && {
        enabled: { attribute: enabled.requiredText('attribute'), ...(mask !== undefined && { mask }) },
      }),
    },
    groups: {
      ...entriesOf(groups, '(objectClass=groupOfNames)', 'cn'),
      member: groups.text('member') ?? 'member',
      memberIs: groups.oneOf('memberIs', ['dn', 'id']) ?? 'dn',
    },
  };
  for (const each of [settings, users, groups, enabled]) each?.nothingElse();
  return read;
}

function entriesOf(settings: Settings, filter: string, name: string): LdapEntries {
  const given = settings.text('filter') ?? filter;
  if (!/^\(.*\)$/.test(given)) throw settings.wrong('filter', 'a filter in parentheses (RFC 4515)');
  return {
    base: settings.requiredText('base'),
    filter: given,
    id: settings.text('id') ?? name,
    name: settings.text('name') ?? name,
    description: settings.text('description') ?? 'description',
  };
}

function loginPolicyOf(settings: Settings): LoginPolicy {
  const pattern = settings.pattern('pattern');
  const ageMinDays = settings.whole('minimumAgeDays', 0, DAYS_MAX);
  const lifeDays = settings.whole('expiresDays', 1, DAYS_MAX);
  const lockoutFailures = settings.whole('lockoutFailures', 1, FAILURES_MAX);
  const lockoutSeconds = settings.whole('lockoutSeconds', LOCKOUT_SECONDS_MIN, LOCKOUT_SECONDS_MAX);
  const inactiveDays = settings.whole('disableInactiveDays', 1, DAYS_MAX);
  const policy = {
    ...(pattern && { passwordPattern: pattern }),
    passwordPatternDescription: settings.text('patternDescription') ?? '',
    passwordAgeMinMs: (ageMinDays ?? 0) * DAY_MS,
    ...(lifeDays !== undefined && { passwordLifeMs: lifeDays * DAY_MS }),
    passwordHistory: settings.whole('history', 0, limits.formerPasswords) ?? 0,
    ...(lockoutFailures !== undefined && { lockoutFailures }),
    ...(lockoutSeconds !== undefined && { lockoutMs: lockoutSeconds * 1_000 }),
    changePasswordUponFirstUse: settings.flag('changeUponFirstUse') ?? false,
    ...(inactiveDays !== undefined && { inactiveMs: inactiveDays * DAY_MS }),
  };
  settings.nothingElse();
  if (lifeDays !== undefined && (ageMinDays ?? 0) >= lifeDays) {
    throw settings.wrong('minimumAgeDays', 'below expiresDays');
  }
  return policy;
}

/** @throws CommandFailed */
function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandFailed(`${file}: ${error instanceof Error ? error.message : error}`);
  }
}

/** An object of the file; what it has is taken out field by field. */
class Settings {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #taken = new Set<string>();

  constructor(value: unknown, path: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new CommandFailed(`${path} must be an object.`);
    }
    this.#values = value as Record<string, unknown>;
    this.#path = path;
  }

  within(name: string): Settings | undefined {
    const value = this.#take(name);
    return value === undefined ? undefined : new Settings(value, `${this.#path}: ${name}`);
  }

  names(): readonly string[] {
    return Object.keys(this.#values);
  }

  required(name: string): Settings {
    const value = this.within(name);
    if (!value) throw this.wrong(name, 'there');
    return value;
  }

  requiredText(name: string): string {
    const value = this.text(name);
    if (!value) throw this.wrong(name, 'there');
    return value;
  }

  oneOf<Choice extends string>(name: string, choices: readonly Choice[]): Choice | undefined {
    const value = this.text(name);
    const choice = choices.find((each) => each === value);
    if (value !== undefined && choice === undefined) throw this.wrong(name, `one of ${choices.join(', ')}`);
    return choice;
  }

  /** What stands in a file that is named. */
  file(name: string): string | undefined {
    const path = this.text(name);
    return path === undefined ? undefined : readText(path);
  }

  /** One at least. */
  texts(name: string): readonly string[] {
    const value = this.#take(name);
    const isText = (each: unknown): each is string => typeof each === 'string' && each !== '';
    if (!Array.isArray(value) || value.length === 0 || !value.every(isText)) {
      throw this.wrong(name, 'a list of texts');
    }
    return value;
  }

  text(name: string): string | undefined {
    const value = this.#take(name);
    if (value !== undefined && typeof value !== 'string') throw this.wrong(name, 'text');
    return value;
  }

  flag(name: string): boolean | undefined {
    const value = this.#take(name);
    if (value !== undefined && typeof value !== 'boolean') throw this.wrong(name, 'true or false');
    return value;
  }

  whole(name: string, least: number, most: number): number | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    const isWhole = typeof value === 'number' && Number.isInteger(value);
    if (!isWhole || value < least || value > most) {
      throw this.wrong(name, `a whole number from ${least} to ${most}`);
    }
    return value;
  }

  pattern(name: string): RegExp | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    try {
      return new RegExp(value, 'u');
    } catch {
      throw this.wrong(name, 'a regular expression');
    }
  }

  /** @throws CommandFailed where there is a field that nobody took */
  nothingElse(): void {
    const unknown = Object.keys(this.#values).find((name) => !this.#taken.has(name));
    if (unknown !== undefined) throw new CommandFailed(`${this.#path}: there is no setting ${unknown}.`);
  }

  wrong(name: string, wanted: string): CommandFailed {
    return new CommandFailed(`${this.#path}: ${name} must be ${wanted}.`);
  }

  #take(name: string): unknown {
    this.#taken.add(name);
    return this.#values[name];
  }
}
