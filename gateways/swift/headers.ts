// Owns the headers that describe accounts, containers and objects: what is read from a request, under which
// limits, what is stored, and what is returned. docs/SWIFT.md has the table between Swift and S3.

import { hash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { limits } from '#core/kernel/limits.ts';
import { TOKEN } from '#gateways/edge/plain-head.ts';
import type { StoredObject } from '#projections/objects-by-key/objects-by-key.query.ts';
import { fromHeader, isTrue, toHeader } from './call.ts';
import { SwiftError } from './errors.ts';
import { ACCOUNT_PREFIX, encodedPath } from './paths.ts';
import { answerHeaders, httpDate, lastModifiedMs, timestamp } from './reply.ts';

export type Values = Readonly<Record<string, string>>;

export interface Changes {
  readonly set: Values;
  readonly unset: readonly string[];
}

/** Of no bytes. */
export const EMPTY_ETAG = hash('md5', '');

const OBJECT_META = 'x-object-meta-';

/** Headers of an object that are stored as they are. */
const STORED_HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'Cache-Control',
  'content-disposition': 'Content-Disposition',
  'content-encoding': 'Content-Encoding',
  'content-language': 'Content-Language',
  expires: 'Expires',
};

/** Properties of a container or an account that have headers of their own, besides the user's metadata. */
const PROPERTY_HEADERS: Readonly<Record<string, string>> = {
  'quota/bytes': 'Meta-Quota-Bytes',
  'quota/objects': 'Meta-Quota-Count',
  access: 'Access-Control',
  'access/read': 'Read',
  'access/write': 'Write',
};

const META = 'meta/';

export const titled = (name: string): string =>
  name.replace(/(^|-)([a-z])/g, (letters) => letters.toUpperCase());

/** What a request says of user metadata: the name behind `prefix`, in lower case, and the value. */
function* metadataIn(headers: IncomingHttpHeaders, prefix: string): Iterable<[name: string, value: string]> {
  for (const header in headers) {
    if (!header.startsWith(prefix)) continue;
    const raw = headers[header] ?? '';
    const name = fromHeader(header.slice(prefix.length));
    if (name === '') throw new SwiftError(400, 'Metadata name cannot be empty');
    yield [name, fromHeader(typeof raw === 'string' ? raw : raw.join(','))];
  }
}

/** @throws SwiftError 400 */
function checkMetadata(values: Values): void {
  let count = 0;
  let sizeBytes = 0;
  for (const [name, value] of Object.entries(values)) {
    const [nameBytes, valueBytes] = [Buffer.byteLength(name), Buffer.byteLength(value)];
    if (nameBytes > limits.swiftMetadataNameBytes) {
      throw new SwiftError(400, `Metadata name too long: ${name.slice(0, 64)}…`);
    }
    if (valueBytes > limits.swiftMetadataValueBytes) {
      throw new SwiftError(
        400,
        `Metadata value longer than ${limits.swiftMetadataValueBytes}: ${name.slice(0, 64)}`,
      );
    }
    count++;
    sizeBytes += nameBytes + valueBytes;
  }
  if (count > limits.swiftMetadataCount) {
    throw new SwiftError(400, `Too many metadata items; max ${limits.swiftMetadataCount}`);
  }
  if (sizeBytes > limits.swiftMetadataBytes) {
    throw new SwiftError(400, `Total metadata too large; max ${limits.swiftMetadataBytes}`);
  }
}

export interface ObjectHeaders {
  /** Undefined where the request says none. */
  readonly contentType: string | undefined;
  readonly headers: Values;
  readonly metadata: Values;
  readonly expiresMs?: number;
}

/** @throws SwiftError 400 */
export function objectHeadersOf(headers: IncomingHttpHeaders, nowMs: number): ObjectHeaders {
  const stored: Record<string, string> = {};
  for (const name of Object.keys(STORED_HEADERS)) {
    const value = headers[name];
    if (typeof value === 'string' && value !== '') stored[name] = fromHeader(value);
  }
  // No prototype: a client may well name its metadata `__proto__`.
  const metadata: Record<string, string> = Object.create(null);
  for (const [name, value] of metadataIn(headers, OBJECT_META)) metadata[name] = value;
  checkMetadata(metadata);
  const expiresMs = expiryOf(headers, nowMs);
  return {
    contentType: headers['content-type'] === undefined ? undefined : fromHeader(headers['content-type']),
    headers: stored,
    metadata,
    ...(expiresMs !== undefined && { expiresMs }),
  };
}

function expiryOf(headers: IncomingHttpHeaders, nowMs: number): number | undefined {
  const after = wholeOf(headers, 'x-delete-after', 'X-Delete-After');
  const at = after === undefined ? wholeOf(headers, 'x-delete-at', 'X-Delete-At') : after + nowMs / 1_000;
  if (at === undefined) return undefined;
  const atMs = Math.floor(at) * 1_000;
  if (atMs <= nowMs) throw new SwiftError(400, 'X-Delete-At in past');
  return atMs;
}

function wholeOf(headers: IncomingHttpHeaders, name: string, shown: string): number | undefined {
  const value = headers[name];
  if (value === undefined || value === '') return undefined;
  if (typeof value !== 'string' || !/^\d{1,12}$/.test(value)) {
    throw new SwiftError(400, `Non-integer ${shown}`);
  }
  return Number(value);
}

const GUESSES: Readonly<Record<string, string>> = {
  css: 'text/css',
  csv: 'text/csv',
  gif: 'image/gif',
  gz: 'application/gzip',
  htm: 'text/html',
  html: 'text/html',
  jpeg: 'image/jpeg',
  jpg: 'image/jpeg',
  js: 'application/javascript',
  json: 'application/json',
  mp3: 'audio/mpeg',
  mp4: 'video/mp4',
  pdf: 'application/pdf',
  png: 'image/png',
  svg: 'image/svg+xml',
  tar: 'application/x-tar',
  txt: 'text/plain',
  xml: 'application/xml',
  zip: 'application/zip',
};

/** Of an object whose type nobody said. */
export function guessedType(name: string): string {
  const ending = name.slice(name.lastIndexOf('.') + 1).toLowerCase();
  return Object.hasOwn(GUESSES, ending) ? (GUESSES[ending] as string) : 'application/octet-stream';
}

/** Whether it reads as several objects: its etag is not the digest of its bytes then. */
export function isLarge({ etag, assembly }: Pick<StoredObject, 'etag' | 'assembly'>): boolean {
  return assembly?.bucket === '' || (assembly === undefined && etag.includes('-'));
}

/** Of an object, without its length. */
export function objectAnswer(call: { transactionId: string }, object: StoredObject): string[] {
  const headers = answerHeaders(call);
  const { etag, modifiedMs, contentType, assembly, expiresMs } = object;
  const joins = assembly && assembly.bucket !== '' && !assembly.link;
  headers.push('Content-Type', toHeader(contentType));
  headers.push('Etag', isLarge(object) || joins ? `"${etag}"` : etag);
  headers.push('Last-Modified', httpDate(lastModifiedMs(modifiedMs)), 'X-Timestamp', timestamp(modifiedMs));
  headers.push('Accept-Ranges', 'bytes');
  if (object.version !== undefined) headers.push('X-Object-Version-Id', object.version);
  if (isLarge(object)) headers.push('X-Static-Large-Object', 'True');
  if (joins) {
    headers.push('X-Object-Manifest', encodedPath(`${assembly.bucket}/${assembly.prefix}`));
  }
  if (assembly?.link) {
    const { account, etag: wanted, sizeBytes } = assembly.link;
    headers.push('X-Symlink-Target', encodedPath(`${assembly.bucket}/${assembly.prefix}`));
    if (account !== '')
      headers.push('X-Symlink-Target-Account', encodeURIComponent(ACCOUNT_PREFIX + account));
    if (wanted !== '') {
      headers.push('X-Symlink-Target-Etag', wanted, 'X-Symlink-Target-Bytes', String(sizeBytes));
    }
  }
  if (expiresMs !== undefined) headers.push('X-Delete-At', String(Math.floor(expiresMs / 1_000)));
  for (const [name, value] of Object.entries(object.headers)) {
    const shown = STORED_HEADERS[name];
    if (shown !== undefined) headers.push(shown, toHeader(value));
  }
  for (const [name, value] of Object.entries(object.metadata)) {
    if (TOKEN.test(name)) headers.push(`X-Object-Meta-${titled(name)}`, toHeader(value));
  }
  return headers;
}

/**
 * What a request changes of a container or an account: an empty value takes away.
 * @throws SwiftError 400
 */
export function changesOf(
  headers: IncomingHttpHeaders,
  kind: 'container' | 'account',
  before: Values,
): Changes {
  const set: Record<string, string> = {};
  const unset: string[] = [];
  const change = (name: string, value: string) => {
    if (value !== '') set[name] = value;
    else if (name in before) unset.push(name);
  };
  for (const [name, value] of metadataIn(headers, `x-${kind}-meta-`)) {
    change(propertyOf(name), isTrueQuota(name, value));
  }
  for (const [name] of metadataIn(headers, `x-remove-${kind}-meta-`)) change(propertyOf(name), '');
  const after = { ...before, ...set };
  for (const name of unset) delete after[name];
  for (const [name, value] of Object.entries(set)) {
    if (name.startsWith(SECRET)) checkMetadata({ [name]: value });
  }
  checkMetadata(Object.fromEntries(Object.entries(after).filter(([name]) => name.startsWith(META))));
  return { set, unset };
}

const SECRET = 'secret/';
/** Kept sealed, and shown to those alone who may change them. */
const SECRET_NAMES = ['temp-url-key', 'temp-url-key-2'];

function propertyOf(name: string): string {
  if (SECRET_NAMES.includes(name)) return SECRET + name;
  if (name === 'quota-bytes') return 'quota/bytes';
  return name === 'quota-count' ? 'quota/objects' : META + name;
}

function isTrueQuota(name: string, value: string): string {
  const isQuota = name === 'quota-bytes' || name === 'quota-count';
  if (isQuota && value !== '' && !/^\d{1,15}$/.test(value)) {
    throw new SwiftError(400, name === 'quota-bytes' ? 'Invalid bytes quota.' : 'Invalid count quota.');
  }
  return value;
}

/** Others are told in ways of their own. */
const SHOWN = /^(meta\/|quota\/|access(\/|$))/;

/** @param isWriter whether who may read and write is shown */
export function addProperties(
  headers: string[],
  kind: 'Container' | 'Account',
  properties: Values,
  isWriter: boolean,
): void {
  for (const [name, value] of Object.entries(properties)) {
    if (!SHOWN.test(name) || (name.startsWith('access') && !isWriter)) continue;
    const shown = PROPERTY_HEADERS[name] ?? `Meta-${titled(name.slice(META.length))}`;
    if (TOKEN.test(shown)) headers.push(`X-${kind}-${shown}`, toHeader(value));
  }
}

/** @param secrets as opened for who may see them */
export function addSecrets(headers: string[], kind: 'Container' | 'Account', secrets: Values): void {
  for (const [name, value] of Object.entries(secrets)) {
    headers.push(`X-${kind}-Meta-${titled(name)}`, toHeader(value));
  }
}

export const wantsFreshMetadata = (headers: IncomingHttpHeaders): boolean =>
  isTrue(headers['x-fresh-metadata'] as string | undefined);
