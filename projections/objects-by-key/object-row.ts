// Owns the reading of an object's row: whole, or only the fields that a question needs.

import type { Content } from '#core/objects/objects.events.ts';
import { contentFields, objects, segmentFields } from '#core/objects/objects.events.ts';
import { PayloadFields } from '../store/payload-fields.ts';
import { asBuffer, HEADER_BYTES, kindOf, payloadOf, revisionOf, timeOf } from '../store/row-value.ts';
import { OBJECT_COMPLETED } from './objects-by-key.projection.ts';
import type { ListedObject, StoredObject } from './objects-by-key.query.ts';

export function storedObject(bucket: string, key: string, value: Uint8Array): StoredObject {
  const type = kindOf(value) === OBJECT_COMPLETED ? 'ObjectCompleted' : 'ObjectPut';
  const data = objects.decode(type, payloadOf(value)).data as Content;
  return { ...data, bucket, key, revision: revisionOf(value), modifiedMs: timeOf(value) };
}

export function listedObject(key: string, value: Uint8Array): ListedObject {
  const fields = new PayloadFields(value, HEADER_BYTES);
  let sizeBytes = 0;
  let etag = '';
  let storageClass = '';
  let owner = '';
  let checksumAlgorithm: string | undefined;
  let checksumType: string | undefined;
  while (fields.next()) {
    const { number } = fields;
    if (number === contentFields.sizeBytes.number) sizeBytes = fields.uint;
    else if (number === contentFields.etag.number) etag = fields.text();
    else if (number === contentFields.storageClass.number) storageClass = fields.text();
    else if (number === contentFields.owner.number) owner = fields.text();
    else if (number === contentFields.checksumAlgorithm.number) checksumAlgorithm = fields.text();
    else if (number === contentFields.checksumType.number) checksumType = fields.text();
  }
  const listed = { key, sizeBytes, etag, modifiedMs: timeOf(value), storageClass, owner };
  if (checksumAlgorithm === undefined) return listed;
  return { ...listed, checksumAlgorithm, ...(checksumType !== undefined && { checksumType }) };
}

/** Whether one of the object's segments is made of this blob. */
export function rowNamesBlob(value: Uint8Array, blob: string): boolean {
  // A miss, by far the most frequent answer for what is to be collected, decodes nothing.
  if (!asBuffer(value).includes(blob, HEADER_BYTES, 'latin1')) return false;
  const fields = new PayloadFields(value, HEADER_BYTES);
  while (fields.next()) {
    if (fields.number !== contentFields.segments.number) continue;
    const segment = fields.record();
    while (segment.next()) {
      if (segment.number === segmentFields.blob.number && segment.text() === blob) return true;
    }
  }
  return false;
}
