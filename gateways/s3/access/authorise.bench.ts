// Measures what one judgement costs: of the owner of a bucket that says nothing of others, of the owner of
// one with a policy of ten statements, and of nobody in particular, whom the last of them lets in.

import { systemClock } from '#core/kernel/clock.ts';
import { openMemoryCloud } from '#tests/support/memory-cloud.ts';
import { Query, type S3Call } from '../call.ts';
import { authorise } from './authorise.ts';

const STATEMENTS = 10;
const JUDGEMENTS = 200_000;
const ROUNDS = 3;

const { cloud, accounts, close } = await openMemoryCloud();
const made = await accounts.addAccount('owner');
if ('rejected' in made) throw new Error(made.rejected);
const { accountId } = made;
const identity = cloud.accounts.accessKey(made.accessKeyId);
if (!identity) throw new Error('the key opens nothing');
const caller = { accountId, role: 'member', requestId: 'bench' } as const;
for (const name of ['plain', 'policy']) await cloud.buckets.create(caller, name, 'here');
const Statement = Array.from({ length: STATEMENTS }, (_, at) => ({
  Effect: at === 0 ? 'Deny' : 'Allow',
  Principal: '*',
  Action: 's3:GetObject',
  Resource: `arn:aws:s3:::policy/${at === STATEMENTS - 1 ? 'k' : `folder-${at}/`}*`,
  Condition: { IpAddress: { 'aws:SourceIp': '127.0.0.0/8' } },
}));
const set = { 's3/policy': JSON.stringify({ Version: '2012-10-17', Statement }) };
await cloud.buckets.describe(caller, 'policy', { set, unset: [] });

function callOf(bucket: string, who: typeof identity | 'anonymous'): S3Call {
  const call = {
    gateway: { cloud, clock: systemClock },
    request: { socket: { remoteAddress: '127.0.0.1' } },
    ...{ auth: { identity: who }, caller, headers: {}, query: new Query([]), bucket, key: 'k1' },
  };
  return call as unknown as S3Call;
}

async function microsecondsOf(call: S3Call): Promise<number> {
  const began = process.cpuUsage();
  for (let done = 0; done < JUDGEMENTS; done++) {
    const judged = authorise(call, 'GetObject');
    if (judged instanceof Promise) await judged;
  }
  const { user, system } = process.cpuUsage(began);
  return (user + system) / JUDGEMENTS;
}

const calls = {
  owner: callOf('plain', identity),
  ownerByPolicy: callOf('policy', identity),
  guestByPolicy: callOf('policy', 'anonymous'),
};
for (const [who, call] of Object.entries(calls)) {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) best = Math.min(best, await microsecondsOf(call));
  console.log(JSON.stringify({ bench: 's3-judgement', who, microseconds: Number(best.toFixed(3)) }));
}
await close();
