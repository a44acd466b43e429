// Owns the proof of the operator's commands on the built program: beside a running cloud, by its control
// socket, and alone on its data.

import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CreateBucketCommand, ListBucketsCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import test from 'ava';
import { type Ran, runStrata, temporaryDirectory } from '#tests/support/program-process.ts';
import { StrataProcess } from '#tests/support/strata-process.ts';

interface Key {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

let strata: StrataProcess;
const secrets: string[] = [];

test.before(async () => {
  strata = await StrataProcess.start();
});

test.after.always(() => strata?.remove());

const run = (...args: string[]): Promise<Ran> => runStrata([...args, '--data', strata.data]);

async function json<Value>(...args: string[]): Promise<Value> {
  const { code, stdout, stderr } = await run(...args, '--json');
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

test.serial('only the owner may open the credentials and the control socket', (t) => {
  t.is(statSync(strata.credentialsFile).mode & 0o777, 0o600);
  t.is(statSync(join(strata.data, 'control.sock')).mode & 0o777, 0o600);
});

test.serial('a user added beside the running cloud can call it at once', async (t) => {
  const alice = await json<Key>('user', 'add', 'alice', '--email', 'alice@example.org');
  secrets.push(alice.secretAccessKey);
  const s3 = strata.client(alice);
  await s3.send(new CreateBucketCommand({ Bucket: 'alices' }));
  const { Buckets, Owner } = await s3.send(new ListBucketsCommand({}));
  t.deepEqual(
    Buckets?.map(({ Name }) => Name),
    ['alices'],
  );
  t.is(Owner?.DisplayName, 'alice');
  const listed = await json<{ name: string; email?: string; accessKeyIds: string[] }[]>('user', 'list');
  const found = listed.find(({ name }) => name === 'alice');
  t.is(found?.email, 'alice@example.org');
  t.deepEqual(found?.accessKeyIds, [alice.accessKeyId]);
  t.false(JSON.stringify(listed).includes(alice.secretAccessKey));
});

test.serial('a second key opens the same account, and a revoked one nothing', async (t) => {
  const key = await json<Key>('key', 'create', 'alice');
  secrets.push(key.secretAccessKey);
  const s3 = strata.client(key);
  t.is((await s3.send(new ListBucketsCommand({}))).Buckets?.length, 1);
  t.is((await run('key', 'revoke', key.accessKeyId)).code, 0);
  await t.throwsAsync(() => s3.send(new ListBucketsCommand({})), { name: 'InvalidAccessKeyId' });
});

const REFUSED: readonly (readonly [string[], RegExp])[] = [
  [['user', 'add', 'alice'], /^strata: There is already a user alice\.\n$/],
  [['user', 'remove', 'nobody'], /^strata: There is no user nobody\.\n$/],
  [['key', 'create', 'nobody'], /^strata: There is no user nobody\.\n$/],
  [['key', 'revoke', 'NOSUCHKEY'], /^strata: There is no access key NOSUCHKEY\.\n$/],
  [['user', 'remove', 'alice'], /^strata: User alice still owns buckets; delete them first\.\n$/],
  [['user', 'remove', 'admin'], /^strata: That would leave the cloud without an administrator/],
  [['user', 'add', 'no good'], /^strata: no good cannot be a user's name/],
  [['user', 'add', 'bob', '--role', 'king'], /^strata: king is no role/],
  [['replay', 'no-such-model'], /^strata: There is no read model no-such-model\.\n$/],
  [['log', 'tail', '--category', 'unicorns'], /^strata: There is no family unicorns\.\n$/],
];

for (const [args, sentence] of REFUSED) {
  test.serial(`strata ${args.join(' ')} is refused with one sentence and exit 1`, async (t) => {
    const { code, stdout, stderr } = await run(...args);
    t.regex(stderr, sentence);
    t.is(stdout, '');
    t.is(code, 1);
  });
}

test.serial('the log is shown as JSON lines, decoded, and without any secret', async (t) => {
  const { code, stdout } = await run('log', 'tail');
  t.is(code, 0);
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const created = events.find(({ type, data }) => type === 'AccountCreated' && data.name === 'alice');
  t.regex(created.stream, /^accounts\//);
  const key = events.find(({ type }) => type === 'AccessKeyCreated');
  t.is(key.data.sealedSecret, '[sealed]');
  for (const secret of [...secrets, strata.credentials.secretKey]) t.false(stdout.includes(secret));
  const buckets = await run('log', 'tail', '--category', 'buckets');
  t.deepEqual(
    buckets.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).type),
    ['BucketCreated'],
  );
});

test.serial(
  'the log verifies and read models replay to what is running, while the cloud serves',
  async (t) => {
    await strata.client().send(new CreateBucketCommand({ Bucket: 'replayed' }));
    await strata.client().send(new PutObjectCommand({ Bucket: 'replayed', Key: 'k', Body: 'v' }));
    const verified = await run('log', 'verify');
    t.is(verified.code, 0, verified.stderr);
    t.regex(verified.stdout, /^The log is whole: \d+ events, /);
    for (const model of ['accounts-by-id', 'buckets-by-name', 'objects-by-key']) {
      const replayed = await run('replay', model);
      t.is(replayed.code, 0, replayed.stderr);
      t.regex(replayed.stdout, /byte for byte/);
    }
  },
);

test.serial('the admin port says that all is well, and has the figures', async (t) => {
  const health = await fetch(`${strata.adminEndpoint}/healthz`);
  t.is(health.status, 200);
  t.like(await health.json(), { ok: true });
  const metrics = await (await fetch(`${strata.adminEndpoint}/metrics`)).text();
  t.regex(metrics, /^process_resident_memory_bytes \d+/m);
  t.is((await fetch(`${strata.adminEndpoint}/else`)).status, 404);
  t.is((await fetch(`${strata.adminEndpoint}/healthz`, { method: 'POST' })).status, 405);
});

test.serial('nothing that the program logged holds a secret', (t) => {
  for (const secret of [...secrets, strata.credentials.secretKey]) t.false(strata.stderr.includes(secret));
});

test.serial('without a running cloud the same commands work on its data', async (t) => {
  t.is((await strata.stop()).code, 0);
  t.false(existsSync(join(strata.data, 'control.sock')));
  const bob = await json<Key>('user', 'add', 'bob', '--role', 'admin');
  t.regex((await run('user', 'list')).stdout, /^bob +admin /m);
  t.regex((await run('log', 'verify')).stdout, /^The log is whole/);
  t.regex((await run('replay', 'accounts-by-id')).stdout, /byte for byte/);
  t.regex((await run('log', 'tail')).stdout, /"name":"bob"/);
  await json<Key>('user', 'add', 'carol');
  t.is((await run('user', 'remove', 'carol')).code, 0);
  t.notRegex((await run('user', 'list')).stdout, /carol/);
  await strata.restart();
  t.is((await strata.client(bob).send(new ListBucketsCommand({}))).Buckets?.length, 0);
});

test('a directory without a cloud is one sentence and exit 1, and stays as it was', async (t) => {
  const data = join(temporaryDirectory(), 'none');
  const { code, stderr } = await runStrata(['user', 'list', '--data', data]);
  t.is(code, 1);
  t.regex(stderr, /^strata: There is no cloud in /);
  t.false(existsSync(data));
});

test('the version is that of the package', async (t) => {
  const { code, stdout } = await runStrata(['--version']);
  t.is(code, 0);
  t.regex(stdout, /^\d+\.\d+\.\d+\n$/);
});
