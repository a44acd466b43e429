// Owns random policies and requests, drawn from so few words that they often meet.

import type { Chance } from '#tests/simulation/world.ts';
import type { Json, NaiveRequest } from './naive-policy.ts';

/** As a policy writes it. */
export const variable = (name: string): string => ['$', '{', name, '}'].join('');

const ACCOUNTS = ['111111111111', '222222222222', 'abcdefabcdefabcdefabcdefabcdefab'];
const USERS = ['ann', 'bob', 'a*b'];
const ACTIONS = ['s3:GetObject', 's3:GetObjectAcl', 's3:PutObject', 's3:ListBucket', 's3:DeleteObject'];
const ACTION_PATTERNS = [
  ...ACTIONS,
  's3:*',
  '*',
  's3:Get*',
  's3:getobject',
  's3:*Object',
  's3:?etObject*',
  'S3:P*',
];
const KEYS = ['', '/a', '/homes/ann/x', '/homes/bob/x', '/a:b', '/*', '/$', '/a.b', '/é', '/aaaaaaaaab'];
const RESOURCE_PATTERNS = [
  ...[
    '',
    '/*',
    '*',
    '/a',
    '/homes/*',
    `/homes/${variable('aws:username')}/*`,
    `/homes/${variable("aws:username, 'bob'")}/?`,
    `/${variable('*')}`,
  ],
  ...[
    `/${variable('$')}`,
    '/?',
    '/a?b',
    '/*a*b',
    `/${variable('s3:prefix')}*`,
    `/${variable('aws:Unknown')}*`,
    '/*a*a*a*b',
    '/a.b',
  ],
];
const TEXTS = ['ann', 'Ann', 'bob', 'a*b', 'home/ann/', 'x.y', '', '$', 'äöü', 'true', '7'];
const TEXT_PATTERNS = [
  ...TEXTS,
  '*',
  'a*',
  '?nn',
  `home/${variable('aws:username')}/`,
  `${variable('aws:username')}`,
  '*.?',
  `${variable('?')}*`,
];
const NUMBERS = ['0', '7', '-3', '7.0', '1e1', '10', '100000'];
const DATES = ['2026-01-01T00:00:00Z', '2026-01-01', '2026-06-30T12:00:00+02:00', '1767225600', '1800000000'];
const ADDRESSES = ['10.0.0.1', '10.9.0.1', '192.168.1.7', '2001:db8::1', '2001:db8:1::9', '::1', '127.0.0.1'];
const RANGES = [
  ...['10.0.0.0/8', '10.0.0.0/16', '192.168.1.0/24', '0.0.0.0/0', '::/0', '10.9.0.1', '2001:db8::/32'],
  ...['2001:db8:1::/48', '::1/128', '192.168.1.4/30'],
];
const FLAGS = ['true', 'false', 'TRUE'];
const BINARIES = ['AAAA', 'AAE=', '', 'QUJD'];
const ARNS = [
  ...['arn:aws:iam::111111111111:user/ann', 'arn:aws:iam::222222222222:root', 'arn:aws:s3:::b', 'no:arn'],
  'arn:aws:sns:eu:1:a:b:c',
];
const ARN_PATTERNS = [
  ...[
    'arn:aws:iam::*:user/*',
    'arn:*:*:*:*:*',
    `arn:aws:iam::111111111111:user/${variable('aws:username')}`,
    'arn:aws:s3:::?',
  ],
  ...['arn:aws:*:::b', 'arn:aws:sns:eu:1:a:*', '*', 'arn:aws:iam::111111111111:*'],
];

/** For each kind of operators: keys that have such values, the values, and what policies say of them. */
const KINDS: readonly {
  readonly operators: readonly string[];
  readonly keys: readonly string[];
  readonly given: readonly string[];
  readonly wanted: readonly string[];
}[] = [
  {
    operators: [
      ...['StringEquals', 'StringNotEquals', 'StringEqualsIgnoreCase', 'StringNotEqualsIgnoreCase'],
      ...['StringLike', 'StringNotLike'],
    ],
    keys: ['aws:username', 's3:prefix', 'aws:Referer'],
    given: TEXTS,
    wanted: TEXT_PATTERNS,
  },
  { operators: sixOf('Numeric'), keys: ['s3:max-keys'], given: [...NUMBERS, 'many'], wanted: NUMBERS },
  { operators: sixOf('Date'), keys: ['aws:CurrentTime'], given: DATES, wanted: DATES },
  { operators: ['Bool'], keys: ['aws:SecureTransport'], given: [...FLAGS, 'yes'], wanted: FLAGS },
  { operators: ['BinaryEquals'], keys: ['s3:binary'], given: BINARIES, wanted: BINARIES },
  { operators: ['IpAddress', 'NotIpAddress'], keys: ['aws:SourceIp'], given: ADDRESSES, wanted: RANGES },
  {
    operators: ['ArnEquals', 'ArnLike', 'ArnNotEquals', 'ArnNotLike'],
    keys: ['aws:PrincipalArn'],
    given: ARNS,
    wanted: ARN_PATTERNS,
  },
];

function sixOf(kind: string): string[] {
  const names = ['Equals', 'NotEquals', 'LessThan', 'LessThanEquals', 'GreaterThan', 'GreaterThanEquals'];
  return names.map((name) => kind + name);
}

const canonicalOf = (account: string) => account.padEnd(64, '0').replace(/[^0-9a-f]/g, '0');

const some = <Value>(chance: Chance, from: readonly Value[], most: number): Value[] =>
  Array.from({ length: chance.whole(1, most) }, () => chance.pick(from));

const oneOrMany = (values: readonly string[], chance: Chance): Json =>
  values.length === 1 && chance.happens(0.5) ? (values[0] as string) : values;

export function randomPolicy(chance: Chance): Json {
  const version = chance.pick(['2012-10-17', '2012-10-17', '2008-10-17', undefined]);
  const statements = Array.from({ length: chance.whole(1, 3) }, () => randomStatement(chance));
  const single = statements.length === 1 && chance.happens(0.5);
  return {
    ...(version !== undefined && { Version: version }),
    Statement: single ? (statements[0] as Json) : statements,
  };
}

function randomStatement(chance: Chance): Json {
  const not = (name: string, share: number) => (chance.happens(share) ? `Not${name}` : name);
  const resources = some(chance, RESOURCE_PATTERNS, 2).map((tail) => `arn:aws:s3:::b${tail}`);
  const conditions = chance.whole(0, 2);
  return {
    Effect: chance.pick(['Allow', 'Allow', 'Deny']),
    [not('Principal', 0.15)]: randomPrincipal(chance),
    [not('Action', 0.15)]: oneOrMany(some(chance, ACTION_PATTERNS, 2), chance),
    [not('Resource', 0.15)]: oneOrMany(resources, chance),
    ...(conditions > 0 && { Condition: randomConditions(chance, conditions) }),
  };
}

function randomPrincipal(chance: Chance): Json {
  if (chance.happens(0.4)) return '*';
  const account = chance.pick(ACCOUNTS);
  const user = chance.pick(USERS.slice(0, 2));
  return chance.pick<Json>([
    { AWS: '*' },
    { AWS: account },
    { AWS: [`arn:aws:iam::${account}:root`, chance.pick(ACCOUNTS)] },
    { AWS: `arn:aws:iam::${account}:user/${user}` },
    { CanonicalUser: canonicalOf(account) },
    { Service: 's3.amazonaws.com', CanonicalUser: [canonicalOf(account)] },
    { Federated: 'cognito-identity.amazonaws.com' },
  ]);
}

function randomConditions(chance: Chance, count: number): Json {
  const conditions: Record<string, Record<string, Json>> = {};
  for (let drawn = 0; drawn < count; drawn++) {
    const kind = chance.pick(KINDS);
    const isNull = chance.happens(0.1);
    const operator = isNull ? 'Null' : chance.pick(kind.operators);
    const prefix = isNull ? '' : chance.pick(['', '', '', 'ForAllValues:', 'ForAnyValue:']);
    const suffix = isNull ? '' : chance.pick(['', '', 'IfExists']);
    const values = isNull ? [chance.pick(['true', 'false'])] : some(chance, kind.wanted, 3);
    const name = prefix + operator + suffix;
    conditions[name] = { ...conditions[name], [chance.pick(kind.keys)]: oneOrMany(values, chance) };
  }
  return conditions;
}

export function randomRequest(chance: Chance): NaiveRequest {
  const accountId = chance.pick([...ACCOUNTS, undefined]);
  const user = chance.pick([undefined, ...USERS]);
  const values: Record<string, readonly string[]> = {};
  for (const { keys, given } of KINDS) {
    for (const key of keys) {
      if (chance.happens(0.75)) values[key.toLowerCase()] = some(chance, given, chance.happens(0.8) ? 1 : 3);
    }
  }
  if (accountId !== undefined && user !== undefined) values['aws:username'] = [user];
  return {
    accountId,
    arn: `arn:aws:iam::${accountId}:${user === undefined ? 'root' : `user/${user}`}`,
    canonicalId: accountId === undefined ? '' : canonicalOf(accountId),
    // An account itself is what lets.
    isLetByAccount: user === undefined || chance.happens(0.5),
    action: chance.pick(ACTIONS),
    resource: `arn:aws:s3:::b${chance.pick(KEYS)}`,
    values,
  };
}
