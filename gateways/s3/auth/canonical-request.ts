// Owns the canonical form of a request that a Signature Version 4 signs ("Signature Calculations for the
// Authorization Header", Amazon S3 API Reference). S3 decodes the path once and neither normalises nor
// encodes twice. Strings hold one byte per character, as node:http hands out targets and header values.

import type { IncomingHttpHeaders } from 'node:http';
import { canonicalEncoding } from '#gateways/edge/percent-encoding.ts';
import { rawParameters } from '#gateways/edge/query-string.ts';

const PATH = { keepSlash: true, plusIsSpace: false };
const PARAMETER = { keepSlash: false, plusIsSpace: true };

/** Undefined where an escape is malformed. */
export function canonicalPath(rawPath: string): string | undefined {
  return canonicalEncoding(rawPath, PATH);
}

/**
 * Encoded and sorted by name, then value, without the parameter `except`; undefined where an escape is
 * malformed.
 */
export function canonicalQuery(rawQuery: string, except: string): string | undefined {
  if (rawQuery === '') return '';
  const parameters: (readonly [string, string])[] = [];
  for (const [rawName, rawValue] of rawParameters(rawQuery)) {
    const name = canonicalEncoding(rawName, PARAMETER);
    const value = canonicalEncoding(rawValue, PARAMETER);
    if (name === undefined || value === undefined) return undefined;
    if (name !== except) parameters.push([name, value]);
  }
  if (parameters.length > 1) parameters.sort(byNameThenValue);
  let query = '';
  for (const [name, value] of parameters) query += `${query === '' ? '' : '&'}${name}=${value}`;
  return query;
}

function byNameThenValue(a: readonly [string, string], b: readonly [string, string]): number {
  if (a[0] !== b[0]) return a[0] < b[0] ? -1 : 1;
  return a[1] === b[1] ? 0 : a[1] < b[1] ? -1 : 1;
}

/** Header values by lower-case name: several of one name are joined as the signature joins them. */
export class HeaderLookup {
  readonly names: readonly string[];
  /** A header that must come once and came several times. */
  readonly repeated: string | undefined;
  readonly #values: IncomingHttpHeaders;

  /** node:http joins or drops repeated headers in its own way, so the raw list decides where there is one. */
  constructor(headers: IncomingHttpHeaders, rawHeaders: readonly string[]) {
    const names = Object.keys(headers);
    if (names.length * 2 === rawHeaders.length && headers['set-cookie'] === undefined) {
      this.names = names;
      this.repeated = undefined;
      this.#values = headers;
      return;
    }
    const { values, repeated } = joinedHeaders(rawHeaders);
    this.names = Object.keys(values);
    this.repeated = repeated;
    this.#values = values;
  }

  /** Undefined for a header that was not sent. */
  get(name: string): string | undefined {
    const value = this.#values[name];
    // What an object inherits is never a string.
    return typeof value === 'string' ? value : undefined;
  }
}

const COMES_ONCE = new Set([
  'authorization',
  'host',
  'date',
  'content-length',
  'content-type',
  'content-md5',
]);

function joinedHeaders(rawHeaders: readonly string[]) {
  const values: Record<string, string> = Object.create(null);
  let repeated: string | undefined;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] as string).toLowerCase();
    const value = rawHeaders[index + 1] as string;
    const before = values[name];
    if (before !== undefined && comesOnce(name)) repeated ??= name;
    values[name] = before === undefined ? value : `${before.trim()},${value.trim()}`;
  }
  return { values, repeated };
}

function comesOnce(name: string): boolean {
  return COMES_ONCE.has(name) || (name.startsWith('x-amz-') && !name.startsWith('x-amz-meta-'));
}

const SPACE = 0x20;

/** Trimmed, with runs of blanks made one space. Only blanks: other bytes may be part of a UTF-8 character. */
export function canonicalValue(value: string): string {
  const last = value.length - 1;
  const plain =
    !value.includes('  ') &&
    !value.includes('\t') &&
    value.charCodeAt(0) !== SPACE &&
    value.charCodeAt(last) !== SPACE;
  return plain ? value : value.replace(/[ \t]+/g, ' ').replace(/^ | $/g, '');
}
