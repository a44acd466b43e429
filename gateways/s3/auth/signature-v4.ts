// Owns the arithmetic of AWS Signature Version 4: what is signed, in which order, of requests, chunks and trailers
// ("Signature Calculations for the Authorization Header", Amazon S3 API Reference). Judging is authenticate.ts's.

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

/** The signature of a chunk whose data has the digest `sha256`, after the signature `previous`. All hexadecimal. */
export function chunkSignature(signing: ChunkSigning, previous: string, sha256: string): string {
  const { key, timestamp, scope } = signing;
  return key.signHex(`${ALGORITHM}-PAYLOAD\n${timestamp}\n${scope}\n${previous}\n${EMPTY_SHA256}\n${sha256}`);
}

/** The signature of the trailers, `name:value\n` each, whose digest is `sha256`, after that of the last chunk. */
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

const TIMESTAMP = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;

/** Milliseconds of `yyyymmddThhmmssZ`; undefined where it is no such moment. */
export function timestampMs(timestamp: string): number | undefined {
  const found = TIMESTAMP.exec(timestamp);
  if (!found) return undefined;
  const [year, month, day, hour, minute, second] = found.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const ms = Date.UTC(year, month - 1, day, hour, minute, second);
  return timestampOf(ms) === timestamp ? ms : undefined;
}

/** `yyyymmddThhmmssZ` of a moment. */
export function timestampOf(ms: number): string {
  return new Date(ms).toISOString().replace(/[-:]|\.\d{3}/g, '');
}
