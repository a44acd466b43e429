// Owns what pages of other origins may do with a bucket (Amazon S3 User Guide, "Using cross-origin resource
// sharing (CORS)"): the configuration, the answer to a preflight, and what is told with all other answers.
// Guarantee: an origin that no rule names is told nothing. A request without an Origin pays nothing.

import { limits } from '#core/kernel/limits.ts';
import type { HttpRequest } from '#gateways/edge/http-messages.ts';
import { TOKEN } from '#gateways/edge/plain-head.ts';
import type { Caller } from '#services/cloud.ts';
import type { GatewayContext } from '../call.ts';
import { S3Error } from '../errors.ts';
import { type Answering, answerHeaders, replyEmpty } from '../reply.ts';
import { malformed, type XmlElement, type XmlWriter } from '../xml.ts';
import { type Setting, settingIn } from './setting.ts';

interface Rule {
  readonly id?: string;
  readonly origins: readonly string[];
  readonly methods: readonly string[];
  readonly headers: readonly string[];
  readonly exposed: readonly string[];
  readonly maxAgeSeconds?: number;
}

const METHODS = ['GET', 'PUT', 'POST', 'DELETE', 'HEAD'];

export const crossOrigin: Setting<readonly Rule[]> = {
  property: 's3/cors',
  root: 'CORSConfiguration',
  missing: 'NoSuchCORSConfiguration',
  maxBytes: limits.s3ConfigurationBytes,
  putStatus: 200,
  read(root) {
    const rules = root.expect([], ['CORSRule']).children.map(ruleOf);
    if (rules.length === 0) throw malformed();
    if (rules.length > limits.s3CorsRules) {
      throw invalid(
        `The number of CORS rules should not exceed allowed limit of ${limits.s3CorsRules} rules.`,
      );
    }
    return rules;
  },
  write(xml, rules = []) {
    for (const rule of rules) addRule(xml, rule);
  },
};

function ruleOf(element: XmlElement): Rule {
  element.expect(
    ['ID', 'MaxAgeSeconds'],
    ['AllowedOrigin', 'AllowedMethod', 'AllowedHeader', 'ExposeHeader'],
  );
  const id = element.textOf('ID');
  const maxAge = element.textOf('MaxAgeSeconds')?.trim();
  const rule = {
    ...(id !== undefined && { id }),
    origins: element.textsOf('AllowedOrigin'),
    methods: element.textsOf('AllowedMethod'),
    headers: element.textsOf('AllowedHeader'),
    exposed: element.textsOf('ExposeHeader'),
    ...(maxAge !== undefined && { maxAgeSeconds: Number(maxAge) }),
  };
  const isWhole = maxAge === undefined || /^\d{1,9}$/.test(maxAge);
  if (!isWhole || rule.origins.length === 0 || rule.methods.length === 0) throw malformed();
  if (id !== undefined && id.length > limits.s3RuleIdCharacters) throw malformed();
  for (const method of rule.methods) {
    if (METHODS.includes(method)) continue;
    throw invalid(`Found unsupported HTTP method in CORS config. Unsupported method is ${method}`);
  }
  for (const [name, values] of [
    ['AllowedOrigin', rule.origins],
    ['AllowedHeader', rule.headers],
  ] as const) {
    const several = values.find((value) => value.split('*').length > 2);
    if (several !== undefined) throw invalid(`${name} "${several}" can not have more than one wildcard.`);
  }
  const wild = rule.exposed.find((name) => !TOKEN.test(name) || name.includes('*'));
  if (wild !== undefined) {
    throw invalid(
      `ExposeHeader "${wild}" contains wildcard. We currently do not support wildcard for ExposeHeader.`,
    );
  }
  return rule;
}

const invalid = (message: string): S3Error => new S3Error('InvalidRequest', message);

function addRule(xml: XmlWriter, { id, origins, methods, headers, exposed, maxAgeSeconds }: Rule): void {
  xml.open('CORSRule').optional('ID', id);
  for (const method of methods) xml.plain('AllowedMethod', method);
  for (const origin of origins) xml.element('AllowedOrigin', origin);
  for (const name of headers) xml.element('AllowedHeader', name);
  for (const name of exposed) xml.element('ExposeHeader', name);
  if (maxAgeSeconds !== undefined) xml.plain('MaxAgeSeconds', maxAgeSeconds);
  xml.close('CORSRule');
}

// ── judging ──

function fits(pattern: string, text: string): boolean {
  const star = pattern.indexOf('*');
  if (star < 0) return pattern === text;
  const [start, end] = [pattern.slice(0, star), pattern.slice(star + 1)];
  return text.length >= start.length + end.length && text.startsWith(start) && text.endsWith(end);
}

interface Asked {
  readonly origin: string;
  readonly method: string;
  /** In lower case. */
  readonly headers: readonly string[];
}

/** The first rule that lets all of it be. */
function ruleFor(rules: readonly Rule[], { origin, method, headers }: Asked): Rule | undefined {
  return rules.find(
    (rule) =>
      rule.methods.includes(method) &&
      rule.origins.some((pattern) => fits(pattern, origin)) &&
      headers.every((name) => rule.headers.some((pattern) => fits(pattern.toLowerCase(), name))),
  );
}

/** As header lines, names and values in turn. */
function toldBy(rule: Rule, { origin, headers }: Asked): string[] {
  const isForAll = rule.origins.find((pattern) => fits(pattern, origin)) === '*';
  const lines = ['Access-Control-Allow-Origin', isForAll ? '*' : origin];
  lines.push('Access-Control-Allow-Methods', rule.methods.join(', '));
  if (headers.length > 0) lines.push('Access-Control-Allow-Headers', headers.join(', '));
  if (rule.exposed.length > 0) lines.push('Access-Control-Expose-Headers', rule.exposed.join(', '));
  if (rule.maxAgeSeconds !== undefined) lines.push('Access-Control-Max-Age', String(rule.maxAgeSeconds));
  if (!isForAll) lines.push('Access-Control-Allow-Credentials', 'true');
  lines.push('Vary', 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method');
  return lines;
}

/** What is told with the answer to a request that says its origin; undefined: nothing. */
export async function crossOriginLines(
  { cloud }: GatewayContext,
  { method = '', headers }: HttpRequest,
  bucket: string,
  caller?: Caller,
): Promise<readonly string[] | undefined> {
  const { origin } = headers;
  if (origin === undefined || bucket === '') return undefined;
  const properties = await cloud.buckets.properties(bucket, caller);
  const rules = properties && settingIn(properties, crossOrigin);
  if (!rules) return undefined;
  const asked = { origin, method: headers['access-control-request-method'] ?? method, headers: [] };
  const rule = ruleFor(rules, asked);
  return rule && toldBy(rule, asked);
}

/** `OPTIONS`: whether the request that it is for may be made. Nobody signs it. @throws S3Error */
export async function preflight(
  call: Answering & { readonly gateway: GatewayContext; readonly request: HttpRequest },
  { bucket, key }: { readonly bucket: string; readonly key: string },
): Promise<void> {
  const { origin, ...headers } = call.request.headers;
  const method = headers['access-control-request-method'];
  if (origin === undefined) {
    throw new S3Error('BadRequest', 'Insufficient information. Origin request header needed.');
  }
  if (method === undefined || !METHODS.includes(method)) {
    throw new S3Error('BadRequest', `Invalid Access-Control-Request-Method: ${method ?? 'null'}`);
  }
  const properties = bucket === '' ? {} : await call.gateway.cloud.buckets.properties(bucket);
  if (!properties) throw new S3Error('NoSuchBucket', undefined, { BucketName: bucket });
  const details = { Method: method, ResourceType: key === '' ? 'BUCKET' : 'OBJECT' };
  const rules = settingIn(properties, crossOrigin);
  if (!rules) throw new S3Error('AccessForbidden', undefined, details);
  const asked = { origin, method, headers: namesIn(headers['access-control-request-headers']) };
  // What is no name is nobody's to allow, and not told back.
  const rule = asked.headers.every((name) => TOKEN.test(name)) ? ruleFor(rules, asked) : undefined;
  if (!rule) throw new S3Error('AccessForbidden', NOT_ALLOWED, details);
  replyEmpty(call, 200, [...answerHeaders(call), ...toldBy(rule, asked)]);
}

const NOT_ALLOWED =
  'CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, ' +
  'request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by ' +
  "the resource's CORS spec.";

function namesIn(list = ''): string[] {
  const names = list.split(',').map((name) => name.trim().toLowerCase());
  return names.filter((name) => name !== '');
}
