// Owns the proof that the AWS CLI and curl find in the program what they know of Amazon: tags, CORS,
// attributes, lifecycles, browsers' forms and websites.

import { createHash } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { awsEnvironment, runEngine } from '#tests/support/engine.ts';
import { runStrata, temporaryDirectory } from '#tests/support/program-process.ts';
import { signedForm } from '#tests/support/signed-requests.ts';
import { StrataProcess } from '#tests/support/strata-process.ts';

const BUCKET = 'settings';
let strata: StrataProcess;
let directory: string;

test.before(async () => {
  strata = await StrataProcess.start();
  directory = temporaryDirectory();
  writeFileSync(join(directory, 'body'), 'hello');
  await s3api('create-bucket');
});

test.after.always(async () => {
  await strata?.remove();
  if (directory) rmSync(directory, { recursive: true, force: true });
});

const environment = (): NodeJS.ProcessEnv => awsEnvironment(strata.credentials);

/** Resolves to the document that the command prints. */
async function s3api(command: string, ...args: string[]) {
  const all = ['--endpoint-url', strata.endpoint, '--output', 'json', 's3api', command];
  const said = await runEngine('aws', [...all, '--bucket', BUCKET, ...args], environment());
  return said.trim() === '' ? {} : JSON.parse(said);
}

const put = (key: string, ...args: string[]) =>
  s3api('put-object', '--key', key, '--body', join(directory, 'body'), ...args);

/** Resolves to status, headers and body, as they came. */
const curl = (...args: string[]): Promise<string> => runEngine('curl', ['-s', '-i', ...args]);
const statusOf = (answer: string): string => /^HTTP\/1\.1 (\d+)/m.exec(answer)?.[1] ?? '';

test.serial('tags of buckets and objects', async (t) => {
  const tagging = JSON.stringify({ TagSet: [{ Key: 'cost centre', Value: '42' }] });
  await s3api('put-bucket-tagging', '--tagging', tagging);
  t.deepEqual((await s3api('get-bucket-tagging')).TagSet, [{ Key: 'cost centre', Value: '42' }]);
  await s3api('delete-bucket-tagging');
  await t.throwsAsync(s3api('get-bucket-tagging'), { message: /NoSuchTagSet/ });
  await put('tagged', '--tagging', 'a=b&c=d');
  await s3api('put-object-tagging', '--key', 'tagged', '--tagging', tagging);
  t.deepEqual((await s3api('get-object-tagging', '--key', 'tagged')).TagSet, [
    { Key: 'cost centre', Value: '42' },
  ]);
  const got = await s3api('get-object', '--key', 'tagged', join(directory, 'down'));
  t.is(got.TagCount, 1);
  await s3api('delete-object-tagging', '--key', 'tagged');
  t.deepEqual((await s3api('get-object-tagging', '--key', 'tagged')).TagSet, []);
});

test.serial('rules for pages of other origins, and a preflight by curl', async (t) => {
  const rule = { AllowedMethods: ['PUT'], AllowedOrigins: ['https://*.example'], AllowedHeaders: ['*'] };
  const configuration = JSON.stringify({ CORSRules: [rule] });
  await s3api('put-bucket-cors', '--cors-configuration', configuration);
  t.deepEqual((await s3api('get-bucket-cors')).CORSRules, [rule]);
  const asking = ['-X', 'OPTIONS', '-H', 'Access-Control-Request-Method: PUT'];
  const url = `${strata.endpoint}/${BUCKET}/k`;
  const allowed = await curl(...asking, '-H', 'Origin: https://a.example', url);
  t.is(statusOf(allowed), '200');
  t.regex(allowed, /Access-Control-Allow-Origin: https:\/\/a\.example/);
  t.is(statusOf(await curl(...asking, '-H', 'Origin: https://a.other', url)), '403');
  await s3api('delete-bucket-cors');
});

test.serial('the attributes of an object', async (t) => {
  await put('attributes', '--checksum-algorithm', 'SHA256', '--storage-class', 'GLACIER');
  const names = ['ETag', 'Checksum', 'StorageClass', 'ObjectSize', 'ObjectParts'];
  const found = await s3api('get-object-attributes', '--key', 'attributes', '--object-attributes', ...names);
  t.like(found, { ETag: createHash('md5').update('hello').digest('hex'), ObjectSize: 5 });
  t.is(found.StorageClass, 'GLACIER');
  t.is(found.Checksum.ChecksumSHA256, createHash('sha256').update('hello').digest('base64'));
  await s3api('restore-object', '--key', 'attributes', '--restore-request', 'Days=1');
  t.regex((await s3api('head-object', '--key', 'attributes')).Restore, /ongoing-request="false"/);
  t.is((await s3api('get-bucket-request-payment')).Payer, 'BucketOwner');
});

test.serial('a lifecycle, which answers tell of', async (t) => {
  const rule = { ID: 'logs', Status: 'Enabled', Filter: { Prefix: 'logs/' }, Expiration: { Days: 3 } };
  const configuration = JSON.stringify({ Rules: [rule] });
  await s3api('put-bucket-lifecycle-configuration', '--lifecycle-configuration', configuration);
  t.deepEqual((await s3api('get-bucket-lifecycle-configuration')).Rules, [rule]);
  t.regex((await put('logs/1')).Expiration, /rule-id="logs"/);
  t.is((await put('other')).Expiration, undefined);
  await s3api('delete-bucket-lifecycle');
});

test.serial("a browser's form, by curl", async (t) => {
  const conditions = [{ bucket: BUCKET }, ['starts-with', '$key', 'form/'], ['content-length-range', 1, 10]];
  const policy = { expiration: new Date(Date.now() + 60_000).toISOString(), conditions };
  const { accessKey, secretKey } = strata.credentials;
  const keys = { accessKeyId: accessKey, secretAccessKey: secretKey };
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the gateway is to fill it in
  const fields = { key: 'form/${filename}', ...signedForm(policy, keys, Date.now()) };
  const form = Object.entries(fields).flatMap(([name, value]) => ['-F', `${name}=${value}`]);
  const file = ['-F', `file=@${join(directory, 'body')}`];
  const url = `${strata.endpoint}/${BUCKET}`;
  t.is(statusOf(await curl(...form, ...file, url)), '204');
  t.is((await s3api('head-object', '--key', 'form/body')).ContentLength, 5);
  const refused = await curl(...form, '-F', 'x-amz-meta-a=b', ...file, url);
  t.is(statusOf(refused), '403');
  t.regex(refused, /Extra input fields: x-amz-meta-a/);
  t.is(statusOf(await curl('-F', 'key=a', ...file, url)), '403');
});

test.serial('a website, by curl', async (t) => {
  await put('index.html');
  const rule = { Condition: { KeyPrefixEquals: 'a/' }, Redirect: { ReplaceKeyPrefixWith: 'b/' } };
  const site = { IndexDocument: { Suffix: 'index.html' }, RoutingRules: [rule] };
  await s3api('put-bucket-website', '--website-configuration', JSON.stringify(site));
  t.deepEqual((await s3api('get-bucket-website')).RoutingRules, [rule]);
  const host = `${BUCKET}.s3-website.localhost`;
  const page = (path: string, ...args: string[]) =>
    curl(...args, '-H', `Host: ${host}`, `${strata.endpoint}${path}`);
  const moved = await page('/a/x');
  t.is(statusOf(moved), '301');
  t.regex(moved, new RegExp(`Location: http://${host}/b/x`));
  const denied = await page('/');
  t.is(statusOf(denied), '403');
  t.regex(denied, /<h1>403 Forbidden<\/h1>/);
  const { accessKey, secretKey } = strata.credentials;
  const signing = ['--aws-sigv4', 'aws:amz:us-east-1:s3', '--user', `${accessKey}:${secretKey}`];
  const empty = createHash('sha256').digest('hex');
  const home = await page('/', ...signing, '-H', `x-amz-content-sha256: ${empty}`);
  t.is(statusOf(home), '200', home);
  t.true(home.endsWith('hello'));
  await s3api('delete-bucket-website');
});

test.serial("encryption by default, by request, and by a key of one's own", async (t) => {
  const rule = { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } };
  const configuration = JSON.stringify({ Rules: [rule] });
  await s3api('put-bucket-encryption', '--server-side-encryption-configuration', configuration);
  const known = await s3api('get-bucket-encryption');
  t.like(known.ServerSideEncryptionConfiguration.Rules[0], rule);
  t.is((await put('by-default')).ServerSideEncryption, 'AES256');
  const s3 = (...args: string[]) =>
    runEngine('aws', ['--endpoint-url', strata.endpoint, 's3', 'cp', ...args], environment());
  const [from, to] = [join(directory, 'large'), join(directory, 'back')];
  // Large enough for the CLI to send it in parts.
  writeFileSync(from, Buffer.alloc(20_000_000, 'plain as day '));
  const key = 'k'.repeat(32);
  for (const [name, flags] of [
    ['sse', ['--sse', 'AES256']],
    ['sse-c', ['--sse-c', 'AES256', '--sse-c-key', key]],
  ] as const) {
    const address = `s3://${BUCKET}/${name}`;
    await s3(from, address, ...flags);
    await s3(address, to, ...(name === 'sse' ? [] : flags));
    t.true(readFileSync(to).equals(readFileSync(from)), name);
  }
  await t.throwsAsync(s3(`s3://${BUCKET}/sse-c`, to), { message: /400/ });
  const rotated = await runStrata(['bucket', 'rotate-key', BUCKET, '--data', strata.data]);
  t.is(rotated.code, 0, rotated.stderr);
  await s3(`s3://${BUCKET}/sse`, to);
  t.true(readFileSync(to).equals(readFileSync(from)));
  await s3api('delete-bucket-encryption');
});
