// Owns the operators of conditions (IAM User Guide, "IAM JSON policy elements: Condition operators"): each
// reads the value of a policy once and then judges values of requests. What a policy says that cannot be read
// is refused when the policy is set, so no evaluation meets it.

import { BlockList, isIP } from 'node:net';
import { arnPartsOf, Pattern, type PatternRules, type Steps, type VariableLookup } from './patterns.ts';

/** Whether a value of a request is what the policy says. */
export type Test = (value: string, lookup: VariableLookup, steps: Steps) => boolean;

interface Operator {
  /** Undefined where the text is not of its kind. */
  readonly read: (text: string, variables: boolean) => Test | undefined;
  /** The condition holds where no value of the policy is the request's. */
  readonly isNegated: boolean;
}

type Comparison = (value: number, wanted: number) => boolean;

const EQUAL: Comparison = (value, wanted) => value === wanted;

const text =
  (rules: Omit<PatternRules, 'variables'>): Operator['read'] =>
  (wanted, variables) => {
    const pattern = Pattern.of(wanted, { ...rules, variables });
    return pattern && ((value, lookup, steps) => pattern.matches(value, lookup, steps));
  };

const ordered =
  (read: (text: string) => number | undefined, compare: Comparison): Operator['read'] =>
  (wanted) => {
    const limit = read(wanted);
    if (limit === undefined) return undefined;
    return (value) => {
      const given = read(value);
      return given !== undefined && compare(given, limit);
    };
  };

const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;
const SECONDS = /^\d{1,12}(\.\d+)?$/;
/** W3C's profile of ISO 8601 ("Date and Time Formats"), with seconds or without. */
const DATE = /^\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?)?)?$/;

function numberOf(given: string): number | undefined {
  return NUMBER.test(given) ? Number(given) : undefined;
}

/** Milliseconds since 1970. */
function dateOf(given: string): number | undefined {
  // A year is a number too.
  if (given.length > 4 && SECONDS.test(given)) return Number(given) * 1_000;
  const timeMs = DATE.test(given) ? Date.parse(given) : Number.NaN;
  return Number.isNaN(timeMs) ? undefined : timeMs;
}

function booleanOf(given: string): number | undefined {
  const lower = given.toLowerCase();
  if (lower === 'true') return 1;
  return lower === 'false' ? 0 : undefined;
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

function binary(wanted: string): Test | undefined {
  if (!BASE64.test(wanted)) return undefined;
  const bytes = Buffer.from(wanted, 'base64');
  return (value) => BASE64.test(value) && Buffer.from(value, 'base64').equals(bytes);
}

export interface AddressRange {
  readonly address: string;
  readonly family: 'ipv4' | 'ipv6';
  readonly prefixBits: number;
}

/** An address, or a range of them in the notation of RFC 4632. */
export function addressRangeOf(given: string): AddressRange | undefined {
  const slash = given.indexOf('/');
  const address = slash < 0 ? given : given.slice(0, slash);
  const version = isIP(address);
  if (version === 0 || address.includes('%')) return undefined;
  const bits = version === 4 ? 32 : 128;
  const prefix = slash < 0 ? String(bits) : given.slice(slash + 1);
  const prefixBits = /^\d{1,3}$/.test(prefix) ? Number(prefix) : bits + 1;
  return prefixBits > bits ? undefined : { address, family: version === 4 ? 'ipv4' : 'ipv6', prefixBits };
}

/** An address of IPv4 as IPv6 has it (RFC 4291, 2.5.5.2). */
const MAPPED = /^::ffff:(?=\d+\.)/i;

function address(wanted: string): Test | undefined {
  const range = addressRangeOf(wanted);
  if (!range) return undefined;
  const list = new BlockList();
  list.addSubnet(range.address, range.prefixBits, range.family);
  return (value) => {
    const given = value.replace(MAPPED, '');
    const family = isIP(given) === 4 ? 'ipv4' : 'ipv6';
    // The list itself takes `::/0` for all of IPv4 too.
    return isIP(given) !== 0 && family === range.family && list.check(given, family);
  };
}

/** Part by part, so that no wildcard reaches over a colon but in the last. */
const arn: Operator['read'] = (wanted, variables) => {
  const pattern = Pattern.of(wanted, { wildcards: true, variables });
  if (!pattern) return undefined;
  const patterns = pattern.arnParts();
  if (!patterns) return wanted === '*' ? (value) => arnPartsOf(value) !== undefined : undefined;
  return (value, lookup, steps) => {
    const parts = arnPartsOf(value);
    if (!parts) return false;
    return patterns.every((each, index) => each.matches(parts[index] as string, lookup, steps));
  };
};

const is = (read: Operator['read']): Operator => ({ read, isNegated: false });
const isNot = (read: Operator['read']): Operator => ({ read, isNegated: true });

const literal = text({ wildcards: false });
const anyCase = text({ wildcards: false, ignoresCase: true });
const like = text({ wildcards: true });

const BELOW: Comparison = (value, wanted) => value < wanted;
const AT_MOST: Comparison = (value, wanted) => value <= wanted;
const ABOVE: Comparison = (value, wanted) => value > wanted;
const AT_LEAST: Comparison = (value, wanted) => value >= wanted;

/** All but `Null`, which asks whether there is a value at all. */
export const OPERATORS: Readonly<Record<string, Operator>> = {
  StringEquals: is(literal),
  StringNotEquals: isNot(literal),
  StringEqualsIgnoreCase: is(anyCase),
  StringNotEqualsIgnoreCase: isNot(anyCase),
  StringLike: is(like),
  StringNotLike: isNot(like),
  NumericEquals: is(ordered(numberOf, EQUAL)),
  NumericNotEquals: isNot(ordered(numberOf, EQUAL)),
  NumericLessThan: is(ordered(numberOf, BELOW)),
  NumericLessThanEquals: is(ordered(numberOf, AT_MOST)),
  NumericGreaterThan: is(ordered(numberOf, ABOVE)),
  NumericGreaterThanEquals: is(ordered(numberOf, AT_LEAST)),
  DateEquals: is(ordered(dateOf, EQUAL)),
  DateNotEquals: isNot(ordered(dateOf, EQUAL)),
  DateLessThan: is(ordered(dateOf, BELOW)),
  DateLessThanEquals: is(ordered(dateOf, AT_MOST)),
  DateGreaterThan: is(ordered(dateOf, ABOVE)),
  DateGreaterThanEquals: is(ordered(dateOf, AT_LEAST)),
  Bool: is(ordered(booleanOf, EQUAL)),
  BinaryEquals: is(binary),
  IpAddress: is(address),
  NotIpAddress: isNot(address),
  ArnEquals: is(arn),
  ArnLike: is(arn),
  ArnNotEquals: isNot(arn),
  ArnNotLike: isNot(arn),
};
