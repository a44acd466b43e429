// Owns what S3 documents of its answers ("Error responses", Amazon S3 API Reference), as an oracle of its
// own: which codes there are, and with which status.

import type { Answer } from './answers.ts';
import type { Draft, HostileCase } from './dialect.ts';

const BAD_REQUEST = [
  ...['AuthorizationHeaderMalformed', 'AuthorizationQueryParametersError', 'BadDigest', 'EntityTooLarge'],
  ...['EntityTooSmall', 'IllegalLocationConstraintException', 'IncompleteBody', 'InvalidArgument'],
  ...['InvalidBucketName', 'InvalidDigest', 'InvalidLocationConstraint', 'InvalidPart', 'InvalidPartOrder'],
  ...[
    'InvalidRequest',
    'InvalidStorageClass',
    'InvalidToken',
    'InvalidURI',
    'KeyTooLongError',
    'MalformedXML',
  ],
  ...[
    'MetadataTooLarge',
    'MalformedTrailerError',
    'MissingSecurityHeader',
    'RequestTimeout',
    'TooManyBuckets',
  ],
  ...[
    'AccessControlListNotSupported',
    'AmbiguousGrantByEmailAddress',
    'MalformedACLError',
    'MalformedPolicy',
  ],
  ...['InvalidBucketAclWithObjectOwnership', 'UnexpectedContent', 'UnresolvableGrantByEmailAddress'],
  ...['IllegalVersioningConfigurationException', 'InvalidEncryptionAlgorithmError'],
  ...['InvalidPolicyDocument', 'MalformedPOSTRequest', 'MaxPostPreDataLengthExceededError'],
  ...[
    'InvalidRedirectLocation',
    'InvalidTag',
    'BadRequest',
    'XAmzContentSHA256Mismatch',
    'RequestHeaderSectionTooLarge',
  ],
];
const FORBIDDEN = [
  ...[
    'AccessDenied',
    'AccessForbidden',
    'InvalidAccessKeyId',
    'InvalidObjectState',
    'InvalidChunkSizeError',
    'RequestTimeTooSkewed',
  ],
  ...['SignatureDoesNotMatch'],
];
const CONFLICT = [
  ...['BucketAlreadyExists', 'BucketAlreadyOwnedByYou', 'BucketNotEmpty', 'ConditionalRequestConflict'],
  ...['InvalidBucketState', 'OperationAborted'],
];

const STATUS_OF = new Map<string, number>([
  ...BAD_REQUEST.map((code) => [code, 400] as const),
  ...FORBIDDEN.map((code) => [code, 403] as const),
  ...CONFLICT.map((code) => [code, 409] as const),
  ...[
    'NoSuchBucket',
    'NoSuchKey',
    'NoSuchUpload',
    'NoSuchVersion',
    'NoSuchTagSet',
    'NoSuchCORSConfiguration',
    'NoSuchWebsiteConfiguration',
    'NoSuchLifecycleConfiguration',
    'NoSuchBucketPolicy',
    'NoSuchPublicAccessBlockConfiguration',
    'OwnershipControlsNotFoundError',
    'ServerSideEncryptionConfigurationNotFoundError',
  ].map((code) => [code, 404] as const),
  ['MethodNotAllowed', 405],
  ['MissingContentLength', 411],
  ['PreconditionFailed', 412],
  ['InvalidRange', 416],
  ['InvalidPartNumber', 416],
  ['NotImplemented', 501],
]);

/** What is refused before it is a request at all, and so without a dialect. */
const OF_THE_PARSER = new Set([400, 408, 417, 431, 501]);
const SUCCESSES = new Set([200, 204, 206, 304]);
const STATUSES = new Set([...STATUS_OF.values()]);

const isPageHost = ({ headers }: Draft): boolean =>
  headers.some(([name, value]) => name.toLowerCase() === 'host' && value.includes('s3-website'));

/** Of a deletion of many keys each is refused by itself. */
function refusesEachKey({ body: asked }: Draft, answer: string): boolean {
  const refused = answer.match(/<Error><Key>/g)?.length ?? 0;
  return refused > 0 && refused === asked.toString('latin1').match(/<Object>/g)?.length;
}

export function s3Complaint({ draft, mustRefuse }: HostileCase, answer: Answer): string | undefined {
  const { status, headers, body } = answer;
  // A browser asks before it signs.
  const isForAll = draft.method === 'OPTIONS';
  const isRefused = !mustRefuse || isForAll || refusesEachKey(draft, body);
  if (SUCCESSES.has(status)) return isRefused ? undefined : `${status} to what must be refused`;
  const type = headers.get('content-type');
  if (isPageHost(draft)) {
    // The only rule of the site.
    if (status === 302) return undefined;
    const page = /^<html>.*<li>Code: (\w+)<\/li>/s.exec(body)?.[1];
    if (page !== undefined) return STATUS_OF.get(page) === status ? undefined : `${status} ${page} on a page`;
  }
  if (type === 'text/plain') return OF_THE_PARSER.has(status) ? undefined : `${status} in plain text`;
  if (draft.method === 'HEAD' && body === '') {
    return STATUSES.has(status) ? undefined : `${status} is not documented`;
  }
  const code = /^<\?xml[^>]*\?>\n<Error><Code>(\w+)<\/Code><Message>/.exec(body)?.[1];
  if (type !== 'application/xml' || code === undefined) return `${status} without a document: ${body}`;
  return STATUS_OF.get(code) === status ? undefined : `${status} ${code} is not documented`;
}
