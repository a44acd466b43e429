// Owns the headers that describe an object: what is read from a request, stored, and returned; and the
// refusal of headers that ask for what is not built. Guarantee: a header that would change what S3 does is
// never ignored.
//
// User metadata: bytes that are UTF-8 are taken as UTF-8, others as ISO 8859-1; encoded words (RFC 2047) are
// decoded before storing, and whatever is not printable ASCII is returned as encoded words, as the User Guide
// has it ("Working with object metadata").

import type { IncomingHttpHeaders } from 'node:http';
import { limits } from '#core/kernel/limits.ts';
import { S3Error } from './errors.ts';

/** What a request says of the object that it makes. */
export interface ObjectHeaders {
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
}

const DEFAULT_CONTENT_TYPE = 'binary/octet-stream';
const STORED_HEADERS = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'expires',
  'x-amz-website-redirect-location',
] as const;
/** Where the page of the object sends whoever asks for it. */
export const REDIRECT_LOCATION = 'x-amz-website-redirect-location';
const METADATA_PREFIX = 'x-amz-meta-';
const NOTHING: Readonly<Record<string, string>> = Object.freeze({});

/** The spelling of response headers; those of user metadata are lower-case. */
const RESPONSE_NAMES: Readonly<Record<string, string>> = {
  'cache-control': 'Cache-Control',
  'content-disposition': 'Content-Disposition',
  'content-encoding': 'Content-Encoding',
  'content-language': 'Content-Language',
  expires: 'Expires',
};

/** @throws S3Error MetadataTooLarge, InvalidRedirectLocation */
export function objectHeadersOf(headers: IncomingHttpHeaders): ObjectHeaders {
  return {
    contentType: headers['content-type'] ?? DEFAULT_CONTENT_TYPE,
    headers: storedHeadersOf(headers),
    metadata: metadataOf(headers),
  };
}

function storedHeadersOf(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  let stored: Record<string, string> | undefined;
  for (const name of STORED_HEADERS) {
    const value = headers[name];
    if (value === undefined) continue;
    const kept = name === 'content-encoding' ? withoutChunking(String(value)) : String(value);
    if (name === REDIRECT_LOCATION) checkRedirect(kept);
    if (kept === '') continue;
    stored ??= {};
    stored[name] = kept;
  }
  return stored ?? NOTHING;
}

function checkRedirect(location: string): void {
  const sizeBytes = Buffer.byteLength(location);
  if (/^(\/|https?:\/\/)/.test(location) && sizeBytes <= limits.s3RedirectBytes) return;
  throw new S3Error('InvalidRedirectLocation');
}

/** `aws-chunked` frames the request; it does not belong to the object. */
function withoutChunking(encoding: string): string {
  if (!encoding.toLowerCase().includes('aws-chunked')) return encoding;
  const codings = encoding.split(',').map((coding) => coding.trim());
  return codings.filter((coding) => coding.toLowerCase() !== 'aws-chunked').join(',');
}

function metadataOf(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  let metadata: Record<string, string> | undefined;
  let sizeBytes = 0;
  for (const name in headers) {
    if (!name.startsWith(METADATA_PREFIX)) continue;
    const raw = headers[name];
    const value = decodedMetadata(typeof raw === 'string' ? raw : (raw ?? []).join(','));
    // No prototype: a client may well name its metadata `__proto__`.
    metadata ??= Object.create(null) as Record<string, string>;
    metadata[name.slice(METADATA_PREFIX.length)] = value;
    sizeBytes += name.length - METADATA_PREFIX.length + Buffer.byteLength(value);
  }
  if (sizeBytes > limits.s3UserMetadataBytes) {
    throw new S3Error('MetadataTooLarge', undefined, {
      Size: String(sizeBytes),
      MaxSizeAllowed: String(limits.s3UserMetadataBytes),
    });
  }
  return metadata ?? NOTHING;
}

const PRINTABLE = /^[\x20-\x7e]*$/;
const ENCODED_WORD = /=\?([A-Za-z0-9-]+)\?([BbQq])\?([^?]*)\?=(?:\s+(?==\?))?/g;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text of a header's value, which node:http gives as one character per byte. */
export function decodedMetadata(value: string): string {
  if (!PRINTABLE.test(value)) return utf8OrLatin1(Buffer.from(value, 'latin1')) ?? value;
  if (!value.includes('=?')) return value;
  return value.replace(ENCODED_WORD, (word, charset: string, encoding: string, text: string) => {
    const bytes = /b/i.test(encoding) ? Buffer.from(text, 'base64') : quotedPrintable(text);
    if (/^utf-8$/i.test(charset)) return utf8OrLatin1(bytes) ?? word;
    return /^(iso-8859-1|us-ascii)$/i.test(charset) ? bytes.toString('latin1') : word;
  });
}

/** Fit for a header: printable ASCII as it is, anything else as encoded words. */
export function encodedMetadata(value: string): string {
  if (PRINTABLE.test(value) && !value.includes('=?') && value.trim() === value) return value;
  return `=?UTF-8?B?${Buffer.from(value).toString('base64')}?=`;
}

function utf8OrLatin1(bytes: Buffer): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

function quotedPrintable(text: string): Buffer {
  const spaced = text.replaceAll('_', ' ');
  const bytes = spaced.replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1');
}

/** Adds an object's own headers to the flat list `to`; `overrides` by lower-case name. */
export function addObjectHeaders(
  to: string[],
  object: ObjectHeaders,
  overrides: Readonly<Record<string, string>> = NOTHING,
): void {
  to.push('Content-Type', overrides['content-type'] ?? object.contentType);
  for (const name of STORED_HEADERS) {
    const value = overrides[name] ?? object.headers[name];
    if (value !== undefined) to.push(RESPONSE_NAMES[name] ?? name, value);
  }
  for (const name in object.metadata) {
    to.push(METADATA_PREFIX + name, encodedMetadata(object.metadata[name] ?? ''));
  }
}

const STORAGE_CLASSES = new Set([
  'STANDARD',
  'REDUCED_REDUNDANCY',
  'STANDARD_IA',
  'ONEZONE_IA',
  'INTELLIGENT_TIERING',
  'GLACIER',
  'GLACIER_IR',
  'DEEP_ARCHIVE',
]);

/** Whether Amazon would have it restored before it is read. */
export const isArchived = (storageClass: string): boolean =>
  storageClass === 'GLACIER' || storageClass === 'DEEP_ARCHIVE';

/** @throws S3Error InvalidStorageClass */
export function storageClassOf(headers: IncomingHttpHeaders): string {
  const value = headers['x-amz-storage-class'];
  if (value === undefined) return 'STANDARD';
  if (typeof value !== 'string' || !STORAGE_CLASSES.has(value)) {
    throw new S3Error('InvalidStorageClass', undefined, { StorageClassRequested: String(value) });
  }
  return value;
}

/** Headers that ask for something unbuilt, with the values that ask for nothing more than what is built. */
const UNBUILT: Readonly<Record<string, readonly string[]>> = {
  'x-amz-bucket-object-lock-enabled': ['false', 'False', 'FALSE'],
  'x-amz-server-side-encryption-aws-kms-key-id': [],
  'x-amz-server-side-encryption-context': [],
  'x-amz-server-side-encryption-bucket-key-enabled': ['false'],
  'x-amz-write-offset-bytes': [],
  'x-amz-bypass-governance-retention': ['false'],
  'x-amz-mfa': [],
  'x-amz-rename-source': [],
  'x-amz-if-match-initiated-time': [],
  'x-amz-checksum-md5': [],
  'x-amz-checksum-sha512': [],
  'x-amz-checksum-xxhash3': [],
  'x-amz-checksum-xxhash64': [],
  'x-amz-checksum-xxhash128': [],
};
const UNBUILT_PREFIX = 'x-amz-object-lock-';

/** Of requests that write. @throws S3Error NotImplemented */
export function refuseUnbuiltHeaders(headers: IncomingHttpHeaders): void {
  for (const name in headers) {
    if (!name.startsWith('x-amz-') || name.startsWith(METADATA_PREFIX)) continue;
    const built = Object.hasOwn(UNBUILT, name) ? UNBUILT[name] : undefined;
    const refused = built ? !built.includes(String(headers[name])) : name.startsWith(UNBUILT_PREFIX);
    if (refused) throw new S3Error('NotImplemented', undefined, { Header: name });
  }
}

/** A text as the characters of a header's value, one per UTF-8 byte; undefined where it cannot be one. */
export function headerText(text: string): string | undefined {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if ((code < 0x20 && code !== 0x09) || code === 0x7f) return undefined;
  }
  return Buffer.from(text).toString('latin1');
}
