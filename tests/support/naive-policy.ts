// Owns a second reading of the policy language, as plain as it can be: it works on the JSON itself, looks at
// every statement and every condition, turns patterns into regular expressions and addresses into bits.

export type Json = null | string | number | boolean | readonly Json[] | { readonly [name: string]: Json };

export interface NaiveRequest {
  readonly accountId: string | undefined;
  readonly arn: string;
  readonly canonicalId: string;
  readonly isLetByAccount: boolean;
  readonly action: string;
  readonly resource: string;
  /** By name in lower case. */
  readonly values: Readonly<Record<string, readonly string[]>>;
}

type Fields = { readonly [name: string]: Json };
type Judge = (given: string, wanted: string) => boolean;

const listOf = (json: Json | undefined): readonly Json[] => {
  if (json === undefined) return [];
  return Array.isArray(json) ? (json as readonly Json[]) : [json as Json];
};

export function naiveVerdict(document: Json, request: NaiveRequest): 'allow' | 'deny' | 'none' {
  const { Version, Statement } = document as Fields;
  const hasVariables = Version === '2012-10-17';
  const verdicts = listOf(Statement).map((each) => {
    const statement = each as Fields;
    const facts = [
      ...[isAction(statement, request), isResource(statement, request, hasVariables)],
      ...[isMeant(statement, request), ...conditions(statement, request, hasVariables)],
    ];
    return facts.filter((fact) => !fact).length === 0 ? statement.Effect : 'nothing';
  });
  if (verdicts.filter((verdict) => verdict === 'Deny').length > 0) return 'deny';
  return verdicts.filter((verdict) => verdict === 'Allow').length > 0 ? 'allow' : 'none';
}

function isMeant({ Effect, Principal, NotPrincipal }: Fields, request: NaiveRequest): boolean {
  const named = (NotPrincipal ?? Principal) as Json;
  const names =
    named === '*'
      ? ['AWS *']
      : Object.entries(named as Fields).flatMap(([kind, all]) => listOf(all).map((one) => `${kind} ${one}`));
  const { accountId, arn, canonicalId, isLetByAccount } = request;
  const somebody = accountId !== undefined;
  const byAccount = [
    `AWS ${accountId}`,
    `AWS arn:aws:iam::${accountId}:root`,
    `CanonicalUser ${canonicalId}`,
  ];
  const bySelf = names.includes('AWS *') || (somebody && names.includes(`AWS ${arn}`));
  const viaAccount = somebody && byAccount.some((name) => names.includes(name));
  if (NotPrincipal !== undefined) return !(bySelf || viaAccount);
  return bySelf || (viaAccount && (Effect === 'Deny' || isLetByAccount));
}

function isAction({ Action, NotAction }: Fields, { action }: NaiveRequest): boolean {
  const patterns = listOf(NotAction ?? Action).map((each) => globOf(String(each).toLowerCase()));
  const hit = patterns.filter((pattern) => pattern.test(action.toLowerCase())).length > 0;
  return NotAction === undefined ? hit : !hit;
}

function isResource({ Resource, NotResource }: Fields, request: NaiveRequest, hasVariables: boolean) {
  const like = patternJudge(request, hasVariables, true, false);
  const hit =
    listOf(NotResource ?? Resource).filter((each) => like(request.resource, String(each))).length > 0;
  return NotResource === undefined ? hit : !hit;
}

const escaped = (text: string) => text.replace(/[.+^${}()|[\]\\*?/-]/g, '\\$&');
const globOf = (text: string) =>
  new RegExp(`^${escaped(text).replace(/\\\*/g, '[^]*').replace(/\\\?/g, '[^]')}$`);

/** Undefined: it has a variable without a value. */
function expression(text: string, request: NaiveRequest, hasVariables: boolean, globs: boolean) {
  const pieces = hasVariables ? text.split(/(\$\{[^{}]*\})/) : [text];
  let unknown = false;
  const source = pieces.map((piece, index) => {
    if (!hasVariables || index % 2 === 0) {
      const plain = escaped(piece);
      return globs ? plain.replace(/\\\*/g, '[^]*').replace(/\\\?/g, '[^]') : plain;
    }
    const inside = piece.slice(2, -1);
    if (['*', '?', '$'].includes(inside)) return escaped(inside);
    const [name = '', fallback] = inside.split(',').map((part) => part.trim());
    const values = request.values[name.toLowerCase()] ?? [];
    const value = values.length === 1 ? values[0] : fallback?.slice(1, -1);
    if (value === undefined) unknown = true;
    return escaped(value ?? '');
  });
  return unknown ? undefined : source.join('');
}

function patternJudge(request: NaiveRequest, hasVariables: boolean, globs: boolean, anyCase: boolean): Judge {
  return (given, wanted) => {
    const source = expression(wanted, request, hasVariables, globs);
    return source !== undefined && new RegExp(`^${source}$`, anyCase ? 'i' : '').test(given);
  };
}

function arnJudge(request: NaiveRequest, hasVariables: boolean): Judge {
  const like = patternJudge(request, hasVariables, true, false);
  return (given, wanted) => {
    const has = given.split(':');
    // A colon inside of a variable divides nothing.
    const wants = wanted.split(/:(?![^{}]*\})/);
    if (has.length < 6) return false;
    if (wanted === '*') return true;
    const tails = [has.slice(5).join(':'), wants.slice(5).join(':')] as const;
    const heads = [0, 1, 2, 3, 4].map((at) => like(has[at] ?? '', wants[at] ?? ''));
    return !heads.includes(false) && like(...tails);
  };
}

const compared =
  (read: (text: string) => number, holds: (a: number, b: number) => boolean): Judge =>
  (given, wanted) =>
    !Number.isNaN(read(given)) && holds(read(given), read(wanted));

const asNumber = (text: string) => (text.trim() === '' || /x/i.test(text) ? Number.NaN : Number(text));
const asDate = (text: string) => (/^\d{5,}$/.test(text) ? Number(text) * 1_000 : new Date(text).getTime());
const asFlag = (text: string) => ({ true: 1, false: 0 })[text.toLowerCase()] ?? Number.NaN;

const SIX_HEADED: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  Equals: (a, b) => a === b,
  NotEquals: (a, b) => a === b,
  LessThan: (a, b) => a < b,
  LessThanEquals: (a, b) => a <= b,
  GreaterThan: (a, b) => a > b,
  GreaterThanEquals: (a, b) => a >= b,
};

function bitsOf(address: string): string | undefined {
  if (/^\d+\.\d+\.\d+\.\d+$/.test(address)) {
    return address
      .split('.')
      .map((byte) => Number(byte).toString(2).padStart(8, '0'))
      .join('');
  }
  if (!address.includes(':')) return undefined;
  const [head = '', tail] = address.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const zeros = tail === undefined ? 0 : 8 - groups(head).length - groups(tail).length;
  const all = [...groups(head), ...Array.from({ length: zeros }, () => '0'), ...groups(tail ?? '')];
  return all.map((group) => Number.parseInt(group, 16).toString(2).padStart(16, '0')).join('');
}

const inRange: Judge = (given, wanted) => {
  const [network = '', prefix] = wanted.split('/');
  const [one, other] = [bitsOf(given), bitsOf(network)];
  if (one === undefined || other === undefined || one.length !== other.length) return false;
  const count = prefix === undefined ? one.length : Number(prefix);
  return one.slice(0, count) === other.slice(0, count);
};

function judgeOf(operator: string, request: NaiveRequest, hasVariables: boolean): Judge {
  const texts = patternJudge(request, hasVariables, /Like$/.test(operator), /IgnoreCase$/.test(operator));
  if (operator.startsWith('String')) return texts;
  if (operator.startsWith('Arn')) return arnJudge(request, hasVariables);
  if (operator.endsWith('IpAddress')) return inRange;
  if (operator === 'Bool') return compared(asFlag, (a, b) => a === b);
  if (operator === 'BinaryEquals') return (given, wanted) => atob(given) === atob(wanted);
  const [, kind, comparison = ''] = /^(Numeric|Date)(.*)$/.exec(operator) ?? [];
  return compared(
    kind === 'Date' ? asDate : asNumber,
    SIX_HEADED[comparison] as (typeof SIX_HEADED)['Equals'],
  );
}

function conditions({ Condition }: Fields, request: NaiveRequest, hasVariables: boolean): boolean[] {
  return Object.entries((Condition ?? {}) as Fields).flatMap(([name, keys]) =>
    Object.entries(keys as Fields).map(([key, wanted]) => {
      const given = request.values[key.toLowerCase()];
      const all = listOf(wanted).map(String);
      if (name === 'Null') return all.some((flag) => (flag === 'true') === (given === undefined));
      const operator = name.replace(/^For[A-Za-z]+:/, '').replace(/IfExists$/, '');
      const negated = operator.includes('Not');
      if (given === undefined) {
        if (name.endsWith('IfExists') || name.startsWith('ForAllValues:')) return true;
        return negated && !name.startsWith('ForAnyValue:');
      }
      const judge = judgeOf(operator, request, hasVariables);
      const fits = given.map((value) => {
        const hits = all.filter((each) => judge(value, each)).length;
        return negated ? hits === 0 : hits > 0;
      });
      const wantsAll = name.startsWith('ForAllValues:') || (negated && !name.startsWith('ForAnyValue:'));
      return wantsAll ? !fits.includes(false) : fits.includes(true);
    }),
  );
}
