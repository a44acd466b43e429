// Owns the arithmetic of AWS Signature Version 4: what is signed, in which order, of requests, chunks and
// trailers ("Signature Calculations for the Authorization Header", Amazon S3 API Reference). Judging is
// authenticate.ts's.

import { hash, timingSafeEqual } from 'node:crypto';
import type { HmacKey } from './hmac-key.ts';

export const ALGORITHM = 'AWS4-HMAC-SHA256';
export const EMPTY_SHA256 = hash('sha256', '');

/** What chunk signatures continue from. */
export interface ChunkSigning {
  readonly key: HmacKey;
  /** `yyyymmddThhmmssZ`. */
  readonly timestamp: string;
  /** `yyyymmdd/region/s3/aws4_request`. */
  readonly scope: string;
  /** Signature of the request. */
  readonly seed: string;
}

/** Each character of `canonicalRequest` is one byte. */
export function stringToSign(timestamp: string, scope: string, canonicalRequest: string): string {
  const digest = hash('sha256', Buffer.from(canonicalRequest, 'latin1'));
  return `${ALGORITHM}\n${timestamp}\n${scope}\n${digest}`;
}

/**
 * The signature of a chunk whose data has the digest `sha256`, after the signature `previous`. All
 * hexadecimal.
 */
export function chunkSignature(signing: ChunkSigning, previous: string, sha256: string): string {
  const { key, timestamp, scope } = signing;
  return key.signHex(`${ALGORITHM}-PAYLOAD\n${timestamp}\n${scope}\n${previous}\n${EMPTY_SHA256}\n${sha256}`);
}

/**
 * The signature of the trailers, `name:value\n` each, whose digest is `sha256`, after that of the last
 * chunk.
 */
export function trailerSignature(signing: ChunkSigning, previous: string, sha256: string): string {
  const { key, timestamp, scope } = signing;
  return key.signHex(`${ALGORITHM}-TRAILER\n${timestamp}\n${scope}\n${previous}\n${sha256}`);
}

const SIGNATURE_BYTES = 64;
const expected = Buffer.alloc(SIGNATURE_BYTES);
const provided = Buffer.alloc(SIGNATURE_BYTES);

/** Compares two signatures of 64 hexadecimal digits in constant time. */
export function sameSignature(ours: string, theirs: string): boolean {
  if (theirs.length !== SIGNATURE_BYTES) return false;
  expected.write(ours, 'latin1');
  provided.write(theirs, 'latin1');
  return timingSafeEqual(expected, provided);
}

const DIGIT_ZERO = 0x30;
const TIMESTAMP = /^\d{8}T\d{6}Z$/;

/** Milliseconds of `yyyymmddThhmmssZ`; undefined where it is no such moment. */
export function timestampMs(timestamp: string): number | undefined {
  if (!TIMESTAMP.test(timestamp)) return undefined;
  const month = twoDigits(timestamp, 4);
  const day = twoDigits(timestamp, 6);
  const hour = twoDigits(timestamp, 9);
  const minute = twoDigits(timestamp, 11);
  const second = twoDigits(timestamp, 13);
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const year = twoDigits(timestamp, 0) * 100 + twoDigits(timestamp, 2);
  const moment = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  // Date takes a 32nd of May for the 1st of June.
  return moment.getUTCMonth() === month - 1 && moment.getUTCDate() === day ? moment.getTime() : undefined;
}

function twoDigits(text: string, at: number): number {
  return (text.charCodeAt(at) - DIGIT_ZERO) * 10 + text.charCodeAt(at + 1) - DIGIT_ZERO;
}

/** `yyyymmddThhmmssZ` of a moment. */
export function timestampOf(ms: number): string {
  return new Date(ms).toISOString().replace(/[-:]|\.\d{3}/g, '');
}
