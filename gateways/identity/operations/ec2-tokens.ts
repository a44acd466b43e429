// Owns the judging of EC2 and S3 signatures for other services: who signed, and a token for it. Only services
// and administrators may ask (OSSA-2025-002). Signatures of version 4 as AWS describes them ("Signature
// Version 4 for API requests"), of version 2 and of S3's version 1 for old clients. A signature of version 4
// that is older than fifteen minutes is refused.

import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { limits } from '#core/kernel/limits.ts';
import type { IssuedToken } from '#services/identity/tokens.service.ts';
import { type Answer, documentOf, Fields, type IdentityCall, type Operation, viewOf } from '../call.ts';
import { badRequest, unauthorized } from '../errors.ts';
import { tokenDocument } from '../token-document.ts';

interface Key {
  readonly secret: string;
  readonly userId: string;
  readonly projectId: string;
}

const DATE = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;
const ALGORITHM = 'AWS4-HMAC-SHA256';

const hmac = (key: string | Buffer, text: string | Buffer, algorithm = 'sha256'): Buffer =>
  createHmac(algorithm, key).update(text).digest();
const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

function isSame(a: string, b: string): boolean {
  const [given, wanted] = [Buffer.from(a), Buffer.from(b)];
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

async function keyOf(call: IdentityCall, accessKeyId: string): Promise<Key> {
  const { accounts, identity } = call.gateway;
  const credential = identity.view.ec2Credential(accessKeyId);
  if (credential) {
    const secret = await identity.users.ec2Secret(accessKeyId);
    if (secret === undefined) throw unauthorized();
    return { secret, userId: credential.userId, projectId: credential.projectId };
  }
  await accounts.fetchAccessKey(accessKeyId);
  const owner = accounts.accessKey(accessKeyId);
  if (!owner) throw unauthorized();
  return { secret: owner.secret, userId: owner.accountId, projectId: owner.accountId };
}

async function tokenFor(call: IdentityCall, key: Key): Promise<Answer> {
  const user = viewOf(call).get('user', key.userId);
  const scope = { kind: 'project', id: key.projectId } as const;
  const issued: IssuedToken | undefined =
    user && (await call.gateway.tokens.issue({ user, methods: ['ec2credential'], scope }));
  if (!issued) throw unauthorized();
  return {
    status: 200,
    document: tokenDocument(call, issued.token),
    headers: [['X-Subject-Token', issued.id]],
  };
}

function signingKey(secret: string, scope: readonly string[]): Buffer {
  return scope.reduce<Buffer>((key, part) => hmac(key, part), Buffer.from(`AWS4${secret}`));
}

/** @throws IdentityError 401 */
function checkFresh(call: IdentityCall, date: string): void {
  const [, ...parts] = DATE.exec(date) ?? [];
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.map(Number);
  const signedMs = Date.UTC(year, month - 1, day, hour, minute, second);
  const isFresh = Math.abs(call.gateway.clock.nowMs() - signedMs) <= limits.ec2ClockSkewMs;
  if (parts.length === 0 || !isFresh) throw unauthorized();
}

/** Of a string that was to be signed, without its request. */
async function s3(call: IdentityCall): Promise<Answer> {
  const given = new Fields(await documentOf(call), '').record('credentials');
  const toSign = Buffer.from(given.text('token'), 'base64').toString();
  const signature = given.text('signature');
  const key = await keyOf(call, given.text('access'));
  const [algorithm, date = '', scope = ''] = toSign.split('\n');
  if (algorithm === ALGORITHM) {
    checkFresh(call, date);
    const wanted = hmac(signingKey(key.secret, scope.split('/')), toSign).toString('hex');
    if (!isSame(signature, wanted)) throw unauthorized();
  } else if (!isSame(signature, hmac(key.secret, toSign, 'sha1').toString('base64'))) {
    throw unauthorized();
  }
  return tokenFor(call, key);
}

async function ec2(call: IdentityCall): Promise<Answer> {
  const document = new Fields(await documentOf(call), '');
  const given = document.record(document.has('ec2Credentials') ? 'ec2Credentials' : 'credentials');
  const key = await keyOf(call, given.text('access'));
  const parameters = textsOf(given, 'params');
  const headers = textsOf(given, 'headers');
  const signature = given.optionalText('signature') ?? '';
  const isVersion4 =
    (headers.get('authorization') ?? '').startsWith(ALGORITHM) || parameters.has('X-Amz-Algorithm');
  const wanted = isVersion4
    ? versionFour(call, given, key.secret, parameters, headers)
    : versionTwo(given, key.secret, parameters);
  if (!isSame(signature || (parameters.get('X-Amz-Signature') ?? ''), wanted)) throw unauthorized();
  return tokenFor(call, key);
}

function textsOf(given: Fields, name: string): Map<string, string> {
  const fields = given.optionalRecord(name);
  const entries = (fields?.names() ?? []).map((key) => [key, fields?.value(key)] as const);
  for (const [key, value] of entries) {
    if (typeof value !== 'string') throw badRequest(`Invalid input for field '${name}.${key}'`);
  }
  const isHeaders = name === 'headers';
  return new Map(entries.map(([key, value]) => [isHeaders ? key.toLowerCase() : key, String(value)]));
}

function versionTwo(given: Fields, secret: string, parameters: ReadonlyMap<string, string>): string {
  const query = canonicalQuery(parameters, ['Signature']);
  const toSign = [given.text('verb'), given.text('host').toLowerCase(), given.text('path'), query].join('\n');
  const algorithm = parameters.get('SignatureMethod') === 'HmacSHA256' ? 'sha256' : 'sha1';
  return hmac(secret, toSign, algorithm).toString('base64');
}

function versionFour(
  call: IdentityCall,
  given: Fields,
  secret: string,
  parameters: ReadonlyMap<string, string>,
  headers: ReadonlyMap<string, string>,
): string {
  const authorization = headers.get('authorization') ?? '';
  const part = (name: string, parameter: string) =>
    new RegExp(`${name}=([^,\\s]+)`).exec(authorization)?.[1] ?? parameters.get(parameter) ?? '';
  const scope = part('Credential', 'X-Amz-Credential').split('/').slice(1);
  const signedHeaders = part('SignedHeaders', 'X-Amz-SignedHeaders');
  const date = headers.get('x-amz-date') ?? parameters.get('X-Amz-Date') ?? '';
  checkFresh(call, date);
  if (scope.length !== 4 || !date.startsWith(scope[0] ?? '-')) throw unauthorized();
  const lines = signedHeaders.split(';').map((name) => `${name}:${(headers.get(name) ?? '').trim()}\n`);
  const request = [
    given.text('verb'),
    given.text('path'),
    canonicalQuery(parameters, ['X-Amz-Signature']),
    lines.join(''),
    signedHeaders,
    given.optionalText('body_hash') ?? headers.get('x-amz-content-sha256') ?? '',
  ].join('\n');
  const hash = createHash('sha256').update(request).digest('hex');
  const toSign = [ALGORITHM, date, scope.join('/'), hash].join('\n');
  return hmac(signingKey(secret, scope), toSign).toString('hex');
}

function canonicalQuery(parameters: ReadonlyMap<string, string>, without: readonly string[]): string {
  return [...parameters]
    .filter(([name]) => !without.includes(name))
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join('&');
}

export const ec2TokenOperations = {
  ec2_validate: { method: 'POST', path: '/v3/ec2tokens', run: ec2 },
  s3_validate: { method: 'POST', path: '/v3/s3tokens', run: s3 },
} as const satisfies Readonly<Record<string, Operation>>;
