// Owns one condition of a statement: which key of a request, which operator, which values. Rules for keys
// that are absent or have several values: IAM User Guide, "Condition operators with IfExists" and "Set
// operators for multivalued context keys".

import { OPERATORS, type Test } from './operators.ts';
import type { Steps, VariableLookup } from './patterns.ts';

/** What a request has under a name; undefined where it has nothing. Names are compared in lower case. */
export type ValueLookup = (key: string) => readonly string[] | undefined;

export interface Condition {
  /** As `conditionKey` has it. */
  readonly key: string;
  /** Without set operator and `IfExists`. */
  readonly operator: string;
  readonly isNegated: boolean;
  /** Where the request has nothing under the key. */
  readonly holdsWithoutValue: boolean;
  /** As the policy has them. */
  readonly values: readonly string[];
  holds(values: ValueLookup, lookup: VariableLookup, steps: Steps): boolean;
}

/** Names have no case; what is behind a slash is the name of a tag, which has. */
export function conditionKey(name: string): string {
  const slash = name.indexOf('/');
  return slash < 0 ? name.toLowerCase() : name.slice(0, slash).toLowerCase() + name.slice(slash);
}

const OPERATOR = /^(?:(ForAllValues|ForAnyValue):)?([A-Za-z]+?)(IfExists)?$/;

/** @returns the condition, or what is wrong with it. */
export function readCondition(
  name: string,
  keyName: string,
  values: readonly string[],
  variables: boolean,
): Condition | string {
  const [, quantifier, operator = '', ifExists] = OPERATOR.exec(name) ?? [];
  const key = conditionKey(keyName);
  const described = { key, operator, values };
  if (operator === 'Null' && ifExists === undefined) {
    if (!values.every((value) => /^(true|false)$/i.test(value))) return 'Invalid value in condition';
    const wanted = values.map((value) => value.toLowerCase() === 'true');
    const holdsWithoutValue = wanted.includes(true);
    const holds: Condition['holds'] = (of) => wanted.includes(of(key) === undefined);
    return { ...described, isNegated: false, holdsWithoutValue, holds };
  }
  const row = Object.hasOwn(OPERATORS, operator) ? OPERATORS[operator] : undefined;
  if (!row) return `Invalid Condition type : ${name}`;
  const tests = values.map((value) => row.read(value, variables));
  if (tests.includes(undefined)) return 'Invalid value in condition';
  const { isNegated } = row;
  const judge = judgement(tests as readonly Test[], isNegated, quantifier);
  const whenAbsent = ifExists !== undefined || quantifier === 'ForAllValues';
  const holdsWithoutValue = whenAbsent || (isNegated && quantifier === undefined);
  return {
    ...described,
    ...{ isNegated, holdsWithoutValue },
    holds(of, lookup, steps) {
      const given = of(key);
      return given === undefined ? holdsWithoutValue : judge(given, lookup, steps);
    },
  };
}

function judgement(tests: readonly Test[], isNegated: boolean, quantifier: string | undefined) {
  // A negated operator asks of every value that it be none of those named, unless a set operator says
  // otherwise.
  const all = quantifier === 'ForAllValues' || (isNegated && quantifier === undefined);
  return (given: readonly string[], lookup: VariableLookup, steps: Steps): boolean => {
    const fits = (value: string) => tests.some((each) => each(value, lookup, steps)) !== isNegated;
    return all ? given.every(fits) : given.some(fits);
  };
}
