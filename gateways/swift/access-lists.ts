// Owns container ACLs (https://docs.openstack.org/swift/latest/overview_acl.html): their form, and whom they
// let in.

import type { Token } from '#services/identity/tokens.service.ts';
import { SwiftError } from './errors.ts';

const REFERRERS = ['.r', '.ref', '.referer', '.referrer'];

/** As it is stored. @throws SwiftError 400 */
export function cleanAccessList(header: string, value: string): string {
  const cleaned: string[] = [];
  for (const raw of value.split(',')) {
    const element = raw.trim();
    if (element === '') continue;
    const colon = element.indexOf(':');
    const first = element.slice(0, colon).trim();
    if (colon < 0 || !first.startsWith('.')) {
      cleaned.push(element);
      continue;
    }
    if (!REFERRERS.includes(first)) throw wrong(header, `Unknown designator '${first}' in ACL: '${element}'`);
    if (header.toLowerCase().includes('write')) {
      throw wrong(header, `Referrers not allowed in write ACL: '${element}'`);
    }
    cleaned.push(cleanReferrer(header, element, element.slice(colon + 1).trim()));
  }
  return cleaned.join(',');
}

function cleanReferrer(header: string, element: string, host: string): string {
  const isNegated = host.startsWith('-');
  let name = isNegated ? host.slice(1).trim() : host;
  if (name !== '*' && name.startsWith('*')) name = name.slice(1).trim();
  if (name === '' || name === '.') {
    throw wrong(header, `No host/domain value after referrer designation in ACL: '${element}'`);
  }
  return `.r:${isNegated ? '-' : ''}${name}`;
}

const wrong = (header: string, what: string) => new SwiftError(400, `${header} : ${what}`);

/** Whether the list lets in whoever comes from there, without a token. */
export function letsReferrer(list: string, referrer: string | undefined, lists: boolean): boolean {
  const elements = list.split(',');
  if (lists && !elements.includes('.rlistings')) return false;
  const host = hostOf(referrer);
  let isLet = false;
  // The last that matches decides.
  for (const element of elements) {
    if (!element.startsWith('.r:')) continue;
    const isNegated = element.startsWith('.r:-');
    const name = element.slice(isNegated ? 4 : 3);
    const matches = name === host || (name.startsWith('.') && host.endsWith(name));
    if (isNegated && matches) isLet = false;
    else if (!isNegated && (matches || name === '*')) isLet = true;
  }
  return isLet;
}

function hostOf(referrer: string | undefined): string {
  if (referrer === undefined || !URL.canParse(referrer)) return 'unknown';
  return new URL(referrer).hostname || 'unknown';
}

const DEFAULT_DOMAIN = 'default';

/**
 * Whether the list names the token's project and user, by ids, or by names where both are in the default
 * domain, or one of its roles.
 */
export function letsToken(list: string, token: Token): boolean {
  const { project, user, userDomain, roles } = token;
  if (!project) return false;
  const projects = ['*', project.id];
  const users = ['*', user.id];
  if (project.domainId === DEFAULT_DOMAIN && userDomain.id === DEFAULT_DOMAIN) {
    projects.push(project.name);
    users.push(user.name);
  }
  return list.split(',').some((element) => {
    const colon = element.indexOf(':');
    if (colon < 0) return roles.some(({ name }) => name.toLowerCase() === element.toLowerCase());
    return projects.includes(element.slice(0, colon)) && users.includes(element.slice(colon + 1));
  });
}
