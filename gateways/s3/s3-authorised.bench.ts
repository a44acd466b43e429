// Measures what authorisation costs: the same requests with the key of an account and with the EC2 credential
// of a Keystone user who is a member of the same project, in turn. The ratio is of processor time for a
// request: above 1 the credential costs more.

import { ec2CredentialOf } from '#tests/support/ec2-credentials.ts';
import { type Load, measuredLoad } from '#tests/support/measured-load.ts';
import { S3Server } from '#tests/support/s3-server.ts';
import type { AccessKey } from '#tests/support/signed-requests.ts';

const ROUNDS = 3;
const server = await S3Server.start();
const [account] = server.keys;
const owner = (await server.memory.accounts.listAccounts()).find(({ name }) => name === 'owner');
if (!account || !owner) throw new Error('the server has no account');
const credential = await ec2CredentialOf(server.memory.identity, 'bench', 'member', owner.accountId);

async function microsecondsOf(key: AccessKey, load: Load): Promise<number> {
  const { perSecond, cpuMs } = await measuredLoad(server.endpoint, key, load);
  return (cpuMs * 1_000) / (perSecond * load.seconds);
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] as number;

for (const operation of ['put', 'get'] as const) {
  const load = { operation, size: 4_096, clients: 32, seconds: 1, keys: 100 };
  const [ofAccount, ofCredential]: [number[], number[]] = [[], []];
  await microsecondsOf(account, load);
  for (let round = 0; round < ROUNDS; round++) {
    ofAccount.push(await microsecondsOf(account, load));
    ofCredential.push(await microsecondsOf(credential, load));
  }
  const [accountMicroseconds, credentialMicroseconds] = [median(ofAccount), median(ofCredential)];
  const ratio = Number((credentialMicroseconds / accountMicroseconds).toFixed(3));
  const figures = { accountMicroseconds, credentialMicroseconds };
  const rounded = Object.entries(figures).map(([name, value]) => [name, Math.round(value)] as const);
  console.log(JSON.stringify({ bench: 's3-authorised', operation, ...Object.fromEntries(rounded), ratio }));
}
await server.stop();
