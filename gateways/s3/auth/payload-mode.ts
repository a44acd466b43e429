// Owns what `x-amz-content-sha256` says about the body that follows ("Authenticating Requests: Using the
// Authorization Header", Amazon S3 API Reference).

import type { HeaderLookup } from './canonical-request.ts';
import { isRefusal, type Refusal, refusal } from './refusal.ts';

export type PayloadMode =
  | { readonly kind: 'unsigned' }
  /** SHA-256 of the whole body: 64 lower-case hexadecimal digits. */
  | { readonly kind: 'signed'; readonly sha256: string }
  /** The body is in `aws-chunked` framing. */
  | {
      readonly kind: 'chunked';
      readonly signed: boolean;
      /** Length of the body without the framing. */
      readonly decodedBytes: number;
      /** Lower-case names of the trailing headers to come; empty where the mode has none. */
      readonly trailers: readonly string[];
    };

export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';

const UNSIGNED: PayloadMode = Object.freeze({ kind: 'unsigned' });

/** The chunked modes: whether chunks are signed, and whether headers trail. */
const CHUNKED: Readonly<Record<string, { readonly signed: boolean; readonly trailer: boolean }>> = {
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD': { signed: true, trailer: false },
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER': { signed: true, trailer: true },
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER': { signed: false, trailer: true },
};

const NO_TRAILERS: readonly string[] = Object.freeze([]);

const SHA256 = /^[0-9a-fA-F]{64}$/;
const DIGITS = /^\d{1,15}$/;
const TRAILER_NAME = /^x-amz-checksum-[a-z0-9]+$/;

/** The payload mode of a request with these headers. */
export function payloadMode(contentSha256: string, headers: HeaderLookup): PayloadMode | Refusal {
  if (contentSha256 === UNSIGNED_PAYLOAD) return UNSIGNED;
  if (SHA256.test(contentSha256)) return { kind: 'signed', sha256: contentSha256.toLowerCase() };
  if (Object.hasOwn(CHUNKED, contentSha256)) return chunkedMode(contentSha256, headers);
  if (contentSha256.startsWith('STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD')) {
    return refusal('NotImplemented', 'A header you provided implies functionality that is not implemented', {
      Header: 'x-amz-content-sha256',
    });
  }
  return refusal(
    'InvalidArgument',
    'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, ' +
      'STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER ' +
      'or a valid sha256 value.',
    { ArgumentName: 'x-amz-content-sha256', ArgumentValue: contentSha256 },
  );
}

function chunkedMode(name: string, headers: HeaderLookup): PayloadMode | Refusal {
  const mode = CHUNKED[name];
  const announced = headers.get('x-amz-decoded-content-length')?.trim();
  if (mode === undefined || announced === undefined || announced === '') {
    return refusal('MissingContentLength', 'You must provide the Content-Length HTTP header.');
  }
  if (!DIGITS.test(announced)) {
    return refusal('InvalidArgument', 'x-amz-decoded-content-length must be a whole number of bytes.', {
      ArgumentName: 'x-amz-decoded-content-length',
      ArgumentValue: announced,
    });
  }
  const trailers = mode.trailer ? trailerNames(headers.get('x-amz-trailer')) : NO_TRAILERS;
  if (isRefusal(trailers)) return trailers;
  return { kind: 'chunked', signed: mode.signed, decodedBytes: Number(announced), trailers };
}

function trailerNames(declared: string | undefined): readonly string[] | Refusal {
  const names = (declared ?? '').split(',').map((name) => name.trim().toLowerCase());
  if (names.every((name) => TRAILER_NAME.test(name)) && new Set(names).size === names.length) return names;
  return refusal('InvalidRequest', 'The value specified in the x-amz-trailer header is not supported');
}
