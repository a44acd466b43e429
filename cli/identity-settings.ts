// Owns the file of `--identity-settings`: what the operator demands of passwords and logins, and which
// domains' people are kept in a directory elsewhere. Secrets stand in files of their own. Its fields are told
// in docs/OPERATIONS.md.

import { limits } from '#core/kernel/limits.ts';
import type { DirectorySources } from '#services/identity/external-domains.ts';
import type { OidcProviders } from '#services/identity/federation.service.ts';
import type { IdentityOptions } from '#services/identity/identity.ts';
import { type LdapEntries, type LdapSettings, LdapSource } from '#services/identity/ldap-source.ts';
import type { LoginPolicy } from '#services/identity/login-policy.ts';
import type { OidcSettings } from '#services/identity/oidc-provider-keys.ts';
import { type Settings, settingsIn } from './settings-file.ts';

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
  const settings = settingsIn(file);
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
