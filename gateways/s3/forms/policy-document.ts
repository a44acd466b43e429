// Owns the policy of a form ("POST Policy", Amazon S3 API Reference): what a form may say, and until when.
// Guarantee: a form passes only where each of its fields is let by a condition, and each condition holds.

import { S3Error } from '../errors.ts';

export interface PostPolicy {
  readonly expiresMs: number;
  readonly conditions: readonly Condition[];
  readonly size: { readonly min: number; readonly max: number } | undefined;
}

interface Condition {
  readonly operator: 'eq' | 'starts-with';
  /** Lower case. */
  readonly name: string;
  readonly value: string;
}

const EXPIRATION = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/;

/** @param text base64 of JSON @throws S3Error InvalidPolicyDocument */
export function postPolicyOf(text: string): PostPolicy {
  const document = parsed(text);
  const { expiration, conditions, ...others } = document;
  const [unexpected] = Object.keys(others);
  if (unexpected !== undefined) throw invalid(`Unexpected: '${unexpected}'.`);
  if (expiration === undefined) throw invalid('Policy missing expiration.');
  const expiresMs =
    typeof expiration === 'string' && EXPIRATION.test(expiration) ? Date.parse(expiration) : Number.NaN;
  if (Number.isNaN(expiresMs)) throw invalid(`Invalid 'expiration' value: '${String(expiration)}'`);
  if (conditions === undefined) throw invalid('Policy missing conditions.');
  if (!Array.isArray(conditions)) throw invalid('Invalid conditions list.');
  const read: Condition[] = [];
  let size: PostPolicy['size'];
  for (const condition of conditions as readonly unknown[]) {
    if (Array.isArray(condition) && isWord(condition[0], 'content-length-range')) size = rangeOf(condition);
    else read.push(Array.isArray(condition) ? matchOf(condition) : simpleOf(condition));
  }
  return { expiresMs, conditions: read, size };
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(text, 'base64')));
  } catch {
    throw invalid('Invalid JSON.');
  }
  if (!isRecord(document)) throw invalid('Invalid JSON.');
  return document;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isWord = (value: unknown, word: string): boolean =>
  typeof value === 'string' && value.toLowerCase() === word;

function simpleOf(condition: unknown): Condition {
  const entries = isRecord(condition) ? Object.entries(condition) : [];
  const [name, value] = entries[0] ?? [];
  if (entries.length !== 1 || name === undefined) {
    throw invalid('Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.');
  }
  if (typeof value !== 'string') throw invalid('Invalid Simple-Condition: value must be a string.');
  return { operator: 'eq', name: name.toLowerCase(), value };
}

function matchOf(condition: readonly unknown[]): Condition {
  const [operator, name, value] = condition;
  if (!isWord(operator, 'eq') && !isWord(operator, 'starts-with')) {
    throw invalid(`Invalid Condition: unknown operation '${String(operator)}'.`);
  }
  if (condition.length !== 3 || typeof name !== 'string' || typeof value !== 'string') {
    throw invalid(`Invalid Condition: ${String(operator)} must have 2 string arguments.`);
  }
  if (!name.startsWith('$')) throw invalid('Invalid Condition: the name of a field begins with $.');
  return {
    operator: isWord(operator, 'eq') ? 'eq' : 'starts-with',
    name: name.slice(1).toLowerCase(),
    value,
  };
}

function rangeOf(condition: readonly unknown[]): { min: number; max: number } {
  const [min, max] = condition.slice(1).map((bound) => (typeof bound === 'string' ? Number(bound) : bound));
  if (condition.length !== 3 || !isSize(min) || !isSize(max) || min > max) {
    throw invalid('Invalid Condition: content-length-range must have 2 whole numbers.');
  }
  return { min, max };
}

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

const invalid = (what: string): S3Error => new S3Error('InvalidPolicyDocument', `Invalid Policy: ${what}`);

/** Fields that need no condition. */
const FREE: ReadonlySet<string> = new Set(['x-amz-signature', 'file', 'policy', 'bucket']);

/**
 * @param fields by lower-case name, as the object will be made of them; with `bucket`
 * @throws S3Error AccessDenied
 */
export function judgeForm(policy: PostPolicy, fields: ReadonlyMap<string, string>, nowMs: number): void {
  if (policy.expiresMs <= nowMs) throw denied('Policy expired.');
  for (const { operator, name, value } of policy.conditions) {
    const actual = fields.get(name) ?? '';
    if (operator === 'eq' ? actual === value : startsWith(name, actual, value)) continue;
    throw denied(`Policy Condition failed: ${JSON.stringify([operator, `$${name}`, value])}`);
  }
  const named = new Set(policy.conditions.map(({ name }) => name));
  for (const name of fields.keys()) {
    if (named.has(name) || FREE.has(name) || name.startsWith('x-ignore-')) continue;
    throw denied(`Extra input fields: ${name}`);
  }
}

function startsWith(name: string, actual: string, value: string): boolean {
  // Of several types in a list each must.
  const several = name === 'content-type' ? actual.split(',') : [actual];
  return several.every((each) => each.startsWith(value));
}

const denied = (why: string): S3Error => new S3Error('AccessDenied', `Invalid according to Policy: ${why}`);
