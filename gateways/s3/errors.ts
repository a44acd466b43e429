// Owns the errors of the S3 dialect: each code with its status and message (Amazon S3 API Reference, "Error
// responses"), and the total tables from the cloud's rejections and faults to them. A rejection or fault that
// is added anywhere does not compile until it has an answer here.

import type { FaultCode } from '#core/kernel/errors.ts';
import type { BucketRejection, UploadRejection } from '#services/cloud.ts';

interface ErrorRow {
  readonly status: number;
  readonly message: string;
}

const S3_ERRORS = {
  AccessControlListNotSupported: { status: 400, message: 'The bucket does not allow ACLs' },
  AccessDenied: { status: 403, message: 'Access Denied' },
  AccessForbidden: { status: 403, message: 'CORSResponse: CORS is not enabled for this bucket.' },
  AmbiguousGrantByEmailAddress: {
    status: 400,
    message: 'The email address you provided is associated with more than one account.',
  },
  BadDigest: {
    status: 400,
    message: 'The Content-MD5 or checksum value that you specified did not match what the server received.',
  },
  BadRequest: { status: 400, message: 'Bad Request' },
  BucketAlreadyExists: {
    status: 409,
    message:
      'The requested bucket name is not available. The bucket namespace is shared by all users of the ' +
      'system. Specify a different name and try again.',
  },
  BucketAlreadyOwnedByYou: {
    status: 409,
    message: 'The bucket that you tried to create already exists, and you own it.',
  },
  BucketNotEmpty: { status: 409, message: 'The bucket that you tried to delete is not empty.' },
  ConditionalRequestConflict: {
    status: 409,
    message: 'A conflicting conditional operation is currently in progress against this resource. Try again.',
  },
  EntityTooLarge: {
    status: 400,
    message: 'Your proposed upload exceeds the maximum allowed object size.',
  },
  EntityTooSmall: {
    status: 400,
    message: 'Your proposed upload is smaller than the minimum allowed object size.',
  },
  IllegalLocationConstraintException: {
    status: 400,
    message:
      'The location constraint is incompatible for the region specific endpoint this request was sent to.',
  },
  IncompleteBody: {
    status: 400,
    message: 'You did not provide the number of bytes specified by the Content-Length HTTP header.',
  },
  InsufficientStorage: { status: 507, message: 'There is not enough free space to store this.' },
  InternalError: { status: 500, message: 'We encountered an internal error. Please try again.' },
  InvalidArgument: { status: 400, message: 'Invalid Argument' },
  IllegalVersioningConfigurationException: {
    status: 400,
    message: 'The versioning configuration specified in the request is invalid.',
  },
  InvalidBucketAclWithObjectOwnership: {
    status: 400,
    message: "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
  },
  InvalidBucketState: {
    status: 409,
    message: 'The request is not valid for the current state of the bucket.',
  },
  InvalidBucketName: { status: 400, message: 'The specified bucket is not valid.' },
  InvalidDigest: {
    status: 400,
    message: 'The Content-MD5 or checksum value that you specified is not valid.',
  },
  InvalidEncryptionAlgorithmError: {
    status: 400,
    message: 'The Encryption request you specified is not valid. Supported value: AES256.',
  },
  InvalidLocationConstraint: { status: 400, message: 'The specified location constraint is not valid.' },
  InvalidObjectState: {
    status: 403,
    message: 'The operation is not valid for the current state of the object.',
  },
  InvalidPart: {
    status: 400,
    message:
      'One or more of the specified parts could not be found. The part might not have been uploaded, or ' +
      "the specified entity tag might not have matched the part's entity tag.",
  },
  InvalidPartNumber: { status: 416, message: 'The requested partnumber is not satisfiable' },
  InvalidPartOrder: {
    status: 400,
    message:
      'The list of parts was not in ascending order. The parts list must be specified in order by part ' +
      'number.',
  },
  InvalidPolicyDocument: {
    status: 400,
    message: 'The content of the form does not meet the conditions specified in the policy document.',
  },
  InvalidRange: { status: 416, message: 'The requested range is not satisfiable' },
  InvalidRedirectLocation: {
    status: 400,
    message: "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.",
  },
  InvalidRequest: { status: 400, message: 'Invalid Request' },
  InvalidStorageClass: { status: 400, message: 'The storage class you specified is not valid.' },
  InvalidTag: { status: 400, message: 'The tag provided was not a valid tag.' },
  InvalidURI: { status: 400, message: "Couldn't parse the specified URI." },
  KeyTooLongError: { status: 400, message: 'Your key is too long.' },
  MalformedPOSTRequest: {
    status: 400,
    message: 'The body of your POST request is not well-formed multipart/form-data.',
  },
  MalformedACLError: {
    status: 400,
    message: 'The XML you provided was not well-formed or did not validate against our published schema',
  },
  MalformedPolicy: { status: 400, message: 'Invalid policy syntax.' },
  MalformedXML: {
    status: 400,
    message:
      'The XML that you provided was not well formed or did not validate against our published schema.',
  },
  MaxPostPreDataLengthExceededError: {
    status: 400,
    message: 'Your POST request fields preceeding the upload file was too large.',
  },
  MetadataTooLarge: {
    status: 400,
    message: 'Your metadata headers exceed the maximum allowed metadata size.',
  },
  MethodNotAllowed: { status: 405, message: 'The specified method is not allowed against this resource.' },
  MissingContentLength: { status: 411, message: 'You must provide the Content-Length HTTP header.' },
  MissingSecurityHeader: { status: 400, message: 'Your request was missing a required header' },
  NoSuchBucket: { status: 404, message: 'The specified bucket does not exist' },
  NoSuchCORSConfiguration: { status: 404, message: 'The CORS configuration does not exist' },
  NoSuchBucketPolicy: { status: 404, message: 'The bucket policy does not exist' },
  NoSuchPublicAccessBlockConfiguration: {
    status: 404,
    message: 'The public access block configuration was not found',
  },
  NoSuchKey: { status: 404, message: 'The specified key does not exist.' },
  NoSuchVersion: { status: 404, message: 'The specified version does not exist.' },
  NoSuchLifecycleConfiguration: {
    status: 404,
    message: 'The lifecycle configuration does not exist',
  },
  NoSuchTagSet: { status: 404, message: 'The TagSet does not exist' },
  NoSuchUpload: {
    status: 404,
    message:
      'The specified multipart upload does not exist. The upload ID might be invalid, or the multipart ' +
      'upload might have been aborted or completed.',
  },
  NoSuchWebsiteConfiguration: {
    status: 404,
    message: 'The specified bucket does not have a website configuration',
  },
  NotImplemented: {
    status: 501,
    message: 'A header or parameter you provided implies functionality that is not implemented.',
  },
  OperationAborted: {
    status: 409,
    message: 'A conflicting conditional operation is currently in progress against this resource. Try again.',
  },
  ServerSideEncryptionConfigurationNotFoundError: {
    status: 404,
    message: 'The server side encryption configuration was not found',
  },
  OwnershipControlsNotFoundError: {
    status: 404,
    message: 'The bucket ownership controls were not found',
  },
  PreconditionFailed: {
    status: 412,
    message: 'At least one of the pre-conditions you specified did not hold',
  },
  ServiceUnavailable: { status: 503, message: 'Service is unable to handle request.' },
  SlowDown: { status: 503, message: 'Please reduce your request rate.' },
  /** Not Amazon's, which has no quotas; clients of other stores know it by this name. */
  QuotaExceeded: { status: 403, message: 'The bucket, or the account, may hold no more.' },
  UnexpectedContent: { status: 400, message: 'This request does not support content' },
  UnresolvableGrantByEmailAddress: {
    status: 400,
    message: 'The email address you provided does not match any account on record.',
  },
  TooManyBuckets: { status: 400, message: 'You have attempted to create more buckets than allowed.' },
} as const satisfies Record<string, ErrorRow>;

export type S3ErrorCode = keyof typeof S3_ERRORS;

/** What an error document says; Refusal of ./auth has the same shape. */
export interface S3Failure {
  readonly code: string;
  readonly status: number;
  readonly message: string;
  /** Further children of the document, in order. */
  readonly details: Readonly<Record<string, string>>;
  /** Further headers of the answer, names and values in turn. */
  readonly headers?: readonly string[];
}

const NO_DETAILS: Readonly<Record<string, string>> = Object.freeze({});
const NO_HEADERS: readonly string[] = Object.freeze([]);

/** Thrown by operations; answered by dispatch. */
export class S3Error extends Error implements S3Failure {
  override readonly name = 'S3Error';
  readonly code: S3ErrorCode;
  readonly status: number;
  readonly details: Readonly<Record<string, string>>;
  readonly headers: readonly string[];

  constructor(
    code: S3ErrorCode,
    message?: string,
    details: Readonly<Record<string, string>> = NO_DETAILS,
    headers: readonly string[] = NO_HEADERS,
  ) {
    super(message ?? S3_ERRORS[code].message);
    this.code = code;
    this.status = S3_ERRORS[code].status;
    this.details = details;
    this.headers = headers;
  }
}

export function invalidArgument(name: string, value: string, message?: string): S3Error {
  return new S3Error('InvalidArgument', message, { ArgumentName: name, ArgumentValue: value });
}

export function invalidVersion(value: string): S3Error {
  return invalidArgument('versionId', value, 'Invalid version id specified');
}

/** Answers of the use cases of buckets. */
export const BUCKET_REJECTIONS: Readonly<Record<BucketRejection, S3ErrorCode>> = {
  'access-denied': 'AccessDenied',
  'no-such-bucket': 'NoSuchBucket',
  'bucket-exists': 'BucketAlreadyExists',
  'bucket-owned-by-caller': 'BucketAlreadyOwnedByYou',
  'bucket-not-empty': 'BucketNotEmpty',
  'too-many-buckets': 'TooManyBuckets',
  'bucket-state': 'InvalidBucketState',
  'operation-in-progress': 'OperationAborted',
};

/** Answers of the use cases of objects and uploads. */
export const OBJECT_REJECTIONS: Readonly<Record<UploadRejection, S3ErrorCode>> = {
  'access-denied': 'AccessDenied',
  'no-such-bucket': 'NoSuchBucket',
  'no-such-key': 'NoSuchKey',
  'no-such-version': 'NoSuchVersion',
  'precondition-failed': 'PreconditionFailed',
  'quota-exceeded': 'QuotaExceeded',
  'operation-in-progress': 'ConditionalRequestConflict',
  'no-such-upload': 'NoSuchUpload',
  'invalid-part': 'InvalidPart',
  'invalid-part-order': 'InvalidPartOrder',
  'part-too-small': 'EntityTooSmall',
  'object-too-large': 'EntityTooLarge',
};

/** What S3's clients retry is a 5xx: whatever may be better in a moment must be one. */
export const FAULTS: Readonly<Record<FaultCode, S3ErrorCode>> = {
  conflict: 'OperationAborted',
  'quorum-not-reached': 'ServiceUnavailable',
  'chunk-unreadable': 'ServiceUnavailable',
  'chunk-missing': 'InternalError',
  'chunk-corrupt': 'InternalError',
  'no-space': 'InsufficientStorage',
  corruption: 'InternalError',
  closed: 'ServiceUnavailable',
  busy: 'SlowDown',
  'log-unavailable': 'ServiceUnavailable',
  unreachable: 'ServiceUnavailable',
  timeout: 'ServiceUnavailable',
  aborted: 'IncompleteBody',
  locked: 'InternalError',
};
