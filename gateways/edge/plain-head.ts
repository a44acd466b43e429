// Owns the reading of a plain request head: one that came whole, and in which nothing is left to judgement.
// Guarantee: what is accepted here every HTTP/1.1 parser reads alike (RFC 9112); whatever else is refused,
// for node:http to judge. Budget: one copy of the head into a string, one slice a name and a value.

import type { IncomingHttpHeaders } from 'node:http';
import { limits } from '#core/kernel/limits.ts';

export interface PlainHead {
  readonly method: string;
  /** In origin form, as sent. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  /** As Content-Length has it; 0 without one. */
  readonly bodyBytes: number;
  /** Where in the bytes the body begins. */
  readonly length: number;
}

const REQUEST_LINE = /^(GET|HEAD|PUT|POST|DELETE) (\/[\x21-\x7e]*) HTTP\/1\.1$/;
/** What a header's name is made of (RFC 9110, section 5.6.2). */
export const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** What no value may hold, and an end of line that is not one. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const CONTROLS = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n/;
/** With its white space: parsers differ in whether a tab may be in it. */
const LENGTH = /^ *\d{1,15} *$/;

/** They change how the message is read, or how node:http would hand it on. */
const UNUSUAL = new Set([
  '__proto__',
  'cookie',
  'expect',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Names as sent to names in lower case; bounded, since a client may send any name. */
const lowerNames = new Map<string, string>();
const LOWER_NAMES = 1_024;

function lowerNameOf(name: string): string | undefined {
  const known = lowerNames.get(name);
  if (known !== undefined) return known;
  if (!TOKEN.test(name)) return undefined;
  const lower = name.toLowerCase();
  if (UNUSUAL.has(lower)) return undefined;
  if (lowerNames.size < LOWER_NAMES) lowerNames.set(name, lower);
  return lower;
}

/** Undefined: the head is not whole, or not plain. */
export function plainHead(bytes: Buffer): PlainHead | undefined {
  const end = bytes.indexOf('\r\n\r\n', 0, 'latin1');
  if (end < 0 || end > limits.httpHeaderBytes - 4) return undefined;
  const text = bytes.toString('latin1', 0, end);
  if (CONTROLS.test(text)) return undefined;
  let at = text.indexOf('\r\n');
  const line = REQUEST_LINE.exec(at < 0 ? text : text.slice(0, at));
  if (!line) return undefined;
  const headers: IncomingHttpHeaders = {};
  const rawHeaders: string[] = [];
  while (at >= 0) {
    const from = at + 2;
    at = text.indexOf('\r\n', from);
    const colon = text.indexOf(':', from);
    const to = at < 0 ? text.length : at;
    if (colon < 0 || colon > to) return undefined;
    const name = text.slice(from, colon);
    const lower = lowerNameOf(name);
    // Which of two lines of one name counts is not for us to say.
    if (lower === undefined || headers[lower] !== undefined) return undefined;
    if (lower === 'content-length' && !LENGTH.test(text.slice(colon + 1, to))) return undefined;
    const value = trimmed(text, colon + 1, to);
    headers[lower] = value;
    rawHeaders.push(name, value);
  }
  const { connection, 'content-length': length } = headers;
  if (rawHeaders.length > 2 * limits.httpHeaders) return undefined;
  if (connection !== undefined && connection.toLowerCase() !== 'keep-alive') return undefined;
  return {
    method: line[1] as string,
    target: line[2] as string,
    headers,
    rawHeaders,
    bodyBytes: length === undefined ? 0 : Number(length),
    length: end + 4,
  };
}

/** Without the optional white space around it: spaces and tabs (RFC 9110, section 5.6.3). */
function trimmed(text: string, from: number, to: number): string {
  let [start, end] = [from, to];
  while (start < end && isWhiteSpace(text.charCodeAt(start))) start++;
  while (end > start && isWhiteSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

const isWhiteSpace = (code: number) => code === 0x20 || code === 0x09;
