// Tests the policy language: what is read and what is refused, who wins, and that nothing costs too much.

import test from 'ava';
import { limits } from '#core/kernel/limits.ts';
import { ANY_VOCABULARY, comparedPolicies, verdictOf } from '#tests/support/compared-policies.ts';
import type { Json, NaiveRequest } from '#tests/support/naive-policy.ts';
import { variable } from '#tests/support/random-policies.ts';
import { type Policy, readPolicy } from './policy.ts';
import { isPublic } from './publicness.ts';

const STATEMENT = { Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: 'arn:aws:s3:::b/*' };
const REQUEST: NaiveRequest = {
  ...{ accountId: undefined, arn: '', canonicalId: '', isLetByAccount: true },
  ...{ action: 's3:GetObject', resource: 'arn:aws:s3:::b/k', values: {} },
};

const documentOf = (...statements: Json[]) =>
  JSON.stringify({ Version: '2012-10-17', Statement: statements });

function policyOf(...statements: object[]): Policy {
  const text = documentOf(...statements.map((each) => ({ ...STATEMENT, ...each }) as Json));
  const policy = readPolicy(text, ANY_VOCABULARY);
  if ('malformed' in policy) throw new Error(policy.malformed);
  return policy;
}

const reasonOf = (text: string) => {
  const read = readPolicy(text, ANY_VOCABULARY);
  return 'malformed' in read ? read.malformed : 'a policy';
};

test('5,000 random requests are judged as a naive evaluator judges them', (t) => {
  const { verdicts, differences } = comparedPolicies(1, 5_000);
  t.deepEqual(differences.slice(0, 3), []);
  for (const [verdict, count] of Object.entries(verdicts)) t.true(count > 100, `${verdict}: ${count}`);
});

test('a denial wins wherever it stands', (t) => {
  const deny = { Effect: 'Deny' };
  t.is(verdictOf(policyOf({}), REQUEST), 'allow');
  t.is(verdictOf(policyOf({}, deny), REQUEST), 'deny');
  t.is(verdictOf(policyOf(deny, {}), REQUEST), 'deny');
  t.is(verdictOf(policyOf({ Action: 's3:PutObject' }), REQUEST), 'none');
});

const WRONG: readonly (readonly [what: object | string, reason: string])[] = [
  ['', "Policies must be valid JSON and the first byte must be '{'"],
  ['[]', "Policies must be valid JSON and the first byte must be '{'"],
  ['{', 'This policy contains invalid Json'],
  ['{}', 'Missing required field Statement'],
  ['{"Statement":[]}', 'Missing required field Statement cannot be empty!'],
  ['{"Statement":[7]}', 'Invalid policy syntax.'],
  ['{"Version":"2013-10-17","Statement":[]}', 'The policy must contain a valid version string'],
  ['{"Statements":[]}', 'Unknown field Statements'],
  ['{"__proto__":{},"Statement":[]}', 'Unknown field __proto__'],
  [{ Effect: undefined }, 'Missing required field Effect'],
  [{ Effect: 'allow' }, 'Invalid effect: allow'],
  [{ Principal: undefined }, 'Missing required field Principal'],
  [{ Principal: {} }, 'Invalid principal in policy'],
  [{ Principal: 'ann' }, 'Invalid principal in policy'],
  [{ Principal: { AWS: 'arn:aws:iam::1:user/*' } }, 'Invalid principal in policy'],
  [{ Principal: { CanonicalUser: 'ann' } }, 'Invalid principal in policy'],
  [{ NotPrincipal: '*' }, 'Invalid policy syntax.'],
  [{ Action: undefined }, 'Missing required field Action'],
  [{ Action: [] }, 'Missing required field Action cannot be empty!'],
  [{ Action: 7 }, 'Policy has invalid action'],
  [{ Resource: undefined }, 'Missing required field Resource'],
  [{ Resource: variable('nonsense') }, 'Policy has invalid resource'],
  [{ Sid: 7 }, 'Invalid policy syntax.'],
  [{ Extra: 7 }, 'Unknown field Extra'],
  [{ Condition: [] }, 'Invalid policy syntax.'],
  [{ Condition: { Stringequals: { a: 'b' } } }, 'Invalid Condition type : Stringequals'],
  [{ Condition: { NullIfExists: { a: 'true' } } }, 'Invalid Condition type : NullIfExists'],
  [{ Condition: { constructor: { a: 'b' } } }, 'Invalid Condition type : constructor'],
  [{ Condition: { IpAddress: { 'aws:SourceIp': '1.2.3.4/33' } } }, 'Invalid value in condition'],
  [{ Condition: { IpAddress: { 'aws:SourceIp': '1.2.3' } } }, 'Invalid value in condition'],
  [{ Condition: { NumericEquals: { a: 'many' } } }, 'Invalid value in condition'],
  [{ Condition: { DateEquals: { a: '2026-13-01' } } }, 'Invalid value in condition'],
  [{ Condition: { Bool: { a: 'maybe' } } }, 'Invalid value in condition'],
  [{ Condition: { ArnLike: { a: 'arn:aws' } } }, 'Invalid value in condition'],
  [{ Condition: { StringEquals: { a: [{}] } } }, 'Invalid policy syntax.'],
];

test('what is no policy is refused with its reason', (t) => {
  for (const [what, reason] of WRONG) {
    const text = typeof what === 'string' ? what : documentOf({ ...STATEMENT, ...what } as Json);
    t.is(reasonOf(text), reason, text);
  }
  const twice = { ...STATEMENT, Sid: 'one' };
  t.is(reasonOf(documentOf(twice, twice)), 'Statement IDs (SID) in a single policy must be unique.');
  const long = documentOf({ ...STATEMENT, Sid: 'x'.repeat(limits.policyBytes) });
  t.regex(reasonOf(long), /exceeds the maximum allowed size of 20480 bytes/);
  const deep = `{"Statement":${'['.repeat(9_000)}${']'.repeat(9_000)}}`;
  t.is(reasonOf(deep), 'Invalid policy syntax.');
});

test('variables are those of policies of 2012 alone', (t) => {
  const statement = { ...STATEMENT, Resource: `arn:aws:s3:::b/${variable('aws:username')}/*` };
  const ann = { ...REQUEST, resource: 'arn:aws:s3:::b/ann/k', values: { 'aws:username': ['ann'] } };
  const old = readPolicy(JSON.stringify({ Statement: statement }), ANY_VOCABULARY) as Policy;
  t.is(verdictOf(policyOf(statement), ann), 'allow');
  t.is(verdictOf(policyOf(statement), { ...ann, values: { 'aws:username': ['*'] } }), 'none');
  t.is(verdictOf(policyOf(statement), { ...ann, values: {} }), 'none');
  t.is(verdictOf(old, ann), 'none');
  t.is(verdictOf(old, { ...ann, resource: `arn:aws:s3:::b/${variable('aws:username')}/k` }), 'allow');
});

test('an address of IPv6 that stands for one of IPv4 is that one', (t) => {
  const policy = policyOf({ Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } });
  const from = (address: string) => verdictOf(policy, { ...REQUEST, values: { 'aws:sourceip': [address] } });
  t.deepEqual(['10.1.2.3', '::ffff:10.1.2.3', '11.1.2.3', 'nowhere'].map(from), [
    ...['allow', 'allow', 'none', 'none'],
  ]);
});

test('what cannot be judged at a bounded cost is denied, soon', (t) => {
  const evil = `*${'a'.repeat(9_000)}b`;
  const policy = policyOf({ Condition: { StringLike: { 'aws:Referer': evil } } });
  const request = { ...REQUEST, values: { 'aws:referer': ['a'.repeat(60_000)] } };
  const began = process.cpuUsage();
  t.is(verdictOf(policy, request), 'deny');
  const { user, system } = process.cpuUsage(began);
  t.true(user + system < 500_000, `${user + system} µs`);
  const many = variable('aws:Referer').repeat(1_000);
  const filled = policyOf({ Condition: { StringNotEquals: { 's3:prefix': many } } });
  t.is(verdictOf(filled, { ...request, values: { ...request.values, 's3:prefix': ['x'] } }), 'deny');
});

test('a policy is public unless all that it allows is for somebody in particular', (t) => {
  const when = (operator: string, key: string, value: string) =>
    policyOf({ Condition: { [operator]: { [key]: value } } });
  t.true(isPublic(policyOf({})));
  t.true(isPublic(policyOf({ Principal: { AWS: '*' } })));
  t.true(isPublic(policyOf({ Principal: undefined, NotPrincipal: { AWS: '111111111111' } })));
  t.false(isPublic(policyOf({ Effect: 'Deny' })));
  t.false(isPublic(policyOf({ Principal: { AWS: '111111111111' } })));
  t.true(isPublic(policyOf({ Principal: { AWS: '111111111111' } }, {})));
  t.false(isPublic(when('StringEquals', 'aws:SourceVpc', 'vpc-1')));
  t.true(isPublic(when('StringLike', 'aws:SourceVpc', 'vpc-*')));
  t.true(isPublic(when('StringEqualsIfExists', 'aws:SourceVpc', 'vpc-1')));
  t.true(isPublic(when('StringNotEquals', 'aws:SourceVpc', 'vpc-1')));
  t.true(isPublic(when('StringEquals', 's3:prefix', 'a')));
  t.false(isPublic(when('IpAddress', 'aws:SourceIp', '10.0.0.0/8')));
  t.true(isPublic(when('IpAddress', 'aws:SourceIp', '10.0.0.0/7')));
  t.false(isPublic(when('IpAddress', 'aws:SourceIp', '2001:db8::/32')));
  t.true(isPublic(when('IpAddress', 'aws:SourceIp', '::/0')));
});
