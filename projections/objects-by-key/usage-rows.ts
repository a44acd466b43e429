// Owns the rows that follow from those of objects: how many objects and bytes each bucket holds, and which
// objects end, in order of time. Versions that a key does not name are bytes, and no objects, and never end.

import { contentFields } from '#core/objects/objects.events.ts';
import { PayloadFields } from '../store/payload-fields.ts';
import type { RowWriter } from '../store/projection.ts';
import { HEADER_BYTES } from '../store/row-value.ts';
import { sumsOf } from '../store/sum-row.ts';

export interface BucketUsage {
  readonly objects: number;
  readonly bytes: number;
}

const SIZE_BYTES = contentFields.sizeBytes.number;
const ASSEMBLY = contentFields.assembly.number;
const EXPIRES = contentFields.expiresMs.number;
const VERSION = contentFields.version.number;
const TIME_DIGITS = 15;
const END = 'end/';
const NO_BYTES = new Uint8Array(0);

export const usageRowKey = (bucket: string): string => `usage/${bucket}`;

/** Of an object that ends then; the lowest of those where no name is given. */
export const endRowKey = (expiresMs: number, bucket = '', key = ''): string =>
  `${END}${String(expiresMs).padStart(TIME_DIGITS, '0')}/${bucket}\0${key}`;

export function nameInEndKey(rowKey: string): { readonly bucket: string; readonly key: string } {
  const start = END.length + TIME_DIGITS + 1;
  const end = rowKey.indexOf('\0', start);
  return { bucket: rowKey.slice(start, end), key: rowKey.slice(end + 1) };
}

export function decodeUsage(row: Uint8Array | undefined): BucketUsage {
  const [objects = 0, bytes = 0] = sumsOf(row);
  return { objects, bytes };
}

/** What of an object counts. */
export interface Weight {
  readonly sizeBytes: number;
  /** 0: it does not end. */
  readonly expiresMs: number;
  /** As its event said it; empty in a bucket that never kept versions. */
  readonly version: string;
}

/** @param row of a present object. */
export function weightOf(row: Uint8Array): Weight {
  const fields = new PayloadFields(row, HEADER_BYTES);
  let sizeBytes = 0;
  let expiresMs = 0;
  let isAssembled = false;
  let version = '';
  while (fields.next()) {
    if (fields.number === SIZE_BYTES) sizeBytes = fields.uint;
    else if (fields.number === EXPIRES) expiresMs = fields.uint;
    else if (fields.number === ASSEMBLY) isAssembled = true;
    else if (fields.number === VERSION) version = fields.text();
  }
  // What is made of other objects holds no bytes but theirs.
  return { sizeBytes: isAssembled ? 0 : sizeBytes, expiresMs, version };
}

/** @param before absent where there was no such object; `after`: where there is none any more. */
export function replaceWeight(
  rows: RowWriter,
  bucket: string,
  key: string,
  before: Weight | undefined,
  after: Weight | undefined,
): void {
  const endedAt = before?.expiresMs ?? 0;
  const endsAt = after?.expiresMs ?? 0;
  if (endedAt !== endsAt) {
    if (endedAt > 0) rows.delete(endRowKey(endedAt, bucket, key));
    if (endsAt > 0) rows.put(endRowKey(endsAt, bucket, key), NO_BYTES);
  }
  const objectsMore = Number(after !== undefined) - Number(before !== undefined);
  const bytesMore = (after?.sizeBytes ?? 0) - (before?.sizeBytes ?? 0);
  if (objectsMore !== 0 || bytesMore !== 0) rows.add(usageRowKey(bucket), [objectsMore, bytesMore]);
}

/** Of versions that are kept and not what their key names. */
export function addBytes(rows: RowWriter, bucket: string, bytes: number): void {
  if (bytes !== 0) rows.add(usageRowKey(bucket), [0, bytes]);
}
