// Owns the document of a static large object's manifest: a list of segments, each a path or bytes.

import { limits } from '#core/kernel/limits.ts';
import { SwiftError } from '../errors.ts';

export type ManifestEntry =
  | {
      /** As the client wrote it. */
      readonly path: string;
      readonly container: string;
      readonly object: string;
      readonly etag: string | undefined;
      /** Of the whole segment. */
      readonly sizeBytes: number | undefined;
      /** Of a segment of that size; a length of 0 or less where it has no such bytes. */
      readonly range:
        | ((sizeBytes: number) => { readonly offset: number; readonly length: number })
        | undefined;
    }
  | { readonly data: Buffer };

const KEYS = ['path', 'etag', 'size_bytes', 'range', 'data'];
const RANGE = /^(\d*)-(\d*)$/;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** @throws SwiftError 400, 413 */
export function manifestOf(bytes: Uint8Array): readonly ManifestEntry[] {
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new SwiftError(400, 'Manifest must be valid JSON.\n');
  }
  if (!Array.isArray(document)) throw new SwiftError(400, 'Manifest must be a list.\n');
  if (document.length > limits.swiftManifestSegments) {
    const most = limits.swiftManifestSegments;
    throw new SwiftError(413, `Number of segments must be <= ${most}`);
  }
  const problems: string[] = [];
  const entries: ManifestEntry[] = [];
  for (const [index, value] of document.entries()) {
    const entry = entryOf(value);
    if (typeof entry === 'string') problems.push(`Index ${index}: ${entry}`);
    else entries.push(entry);
  }
  if (problems.length > 0) throw new SwiftError(400, `${problems.join('\n')}\n`);
  if (!entries.some((entry) => 'path' in entry)) {
    throw new SwiftError(400, 'Inline data segments require at least one object-backed segment.\n');
  }
  return entries;
}

/** The entry, or what is wrong with it. */
function entryOf(value: unknown): ManifestEntry | string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'not a JSON object';
  const fields = value as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(fields).filter((key) => !KEYS.includes(key));
  if (unknown.length > 0) return `extraneous keys ${unknown.map((key) => JSON.stringify(key)).join(', ')}`;
  const { path, etag, size_bytes: size, range, data } = fields;
  if (data !== undefined) return dataOf(fields, data);
  if (typeof path !== 'string') return 'expected keys to include one of "path" or "data"';
  const bare = path.startsWith('/') ? path.slice(1) : path;
  const slash = bare.indexOf('/');
  if (slash <= 0 || slash === bare.length - 1)
    return 'path does not refer to an object. Path must be of the form /container/object.';
  if (etag !== undefined && etag !== null && typeof etag !== 'string') return 'etag must be a string or null';
  // Of an object JavaScript would first ask its own `toString`, which is whatever the client wrote there.
  const isNumber = typeof size === 'number' || typeof size === 'string';
  const sizeBytes = size === undefined || size === null ? undefined : isNumber ? Number(size) : Number.NaN;
  if (sizeBytes !== undefined && !(Number.isSafeInteger(sizeBytes) && sizeBytes > 0))
    return 'invalid size_bytes';
  if (range !== undefined && range !== null && (typeof range !== 'string' || !isRange(range)))
    return 'invalid range';
  return {
    ...{ path, container: bare.slice(0, slash), object: bare.slice(slash + 1) },
    etag: typeof etag === 'string' ? etag.replaceAll('"', '') : undefined,
    sizeBytes,
    range: typeof range === 'string' ? (whole) => piece(range, whole) : undefined,
  };
}

function dataOf(fields: Readonly<Record<string, unknown>>, data: unknown): ManifestEntry | string {
  if (Object.keys(fields).length > 1) return 'extraneous keys beside "data"';
  if (typeof data !== 'string' || !BASE64.test(data) || data.length % 4 !== 0) {
    return 'data must be valid base64';
  }
  return { data: Buffer.from(data, 'base64') };
}

function isRange(text: string): boolean {
  const match = RANGE.exec(text);
  return match !== null && !(match[1] === '' && match[2] === '');
}

function piece(range: string, sizeBytes: number) {
  const [, first = '', last = ''] = RANGE.exec(range) ?? [];
  const offset = first === '' ? Math.max(0, sizeBytes - Number(last)) : Number(first);
  const end = first === '' || last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes);
  return { offset, length: end - offset };
}
