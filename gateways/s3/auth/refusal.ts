// Owns the refusals of authentication and of request bodies in S3's words: code, status, message and the
// extra elements of the error document ("Error responses", Amazon S3 API Reference).

import { BodyFailure } from '#gateways/edge/request-body.ts';

const STATUSES = {
  AccessDenied: 403,
  AuthorizationHeaderMalformed: 400,
  AuthorizationQueryParametersError: 400,
  EntityTooLarge: 400,
  IncompleteBody: 400,
  InvalidAccessKeyId: 403,
  InvalidArgument: 400,
  InvalidChunkSizeError: 403,
  InvalidDigest: 400,
  InvalidRequest: 400,
  InvalidToken: 400,
  InvalidURI: 400,
  MalformedTrailerError: 400,
  MissingContentLength: 411,
  MissingSecurityHeader: 400,
  NotImplemented: 501,
  RequestTimeout: 400,
  RequestTimeTooSkewed: 403,
  SignatureDoesNotMatch: 403,
  XAmzContentSHA256Mismatch: 400,
} as const;

export type RefusalCode = keyof typeof STATUSES;

export interface Refusal {
  readonly code: RefusalCode;
  /** HTTP status. */
  readonly status: number;
  readonly message: string;
  /** Further children of the document's `Error` element, in order. */
  readonly details: Readonly<Record<string, string>>;
}

const NO_DETAILS: Readonly<Record<string, string>> = Object.freeze({});

export function refusal(code: RefusalCode, message: string, details = NO_DETAILS): Refusal {
  return { code, status: STATUSES[code], message, details };
}

export function isRefusal(value: object): value is Refusal {
  return 'code' in value && 'status' in value;
}

/** Why a body was not taken. A payload source fails its sink with it. */
export class BodyRefused extends Error {
  override readonly name = 'BodyRefused';
  readonly refusal: Refusal;

  constructor(of: Refusal, options?: { cause?: unknown }) {
    super(`${of.code}: ${of.message}`, options);
    this.refusal = of;
  }
}

export const incompleteBody = refusal(
  'IncompleteBody',
  'You did not provide the number of bytes specified by the Content-Length HTTP header',
);

export const entityTooLarge = (sizeBytes: number | undefined, maxBytes: number) =>
  refusal('EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size', {
    ...(sizeBytes !== undefined && { ProposedSize: String(sizeBytes) }),
    MaxSizeAllowed: String(maxBytes),
  });

const CAUSES_MAX = 8;

/** The refusal at the bottom of `error`, found along its causes; undefined where it is something else. */
export function refusalOf(error: unknown): Refusal | undefined {
  let at = error;
  for (let depth = 0; depth < CAUSES_MAX && at instanceof Error; depth++) {
    if (at instanceof BodyRefused) return at.refusal;
    if (at instanceof BodyFailure) return bodyFailureRefusal(at);
    at = at.cause;
  }
  return undefined;
}

function bodyFailureRefusal(failure: BodyFailure): Refusal {
  switch (failure.reason) {
    case 'incomplete':
      return incompleteBody;
    case 'too-large':
      return entityTooLarge(failure.sizeBytes, failure.maxBytes);
    case 'idle':
      return refusal(
        'RequestTimeout',
        'Your socket connection to the server was not read from or written to within the timeout period. ' +
          'Idle connections will be closed.',
      );
  }
}
