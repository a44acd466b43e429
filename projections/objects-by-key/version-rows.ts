// Owns the rows of versions: what keys named before, and deletions. Guarantee: what a key names now is
// where it would be in a bucket without versions, and nothing here is read or written for such a bucket; of
// each key the newest of these rows stands first, and next of all versions if the present one goes.
//
// `version/<bucket>\0<key>\0\0<order>`: the row of an object, as it was while the key named it, or of a
// deletion, the newest too. `null/<bucket>\0<key>\0\0`: the order of the null version, where it is one of
// these. `kept/<bucket>\0<key>\0\0<what>`: the order of the version whose bytes were put as that blob or
// upload.

import { assert } from '#core/kernel/assert.ts';
import type { RecordedEvent } from '#core/log/event-log.ts';
import {
  contentFields,
  NULL_VERSION,
  objects,
  orderAt,
  orderOf,
  segmentFields,
  versionAt,
} from '#core/objects/objects.events.ts';
import { PayloadFields, textField } from '../store/payload-fields.ts';
import type { RowReader, RowWriter } from '../store/projection.ts';
import { asBuffer, eventRow, HEADER_BYTES, kindOf, revisionOf } from '../store/row-value.ts';
import { addBytes, weightOf } from './usage-rows.ts';

const { ObjectMarked, ObjectCompleted } = objects.table.events;

/** Kind of the row of a deletion. */
export const OBJECT_MARKED = ObjectMarked.id;

// A key may have a NUL. Escaped it sorts as it does in a key, above what ends a key here.
const NUL = '\0';
const ESCAPED_NUL = '\0\x01';
const KEY_END = '\0\0';

export const escapedKey = (key: string): string =>
  key.includes(NUL) ? key.replaceAll(NUL, ESCAPED_NUL) : key;

/** Where the versions of a key begin among all of its bucket. */
export const placeOfKey = (key: string): string => escapedKey(key) + KEY_END;

/** The key whose version stands there. */
export function keyOfPlace(place: string): string {
  return place.slice(0, place.indexOf(KEY_END)).replaceAll(ESCAPED_NUL, NUL);
}

/** The lowest key that can have a version there or behind: at its beginning, for what the key names now. */
export function keyAtPlace(place: string): string {
  let key = '';
  for (let from = 0; ; ) {
    const at = place.indexOf(NUL, from);
    if (at < 0) return key + place.slice(from);
    key += place.slice(from, at);
    const behind = place.slice(at, at + KEY_END.length);
    if (behind === NUL) return key;
    if (behind === KEY_END) return place.length === at + KEY_END.length ? key : key + NUL;
    // Above whatever goes on with a NUL.
    if (behind !== ESCAPED_NUL) return `${key}\x01`;
    key += NUL;
    from = at + ESCAPED_NUL.length;
  }
}

/** @param place see placeOfKey; or a part of it, or more: what stands behind it */
export const versionsRowKey = (bucket: string, place: string): string => `version/${bucket}\0${place}`;
const nullRowKey = (bucket: string, key: string): string => `null/${bucket}\0${placeOfKey(key)}`;
const keptRowKey = (bucket: string, key: string, what: string): string =>
  `kept/${bucket}\0${placeOfKey(key)}${what}`;

const versionRowKey = (bucket: string, key: string, order: string): string =>
  versionsRowKey(bucket, placeOfKey(key) + order);

/** Of the row of an object or a deletion. */
export function versionOf(row: Uint8Array): string {
  const field = kindOf(row) === OBJECT_MARKED ? ObjectMarked.data.version : contentFields.version;
  return textField(row, HEADER_BYTES, field.number) || NULL_VERSION;
}

/** The row of an event that makes a version, with the whole of its name. */
export function newVersionRow(kind: number, event: RecordedEvent, said: string): Uint8Array {
  const row = eventRow(kind, event);
  const version = versionAt(event.revision, said);
  if (version === said) return row;
  const field = kind === OBJECT_MARKED ? ObjectMarked.data.version : contentFields.version;
  // Of a field that is there twice the last one counts (protobuf wire format); all lengths here are one byte.
  const LENGTH_DELIMITED = 2;
  const tag = Buffer.from([(field.number << 3) | LENGTH_DELIMITED, version.length]);
  return Buffer.concat([row, tag, Buffer.from(version, 'latin1')]);
}

/** Where a version stands among these rows; undefined where it is none of them. */
export function orderIn(rows: Pick<RowReader, 'get'>, bucket: string, key: string, version: string) {
  if (version !== NULL_VERSION) return orderOf(version);
  const order = rows.get(nullRowKey(bucket, key));
  return order && asBuffer(order).toString('latin1');
}

export function versionRow(
  rows: Pick<RowReader, 'get'>,
  bucket: string,
  key: string,
  version: string,
): Uint8Array | undefined {
  const order = orderIn(rows, bucket, key, version);
  const row = order === undefined ? undefined : rows.get(versionRowKey(bucket, key, order));
  return row && versionOf(row) === version ? row : undefined;
}

/** The row of the version that has bytes of this blob, or of parts of this upload, if it is one of these. */
export function keptRow(
  rows: Pick<RowReader, 'get'>,
  bucket: string,
  key: string,
  what: string,
): Uint8Array | undefined {
  const order = rows.get(keptRowKey(bucket, key, what));
  return order && rows.get(versionRowKey(bucket, key, asBuffer(order).toString('latin1')));
}

/** Of one key. Its present row, if any, is the caller's to write. */
export class KeyVersions {
  readonly #rows: RowWriter;
  readonly #bucket: string;
  readonly #key: string;

  constructor(rows: RowWriter, bucket: string, key: string) {
    this.#rows = rows;
    this.#bucket = bucket;
    this.#key = key;
  }

  /** Another version is the newest now. @param present the row of the one that the key named so far */
  supersede(present: Uint8Array | undefined, version: string): void {
    if (version === NULL_VERSION) this.#dropNull();
    const before = present && versionOf(present);
    if (!present || !before || (before === NULL_VERSION && version === NULL_VERSION)) return;
    const order = before === NULL_VERSION ? orderAt(revisionOf(present)) : orderOf(before);
    this.#put(before, order, present);
    addBytes(this.#rows, this.#bucket, weightOf(present).sizeBytes);
    const what = whatIsKept(present);
    if (what !== '') this.#rows.put(keptRowKey(this.#bucket, this.#key, what), Buffer.from(order));
  }

  /** @param row of a deletion, the newest version from now on */
  mark(present: Uint8Array | undefined, row: Uint8Array): void {
    const version = versionOf(row);
    this.supersede(present, version);
    this.#put(version, orderAt(revisionOf(row)), row);
  }

  /** Takes the version away from these rows, and its bytes from what the bucket holds. */
  take(version: string): Uint8Array {
    const { order, row } = this.#find(version);
    const rows = this.#rows;
    rows.delete(versionRowKey(this.#bucket, this.#key, order));
    if (version === NULL_VERSION) rows.delete(nullRowKey(this.#bucket, this.#key));
    if (kindOf(row) === OBJECT_MARKED) return row;
    addBytes(rows, this.#bucket, -weightOf(row).sizeBytes);
    const what = whatIsKept(row);
    if (what !== '') rows.delete(keptRowKey(this.#bucket, this.#key, what));
    return row;
  }

  find(version: string): Uint8Array {
    return this.#find(version).row;
  }

  #find(version: string): { order: string; row: Uint8Array } {
    const order = orderIn(this.#rows, this.#bucket, this.#key, version);
    const row = order && this.#rows.get(versionRowKey(this.#bucket, this.#key, order));
    assert(order && row, `${this.#bucket}/${this.#key} has no version ${version} to be deleted`);
    return { order, row };
  }

  #put(version: string, order: string, row: Uint8Array): void {
    this.#rows.put(versionRowKey(this.#bucket, this.#key, order), row);
    if (version === NULL_VERSION) this.#rows.put(nullRowKey(this.#bucket, this.#key), Buffer.from(order));
  }

  #dropNull(): void {
    if (this.#rows.get(nullRowKey(this.#bucket, this.#key))) this.take(NULL_VERSION);
  }
}

/** The name of what an object's bytes were put as: a blob, or an upload; empty where it has none. */
function whatIsKept(row: Uint8Array): string {
  const fields = new PayloadFields(row, HEADER_BYTES);
  let blob = '';
  let uploadId = '';
  while (fields.next()) {
    if (fields.number === ObjectCompleted.data.uploadId.number) uploadId = fields.text();
    else if (fields.number === contentFields.segments.number && blob === '') {
      const segment = fields.record();
      while (segment.next()) if (segment.number === segmentFields.blob.number) blob = segment.text();
    }
  }
  return blob === '' ? '' : uploadId || blob;
}
