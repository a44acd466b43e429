// Owns one S3 request on its way through the gateway: what every operation is given, and the translation of
// the cloud's refusals for it.

import type { IncomingHttpHeaders } from 'node:http';
import type { Clock } from '#core/kernel/clock.ts';
import { isRejected, type Rejection } from '#core/kernel/decider.ts';
import { limits } from '#core/kernel/limits.ts';
import type { BodyWatch } from '#gateways/edge/body-watch.ts';
import { collect } from '#gateways/edge/collect.ts';
import type { HttpRequest, HttpResponse } from '#gateways/edge/http-messages.ts';
import type { QueryParameter } from '#gateways/edge/query-string.ts';
import { BodyFailure, requestBody } from '#gateways/edge/request-body.ts';
import type { StoredObject } from '#projections/objects-by-key/objects-by-key.query.ts';
import type { BucketRejection, Caller, Cloud, UploadRejection, WriteCondition } from '#services/cloud.ts';
import { isOver } from '#services/expirer.ts';
import type { Authenticated } from './auth/authenticate.ts';
import { type PayloadSource, payloadSource } from './auth/payload.ts';
import { verifyDocument } from './checksums.ts';
import { conditionName } from './conditions.ts';
import { BUCKET_REJECTIONS, OBJECT_REJECTIONS, S3Error, type S3ErrorCode } from './errors.ts';
import type { Ownership } from './settings/ownership.ts';

/** Where what went wrong on our side is told; pino's Logger is one. */
export interface GatewayLogger {
  error(fields: object, message: string): void;
}

/** What the gateway gives to all its calls. */
export interface GatewayContext {
  readonly cloud: Cloud;
  readonly clock: Clock;
  readonly region: string;
  /** Whom buckets may tell of their objects. */
  readonly destinations: ReadonlySet<string>;
  readonly watch: BodyWatch;
  /** Names this gateway in `x-amz-id-2`. */
  readonly hostId: string;
  readonly logger: GatewayLogger;
  /** Of new buckets that are made without a word of it. */
  readonly ownership: Ownership;
}

/** The parameters of a query. There are few: a walk is faster than a table. */
export class Query {
  readonly parameters: readonly QueryParameter[];

  constructor(parameters: readonly QueryParameter[]) {
    this.parameters = parameters;
  }

  /** The first value of that name; empty where it has none. */
  get(name: string): string | undefined {
    for (const [each, value] of this.parameters) if (each === name) return value;
    return undefined;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }
}

export const NO_QUERY = new Query([]);

/** Of a request that names a version, or none. */
export function queryOfVersion(versionId: string | undefined): Query {
  return versionId === undefined ? NO_QUERY : new Query([['versionId', versionId]]);
}

export interface S3Call {
  readonly gateway: GatewayContext;
  readonly request: HttpRequest;
  readonly response: HttpResponse;
  readonly requestId: string;
  readonly auth: Authenticated;
  readonly caller: Caller;
  /** With those that a presigned URL carries in its query. */
  readonly headers: IncomingHttpHeaders;
  readonly query: Query;
  readonly bucket: string;
  readonly key: string;
  /** What a page of another origin is told with the answer. */
  readonly crossOrigin: readonly string[] | undefined;
}

/** A single header's value; several lines of one name are joined, as HTTP has it. */
export function header(call: { readonly headers: IncomingHttpHeaders }, name: string): string | undefined {
  const value = call.headers[name];
  return typeof value === 'object' ? value.join(',') : value;
}

/**
 * The body as the bytes of an object; nothing flows before it is started.
 * @throws S3Error MissingContentLength; BodyRefused EntityTooLarge, MissingContentLength
 */
export function objectBody(call: S3Call): PayloadSource {
  const { headers } = call.request;
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) {
    throw new S3Error('MissingContentLength');
  }
  const body = requestBody(call.request, call.response, {
    watch: call.gateway.watch,
    maxBytes: Number.POSITIVE_INFINITY,
  });
  return payloadSource(body, call.auth, { maxBytes: limits.s3PutBytes, sha256: 'by-writer' });
}

/**
 * A request document, with its digests verified.
 * @param checksumsOf what x-amz-checksum-* headers speak of: the document, or the object that it makes
 * @throws S3Error MalformedXML, BadDigest, InvalidRequest
 */
export async function documentBody(
  call: S3Call,
  checksumsOf: 'document' | 'object' = 'document',
): Promise<{ readonly bytes: Buffer; readonly digested: boolean }> {
  const { request, response, gateway, auth } = call;
  const body = requestBody(request, response, { watch: gateway.watch, maxBytes: Number.POSITIVE_INFINITY });
  const source = payloadSource(body, auth, { maxBytes: Number.MAX_SAFE_INTEGER });
  try {
    const bytes = await collect(source, limits.s3XmlBytes);
    const headers = checksumsOf === 'document' ? request.headers : md5Only(request.headers);
    return { bytes, digested: verifyDocument(headers, auth, bytes, source.trailers) };
  } catch (error) {
    if (error instanceof BodyFailure && error.reason === 'too-large') throw new S3Error('MalformedXML');
    throw error;
  }
}

function md5Only(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const md5 = headers['content-md5'];
  return md5 === undefined ? {} : { 'content-md5': md5 };
}

/** What a use case of buckets gave, unless it refused. @throws S3Error */
export function acceptBucket<Value>(call: S3Call, outcome: Value | Rejection<BucketRejection>): Value {
  if (!isRejected(outcome)) return outcome;
  throw errorFor(call, BUCKET_REJECTIONS[outcome.rejected]);
}

/** What a use case of objects or uploads gave, unless it refused. @throws S3Error */
export function accept<Value>(
  call: S3Call,
  outcome: Value | Rejection<UploadRejection>,
  condition?: WriteCondition,
): Value {
  if (!isRejected(outcome)) return outcome;
  throw errorFor(call, OBJECT_REJECTIONS[outcome.rejected], condition);
}

/** What is to be read, unless its time is over: another dialect can have said when. @throws S3Error */
export function living(call: S3Call, object: StoredObject): StoredObject {
  if (isOver(object, call.gateway.clock.nowMs())) throw errorFor(call, 'NoSuchKey');
  return object;
}

/** The error with the names that S3 puts into its document. */
export function errorFor(call: S3Call, code: S3ErrorCode, condition?: WriteCondition): S3Error {
  switch (code) {
    case 'NoSuchBucket':
    case 'BucketAlreadyExists':
    case 'BucketAlreadyOwnedByYou':
    case 'BucketNotEmpty':
    case 'InvalidBucketName':
    case 'NoSuchBucketPolicy':
    case 'NoSuchPublicAccessBlockConfiguration':
    case 'NoSuchTagSet':
    case 'NoSuchLifecycleConfiguration':
    case 'NoSuchWebsiteConfiguration':
    case 'NoSuchCORSConfiguration':
    case 'ServerSideEncryptionConfigurationNotFoundError':
      return new S3Error(code, undefined, { BucketName: call.bucket });
    case 'NoSuchKey':
      return new S3Error(code, undefined, { Key: call.key });
    case 'NoSuchVersion':
      return new S3Error(code, undefined, { Key: call.key, VersionId: call.query.get('versionId') ?? '' });
    case 'NoSuchUpload':
      return new S3Error(code, undefined, { UploadId: call.query.get('uploadId') ?? '' });
    case 'PreconditionFailed':
      return new S3Error(code, undefined, { Condition: conditionName(condition ?? {}) });
    case 'ConditionalRequestConflict':
      // S3 has this code for conditional writes only.
      if (condition?.ifAbsent || condition?.ifEtag !== undefined) {
        return new S3Error(code, undefined, { Condition: conditionName(condition) });
      }
      return new S3Error('OperationAborted');
    default:
      return new S3Error(code);
  }
}
