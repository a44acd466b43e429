// Owns whether a policy lets in the public (Amazon S3 User Guide, "Blocking public access": the meaning of
// "public"): it does unless each thing that it allows is for principals, or under conditions, that are fixed.

import type { Condition } from './conditions.ts';
import { addressRangeOf } from './operators.ts';
import type { Policy, Statement } from './policy.ts';

/** Keys whose fixed values mean somebody in particular. */
const FIXING_KEYS: ReadonlySet<string> = new Set([
  ...['aws:principalarn', 'aws:principalaccount', 'aws:principalorgid', 'aws:userid', 'aws:username'],
  ...['aws:sourcearn', 'aws:sourceaccount', 'aws:sourceowner', 'aws:sourcevpc', 'aws:sourcevpce'],
  ...['s3:dataaccesspointarn', 's3:dataaccesspointaccount'],
]);

const COMPARES_TEXT = /^(String(Equals|EqualsIgnoreCase|Like)|Arn(Equals|Like))$/;

export function isPublic(policy: Policy): boolean {
  return policy.statements.some((statement) => statement.effect === 'Allow' && isForAnybody(statement));
}

function isForAnybody({ principals, othersOnly, conditions }: Statement): boolean {
  return (othersOnly || principals.everybody) && !conditions.some(isFixing);
}

function isFixing({ key, operator, values, isNegated, holdsWithoutValue }: Condition): boolean {
  if (isNegated || holdsWithoutValue || values.length === 0) return false;
  if (key === 'aws:sourceip') return operator === 'IpAddress' && values.every(isNarrow);
  return FIXING_KEYS.has(key) && COMPARES_TEXT.test(operator) && values.every(isFixed);
}

const isFixed = (value: string): boolean => !/[*?]|\$\{/.test(value);

/** Widest ranges that still mean somebody: /8 and /32, and those that are no public addresses at all. */
function isNarrow(value: string): boolean {
  const range = addressRangeOf(value);
  return range !== undefined && range.prefixBits >= (range.family === 'ipv4' ? 8 : 32);
}
