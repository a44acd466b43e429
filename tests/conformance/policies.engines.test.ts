// Owns the proof that the AWS CLI and curl find policies, access control lists, ownership and blocked access
// in the program as they know them of Amazon, with the accounts that the operator's commands make.

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { awsEnvironment, runEngine } from '#tests/support/engine.ts';
import { runStrata, temporaryDirectory } from '#tests/support/program-process.ts';
import { StrataProcess } from '#tests/support/strata-process.ts';

interface Account {
  readonly accountId: string;
  readonly canonicalId: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

let strata: StrataProcess;
let directory: string;
let main: Account;
let other: Account;

test.before(async () => {
  strata = await StrataProcess.start();
  directory = temporaryDirectory();
  writeFileSync(join(directory, 'body'), 'hello');
  main = await added('main', 'main@example.org');
  other = await added('other', 'other@example.org');
  await s3api(main, 'create-bucket', '--bucket', 'shared');
  await put(main, 'k');
});

test.after.always(async () => {
  await strata?.remove();
  if (directory) rmSync(directory, { recursive: true, force: true });
});

async function added(name: string, email: string): Promise<Account> {
  const args = ['user', 'add', name, '--email', email, '--json', '--data', strata.data];
  const { code, stdout, stderr } = await runStrata(args);
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

/** Resolves to the document that the command prints. */
async function s3api({ accessKeyId, secretAccessKey }: Account, command: string, ...args: string[]) {
  const all = ['--endpoint-url', strata.endpoint, '--output', 'json', 's3api', command, ...args];
  const said = await runEngine(
    'aws',
    all,
    awsEnvironment({ accessKey: accessKeyId, secretKey: secretAccessKey }),
  );
  return said.trim() === '' ? {} : JSON.parse(said);
}

const put = (account: Account, key: string, ...args: string[]) =>
  s3api(
    account,
    'put-object',
    '--bucket',
    'shared',
    '--key',
    key,
    '--body',
    join(directory, 'body'),
    ...args,
  );
const get = (account: Account, key: string) =>
  s3api(account, 'get-object', '--bucket', 'shared', '--key', key, join(directory, 'got'));

/** As nobody in particular. */
const anonymously = (path: string): Promise<string> =>
  runEngine('curl', ['-s', '-o', '/dev/null', '-w', '%{http_code}', `${strata.endpoint}/${path}`]);

const denied = { message: /AccessDenied|Forbidden/ };

function policyFor(principal: unknown, ...actions: string[]): string {
  const resources = ['arn:aws:s3:::shared', 'arn:aws:s3:::shared/*'];
  const statement = { Effect: 'Allow', Principal: principal, Action: actions, Resource: resources };
  return JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
}

test.serial('an account that is added in one line has a canonical id, which S3 shows', async (t) => {
  const { Owner } = await s3api(main, 'list-buckets');
  t.is(Owner.ID, main.canonicalId);
  const { Owner: listed } = await s3api(main, 'get-bucket-acl', '--bucket', 'shared');
  t.deepEqual(listed, { ID: main.canonicalId, DisplayName: 'main' });
});

test.serial('a policy opens a bucket to everybody, and to another account', async (t) => {
  const bucket = ['--bucket', 'shared'];
  t.is(await anonymously('shared/k'), '403');
  await t.throwsAsync(get(other, 'k'), denied);
  await t.throwsAsync(s3api(main, 'get-bucket-policy', ...bucket), { message: /NoSuchBucketPolicy/ });
  await s3api(main, 'put-bucket-policy', ...bucket, '--policy', policyFor('*', 's3:GetObject'));
  const { PolicyStatus } = await s3api(main, 'get-bucket-policy-status', ...bucket);
  t.true(PolicyStatus.IsPublic);
  t.is(await anonymously('shared/k'), '200');
  t.is(await anonymously('shared/nothing'), '403');
  t.is(await anonymously('shared'), '403');
  const forOther = policyFor(
    { AWS: `arn:aws:iam::${other.accountId}:root` },
    's3:GetObject',
    's3:ListBucket',
  );
  await s3api(main, 'put-bucket-policy', ...bucket, '--policy', forOther);
  t.deepEqual(JSON.parse((await s3api(main, 'get-bucket-policy', ...bucket)).Policy), JSON.parse(forOther));
  t.is(await anonymously('shared/k'), '403');
  t.is((await get(other, 'k')).ContentLength, 5);
  t.is((await s3api(other, 'list-objects-v2', ...bucket)).Contents.length, 1);
  await t.throwsAsync(put(other, 'k'), denied);
  const wrong = policyFor('*', 's3:Fly');
  await t.throwsAsync(s3api(main, 'put-bucket-policy', ...bucket, '--policy', wrong), {
    message: /MalformedPolicy.*Policy has invalid action/,
  });
});

test.serial('what is blocked is closed again, whatever the policy says', async (t) => {
  const bucket = ['--bucket', 'shared'];
  await s3api(main, 'put-bucket-policy', ...bucket, '--policy', policyFor('*', 's3:GetObject'));
  t.is(await anonymously('shared/k'), '200');
  const blocked = [
    ...['BlockPublicAcls=true', 'IgnorePublicAcls=true', 'BlockPublicPolicy=true'],
    'RestrictPublicBuckets=true',
  ].join(',');
  await s3api(main, 'put-public-access-block', ...bucket, '--public-access-block-configuration', blocked);
  t.is(await anonymously('shared/k'), '403');
  t.is((await get(main, 'k')).ContentLength, 5);
  const again = s3api(main, 'put-bucket-policy', ...bucket, '--policy', policyFor('*', 's3:GetObject'));
  await t.throwsAsync(again, denied);
  const { PublicAccessBlockConfiguration } = await s3api(main, 'get-public-access-block', ...bucket);
  t.deepEqual(Object.values(PublicAccessBlockConfiguration), [true, true, true, true]);
  await s3api(main, 'delete-public-access-block', ...bucket);
  await s3api(main, 'delete-bucket-policy', ...bucket);
  t.is(await anonymously('shared/k'), '403');
});

test.serial('lists count where the ownership controls say so', async (t) => {
  const bucket = ['--bucket', 'shared'];
  const open = () => s3api(main, 'put-bucket-acl', ...bucket, '--acl', 'public-read');
  await t.throwsAsync(open(), { message: /AccessControlListNotSupported/ });
  const rules = 'Rules=[{ObjectOwnership=BucketOwnerPreferred}]';
  await s3api(main, 'put-bucket-ownership-controls', ...bucket, '--ownership-controls', rules);
  const { OwnershipControls: controls } = await s3api(main, 'get-bucket-ownership-controls', ...bucket);
  t.deepEqual(controls.Rules, [{ ObjectOwnership: 'BucketOwnerPreferred' }]);
  await open();
  t.is(await anonymously('shared'), '200');
  t.is(await anonymously('shared/k'), '403');
  await s3api(main, 'put-object-acl', ...bucket, '--key', 'k', '--acl', 'public-read');
  t.is(await anonymously('shared/k'), '200');
  await put(main, 'granted', '--grant-read', `id=${other.canonicalId}`);
  t.is((await get(other, 'granted')).ContentLength, 5);
  t.is(await anonymously('shared/granted'), '403');
  const { Grants } = await s3api(main, 'get-object-acl', ...bucket, '--key', 'granted');
  t.deepEqual(
    Grants.map(({ Grantee, Permission }: { Grantee: { DisplayName: string }; Permission: string }) => [
      ...[Grantee.DisplayName, Permission],
    ]),
    [['other', 'READ']],
  );
  const grantFull = 'emailaddress=other@example.org';
  await s3api(main, 'put-object-acl', ...bucket, '--key', 'granted', '--grant-full-control', grantFull);
  t.is((await s3api(other, 'get-object-acl', ...bucket, '--key', 'granted')).Grants.length, 1);
  await s3api(main, 'delete-bucket-ownership-controls', ...bucket);
  await t.throwsAsync(s3api(main, 'get-bucket-ownership-controls', ...bucket), {
    message: /OwnershipControlsNotFoundError/,
  });
});
