// Owns the opening of what we signed: a JWS in compact form (RFC 7515, as jose writes it) by one call of the
// engine on this thread. jose's own way leads through Web Crypto, a promise and the thread pool, which cost
// more than the signature. Guarantee: nothing of a token is read as true before its signature was judged, and
// one text only stands for a token: no other alphabet, no padding, no bits that do not count.

import { type KeyObject, verify } from 'node:crypto';

/** Of one who says what is in the header. */
export interface JwsHeader {
  readonly kid: string;
  readonly typ: string | undefined;
}

const COMPACT = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{86})$/;
const HEADERS_MAX = 64;

/** A key writes the same header each time: it is read once. Bounded, since anybody may send one. */
const headers = new Map<string, JwsHeader | undefined>();

/** What it claims of itself; undefined for what is none of ours in form. Nothing is verified. */
export function headerOfJws(id: string): JwsHeader | undefined {
  const encoded = COMPACT.exec(id)?.[1];
  if (encoded === undefined) return undefined;
  if (headers.has(encoded)) return headers.get(encoded);
  const header = headerOf(encoded);
  if (headers.size >= HEADERS_MAX) headers.clear();
  headers.set(encoded, header);
  return header;
}

function headerOf(encoded: string): JwsHeader | undefined {
  const header = objectOf(encoded);
  // What is marked critical must be understood, and we write none of it (RFC 7515, section 4.1.11).
  if (header?.alg !== 'EdDSA' || typeof header.kid !== 'string' || 'crit' in header) return undefined;
  if (header.typ !== undefined && typeof header.typ !== 'string') return undefined;
  return { kid: header.kid, typ: header.typ };
}

/** The claims, where the key signed them. @param key of Ed25519 */
export function claimsOfJws(id: string, key: KeyObject): Readonly<Record<string, unknown>> | undefined {
  const [, header = '', payload = '', signature = ''] = COMPACT.exec(id) ?? [];
  const bytes = Buffer.from(signature, 'base64url');
  if (bytes.toString('base64url') !== signature) return undefined;
  if (!verify(null, Buffer.from(`${header}.${payload}`), key, bytes)) return undefined;
  return objectOf(payload);
}

function objectOf(encoded: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(encoded, 'base64url').toString());
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
