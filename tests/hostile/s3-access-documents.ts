// Owns the documents of hostile requests that say who may do what: legal ones, though none that lets in the
// public, and policies that try how much a judgement may cost.

import type { Chance } from '#tests/simulation/world.ts';
import { variable } from '#tests/support/random-policies.ts';

const ACCOUNT = '111111111111';

const EVIL_PATTERNS = [
  '*'.repeat(15_000),
  `*${'a'.repeat(7_000)}b`,
  '*a?'.repeat(5_000),
  variable('aws:Referer').repeat(1_000),
  variable(variable(variable('aws:username'))),
  variable(`aws:username, '${variable('aws:username')}'`),
  '?'.repeat(15_000),
];

export function policy(bucket: string, chance: Chance): Buffer {
  const resource = `arn:aws:s3:::${bucket}/${chance.pick(['*', ...EVIL_PATTERNS])}`;
  const wanted = chance.pick(['k*', ...EVIL_PATTERNS]);
  const conditions = [
    { StringLike: { 'aws:Referer': wanted } },
    { 'ForAllValues:StringNotLike': { 's3:prefix': [wanted, 'x'] } },
    { ArnLikeIfExists: { 'aws:PrincipalArn': 'arn:*:*:*:*:*' } },
    { NotIpAddress: { 'aws:SourceIp': ['10.0.0.0/8', '::/0'] } },
    { Null: { 'aws:TokenIssueTime': true } },
    {},
  ];
  const statement = {
    ...{ Effect: chance.pick(['Allow', 'Deny']), Principal: { AWS: ACCOUNT } },
    ...{ Action: chance.pick(['s3:*', 's3:GetObject', '*']), Resource: resource },
    Condition: chance.pick(conditions),
  };
  if (chance.happens(0.02)) return Buffer.from(`{"Statement":${' '.repeat(1_048_576)}[]}`);
  if (chance.happens(0.05)) return Buffer.from(`{"Statement":${'['.repeat(9_000)}`);
  const many = chance.happens(0.1) ? 100 : 1;
  const statements = Array.from({ length: many }, (_, at) => ({ ...statement, Sid: `s${at}` }));
  return Buffer.from(JSON.stringify({ Version: '2012-10-17', Statement: statements }));
}

const NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"';

export function grants(chance: Chance): Buffer {
  const id = chance.pick(['', 'x'.repeat(64), '0'.repeat(64)]);
  const grantee = chance.pick([`<ID>${id}</ID>`, '<EmailAddress>a@b</EmailAddress>', '<URI>a</URI>']);
  const grant = `<Grant><Grantee>${grantee}</Grantee><Permission>READ</Permission></Grant>`;
  const list = grant.repeat(chance.pick([0, 1, 101]));
  const text = `<AccessControlList>${list}</AccessControlList>`;
  return Buffer.from(`<AccessControlPolicy ${NAMESPACE}>${text}</AccessControlPolicy>`);
}

export function ownership(chance: Chance): Buffer {
  const rule = chance.pick(['BucketOwnerEnforced', 'BucketOwnerPreferred', 'ObjectWriter']);
  const text = `<Rule><ObjectOwnership>${rule}</ObjectOwnership></Rule>`;
  return Buffer.from(`<OwnershipControls ${NAMESPACE}>${text}</OwnershipControls>`);
}

export function publicAccess(chance: Chance): Buffer {
  const text = `<BlockPublicAcls>${chance.pick(['true', 'false', ''])}</BlockPublicAcls>`;
  return Buffer.from(`<PublicAccessBlockConfiguration>${text}</PublicAccessBlockConfiguration>`);
}
