// Measures what encryption costs: the same requests to a bucket that encrypts by default and to one that does
// not, in turn. The ratio is of processor time for a request: above 1 encryption costs more. The chunks are
// in memory: nodes and disks would add the same to both.

import { CreateBucketCommand, PutBucketEncryptionCommand } from '@aws-sdk/client-s3';
import { type Load, measuredLoad } from '#tests/support/measured-load.ts';
import { S3Server } from '#tests/support/s3-server.ts';

const ROUNDS = 3;
const RUNS = [
  ['put', 4_096],
  ['get', 4_096],
  ['put', 1_048_576],
  ['get', 1_048_576],
] as const;

const server = await S3Server.start();
const [account] = server.keys;
if (!account) throw new Error('the server has no account');
const Bucket = 'encrypted';
await server.client.send(new CreateBucketCommand({ Bucket }));
const rule = { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } } as const;
const ServerSideEncryptionConfiguration = { Rules: [rule] };
await server.client.send(new PutBucketEncryptionCommand({ Bucket, ServerSideEncryptionConfiguration }));

async function microsecondsOf(load: Load): Promise<number> {
  const { perSecond, cpuMs } = await measuredLoad(server.endpoint, account as (typeof server.keys)[0], load);
  return (cpuMs * 1_000) / (perSecond * load.seconds);
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] as number;

for (const [operation, size] of RUNS) {
  const isLarge = size > 4_096;
  const load = { operation, size, clients: isLarge ? 4 : 32, seconds: 1, keys: isLarge ? 2 : 100 };
  const [plain, encrypted]: [number[], number[]] = [[], []];
  for (const bucket of ['plain', Bucket]) await microsecondsOf({ ...load, bucket });
  for (let round = 0; round < ROUNDS; round++) {
    plain.push(await microsecondsOf({ ...load, bucket: 'plain' }));
    encrypted.push(await microsecondsOf({ ...load, bucket: Bucket }));
  }
  const [plainMicroseconds, encryptedMicroseconds] = [median(plain), median(encrypted)].map(Math.round);
  const ratio = Number(((encryptedMicroseconds ?? 0) / (plainMicroseconds ?? 1)).toFixed(3));
  const figures = { operation, size, plainMicroseconds, encryptedMicroseconds, ratio };
  console.log(JSON.stringify({ bench: 's3-encrypted', ...figures }));
}
await server.stop();
