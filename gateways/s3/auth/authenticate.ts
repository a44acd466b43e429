// Owns the judgement of who sent an S3 request. Guarantee: an identity is returned only for a request whose
// method, path, query, host and every x-amz-* header its secret has signed, at a time near now. Budget:
// under 12 µs.

import type { IncomingHttpHeaders } from 'node:http';
import type { Clock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import type { AccessKeyOwner, Accounts } from '#services/cloud.ts';
import { canonicalPath, canonicalQuery, canonicalValue, HeaderLookup } from './canonical-request.ts';
import { type Claim, headerClaim, queryClaim, queryMechanism, queryV2 } from './claim.ts';
import { type PayloadMode, payloadMode, UNSIGNED_PAYLOAD } from './payload-mode.ts';
import { isRefusal, type Refusal, refusal } from './refusal.ts';
import { type ChunkSigning, sameSignature, stringToSign } from './signature-v4.ts';
import { SigningKeys } from './signing-keys.ts';

/** A request as node:http gives it; the target split, but not decoded. */
export interface SignedRequest {
  readonly method: string;
  readonly rawPath: string;
  readonly rawQuery: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
}

export interface AuthenticationContext {
  readonly accounts: Accounts;
  readonly clock: Clock;
  readonly region: string;
}

export interface Authenticated {
  readonly ok: true;
  /** `anonymous`: no credentials at all were given. */
  readonly identity: AccessKeyOwner | 'anonymous';
  /** Empty for `anonymous`. */
  readonly accessKeyId: string;
  readonly presigned: boolean;
  readonly payload: PayloadMode;
  /** `x-amz-*` parameters of a presigned query that stand for headers, by lower-case name. */
  readonly hoisted: Readonly<Record<string, string>>;
  /** Where chunk signatures continue from. */
  readonly signing?: ChunkSigning;
}

export type Authentication = Authenticated | { readonly ok: false; readonly error: Refusal };

// A derived key is a function of what it is looked up by, so one memory serves all.
export const signingKeys = new SigningKeys();

const invalidUri = refusal('InvalidURI', "Couldn't parse the specified URI.");

export function authenticate(request: SignedRequest, context: AuthenticationContext): Authentication {
  const headers = new HeaderLookup(request.headers, request.rawHeaders);
  if (headers.repeated !== undefined) {
    return refused(refusal('InvalidRequest', `The header ${headers.repeated} must be given only once.`));
  }
  const authorization = headers.get('authorization');
  const mechanism = queryMechanism(request.rawQuery);
  if (authorization !== undefined && mechanism !== undefined) return refused(oneMechanism(authorization));
  if (mechanism === 'v2') return refused(queryV2);
  if (authorization === undefined && mechanism === undefined) return anonymous(headers);
  const claim =
    authorization === undefined
      ? queryClaim(request.rawQuery, headers, context.region)
      : headerClaim(authorization, headers, context.region);
  return isRefusal(claim) ? refused(claim) : judge(request, context, headers, claim);
}

const refused = (error: Refusal): Authentication => ({ ok: false, error });

const oneMechanism = (authorization: string) =>
  refusal(
    'InvalidArgument',
    'Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string ' +
      'parameter or the Authorization header should be specified',
    { ArgumentName: 'Authorization', ArgumentValue: authorization },
  );

function anonymous(headers: HeaderLookup): Authentication {
  const contentSha256 = headers.get('x-amz-content-sha256')?.trim() ?? UNSIGNED_PAYLOAD;
  const payload = payloadMode(contentSha256, headers);
  if (isRefusal(payload)) return refused(payload);
  if (payload.kind === 'chunked' && payload.signed) {
    return refused(refusal('InvalidRequest', 'A request without credentials cannot have signed chunks.'));
  }
  return { ok: true, identity: 'anonymous', accessKeyId: '', presigned: false, payload, hoisted: {} };
}

function judge(
  request: SignedRequest,
  context: AuthenticationContext,
  headers: HeaderLookup,
  claim: Claim,
): Authentication {
  const contentSha256 = claim.contentSha256 ?? (claim.presigned ? UNSIGNED_PAYLOAD : undefined);
  if (contentSha256 === undefined) {
    const message = 'Missing required header for this request: x-amz-content-sha256';
    return refused(refusal('InvalidRequest', message));
  }
  const payload = payloadMode(contentSha256, headers);
  if (isRefusal(payload)) return refused(payload);
  const owner = context.accounts.accessKey(claim.accessKeyId);
  if (owner === undefined) return refused(unknownAccessKey(claim.accessKeyId));
  if (claim.hasToken) {
    return refused(refusal('InvalidToken', 'The provided token is malformed or otherwise invalid.'));
  }
  const wrong = wrongTime(claim, context.clock.nowMs()) ?? unsignedHeaders(claim, headers);
  if (wrong !== undefined) return refused(wrong);
  const canonical = canonicalRequest(request, headers, claim, contentSha256);
  if (canonical === undefined) return refused(invalidUri);
  const toSign = stringToSign(claim.timestamp, claim.scope, canonical);
  const key = signingKeys.get(claim.accessKeyId, owner.secret, claim.date, claim.region);
  if (!sameSignature(key.signHex(toSign), claim.signature)) {
    return refused(signatureDoesNotMatch(claim, toSign, canonical));
  }
  const { timestamp, scope, signature: seed } = claim;
  return {
    ok: true,
    identity: owner,
    accessKeyId: claim.accessKeyId,
    presigned: claim.presigned,
    payload,
    hoisted: claim.hoisted,
    signing: { key, timestamp, scope, seed },
  };
}

export const unknownAccessKey = (accessKeyId: string) =>
  refusal('InvalidAccessKeyId', 'The AWS Access Key Id you provided does not exist in our records.', {
    AWSAccessKeyId: accessKeyId,
  });

const signatureDoesNotMatch = (claim: Claim, toSign: string, canonical: string) =>
  refusal(
    'SignatureDoesNotMatch',
    'The request signature we calculated does not match the signature you provided. ' +
      'Check your key and signing method.',
    {
      AWSAccessKeyId: claim.accessKeyId,
      StringToSign: toSign,
      SignatureProvided: claim.signature,
      CanonicalRequest: canonical,
    },
  );

function wrongTime(claim: Claim, nowMs: number): Refusal | undefined {
  const aheadMs = claim.timestampMs - nowMs;
  if (!claim.presigned) {
    if (Math.abs(aheadMs) <= limits.s3ClockSkewMs) return undefined;
    const message = 'The difference between the request time and the current time is too large.';
    return refusal('RequestTimeTooSkewed', message, {
      RequestTime: claim.timestamp,
      ServerTime: new Date(nowMs).toISOString(),
      MaxAllowedSkewMilliseconds: String(limits.s3ClockSkewMs),
    });
  }
  const expiresMs = claim.timestampMs + claim.expiresSeconds * 1_000;
  const early = aheadMs > limits.s3ClockSkewMs;
  if (!early && nowMs <= expiresMs) return undefined;
  return refusal('AccessDenied', early ? 'Request is not yet valid' : 'Request has expired', {
    'X-Amz-Expires': String(claim.expiresSeconds),
    Expires: new Date(expiresMs).toISOString(),
    ServerTime: new Date(nowMs).toISOString(),
  });
}

const FEW_HEADERS = 32;

/** Without these rules a signature could be lent to a request that says more than was signed. */
function unsignedHeaders(claim: Claim, headers: HeaderLookup): Refusal | undefined {
  if (headers.get('host') === undefined) {
    return refusal('MissingSecurityHeader', 'Your request was missing a required header', {
      MissingHeaderName: 'host',
    });
  }
  const { signedHeaders } = claim;
  // Few are found faster in a list; many must not cost their product.
  const many = signedHeaders.length > FEW_HEADERS ? new Set(signedHeaders) : undefined;
  const unsigned = signedHeaders.includes('host') ? [] : ['host'];
  for (const name of headers.names) {
    if (!name.startsWith('x-amz-')) continue;
    if (!(many ? many.has(name) : signedHeaders.includes(name))) unsigned.push(name);
  }
  if (unsigned.length === 0) return undefined;
  const message = 'There were headers present in the request which were not signed';
  return refusal('AccessDenied', message, { HeadersNotSigned: unsigned.join(', ') });
}

/** Undefined where the target has a malformed escape. */
function canonicalRequest(
  request: SignedRequest,
  headers: HeaderLookup,
  claim: Claim,
  contentSha256: string,
): string | undefined {
  const path = canonicalPath(request.rawPath);
  const query = canonicalQuery(request.rawQuery, claim.presigned ? 'X-Amz-Signature' : '');
  if (path === undefined || query === undefined) return undefined;
  let lines = `${request.method}\n${path}\n${query}\n`;
  for (const name of claim.signedHeaders) {
    const value = headers.get(name);
    // What was signed and did not arrive leaves no line, so that no signature of it matches.
    if (value !== undefined) lines += `${name}:${canonicalValue(value)}\n`;
  }
  return `${lines}\n${claim.signedHeaders.join(';')}\n${contentSha256}`;
}
