// Owns the meaning of a request target's path and query: the same decoding that a signature was judged by.

import { percentDecode } from './percent-encoding.ts';

/** Name and value, decoded. */
export type QueryParameter = readonly [name: string, value: string];

/**
 * The parameters in order; a name without `=` has the value ''. Undefined where an escape or its UTF-8 is
 * malformed.
 */
export function parseQuery(rawQuery: string): QueryParameter[] | undefined {
  const parameters: QueryParameter[] = [];
  for (const [rawName, rawValue] of rawParameters(rawQuery)) {
    const name = percentDecode(rawName, true);
    const value = percentDecode(rawValue, true);
    if (name === undefined || value === undefined) return undefined;
    parameters.push([name, value]);
  }
  return parameters;
}

/** Name and value as sent; empty parameters are left out. */
export function rawParameters(rawQuery: string): QueryParameter[] {
  if (rawQuery === '') return [];
  const parameters: QueryParameter[] = [];
  for (const part of rawQuery.split('&')) {
    if (part === '') continue;
    const mark = part.indexOf('=');
    parameters.push(mark === -1 ? [part, ''] : [part.slice(0, mark), part.slice(mark + 1)]);
  }
  return parameters;
}

/** The path decoded, `+` left as it is; undefined where an escape or its UTF-8 is malformed. */
export function decodePath(rawPath: string): string | undefined {
  return percentDecode(rawPath, false);
}
