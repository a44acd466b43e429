// Owns one Swift request on its way through the gateway: what every operation is given, and the translation
// of the cloud's refusals for it.

import type { Clock } from '#core/kernel/clock.ts';
import { isRejected, type Rejection } from '#core/kernel/decider.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Random } from '#core/kernel/random.ts';
import type { BodyWatch } from '#gateways/edge/body-watch.ts';
import { collect } from '#gateways/edge/collect.ts';
import type { HttpRequest, HttpResponse } from '#gateways/edge/http-messages.ts';
import { requestBody } from '#gateways/edge/request-body.ts';
import type { Caller, Cloud } from '#services/cloud.ts';
import type { Identity } from '#services/identity/identity.ts';
import type { Token, TokenUseCases } from '#services/identity/tokens.service.ts';
import { BUCKET_REJECTIONS, OBJECT_REJECTIONS, SwiftError } from './errors.ts';
import type { Address } from './paths.ts';
import type { Rates } from './rate-limits.ts';
import type { CrossOrigin } from './reply.ts';
import type { StoragePolicies } from './storage-policies.ts';
import type { SignedUrl } from './temp-url.ts';

/** Where what went wrong on our side is told; pino's Logger is one. */
export interface GatewayLogger {
  error(fields: object, message: string): void;
}

/** What the gateway gives to all its calls. */
export interface GatewayContext {
  readonly cloud: Cloud;
  readonly identity: Identity;
  readonly tokens: TokenUseCases;
  readonly clock: Clock;
  readonly random: Random;
  readonly region: string;
  readonly watch: BodyWatch;
  readonly logger: GatewayLogger;
  readonly policies: StoragePolicies;
  /** Undefined where everybody may ask as often as they like. */
  readonly rates: Rates | undefined;
}

/** Who calls, as what the account's own project lets it. */
export interface Authorised {
  readonly caller: Caller;
  /** By a role in the account's project. */
  readonly isOwn: boolean;
  /** By one that may change things there, and so shown whom the lists let in. */
  readonly isWriter: boolean;
  /** Administers the cloud. */
  readonly isReseller: boolean;
}

export interface SwiftCall extends Address, Authorised {
  readonly gateway: GatewayContext;
  readonly request: HttpRequest;
  readonly response: HttpResponse;
  readonly transactionId: string;
  readonly crossOrigin: CrossOrigin | undefined;
  readonly query: ReadonlyMap<string, string>;
  readonly token: Token | undefined;
  /** By which it may be carried out, without a token. */
  readonly signed: SignedUrl | undefined;
}

/** A single header's value; several lines of one name are joined, as HTTP has it. UTF-8, as it was meant. */
export function header(call: Pick<SwiftCall, 'request'>, name: string): string | undefined {
  const value = call.request.headers[name];
  const text = typeof value === 'object' ? value.join(',') : value;
  return text === undefined ? undefined : fromHeader(text);
}

const PRINTABLE = /^[\x20-\x7e]*$/;

/** Node gives, and takes, one character for each byte. */
export function fromHeader(value: string): string {
  return PRINTABLE.test(value) ? value : Buffer.from(value, 'latin1').toString();
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: what no header may hold.
const UNFIT = /[\u0000-\u001f\u007f]/g;

export function toHeader(value: string): string {
  // What another dialect let in must not end our header.
  return PRINTABLE.test(value) ? value : Buffer.from(value.replace(UNFIT, ' ')).toString('latin1');
}

/** The type of what tells that an object is gone. */
export const DELETED_TYPE = 'application/x-deleted;swift_versions_deleted=1';

export const isTrue = (value: string | undefined): boolean =>
  value !== undefined && /^(true|1|yes|on|t|y)$/i.test(value);

/** What a use case of containers gave, unless it refused. @throws SwiftError */
export function acceptBucket<Value>(outcome: Value | Rejection<keyof typeof BUCKET_REJECTIONS>): Value {
  if (!isRejected(outcome)) return outcome;
  throw new SwiftError(BUCKET_REJECTIONS[outcome.rejected]);
}

/** What a use case of objects gave, unless it refused. @throws SwiftError */
export function accept<Value>(outcome: Value | Rejection<keyof typeof OBJECT_REJECTIONS>): Value {
  if (!isRejected(outcome)) return outcome;
  const text = outcome.rejected === 'quota-exceeded' ? 'Upload exceeds quota.' : undefined;
  throw new SwiftError(OBJECT_REJECTIONS[outcome.rejected], text);
}

/** The body as the bytes of an object. @throws SwiftError 411, 413 */
export function objectBody({ request, response, gateway }: SwiftCall) {
  const { headers } = request;
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) {
    throw new SwiftError(411, 'Missing Content-Length header.');
  }
  const announced = Number(headers['content-length'] ?? 0);
  if (announced > limits.s3PutBytes) throw new SwiftError(413, 'Your request is too large.');
  return requestBody(request, response, { watch: gateway.watch, maxBytes: limits.s3PutBytes });
}

/** A body that is a document. @throws BodyFailure */
export function documentBody({ request, response, gateway }: SwiftCall, maxBytes: number): Promise<Buffer> {
  return collect(requestBody(request, response, { watch: gateway.watch, maxBytes }), maxBytes);
}
