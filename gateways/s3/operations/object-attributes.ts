// Owns GetObjectAttributes: what is known of an object without its bytes, and of its parts page by page.

import type { Segment } from '#core/objects/objects.events.ts';
import type { StoredObject } from '#projections/objects-by-key/objects-by-key.query.ts';
import { header, type S3Call } from '../call.ts';
import { openedBy } from '../encryption.ts';
import { invalidArgument, S3Error } from '../errors.ts';
import { answerHeaders, httpDate, replyXml } from '../reply.ts';
import { XmlWriter } from '../xml.ts';
import { addChecksumElements } from './checksum-elements.ts';
import { objectOf } from './find-object.ts';
import { countOf, pageSizeOf } from './part-number.ts';

const ATTRIBUTES = ['ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize'] as const;
type Attribute = (typeof ATTRIBUTES)[number];

export async function getObjectAttributes(call: S3Call): Promise<void> {
  const wanted = wantedOf(call);
  const object = openedBy(call, await objectOf(call));
  const xml = new XmlWriter('GetObjectAttributesResponse');
  // In the order of the schema, whatever that of the request.
  if (wanted.has('ETag')) xml.element('ETag', object.etag);
  if (wanted.has('Checksum') && object.checksum !== undefined) {
    xml.open('Checksum');
    addChecksumElements(xml, object);
    xml.close('Checksum');
  }
  if (wanted.has('ObjectParts')) addParts(call, xml, object);
  if (wanted.has('StorageClass')) xml.plain('StorageClass', object.storageClass);
  if (wanted.has('ObjectSize')) xml.plain('ObjectSize', object.sizeBytes);
  const answer = [...answerHeaders(call), 'Last-Modified', httpDate(object.modifiedMs)];
  if (object.version !== undefined) answer.push('x-amz-version-id', object.version);
  replyXml(call, xml.document(), answer);
}

function wantedOf(call: S3Call): ReadonlySet<Attribute> {
  const value = header(call, 'x-amz-object-attributes');
  if (value === undefined) {
    throw new S3Error('InvalidRequest', 'Missing required header for this request: x-amz-object-attributes');
  }
  const names = value.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !ATTRIBUTES.some((each) => each === name));
  if (unknown !== undefined) {
    throw invalidArgument('x-amz-object-attributes', unknown, 'Invalid attribute name specified.');
  }
  return new Set(names as Attribute[]);
}

/** Of an object that was put whole there is nothing to say. */
function addParts(call: S3Call, xml: XmlWriter, object: StoredObject): void {
  const parts = object.segments.filter(({ partNumber }) => partNumber > 0);
  if (parts.length === 0) return;
  const limit = pageSizeOf('max-parts', header(call, 'x-amz-max-parts'));
  const marker = countOf('part-number-marker', header(call, 'x-amz-part-number-marker') || '0');
  const behind = parts.filter(({ partNumber }) => partNumber > marker);
  const page = behind.slice(0, limit);
  xml.open('ObjectParts').plain('PartsCount', parts.length).plain('PartNumberMarker', marker);
  xml.plain('NextPartNumberMarker', page.at(-1)?.partNumber ?? marker).plain('MaxParts', limit);
  xml.plain('IsTruncated', behind.length > page.length);
  for (const part of page) addPart(xml, object, part);
  xml.close('ObjectParts');
}

function addPart(xml: XmlWriter, { checksumAlgorithm }: StoredObject, part: Segment): void {
  xml.open('Part').plain('PartNumber', part.partNumber).plain('Size', part.sizeBytes);
  addChecksumElements(xml, { checksumAlgorithm, checksum: part.checksum });
  xml.close('Part');
}
