// Owns Swift's answers to what is refused (https://docs.openstack.org/api-ref/object-store/), and the total
// tables from every "no" of the cloud to them: a new one does not compile until it is answered.

import type { FaultCode } from '#core/kernel/errors.ts';
import { isFault } from '#core/kernel/errors.ts';
import { BodyFailure, type BodyFailureReason } from '#gateways/edge/request-body.ts';
import type { BucketRejection, ObjectRejection } from '#services/cloud.ts';

const TEXTS = {
  400: [
    'Bad Request',
    'The server could not comply with the request since it is either malformed or otherwise incorrect.',
  ],
  401: [
    'Unauthorized',
    'This server could not verify that you are authorized to access the document you requested.',
  ],
  403: ['Forbidden', 'Access was denied to this resource.'],
  404: ['Not Found', 'The resource could not be found.'],
  405: ['Method Not Allowed', 'The method is not allowed for this resource.'],
  406: ['Not Acceptable', 'The resource is not available in a format acceptable to your browser.'],
  408: ['Request Timeout', 'The server has waited too long for the request to be sent by the client.'],
  409: ['Conflict', 'There was a conflict when trying to complete your request.'],
  411: ['Length Required', 'Content-Length header required.'],
  412: ['Precondition Failed', 'A precondition for this request was not met.'],
  413: ['Request Entity Too Large', 'The body of your request was too large for this server.'],
  416: ['Requested Range Not Satisfiable', 'The Range requested is not available.'],
  422: ['Unprocessable Entity', 'Unable to process the contained instructions'],
  497: ['Blacklisted', 'Your account has been blacklisted'],
  498: ['Rate Limited', 'Slow down'],
  499: ['Client Disconnect', 'The client was disconnected during request.'],
  500: [
    'Internal Error',
    'The server has either erred or is incapable of performing the requested operation.',
  ],
  501: ['Not Implemented', 'The requested method is not implemented by this server.'],
  503: ['Service Unavailable', 'The server is currently unavailable. Please try again at a later time.'],
  507: ['Insufficient Storage', 'There was not enough space to save the resource.'],
} as const;

export type ErrorStatus = keyof typeof TEXTS;

/** As it stands in documents that tell of many things. */
export const statusLine = (status: ErrorStatus): string => `${status} ${TEXTS[status][0]}`;

export class SwiftError extends Error {
  override readonly name = 'SwiftError';
  readonly status: ErrorStatus;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  /** As plain text; absent: Swift's own page of that status. */
  readonly text: string | undefined;

  constructor(status: ErrorStatus, text?: string, headers: readonly string[] = []) {
    super(text ?? TEXTS[status][0]);
    this.status = status;
    this.text = text;
    this.headers = headers;
  }

  document(): { readonly type: string; readonly body: string } {
    if (this.text !== undefined) return { type: 'text/plain', body: this.text };
    const [title, explanation] = TEXTS[this.status];
    return {
      type: 'text/html; charset=UTF-8',
      body: `<html><h1>${title}</h1><p>${explanation}</p></html>`,
    };
  }
}

/**
 * Who calls has been judged before: what the cloud denies then is a bucket of the same name that belongs to
 * another account, of which this one knows nothing.
 */
const ELSEWHERE = 404;

export const BUCKET_REJECTIONS: Readonly<Record<BucketRejection, ErrorStatus>> = {
  'access-denied': ELSEWHERE,
  'no-such-bucket': 404,
  'bucket-exists': 409,
  'bucket-owned-by-caller': 409,
  'bucket-not-empty': 409,
  'too-many-buckets': 403,
  'bucket-state': 400,
  'operation-in-progress': 409,
};

export const OBJECT_REJECTIONS: Readonly<Record<ObjectRejection, ErrorStatus>> = {
  'access-denied': ELSEWHERE,
  'no-such-bucket': 404,
  'no-such-key': 404,
  'no-such-version': 404,
  'precondition-failed': 412,
  'quota-exceeded': 413,
  'operation-in-progress': 409,
};

const FAULTS: Readonly<Record<FaultCode, ErrorStatus>> = {
  conflict: 409,
  'quorum-not-reached': 503,
  'chunk-unreadable': 503,
  'chunk-missing': 500,
  'chunk-corrupt': 500,
  'no-space': 507,
  corruption: 500,
  closed: 503,
  busy: 503,
  'log-unavailable': 503,
  unreachable: 503,
  timeout: 503,
  aborted: 499,
  locked: 500,
};

const BODIES: Readonly<Record<BodyFailureReason, ErrorStatus>> = {
  incomplete: 499,
  'too-large': 413,
  idle: 408,
};

const CAUSES_MAX = 8;

/** Whatever was thrown, as Swift's answer. */
export function failureOf(error: unknown): SwiftError {
  // A fault may wrap what a describe() or a body threw: the innermost of our own is the truth.
  let at = error;
  for (let depth = 0; depth < CAUSES_MAX && at instanceof Error; depth++) {
    if (at instanceof SwiftError) return at;
    if (at instanceof BodyFailure) return new SwiftError(BODIES[at.reason]);
    at = at.cause;
  }
  return new SwiftError(isFault(error) ? FAULTS[error.code] : 500);
}
