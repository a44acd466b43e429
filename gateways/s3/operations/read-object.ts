// Owns GetObject and HeadObject. Hot path: 4 KiB GETs; per request one header list, one wait for the name,
// one for the bytes.

import { ResponseBody } from '#gateways/edge/response-body.ts';
import type { StoredObject } from '#projections/objects-by-key/objects-by-key.query.ts';
import { header, type S3Call } from '../call.ts';
import { addChecksumHeaders } from '../checksums.ts';
import { ifRangeHolds, judgeRead } from '../conditions.ts';
import { addEncryption, openedBy } from '../encryption.ts';
import { invalidArgument, S3Error } from '../errors.ts';
import { addObjectHeaders, headerText, isArchived } from '../headers.ts';
import { type ByteRange, rangeOf } from '../ranges.ts';
import { answerHeaders, httpDate, replyEmpty, replyHead } from '../reply.ts';
import { addExpiration } from '../settings/lifecycle.ts';
import { tagCount } from '../tags.ts';
import { objectOf } from './find-object.ts';
import { partNumberOf } from './part-number.ts';

/** What is to be answered of an object. */
export interface Reading {
  readonly status: number;
  readonly offset: number;
  readonly length: number;
  readonly headers: string[];
}

export async function getObject(call: S3Call): Promise<void> {
  await readObject(call, await objectOf(call));
}

export const headObject = getObject;

/** Answers a GET or a HEAD. */
export async function readObject(call: S3Call, object: StoredObject): Promise<void> {
  const opened = openedBy(call, object);
  const reading = plan(call, opened);
  if (reading) await sendObject(call, opened, reading);
}

export async function sendObject(call: S3Call, object: StoredObject, reading: Reading): Promise<void> {
  const { status, offset, length, headers } = reading;
  if (length === 0 || call.request.method === 'HEAD') return replyHead(call, status, headers);
  const body = new ResponseBody(call.response, status, headers, length);
  await call.gateway.cloud.objects.read(object, offset, length, body);
  body.end();
}

/** Judges conditions and range. Undefined: it is answered already, with 304. */
function plan(call: S3Call, object: StoredObject): Reading | undefined {
  const headers = answerHeaders(call);
  headers.push('ETag', `"${object.etag}"`, 'Last-Modified', httpDate(object.modifiedMs));
  if (object.version !== undefined) headers.push('x-amz-version-id', object.version);
  if (judgeRead(call.headers, object)) {
    replyEmpty(call, 304, headers);
    return undefined;
  }
  const asked = askedRange(call, object);
  const range = asked ?? { offset: 0, length: object.sizeBytes };
  addObjectHeaders(headers, object, call.query.parameters.length > 0 ? overridesOf(call) : undefined);
  headers.push('Accept-Ranges', 'bytes', 'Content-Length', String(range.length));
  if (object.storageClass !== 'STANDARD') {
    headers.push('x-amz-storage-class', object.storageClass);
    if (isArchived(object.storageClass)) headers.push('x-amz-restore', RESTORED_FOR_EVER);
  }
  if (object.tags) headers.push('x-amz-tagging-count', String(tagCount(object.tags)));
  addEncryption(headers, call, object);
  addExpiration(headers, call, object);
  if (asked) headers.push('Content-Range', contentRange(asked, object.sizeBytes));
  const { part } = asked ?? {};
  if (part) headers.push('x-amz-mp-parts-count', String(object.segments.length));
  if (header(call, 'x-amz-checksum-mode') === 'ENABLED') addChecksums(headers, object, asked);
  return { status: asked ? 206 : 200, ...range, headers };
}

const RESTORED_FOR_EVER = 'ongoing-request="false", expiry-date="Fri, 31 Dec 9999 23:59:59 GMT"';

interface AskedRange extends ByteRange {
  /** Where one part of a multipart object was asked for. */
  readonly part?: { readonly checksum?: string };
}

function askedRange(call: S3Call, object: StoredObject): AskedRange | undefined {
  const range = header(call, 'range');
  const partNumber = call.query.get('partNumber');
  if (partNumber !== undefined) {
    if (range !== undefined) {
      throw new S3Error('InvalidRequest', 'Cannot specify both Range header and partNumber query parameter');
    }
    return partRange(object, partNumberOf(partNumber));
  }
  if (range === undefined || !ifRangeHolds(header(call, 'if-range'), object)) return undefined;
  return rangeOf(range, object.sizeBytes);
}

function partRange(object: StoredObject, partNumber: number): AskedRange {
  let offset = 0;
  for (const segment of object.segments) {
    if (segment.partNumber === partNumber) return { offset, length: segment.sizeBytes, part: segment };
    offset += segment.sizeBytes;
  }
  // An object that was put whole is its own first part.
  const whole = partNumber === 1 && !object.segments.some((segment) => segment.partNumber > 0);
  if (whole) return { offset: 0, length: object.sizeBytes };
  throw new S3Error('InvalidPartNumber', undefined, {
    PartNumberRequested: String(partNumber),
    ActualPartCount: String(Math.max(1, object.segments.length)),
  });
}

function contentRange(range: ByteRange, sizeBytes: number): string {
  // An empty part has no first byte to name.
  if (range.length === 0) return `bytes */${sizeBytes}`;
  return `bytes ${range.offset}-${range.offset + range.length - 1}/${sizeBytes}`;
}

/** A checksum goes with the bytes that it is of: with the whole object, or with a part that has its own. */
function addChecksums(headers: string[], object: StoredObject, asked: AskedRange | undefined): void {
  if (!asked || asked.length === object.sizeBytes) addChecksumHeaders(headers, object);
  else if (asked.part?.checksum !== undefined) {
    const { checksumAlgorithm, checksumType } = object;
    addChecksumHeaders(headers, { checksumAlgorithm, checksumType, checksum: asked.part.checksum });
  }
}

const OVERRIDES: readonly (readonly [parameter: string, header: string])[] = [
  ['response-content-type', 'content-type'],
  ['response-content-language', 'content-language'],
  ['response-expires', 'expires'],
  ['response-cache-control', 'cache-control'],
  ['response-content-disposition', 'content-disposition'],
  ['response-content-encoding', 'content-encoding'],
];

function overridesOf(call: S3Call): Readonly<Record<string, string>> {
  const overrides: Record<string, string> = {};
  for (const [parameter, name] of OVERRIDES) {
    const asked = call.query.get(parameter);
    if (asked === undefined) continue;
    if (call.auth.identity === 'anonymous') {
      throw new S3Error(
        'InvalidRequest',
        'Request specific response headers cannot be used for anonymous GET requests.',
      );
    }
    const value = headerText(asked);
    if (value === undefined) throw invalidArgument(parameter, asked);
    overrides[name] = value;
  }
  return overrides;
}
