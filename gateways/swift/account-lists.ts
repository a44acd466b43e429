// Owns account ACLs (https://docs.openstack.org/swift/latest/overview_acl.html, "Account ACLs"): their form,
// and what they let somebody do.

import { limits } from '#core/kernel/limits.ts';
import type { Token } from '#services/identity/tokens.service.ts';
import { letsToken } from './access-lists.ts';
import { SwiftError } from './errors.ts';

/** From what lets most to what lets least. */
const KINDS = ['admin', 'read-write', 'read-only'] as const;
type Kind = (typeof KINDS)[number];

const NAME = 'X-Account-Access-Control';

/** As it is stored: JSON in ASCII; empty where it lets in nobody. @throws SwiftError 400 */
export function cleanAccountList(value: string): string {
  if (value === '') return '';
  if (Buffer.byteLength(value) > limits.swiftAccessListBytes) throw wrong('is too long');
  const document = parsed(value);
  const cleaned: Partial<Record<Kind, readonly string[]>> = {};
  for (const [kind, names] of Object.entries(document)) {
    if (!isKind(kind)) throw wrong(`knows no ${JSON.stringify(kind)}`);
    if (!Array.isArray(names) || !names.every(isName)) throw wrong(`wants a list of names for ${kind}`);
    if (names.length > 0) cleaned[kind] = names;
  }
  if (Object.keys(cleaned).length === 0) return '';
  return JSON.stringify(cleaned).replace(/[^ -~]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

function parsed(value: string): object {
  try {
    const document: unknown = JSON.parse(value);
    if (typeof document === 'object' && document !== null && !Array.isArray(document)) return document;
  } catch {
    // Told below.
  }
  throw wrong('is no JSON object');
}

const wrong = (what: string): SwiftError => new SwiftError(400, `${NAME} ${what}`);
const isKind = (text: string): text is Kind => (KINDS as readonly string[]).includes(text);
/** Of a project and a user in it: a role would let in whoever has it anywhere. */
const isName = (name: unknown): boolean => typeof name === 'string' && /^[^:,]+:[^,]+$/.test(name);

/** The most that the list lets the token's bearer do. */
export function kindFor(list: string, token: Token): Kind | undefined {
  const document = JSON.parse(list) as Partial<Record<Kind, readonly string[]>>;
  return KINDS.find((kind) => {
    const names = document[kind];
    return names !== undefined && letsToken(names.join(','), token);
  });
}
