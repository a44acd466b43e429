// Owns the form of listings: plain, JSON and XML, chosen by `format` or by `Accept`; and their parameters.

import { limits } from '#core/kernel/limits.ts';
import { escapeXml } from '#gateways/edge/xml-text.ts';
import type { SwiftCall } from '../call.ts';
import { SwiftError } from '../errors.ts';
import { answerHeaders, JSON_TYPE, replyHead, replyText, TEXT, XML_TYPE } from '../reply.ts';

/** A name with what is known of it, or a common prefix. */
export type Row =
  | { readonly subdir: string }
  | ({ readonly name: string } & Readonly<Record<string, unknown>>);

type Format = 'plain' | 'json' | 'xml';

const TYPES: Readonly<Record<Format, string>> = { plain: TEXT, json: JSON_TYPE, xml: XML_TYPE };

const ACCEPTED: Readonly<Record<string, Format>> = {
  '*/*': 'plain',
  'text/*': 'plain',
  'text/plain': 'plain',
  'application/*': 'json',
  'application/json': 'json',
  'application/xml': 'xml',
  'text/xml': 'xml',
};

/** @throws SwiftError 406 */
export function formatOf({ query, request }: SwiftCall): Format {
  const asked = query.get('format');
  if (asked === 'json' || asked === 'xml' || asked === 'plain') return asked;
  const { accept } = request.headers;
  if (accept === undefined || accept === '') return 'plain';
  let best: Format | undefined;
  let bestQuality = 0;
  for (const part of accept.split(',')) {
    const [type = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
    const quality = Number(parameters.find((text) => text.startsWith('q='))?.slice(2) ?? 1);
    const format = Object.hasOwn(ACCEPTED, type) ? ACCEPTED[type] : undefined;
    if (format && quality > bestQuality) [best, bestQuality] = [format, quality];
  }
  if (!best) throw new SwiftError(406);
  return best;
}

export interface Listing {
  readonly prefix: string;
  readonly delimiter: string;
  readonly marker: string;
  readonly endMarker: string;
  readonly limit: number;
  readonly isReverse: boolean;
  /** Only what lies in this folder, and no folders. */
  readonly isPath: boolean;
}

/** @throws SwiftError 412 */
export function listingOf({ query }: SwiftCall): Listing {
  const get = (name: string) => query.get(name) ?? '';
  const asked = get('limit');
  const limit = /^\d+$/.test(asked) ? Number(asked) : limits.swiftListed;
  if (limit > limits.swiftListed) throw new SwiftError(412, `Maximum limit is ${limits.swiftListed}`);
  const path = query.get('path');
  const isPath = path !== undefined;
  const folder = path === undefined || path === '' ? '' : `${path.replace(/\/+$/, '')}/`;
  return {
    prefix: isPath ? folder : get('prefix'),
    delimiter: isPath ? '/' : get('delimiter'),
    marker: get('marker'),
    endMarker: get('end_marker'),
    limit,
    isReverse: /^(true|1|yes|on|t|y)$/i.test(get('reverse')),
    isPath,
  };
}

export const nameOf = (row: Row): string => ('name' in row ? (row.name as string) : row.subdir);

/** In order of UTF-8, as all names are. */
export function compareNames(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** Whether the row lies between the markers. */
export function isBetween(name: string, { marker, endMarker, isReverse }: Listing): boolean {
  const [after, before] = isReverse ? [endMarker, marker] : [marker, endMarker];
  if (after !== '' && compareNames(name, after) <= 0) return false;
  return before === '' || compareNames(name, before) < 0;
}

/**
 * @param kind of the document's root
 * @param entry of each row that is no common prefix
 */
export function replyListing(
  call: SwiftCall,
  { kind, entry, name }: { readonly kind: string; readonly entry: string; readonly name: string },
  rows: readonly Row[],
  more: readonly string[],
): void {
  const format = formatOf(call);
  const headers = [...answerHeaders(call), ...more];
  if (call.request.method === 'HEAD' || (format === 'plain' && rows.length === 0)) {
    headers.push('Content-Type', TYPES[format]);
    replyHead(call, 204, headers);
    return;
  }
  replyText(call, 200, TYPES[format], documentOf(format, kind, entry, name, rows), headers);
}

function documentOf(format: Format, kind: string, entry: string, name: string, rows: readonly Row[]): string {
  if (format === 'plain') return `${rows.map(nameOf).join('\n')}\n`;
  if (format === 'json') return JSON.stringify(rows);
  const elements = rows.map((row) => {
    if ('subdir' in row && !('name' in row)) {
      const subdir = escapeXml(String(row.subdir));
      return `<subdir name="${subdir}"><name>${subdir}</name></subdir>`;
    }
    const fields = Object.entries(row).map(([key, value]) => `<${key}>${escapeXml(String(value))}</${key}>`);
    return `<${entry}>${fields.join('')}</${entry}>`;
  });
  const root = `<${kind} name="${escapeXml(name)}">`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n${root}${elements.join('')}</${kind}>`;
}
