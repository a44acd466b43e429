// Owns conditional requests (RFC 9110, section 13): of reads, judged against the answer; of writes, judged by
// the cloud at the moment of the write.

import type { IncomingHttpHeaders } from 'node:http';
import type { WriteCondition } from '#services/cloud.ts';
import { SwiftError } from './errors.ts';
import { lastModifiedMs } from './reply.ts';

interface Validators {
  readonly etag: string;
  readonly modifiedMs: number;
}

/** Whether the answer is 304. @throws SwiftError 412 */
export function judgeRead(headers: IncomingHttpHeaders, current: Validators): boolean {
  const ifMatch = headers['if-match'];
  const ifNoneMatch = headers['if-none-match'];
  if (ifMatch !== undefined && !matches(ifMatch, current.etag)) throw new SwiftError(412);
  if (ifNoneMatch !== undefined && matches(ifNoneMatch, current.etag)) return true;
  const modifiedMs = lastModifiedMs(current.modifiedMs);
  const unmodifiedSinceMs = Date.parse(headers['if-unmodified-since'] ?? '');
  if (modifiedMs > unmodifiedSinceMs) throw new SwiftError(412);
  if (ifNoneMatch !== undefined) return false;
  return modifiedMs <= Date.parse(headers['if-modified-since'] ?? '');
}

/** Swift knows no other condition of a write. @throws SwiftError 400 */
export function writeConditionOf(headers: IncomingHttpHeaders): WriteCondition {
  const ifNoneMatch = headers['if-none-match'];
  if (ifNoneMatch === undefined) return {};
  if (ifNoneMatch.trim() !== '*') throw new SwiftError(400, 'If-None-Match only supports *');
  return { ifAbsent: true };
}

/** Whether `If-Range` lets ranges be answered. */
export function ifRangeHolds(header: string | undefined, current: Validators): boolean {
  if (header === undefined) return true;
  const dateMs = Date.parse(header);
  if (Number.isNaN(dateMs)) return unquoted(header) === current.etag;
  return dateMs === lastModifiedMs(current.modifiedMs);
}

export function unquoted(tag: string): string {
  return tag.trim().replace(/^(?:W\/)?"(.*)"$/, '$1');
}

function matches(list: string, etag: string): boolean {
  return list.split(',').some((tag) => tag.trim() === '*' || unquoted(tag) === etag);
}
