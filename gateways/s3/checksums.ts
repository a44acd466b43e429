// Owns the digests of S3: Content-MD5, the x-amz-checksum-* family in headers and trailers, and entity tags;
// which digests a write asks for, and their verification before anything names the bytes (Amazon S3 User
// Guide, "Checking object integrity"). Guarantee: bytes that do not match a digest the client sent are never
// named.

import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { DigestAlgorithm, WrittenBlob } from '#storage-nodes/stream/blob-stream.ts';
import { combineCrc } from '#storage-nodes/stream/combine-crc.ts';
import { digestOnce } from '#storage-nodes/stream/digest.ts';
import type { Authenticated } from './auth/authenticate.ts';
import { checkWrittenSha256, contentMd5, type PayloadSource } from './auth/payload.ts';
import { S3Error } from './errors.ts';

export type ChecksumAlgorithm = Exclude<DigestAlgorithm, 'md5'>;
/** As the cloud stores it. */
export type ChecksumType = 'composite' | 'full-object';

/** As S3 says it. */
export const CHECKSUM_TYPES: Readonly<Record<ChecksumType, string>> = {
  composite: 'COMPOSITE',
  'full-object': 'FULL_OBJECT',
};

export function isChecksumType(text: string | undefined): text is ChecksumType {
  return text !== undefined && Object.hasOwn(CHECKSUM_TYPES, text);
}

interface AlgorithmRow {
  readonly header: string;
  readonly bytes: number;
  /** Element of XML documents, and what x-amz-checksum-algorithm says. */
  readonly element: string;
  readonly name: string;
}

const row = (name: string, bytes: number): AlgorithmRow => ({
  header: `x-amz-checksum-${name.toLowerCase()}`,
  bytes,
  element: `Checksum${name}`,
  name,
});

export const CHECKSUMS: Readonly<Record<ChecksumAlgorithm, AlgorithmRow>> = {
  crc32: row('CRC32', 4),
  crc32c: row('CRC32C', 4),
  crc64nvme: row('CRC64NVME', 8),
  sha1: row('SHA1', 20),
  sha256: row('SHA256', 32),
};
export const CHECKSUM_ALGORITHMS = Object.keys(CHECKSUMS) as readonly ChecksumAlgorithm[];

export function isChecksumAlgorithm(text: string | undefined): text is ChecksumAlgorithm {
  return text !== undefined && Object.hasOwn(CHECKSUMS, text);
}

/** Whether a header of that name says what the checksum of the body is. */
export function announcesChecksum(name: string): boolean {
  return (
    name === 'x-amz-sdk-checksum-algorithm' ||
    CHECKSUM_ALGORITHMS.some((algorithm) => CHECKSUMS[algorithm].header === name)
  );
}

/** What x-amz-checksum-algorithm asks for. @throws S3Error InvalidRequest, NotImplemented */
export function checksumAlgorithmOf(name: string | undefined): ChecksumAlgorithm | undefined {
  if (name === undefined) return undefined;
  const algorithm = name.toLowerCase();
  if (isChecksumAlgorithm(algorithm)) return algorithm;
  if (UNBUILT_ALGORITHMS.has(algorithm)) throw new S3Error('NotImplemented', undefined, { Algorithm: name });
  throw new S3Error(
    'InvalidRequest',
    'Checksum algorithm provided is unsupported. Please try again with any of the valid types: ' +
      '[CRC32, CRC32C, CRC64NVME, SHA1, SHA256]',
  );
}

const UNBUILT_ALGORITHMS: ReadonlySet<string> = new Set([
  'md5',
  'sha512',
  'xxhash64',
  'xxhash3',
  'xxhash128',
]);

/** A checksum that a client announced for a body: its value, or that it comes in a trailer. */
interface Announced {
  readonly algorithm: ChecksumAlgorithm;
  /** Base64; undefined: in the trailer. */
  readonly value: string | undefined;
}

/** The one checksum among the headers. @throws S3Error InvalidRequest */
export function headerChecksum(
  headers: IncomingHttpHeaders,
): { algorithm: ChecksumAlgorithm; value: string } | undefined {
  let found: { algorithm: ChecksumAlgorithm; value: string } | undefined;
  for (const algorithm of CHECKSUM_ALGORITHMS) {
    const value = headers[CHECKSUMS[algorithm].header];
    if (value === undefined) continue;
    if (found) throw severalChecksums();
    found = { algorithm, value: String(value) };
  }
  return found;
}

function announcedChecksum(headers: IncomingHttpHeaders, trailers: readonly string[]): Announced | undefined {
  let found: Announced | undefined = headerChecksum(headers);
  for (const trailer of trailers) {
    const algorithm = CHECKSUM_ALGORITHMS.find((each) => CHECKSUMS[each].header === trailer);
    if (!algorithm) continue;
    if (found) throw severalChecksums();
    found = { algorithm, value: undefined };
  }
  const named = headers['x-amz-sdk-checksum-algorithm'];
  if (named !== undefined) {
    const algorithm = checksumAlgorithmOf(String(named));
    if (!found) {
      throw new S3Error(
        'InvalidRequest',
        'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer ' +
          'headers were found.',
      );
    }
    if (found.algorithm !== algorithm) {
      throw new S3Error('InvalidRequest', 'Value for x-amz-sdk-checksum-algorithm header is invalid.');
    }
  }
  if (found?.value !== undefined) checkForm(found.algorithm, found.value);
  return found;
}

function severalChecksums(): S3Error {
  return new S3Error(
    'InvalidRequest',
    'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
  );
}

/** @throws S3Error InvalidRequest: not base64 of as many bytes as the algorithm gives */
function checkForm(algorithm: ChecksumAlgorithm, value: string): void {
  const bytes = Buffer.from(value, 'base64');
  if (bytes.length !== CHECKSUMS[algorithm].bytes || bytes.toString('base64') !== value) {
    throw new S3Error('InvalidRequest', `Value for ${CHECKSUMS[algorithm].header} header is invalid.`);
  }
}

/** The digests of one body: what the client announced, and what is stored of it. */
export class BodyChecks {
  readonly digests: readonly DigestAlgorithm[];
  /** Of the checksum to store, if any. */
  readonly algorithm: ChecksumAlgorithm | undefined;
  readonly #announced: Announced | undefined;
  readonly #md5: Buffer | undefined;
  readonly #auth: Authenticated;

  /**
   * @param fallback the checksum to compute where the client announced none
   * @throws S3Error InvalidRequest; BodyRefused InvalidDigest
   */
  constructor(headers: IncomingHttpHeaders, auth: Authenticated, fallback?: ChecksumAlgorithm) {
    const { payload } = auth;
    const trailers = payload.kind === 'chunked' ? (payload.trailers ?? []) : [];
    this.#announced = announcedChecksum(headers, trailers);
    this.#md5 = contentMd5(headers);
    this.#auth = auth;
    this.algorithm = this.#announced?.algorithm ?? fallback;
    const digests: DigestAlgorithm[] = ['md5'];
    if (this.algorithm) digests.push(this.algorithm);
    if (payload.kind === 'signed' && this.algorithm !== 'sha256') digests.push('sha256');
    this.digests = digests;
  }

  get announced(): ChecksumAlgorithm | undefined {
    return this.#announced?.algorithm;
  }

  /**
   * Hexadecimal MD5 and base64 checksum of a written body.
   * @throws S3Error BadDigest, InvalidRequest; BodyRefused XAmzContentSHA256Mismatch
   */
  verify(written: WrittenBlob, source: PayloadSource): { etag: string; checksum: string | undefined } {
    if (this.#auth.payload.kind === 'signed') checkWrittenSha256(this.#auth, written.digests.sha256);
    const md5 = base(written.digests.md5);
    if (this.#md5 && !this.#md5.equals(md5)) throw badMd5(this.#md5, md5);
    const { algorithm } = this;
    if (!algorithm) return { etag: md5.toString('hex'), checksum: undefined };
    const checksum = base(written.digests[algorithm]).toString('base64');
    if (this.#announced) {
      const { header } = CHECKSUMS[algorithm];
      const expected = this.#announced.value ?? source.trailers[header];
      if (expected === undefined) throw new S3Error('InvalidRequest', `The trailer ${header} did not come.`);
      checkForm(algorithm, expected);
      if (expected !== checksum) throw badChecksum(algorithm);
    }
    return { etag: md5.toString('hex'), checksum };
  }
}

/**
 * Verifies the digests of a request document.
 * @returns whether there was any
 * @throws S3Error BadDigest, InvalidRequest; BodyRefused InvalidDigest
 */
export function verifyDocument(
  headers: IncomingHttpHeaders,
  auth: Authenticated,
  bytes: Uint8Array,
  trailers: Readonly<Record<string, string>>,
): boolean {
  const { payload } = auth;
  const announced = announcedChecksum(headers, payload.kind === 'chunked' ? (payload.trailers ?? []) : []);
  const md5 = contentMd5(headers);
  if (md5) {
    const actual = createHash('md5').update(bytes).digest();
    if (!md5.equals(actual)) throw badMd5(md5, actual);
  }
  if (announced) {
    const { algorithm } = announced;
    const expected = announced.value ?? trailers[CHECKSUMS[algorithm].header];
    if (expected !== checksumOf(algorithm, bytes)) throw badChecksum(announced.algorithm);
  }
  return md5 !== undefined || announced !== undefined;
}

/** What an upload's algorithm and a request's have to say to one another when they differ. */
export function checksumMismatch(expected: string, actual: string | undefined): S3Error {
  return new S3Error(
    'InvalidRequest',
    `Checksum Type mismatch occurred, expected checksum Type: ${expected}, actual checksum Type: ` +
      `${actual ?? 'null'}`,
  );
}

export function badChecksum(algorithm: ChecksumAlgorithm): S3Error {
  return new S3Error(
    'BadDigest',
    `The ${CHECKSUMS[algorithm].name} you specified did not match the calculated checksum.`,
  );
}

function badMd5(expected: Buffer, actual: Buffer): S3Error {
  return new S3Error('BadDigest', 'The Content-MD5 you specified did not match what we received.', {
    ExpectedDigest: expected.toString('base64'),
    CalculatedDigest: actual.toString('base64'),
  });
}

function base(digest: Uint8Array | undefined): Buffer {
  // The writer gives every digest that it was asked for.
  if (!digest) throw new S3Error('InternalError');
  return Buffer.from(digest.buffer, digest.byteOffset, digest.byteLength);
}

/** Of a multipart object: the MD5 of its parts' MD5s, and their number. */
export function multipartEtag(etags: readonly string[]): string {
  const hash = createHash('md5');
  for (const etag of etags) hash.update(etag, 'hex');
  return `${hash.digest('hex')}-${etags.length}`;
}

/** The checksum of a multipart object from those of its parts, in base64. */
export function multipartChecksum(
  algorithm: ChecksumAlgorithm,
  type: ChecksumType,
  parts: readonly { readonly checksum: string; readonly sizeBytes: number }[],
): string {
  const digests = parts.map(({ checksum }) => Buffer.from(checksum, 'base64'));
  if (type === 'full-object' && algorithm !== 'sha1' && algorithm !== 'sha256') {
    const joined = digests.reduce<Uint8Array>(
      (before, digest, index) =>
        index === 0 ? digest : combineCrc(algorithm, before, digest, parts[index]?.sizeBytes ?? 0),
      Buffer.alloc(0),
    );
    return Buffer.from(joined).toString('base64');
  }
  return `${checksumOf(algorithm, Buffer.concat(digests))}-${parts.length}`;
}

/** In base64. */
function checksumOf(algorithm: ChecksumAlgorithm, bytes: Uint8Array): string {
  return base(digestOnce([algorithm], bytes)[algorithm]).toString('base64');
}

/** The checksum headers of an answer, added to the flat list `to`. */
export function addChecksumHeaders(
  to: string[],
  of: {
    checksumAlgorithm?: string | undefined;
    checksum?: string | undefined;
    checksumType?: string | undefined;
  },
): void {
  const { checksumAlgorithm: algorithm, checksum, checksumType } = of;
  if (checksum === undefined || !isChecksumAlgorithm(algorithm)) return;
  to.push(CHECKSUMS[algorithm].header, checksum);
  if (isChecksumType(checksumType)) to.push('x-amz-checksum-type', CHECKSUM_TYPES[checksumType]);
}
