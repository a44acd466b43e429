// Owns conditional requests: of reads in the precedence of RFC 9110, section 13.2.2 (as S3's GetObject
// documents it), of copy sources, and of writes, which the cloud judges at the moment of the write.

import type { IncomingHttpHeaders } from 'node:http';
import type { WriteCondition } from '#services/cloud.ts';
import { invalidArgument, S3Error } from './errors.ts';

/** What a condition is judged against. */
export interface Validators {
  /** Without quotes. */
  readonly etag: string;
  readonly modifiedMs: number;
}

const NO_CONDITION: WriteCondition = Object.freeze({});
const ABSENT: WriteCondition = Object.freeze({ ifAbsent: true });

/**
 * Whether the answer is 304.
 * @throws S3Error PreconditionFailed
 */
export function judgeRead(headers: IncomingHttpHeaders, current: Validators): boolean {
  const ifMatch = headers['if-match'];
  const ifNoneMatch = headers['if-none-match'];
  const ifUnmodifiedSince = headers['if-unmodified-since'];
  const ifModifiedSince = headers['if-modified-since'];
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, current.etag)) throw failed('If-Match');
  } else if (ifUnmodifiedSince !== undefined && modifiedSince(ifUnmodifiedSince, current) === true) {
    throw failed('If-Unmodified-Since');
  }
  if (ifNoneMatch !== undefined) return matches(ifNoneMatch, current.etag);
  return ifModifiedSince !== undefined && modifiedSince(ifModifiedSince, current) === false;
}

/** For a copy every condition that does not hold is a 412. @throws S3Error PreconditionFailed */
export function judgeCopySource(headers: IncomingHttpHeaders, current: Validators): void {
  const ifMatch = text(headers['x-amz-copy-source-if-match']);
  const ifNoneMatch = text(headers['x-amz-copy-source-if-none-match']);
  const ifUnmodifiedSince = text(headers['x-amz-copy-source-if-unmodified-since']);
  const ifModifiedSince = text(headers['x-amz-copy-source-if-modified-since']);
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, current.etag)) throw failed('x-amz-copy-source-If-Match');
  } else if (ifUnmodifiedSince !== undefined && modifiedSince(ifUnmodifiedSince, current) === true) {
    throw failed('x-amz-copy-source-If-Unmodified-Since');
  }
  if (ifNoneMatch !== undefined) {
    if (matches(ifNoneMatch, current.etag)) throw failed('x-amz-copy-source-If-None-Match');
  } else if (ifModifiedSince !== undefined && modifiedSince(ifModifiedSince, current) === false) {
    throw failed('x-amz-copy-source-If-Modified-Since');
  }
}

/**
 * Whether `If-Range` lets a range be answered (RFC 9110, section 13.1.5: strong comparison, or the exact
 * date).
 */
export function ifRangeHolds(header: string | undefined, current: Validators): boolean {
  if (header === undefined) return true;
  if (header.startsWith('"')) return header === `"${current.etag}"`;
  return Date.parse(header) === wholeSeconds(current.modifiedMs);
}

/** Of PutObject, CopyObject and CompleteMultipartUpload. @throws S3Error NotImplemented, InvalidRequest */
export function writeConditionOf(headers: IncomingHttpHeaders): WriteCondition {
  const ifMatch = headers['if-match'];
  const ifNoneMatch = headers['if-none-match'];
  if (headers['if-modified-since'] !== undefined) throw unbuilt('If-Modified-Since');
  if (headers['if-unmodified-since'] !== undefined) throw unbuilt('If-Unmodified-Since');
  if (ifNoneMatch !== undefined) {
    if (ifMatch !== undefined) throw unbuilt('If-Match,If-None-Match');
    // S3 knows no other value here.
    if (ifNoneMatch.trim() !== '*') throw unbuilt('If-None-Match');
    return ABSENT;
  }
  return ifMatch === undefined ? NO_CONDITION : ifMatchCondition(ifMatch);
}

/** What must hold of an object for it to be deleted; one that is not there is in no condition's way. */
export interface DeletionTerms {
  readonly ifMatch: string | undefined;
  readonly sizeBytes: number | undefined;
  /** A whole second. */
  readonly modifiedMs: number | undefined;
}

/** Of DeleteObject. @throws S3Error NotImplemented, InvalidArgument */
export function deletionTermsOf(headers: IncomingHttpHeaders): DeletionTerms {
  if (headers['if-none-match'] !== undefined) throw unbuilt('If-None-Match');
  return deletionTerms(headers['if-match'], text(headers[IF_SIZE]), text(headers[IF_MODIFIED]));
}

const IF_SIZE = 'x-amz-if-match-size';
const IF_MODIFIED = 'x-amz-if-match-last-modified-time';

/** As they are written. @throws S3Error InvalidArgument */
export function deletionTerms(
  ifMatch: string | undefined,
  size: string | undefined,
  modified: string | undefined,
): DeletionTerms {
  const modifiedMs = modified === undefined ? undefined : Date.parse(modified);
  if (size !== undefined && !/^\d{1,15}$/.test(size.trim())) throw invalidArgument(IF_SIZE, size);
  if (Number.isNaN(modifiedMs)) throw invalidArgument(IF_MODIFIED, modified ?? '');
  return { ifMatch, sizeBytes: size === undefined ? undefined : Number(size), modifiedMs };
}

/** Of size and time. @throws S3Error PreconditionFailed */
export function judgeDeletion(
  terms: DeletionTerms,
  current: Validators & { readonly sizeBytes: number },
): void {
  if (terms.sizeBytes !== undefined && terms.sizeBytes !== current.sizeBytes) throw failed(IF_SIZE);
  if (terms.modifiedMs !== undefined && terms.modifiedMs !== wholeSeconds(current.modifiedMs)) {
    throw failed(IF_MODIFIED);
  }
}

export function ifMatchCondition(value: string): WriteCondition {
  const [first = '', ...more] = value.split(',');
  if (more.length > 0) throw unbuilt('If-Match');
  return { ifEtag: unquoted(first) };
}

/** Which header a failed write condition came from, for the error's `Condition`. */
export function conditionName(condition: WriteCondition): string {
  return condition.ifAbsent ? 'If-None-Match' : 'If-Match';
}

/** An entity tag without its quotes. */
export function unquoted(tag: string): string {
  const trimmed = tag.trim();
  return trimmed.length > 1 && trimmed.startsWith('"') && trimmed.endsWith('"')
    ? trimmed.slice(1, -1)
    : trimmed;
}

function matches(list: string, etag: string): boolean {
  return list.split(',').some((item) => {
    const tag = item.trim();
    return tag === '*' || unquoted(tag.startsWith('W/') ? tag.slice(2) : tag) === etag;
  });
}

/** Undefined where `header` is no date: RFC 9110 has it ignored then. */
function modifiedSince(header: string, current: Validators): boolean | undefined {
  const dateMs = Date.parse(header);
  return Number.isNaN(dateMs) ? undefined : wholeSeconds(current.modifiedMs) > dateMs;
}

/** Dates in headers have no fractions. */
function wholeSeconds(timeMs: number): number {
  return timeMs - (timeMs % 1_000);
}

function failed(condition: string): S3Error {
  return new S3Error('PreconditionFailed', undefined, { Condition: condition });
}

function unbuilt(header: string): S3Error {
  return new S3Error('NotImplemented', undefined, { Header: header });
}

function text(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(',') : value;
}
