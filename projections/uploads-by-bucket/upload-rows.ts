// Owns the keys and values of the rows of uploads-by-bucket. Guarantee: uploads sort by key in UTF-8 order,
// then by id.

import { asBuffer } from '../store/row-value.ts';

// A key may have a NUL and another may go on behind it: the end of a key is two of them, one inside is
// written as NUL and U+0001, and so the order of keys is kept.
const END_OF_KEY = '\0\0';
const INNER_NUL = '\0\u0001';

const ordered = (key: string): string => (key.includes('\0') ? key.replaceAll('\0', INNER_NUL) : key);

/** Where the uploads of a bucket are listed; `keyPrefix` narrows to those of keys that begin with it. */
export const uploadsRowKey = (bucket: string, keyPrefix: string): string =>
  `active/${bucket}\0${ordered(keyPrefix)}`;

/** All uploads of one key begin with it. */
export const keyRowKey = (bucket: string, key: string): string => uploadsRowKey(bucket, key) + END_OF_KEY;

export const uploadRowKey = (bucket: string, key: string, uploadId: string): string =>
  keyRowKey(bucket, key) + uploadId;

/** The key and the id in a row key that uploadRowKey made. */
export function splitUploadRowKey(bucket: string, rowKey: string): { key: string; uploadId: string } {
  const start = uploadsRowKey(bucket, '').length;
  const end = rowKey.indexOf(END_OF_KEY, start);
  const key = rowKey.slice(start, end).replaceAll(INNER_NUL, '\0');
  return { key, uploadId: rowKey.slice(end + END_OF_KEY.length) };
}

export const idRowKey = (bucket: string, uploadId: string): string => `id/${bucket}\0${uploadId}`;

export const partsRowKey = (bucket: string, uploadId: string): string => `part/${bucket}\0${uploadId}\0`;

const PART_DIGITS = 5;

export const partRowKey = (bucket: string, uploadId: string, partNumber: number): string =>
  partsRowKey(bucket, uploadId) + String(partNumber).padStart(PART_DIGITS, '0');

export const partNumberOf = (rowKey: string): number => Number(rowKey.slice(-PART_DIGITS));

// The value of an id's row: the length of the key, the key, then one bit for each part number that was
// uploaded. With it the end of an upload finds its parts without a scan.

const LENGTH_BYTES = 2;

export function idRowValue(key: string): Uint8Array {
  const bytes = Buffer.byteLength(key);
  const value = Buffer.allocUnsafe(LENGTH_BYTES + bytes);
  value.writeUInt16BE(bytes);
  value.write(key, LENGTH_BYTES);
  return value;
}

export function keyOfId(value: Uint8Array): string {
  return asBuffer(value).toString('utf8', LENGTH_BYTES, partBitsAt(value));
}

/** The value with the part in it; undefined where it already is. */
export function withPart(value: Uint8Array, partNumber: number): Uint8Array | undefined {
  const at = partBitsAt(value) + (partNumber >>> 3);
  const bit = 1 << (partNumber & 7);
  if (((value[at] ?? 0) & bit) !== 0) return undefined;
  const changed = Buffer.alloc(Math.max(value.length, at + 1));
  changed.set(value);
  changed[at] = (changed[at] as number) | bit;
  return changed;
}

export function* partNumbers(value: Uint8Array): Iterable<number> {
  const start = partBitsAt(value);
  for (let at = start; at < value.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      if (((value[at] as number) & (1 << bit)) !== 0) yield (at - start) * 8 + bit;
    }
  }
}

function partBitsAt(value: Uint8Array): number {
  return LENGTH_BYTES + asBuffer(value).readUInt16BE();
}
