// Owns the reading of what a request claims about its signer, from the Authorization header or from the
// query ("Authenticating Requests (AWS Signature Version 4)", Amazon S3 API Reference). Nothing of a claim
// is believed here.

import { limits } from '#core/kernel/limits.ts';
import { percentDecode } from '#gateways/edge/percent-encoding.ts';
import { rawParameters } from '#gateways/edge/query-string.ts';
import type { HeaderLookup } from './canonical-request.ts';
import { isRefusal, type Refusal, refusal } from './refusal.ts';
import { ALGORITHM, timestampMs, timestampOf } from './signature-v4.ts';
import { SCOPE_END, SERVICE } from './signing-keys.ts';

export interface Claim {
  readonly presigned: boolean;
  readonly accessKeyId: string;
  /** `yyyymmdd`. */
  readonly date: string;
  readonly region: string;
  /** Credential without the access key id. */
  readonly scope: string;
  /** Lower-case names in the order of the signature. */
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** `yyyymmddThhmmssZ`. */
  readonly timestamp: string;
  readonly timestampMs: number;
  /** Seconds a presigned request is valid for; 0 where it is not presigned. */
  readonly expiresSeconds: number;
  readonly contentSha256: string | undefined;
  readonly hasToken: boolean;
  /** `x-amz-*` parameters of a presigned query that stand for headers. */
  readonly hoisted: Readonly<Record<string, string>>;
}

const NOTHING_HOISTED: Readonly<Record<string, string>> = Object.freeze({});

const malformedHeader = (reason: string, details = {}) =>
  refusal('AuthorizationHeaderMalformed', `The authorization header is malformed; ${reason}`, details);

const badParameter = (message: string, details = {}) =>
  refusal('AuthorizationQueryParametersError', message, details);

const otherMechanism = refusal(
  'InvalidRequest',
  'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.',
);

// ── the Authorization header ──

/** @returns the claim, or why there is none. Not called for a request without the header. */
export function headerClaim(authorization: string, headers: HeaderLookup, region: string): Claim | Refusal {
  const fields = authorizationFields(authorization);
  if (isRefusal(fields)) return fields;
  const timestamp = requestTimestamp(headers);
  const ms = timestamp === undefined ? undefined : timestampMs(timestamp);
  if (timestamp === undefined || ms === undefined) {
    return refusal('AccessDenied', 'AWS authentication requires a valid Date or x-amz-date header');
  }
  const credential = readCredential(fields.credential, region, timestamp);
  if ('reason' in credential) return malformedHeader(credential.reason, credential.details);
  return {
    presigned: false,
    accessKeyId: credential.accessKeyId,
    date: credential.date,
    region: credential.region,
    scope: credential.scope,
    signedHeaders: fields.signedHeaders.split(';'),
    signature: fields.signature,
    timestamp,
    timestampMs: ms,
    expiresSeconds: 0,
    contentSha256: headers.get('x-amz-content-sha256')?.trim(),
    hasToken: headers.get('x-amz-security-token') !== undefined,
    hoisted: NOTHING_HOISTED,
  };
}

interface AuthorizationFields {
  readonly credential: string;
  readonly signedHeaders: string;
  readonly signature: string;
}

const THREE_COMPONENTS =
  'the authorization header requires three components: Credential, SignedHeaders, and Signature.';

function authorizationFields(authorization: string): AuthorizationFields | Refusal {
  const space = authorization.indexOf(' ');
  const algorithm = space === -1 ? authorization : authorization.slice(0, space);
  if (algorithm !== ALGORITHM) return unsupported(algorithm, authorization);
  let credential: string | undefined;
  let signedHeaders: string | undefined;
  let signature: string | undefined;
  for (const part of authorization.slice(ALGORITHM.length).split(',')) {
    const mark = part.indexOf('=');
    const name = mark === -1 ? '' : part.slice(0, mark).trim();
    const value = part.slice(mark + 1).trim();
    if (name === 'Credential' && credential === undefined) credential = value;
    else if (name === 'SignedHeaders' && signedHeaders === undefined) signedHeaders = value;
    else if (name === 'Signature' && signature === undefined) signature = value;
    else return malformedHeader(THREE_COMPONENTS);
  }
  if (!credential || !signedHeaders || !signature) return malformedHeader(THREE_COMPONENTS);
  return { credential, signedHeaders, signature };
}

function unsupported(algorithm: string, authorization: string): Refusal {
  if (algorithm === 'AWS' || algorithm.startsWith('AWS4-')) return otherMechanism;
  return refusal('InvalidArgument', 'Unsupported Authorization Type', {
    ArgumentName: 'Authorization',
    ArgumentValue: authorization,
  });
}

const HTTP_DATE = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/;

function requestTimestamp(headers: HeaderLookup): string | undefined {
  const own = headers.get('x-amz-date');
  if (own !== undefined) return own.trim();
  const date = headers.get('date')?.trim();
  if (date === undefined || !HTTP_DATE.test(date)) return date;
  const ms = Date.parse(date);
  return Number.isNaN(ms) ? undefined : timestampOf(ms);
}

// ── the credential ──

export type Credential = Pick<Claim, 'accessKeyId' | 'date' | 'region' | 'scope'>;

export interface BadCredential {
  readonly reason: string;
  readonly details?: Readonly<Record<string, string>>;
}

export function readCredential(
  credential: string,
  region: string,
  timestamp: string,
): Credential | BadCredential {
  const parts = credential.split('/');
  const [accessKeyId, date, theirRegion, service, end] = parts;
  if (parts.length !== 5 || !accessKeyId || date === undefined || !/^\d{8}$/.test(date)) {
    return {
      reason: 'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
    };
  }
  if (theirRegion !== region) {
    return {
      reason: `the region '${theirRegion}' is wrong; expecting '${region}'`,
      details: { Region: region },
    };
  }
  if (service !== SERVICE) {
    return { reason: `incorrect service "${service}". This endpoint belongs to "${SERVICE}".` };
  }
  if (end !== SCOPE_END) {
    return { reason: `incorrect terminal "${end}". This endpoint uses "${SCOPE_END}".` };
  }
  if (!timestamp.startsWith(date)) {
    return {
      reason:
        `Invalid credential date "${date}". ` +
        `This date is not the same as X-Amz-Date: "${timestamp.slice(0, 8)}".`,
    };
  }
  return { accessKeyId, date, region, scope: credential.slice(accessKeyId.length + 1) };
}

// ── the query ──

const PRESIGNED = /(?:^|&)X-Amz-(?:Algorithm|Credential|Signature)=/;
const PRESIGNED_V2 = /(?:^|&)AWSAccessKeyId=/;

/** How the query authenticates, if it does. */
export function queryMechanism(rawQuery: string): 'v4' | 'v2' | undefined {
  if (rawQuery === '') return undefined;
  if (PRESIGNED.test(rawQuery)) return 'v4';
  return PRESIGNED_V2.test(rawQuery) ? 'v2' : undefined;
}

export const queryV2: Refusal = otherMechanism;

const REQUIRED = [
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Signature',
  'X-Amz-Date',
  'X-Amz-SignedHeaders',
  'X-Amz-Expires',
] as const;

const NOT_HOISTED = new Set([
  ...REQUIRED.map((name) => name.toLowerCase()),
  'x-amz-content-sha256',
  'x-amz-security-token',
]);

type AuthParameters = Record<(typeof REQUIRED)[number], string> & Record<string, string | undefined>;

/** @returns the claim, or why there is none. Not called for a query without a mechanism. */
export function queryClaim(rawQuery: string, headers: HeaderLookup, region: string): Claim | Refusal {
  const read = amzParameters(rawQuery);
  if (isRefusal(read)) return read;
  const { parameters, hoisted } = read;
  if (parameters['X-Amz-Algorithm'] !== ALGORITHM) {
    return badParameter(`X-Amz-Algorithm only supports "${ALGORITHM}"`);
  }
  const timestamp = parameters['X-Amz-Date'];
  const ms = timestampMs(timestamp);
  if (ms === undefined) {
    return badParameter("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
  }
  const expiresSeconds = readExpires(parameters['X-Amz-Expires']);
  if (typeof expiresSeconds !== 'number') return expiresSeconds;
  const credential = readCredential(parameters['X-Amz-Credential'], region, timestamp);
  if ('reason' in credential) {
    return badParameter(
      `Error parsing the X-Amz-Credential parameter; ${credential.reason}`,
      credential.details,
    );
  }
  return {
    presigned: true,
    ...credential,
    signedHeaders: parameters['X-Amz-SignedHeaders'].split(';'),
    signature: parameters['X-Amz-Signature'],
    timestamp,
    timestampMs: ms,
    expiresSeconds,
    contentSha256: headers.get('x-amz-content-sha256')?.trim() ?? parameters['X-Amz-Content-Sha256'],
    hasToken:
      parameters['X-Amz-Security-Token'] !== undefined || headers.get('x-amz-security-token') !== undefined,
    hoisted,
  };
}

function readExpires(text: string): number | Refusal {
  if (!/^-?\d{1,15}$/.test(text)) return badParameter('X-Amz-Expires should be a number');
  const seconds = Number(text);
  if (seconds < 0) return badParameter('X-Amz-Expires must be non-negative');
  if (seconds <= limits.s3PresignSecondsMax) return seconds;
  return badParameter(
    'X-Amz-Expires must be less than a week (in seconds); ' +
      `that is, the given X-Amz-Expires must be less than ${limits.s3PresignSecondsMax} seconds`,
  );
}

interface AmzParameters {
  readonly parameters: AuthParameters;
  readonly hoisted: Readonly<Record<string, string>>;
}

function amzParameters(rawQuery: string): AmzParameters | Refusal {
  const parameters: Record<string, string | undefined> = {};
  const hoisted: Record<string, string> = {};
  for (const [rawName, rawValue] of rawParameters(rawQuery)) {
    const name = percentDecode(rawName, true);
    const value = percentDecode(rawValue, true);
    if (name === undefined || value === undefined) {
      return refusal('InvalidURI', "Couldn't parse the specified URI.");
    }
    const lower = name.toLowerCase();
    if (!lower.startsWith('x-amz-')) continue;
    if (!NOT_HOISTED.has(lower)) {
      hoisted[lower] = Object.hasOwn(hoisted, lower) ? `${hoisted[lower]},${value}` : value;
    } else if (parameters[name] === undefined) {
      parameters[name] = value;
    } else {
      return badParameter(`${name} must be given only once`);
    }
  }
  if (REQUIRED.every((name) => parameters[name]))
    return { parameters: parameters as AuthParameters, hoisted };
  return badParameter(
    'Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, ' +
      'X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.',
  );
}
