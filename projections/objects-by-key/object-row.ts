// Owns the reading of an object's row: whole, or only the fields that a question needs.

import type { Content } from '#core/objects/objects.events.ts';
import { contentFields, objects, segmentFields } from '#core/objects/objects.events.ts';
import { LastText, PayloadFields } from '../store/payload-fields.ts';
import { asBuffer, HEADER_BYTES, kindOf, payloadOf, revisionOf, timeOf } from '../store/row-value.ts';
import { OBJECT_COMPLETED, OBJECT_DESCRIBED, OBJECT_TAGGED } from './objects-by-key.projection.ts';
import type { ListedObject, StoredObject } from './objects-by-key.query.ts';

export function storedObject(bucket: string, key: string, value: Uint8Array): StoredObject {
  const data = objects.decode(typeOf(kindOf(value)), payloadOf(value)).data as Content;
  // The decoded object is nobody else's: added to, not spread, which would cost twice the decoding.
  return Object.assign(data, { bucket, key, revision: revisionOf(value), modifiedMs: timeOf(value) });
}

function typeOf(kind: number): 'ObjectPut' | 'ObjectCompleted' | 'ObjectDescribed' | 'ObjectTagged' {
  if (kind === OBJECT_COMPLETED) return 'ObjectCompleted';
  if (kind === OBJECT_TAGGED) return 'ObjectTagged';
  return kind === OBJECT_DESCRIBED ? 'ObjectDescribed' : 'ObjectPut';
}

// Field numbers as constants of this module: a listing asks for them ten times a row.
const SIZE_BYTES = contentFields.sizeBytes.number;
const ETAG = contentFields.etag.number;
const SEGMENTS = contentFields.segments.number;
const CHECKSUM_ALGORITHM = contentFields.checksumAlgorithm.number;
const CHECKSUM_TYPE = contentFields.checksumType.number;
const CONTENT_TYPE = contentFields.contentType.number;
const STORAGE_CLASS = contentFields.storageClass.number;
const OWNER = contentFields.owner.number;
const BLOB = segmentFields.blob.number;

const last = {
  contentType: new LastText(),
  storageClass: new LastText(),
  owner: new LastText(),
  checksumAlgorithm: new LastText(),
  checksumType: new LastText(),
};

export function listedObject(key: string, value: Uint8Array): ListedObject {
  const fields = new PayloadFields(value, HEADER_BYTES);
  let sizeBytes = 0;
  let etag = '';
  let contentType = '';
  let storageClass = '';
  let owner = '';
  let checksumAlgorithm: string | undefined;
  let checksumType: string | undefined;
  while (fields.next()) {
    const { number } = fields;
    if (number === SIZE_BYTES) sizeBytes = fields.uint;
    else if (number === ETAG) etag = fields.text();
    else if (number === CONTENT_TYPE) contentType = fields.textAs(last.contentType);
    else if (number === STORAGE_CLASS) storageClass = fields.textAs(last.storageClass);
    else if (number === OWNER) owner = fields.textAs(last.owner);
    else if (number === CHECKSUM_ALGORITHM) checksumAlgorithm = fields.textAs(last.checksumAlgorithm);
    else if (number === CHECKSUM_TYPE) checksumType = fields.textAs(last.checksumType);
  }
  const modifiedMs = timeOf(value);
  // Whole literals: a spread would cost as much as all the rest.
  if (checksumAlgorithm === undefined)
    return { key, sizeBytes, etag, modifiedMs, contentType, storageClass, owner };
  if (checksumType === undefined) {
    return { key, sizeBytes, etag, modifiedMs, contentType, storageClass, owner, checksumAlgorithm };
  }
  return {
    key,
    sizeBytes,
    etag,
    modifiedMs,
    contentType,
    storageClass,
    owner,
    checksumAlgorithm,
    checksumType,
  };
}

/** Whether one of the object's segments is made of this blob. */
export function rowNamesBlob(value: Uint8Array, blob: string): boolean {
  // A miss, by far the most frequent answer for what is to be collected, decodes nothing.
  if (!asBuffer(value).includes(blob, HEADER_BYTES, 'latin1')) return false;
  const fields = new PayloadFields(value, HEADER_BYTES);
  while (fields.next()) {
    if (fields.number !== SEGMENTS) continue;
    const segment = fields.record();
    while (segment.next()) {
      if (segment.number === BLOB && segment.text() === blob) return true;
    }
  }
  return false;
}
