// Owns requests of S3 signed by hand, for tests that send what no SDK would: the header lines of a signed
// request, the query of a presigned one, a body in signed chunks, and the fields of a signed form.

import { hash } from 'node:crypto';
import { canonicalPath, canonicalQuery, canonicalValue } from '#gateways/s3/auth/canonical-request.ts';
import {
  ALGORITHM,
  type ChunkSigning,
  chunkSignature,
  EMPTY_SHA256,
  stringToSign,
  timestampOf,
  trailerSignature,
} from '#gateways/s3/auth/signature-v4.ts';
import { SigningKeys } from '#gateways/s3/auth/signing-keys.ts';
import type { HeaderList } from './s3-requests.ts';

export interface AccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Strings hold one byte per character, as on the wire. */
export interface UnsignedRequest {
  readonly method: string;
  readonly rawPath: string;
  readonly rawQuery: string;
  /** With `Host`; without the date and the digest of the payload. */
  readonly headers: HeaderList;
  /** For `x-amz-content-sha256`. */
  readonly payload: string;
}

const REGION = 'us-east-1';
const signingKeys = new SigningKeys();

/** The header lines of the request, those that sign it among them, and what its chunks are signed by. */
export function signedHeaders(
  request: UnsignedRequest,
  { accessKeyId, secretAccessKey }: AccessKey,
  atMs: number,
): { readonly headers: HeaderList; readonly signing: ChunkSigning } {
  const timestamp = timestampOf(atMs);
  const headers: HeaderList = [
    ...request.headers,
    ['x-amz-content-sha256', request.payload],
    ['x-amz-date', timestamp],
  ];
  const { key, scope } = scopeOf(accessKeyId, secretAccessKey, timestamp);
  const values = joined(headers);
  const names = [...values.keys()].sort();
  const canonical = canonicalOf(request, request.rawQuery, values, names, request.payload);
  const seed = key.signHex(stringToSign(timestamp, scope, canonical));
  const credential = `Credential=${accessKeyId}/${scope}`;
  const authorization = `${ALGORITHM} ${credential}, SignedHeaders=${names.join(';')}, Signature=${seed}`;
  return {
    headers: [...headers, ['Authorization', authorization]],
    signing: { key, timestamp, scope, seed },
  };
}

/** The query that signs the request, whose headers are all signed; its payload is not. */
export function presignedQuery(
  request: Omit<UnsignedRequest, 'payload'>,
  { accessKeyId, secretAccessKey }: AccessKey,
  { atMs, expiresSeconds }: { readonly atMs: number; readonly expiresSeconds: number },
): string {
  const timestamp = timestampOf(atMs);
  const { key, scope } = scopeOf(accessKeyId, secretAccessKey, timestamp);
  const values = joined(request.headers);
  const names = [...values.keys()].sort();
  const query =
    `${request.rawQuery}${request.rawQuery === '' ? '' : '&'}X-Amz-Algorithm=${ALGORITHM}` +
    `&X-Amz-Credential=${encodeURIComponent(`${accessKeyId}/${scope}`)}&X-Amz-Date=${timestamp}` +
    `&X-Amz-Expires=${expiresSeconds}&X-Amz-SignedHeaders=${encodeURIComponent(names.join(';'))}`;
  const canonical = canonicalOf(request, query, values, names, 'UNSIGNED-PAYLOAD');
  return `${query}&X-Amz-Signature=${key.signHex(stringToSign(timestamp, scope, canonical))}`;
}

/**
 * The fields that sign a form with that policy, which is made to let them be.
 * @param policy with a list of conditions, or what a test has instead of one
 */
export function signedForm(
  policy: object,
  { accessKeyId, secretAccessKey }: AccessKey,
  atMs: number,
): Readonly<Record<string, string>> {
  const timestamp = timestampOf(atMs);
  const { key, scope } = scopeOf(accessKeyId, secretAccessKey, timestamp);
  const fields = {
    'x-amz-algorithm': ALGORITHM,
    'x-amz-credential': `${accessKeyId}/${scope}`,
    'x-amz-date': timestamp,
  };
  const said = { conditions: undefined as unknown, ...policy };
  const own = Object.entries(fields).map(([name, value]) => ({ [name]: value }));
  const conditions = Array.isArray(said.conditions) ? [...said.conditions, ...own] : said.conditions;
  const text = Buffer.from(JSON.stringify({ ...policy, conditions })).toString('base64');
  return { ...fields, policy: text, 'x-amz-signature': key.signHex(text) };
}

function scopeOf(accessKeyId: string, secret: string, timestamp: string) {
  const date = timestamp.slice(0, 8);
  const key = signingKeys.get(accessKeyId, secret, date, REGION);
  return { key, scope: `${date}/${REGION}/s3/aws4_request` };
}

function joined(headers: HeaderList): Map<string, string> {
  const values = new Map<string, string>();
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    const before = values.get(lower);
    values.set(lower, before === undefined ? value.trim() : `${before},${value.trim()}`);
  }
  return values;
}

/** What cannot be written canonically is signed as it stands: it is refused for other reasons. */
function canonicalOf(
  { method, rawPath }: Pick<UnsignedRequest, 'method' | 'rawPath'>,
  rawQuery: string,
  values: ReadonlyMap<string, string>,
  names: readonly string[],
  payload: string,
): string {
  const path = canonicalPath(rawPath) ?? rawPath;
  const lines = names.map((name) => `${name}:${canonicalValue(values.get(name) ?? '')}\n`).join('');
  const query = canonicalQuery(rawQuery, '') ?? rawQuery;
  return `${method}\n${path}\n${query}\n${lines}\n${names.join(';')}\n${payload}`;
}

/** `aws-chunked`: the pieces, each with its signature, then the trailers with theirs. */
export function signedChunks(
  signing: ChunkSigning,
  pieces: readonly Buffer[],
  trailers: HeaderList = [],
): Buffer {
  const framed: Buffer[] = [];
  let previous = signing.seed;
  for (const piece of [...pieces, Buffer.alloc(0)]) {
    previous = chunkSignature(signing, previous, piece.length > 0 ? hash('sha256', piece) : EMPTY_SHA256);
    framed.push(Buffer.from(`${piece.length.toString(16)};chunk-signature=${previous}\r\n`), piece);
    if (piece.length > 0) framed.push(Buffer.from('\r\n'));
  }
  const lines = trailers.map(([name, value]) => `${name}:${value}\n`).join('');
  if (lines !== '') {
    const signature = trailerSignature(signing, previous, hash('sha256', lines));
    framed.push(Buffer.from(`${lines.replaceAll('\n', '\r\n')}x-amz-trailer-signature:${signature}\r\n`));
  }
  framed.push(Buffer.from('\r\n'));
  return Buffer.concat(framed);
}
