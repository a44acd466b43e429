// Owns policies: documents of IAM's policy language (IAM User Guide, "Grammar of the IAM JSON policy
// language"), read once and judged for each request. Guarantees: an explicit deny wins; what cannot be
// judged within limits.policySteps is denied; whatever document comes in, reading it ends in a policy or in
// a reason.

import { limits } from '#core/kernel/limits.ts';
import { type Condition, conditionKey, readCondition, type ValueLookup } from './conditions.ts';
import { Pattern, Steps, type VariableLookup } from './patterns.ts';
import { includes, includesItself, type Principal, type PrincipalSet, readPrincipals } from './principals.ts';

export type Effect = 'Allow' | 'Deny';

export interface Matcher {
  readonly patterns: readonly Pattern[];
  /** As the policy has them. */
  readonly texts: readonly string[];
  /** All but those (NotAction, NotResource). */
  readonly isInverted: boolean;
}

export interface Statement {
  readonly sid: string | undefined;
  readonly effect: Effect;
  readonly principals: PrincipalSet;
  /** NotPrincipal. */
  readonly othersOnly: boolean;
  readonly actions: Matcher;
  readonly resources: Matcher;
  readonly conditions: readonly Condition[];
}

export interface Policy {
  readonly statements: readonly Statement[];
}

/** What is to be judged. */
export interface PolicyRequest {
  readonly principal: Principal;
  /** `<service>:<Action>`. */
  readonly action: string;
  /** An ARN. */
  readonly resource: string;
  /** What else is known of the request, by condition key as `conditionKey` has it. */
  readonly values: ValueLookup;
}

export type Verdict = 'allow' | 'deny' | 'none';

export function evaluatePolicy({ statements }: Policy, request: PolicyRequest): Verdict {
  const steps = new Steps(limits.policySteps);
  const lookup: VariableLookup = (name) => {
    const values = request.values(conditionKey(name));
    return values?.length === 1 ? values[0] : undefined;
  };
  let verdict: Verdict = 'none';
  for (const statement of statements) {
    // Nothing but a deny can change what is allowed already.
    if (verdict === 'allow' && statement.effect === 'Allow') continue;
    if (!applies(statement, request, lookup, steps)) continue;
    if (statement.effect === 'Deny') return 'deny';
    verdict = 'allow';
  }
  return steps.areSpent ? 'deny' : verdict;
}

function applies(statement: Statement, request: PolicyRequest, lookup: VariableLookup, steps: Steps) {
  const { actions, resources, conditions } = statement;
  return (
    isMeant(statement, request.principal) &&
    fits(actions, request.action, lookup, steps) &&
    fits(resources, request.resource, lookup, steps) &&
    conditions.every((condition) => condition.holds(request.values, lookup, steps))
  );
}

function isMeant({ effect, principals, othersOnly }: Statement, principal: Principal): boolean {
  if (othersOnly) return !includes(principals, principal);
  if (effect === 'Deny' || principal.isLetByAccount) return includes(principals, principal);
  return includesItself(principals, principal);
}

function fits({ patterns, isInverted }: Matcher, text: string, lookup: VariableLookup, steps: Steps) {
  return patterns.some((pattern) => pattern.matches(text, lookup, steps)) !== isInverted;
}

// ── reading ──

/** What the service that the policy is for knows of its own. */
export interface Vocabulary {
  /** Whether the pattern, wildcards and all, can mean an action. */
  isAction(pattern: string): boolean;
  isResource(pattern: string): boolean;
  isKey(key: string): boolean;
  /** What is wrong with the two together, if anything. */
  refuses(actions: Matcher, resources: Matcher): string | undefined;
}

/** The reason, in words that Amazon has for it. */
export interface MalformedPolicy {
  readonly malformed: string;
}

/** Thrown inside this file alone. */
class Malformed extends Error {}

const VERSIONS = ['2008-10-17', '2012-10-17'];
const DOCUMENT_FIELDS = ['Version', 'Id', 'Statement'];
const STATEMENT_FIELDS = [
  ...['Sid', 'Effect', 'Principal', 'NotPrincipal', 'Action', 'NotAction'],
  ...['Resource', 'NotResource', 'Condition'],
];

export function readPolicy(text: string, vocabulary: Vocabulary): Policy | MalformedPolicy {
  if (!text.startsWith('{')) {
    return { malformed: "Policies must be valid JSON and the first byte must be '{'" };
  }
  if (Buffer.byteLength(text) > limits.policyBytes) {
    const most = `${limits.policyBytes} bytes.`;
    return { malformed: `Normalized policy document exceeds the maximum allowed size of ${most}` };
  }
  try {
    return document(parsed(text), vocabulary);
  } catch (error) {
    if (error instanceof Malformed) return { malformed: error.message };
    throw error;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Malformed('This policy contains invalid Json');
  }
}

function document(json: unknown, vocabulary: Vocabulary): Policy {
  const fields = fieldsOf(json, DOCUMENT_FIELDS);
  const { Version: version = VERSIONS[0], Id: id, Statement: given } = fields;
  if (!VERSIONS.includes(version as string)) {
    throw new Malformed('The policy must contain a valid version string');
  }
  if (id !== undefined && typeof id !== 'string') throw new Malformed('Invalid policy syntax.');
  if (given === undefined) throw new Malformed('Missing required field Statement');
  const all = Array.isArray(given) ? (given as readonly unknown[]) : [given];
  if (all.length === 0) throw new Malformed('Missing required field Statement cannot be empty!');
  const variables = version === VERSIONS[1];
  const statements = all.map((each) => statement(each, vocabulary, variables));
  const named = statements.flatMap(({ sid }) => (sid === undefined || sid === '' ? [] : [sid]));
  if (new Set(named).size !== named.length) {
    throw new Malformed('Statement IDs (SID) in a single policy must be unique.');
  }
  return { statements };
}

function statement(json: unknown, vocabulary: Vocabulary, variables: boolean): Statement {
  const fields = fieldsOf(json, STATEMENT_FIELDS);
  const { Sid: sid, Effect: effect } = fields;
  if (sid !== undefined && typeof sid !== 'string') throw new Malformed('Invalid policy syntax.');
  if (effect === undefined) throw new Malformed('Missing required field Effect');
  if (effect !== 'Allow' && effect !== 'Deny') throw new Malformed(`Invalid effect: ${text(effect)}`);
  const [who, othersOnly] = either(fields, 'Principal');
  const principals = readPrincipals(who);
  if (!principals) throw new Malformed('Invalid principal in policy');
  const actions = matcher(fields, 'Action', (each) => vocabulary.isAction(each), false);
  const resources = matcher(fields, 'Resource', (each) => vocabulary.isResource(each), variables);
  const wrong = vocabulary.refuses(actions, resources);
  if (wrong !== undefined) throw new Malformed(wrong);
  const conditions = conditionsOf(fields.Condition, vocabulary, variables);
  return { sid, effect, principals, othersOnly, actions, resources, conditions };
}

/** The value of the field or of its negation, and which of the two it is. */
function either(fields: Fields, name: string): [value: unknown, isInverted: boolean] {
  const [plain, inverted] = [fields[name], fields[`Not${name}`]];
  if (plain !== undefined && inverted !== undefined) throw new Malformed('Invalid policy syntax.');
  if (plain === undefined && inverted === undefined) throw new Malformed(`Missing required field ${name}`);
  return [plain ?? inverted, plain === undefined];
}

function matcher(
  fields: Fields,
  name: 'Action' | 'Resource',
  isOne: (text: string) => boolean,
  variables: boolean,
): Matcher {
  const [given, isInverted] = either(fields, name);
  const invalid = `Policy has invalid ${name.toLowerCase()}`;
  const texts = Array.isArray(given) ? (given as readonly unknown[]) : [given];
  if (texts.length === 0) throw new Malformed(`Missing required field ${name} cannot be empty!`);
  const patterns = texts.map((each) => {
    if (typeof each !== 'string' || !isOne(each)) throw new Malformed(invalid);
    const rules = { wildcards: true, variables, ignoresCase: name === 'Action' };
    const pattern = Pattern.of(each, rules);
    if (!pattern) throw new Malformed(invalid);
    return pattern;
  });
  return { patterns, texts: texts as readonly string[], isInverted };
}

function conditionsOf(json: unknown, vocabulary: Vocabulary, variables: boolean): readonly Condition[] {
  if (json === undefined) return [];
  const conditions: Condition[] = [];
  for (const [operator, keys] of Object.entries(fieldsOf(json))) {
    for (const [key, given] of Object.entries(fieldsOf(keys))) {
      if (!vocabulary.isKey(conditionKey(key))) throw new Malformed('Policy has an invalid condition key');
      const values = (Array.isArray(given) ? (given as readonly unknown[]) : [given]).map(text);
      const read = readCondition(operator, key, values, variables);
      if (typeof read === 'string') throw new Malformed(read);
      conditions.push(read);
    }
  }
  return conditions;
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(json: unknown, known?: readonly string[]): Fields {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new Malformed('Invalid policy syntax.');
  }
  for (const name of known ? Object.keys(json) : []) {
    if (!known?.includes(name)) throw new Malformed(`Unknown field ${name}`);
  }
  // Whatever else a document names must not reach what every object inherits.
  return Object.assign(Object.create(null) as object, json) as Fields;
}

function text(json: unknown): string {
  if (typeof json === 'string') return json;
  if (typeof json === 'number' || typeof json === 'boolean') return String(json);
  throw new Malformed('Invalid policy syntax.');
}
