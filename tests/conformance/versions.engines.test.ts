// Owns the proof that the AWS CLI and the swift client work with versions, and with those that the other
// made.

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { awsEnvironment, runEngine } from '#tests/support/engine.ts';
import { temporaryDirectory } from '#tests/support/program-process.ts';
import { StrataProcess } from '#tests/support/strata-process.ts';

let strata: StrataProcess;
let directory: string;

test.before(async () => {
  strata = await StrataProcess.start();
  directory = temporaryDirectory();
});

test.after.always(async () => {
  await strata?.remove();
  if (directory) rmSync(directory, { recursive: true, force: true });
});

interface Versions {
  readonly Versions?: readonly { readonly VersionId: string; readonly IsLatest: boolean }[];
  readonly DeleteMarkers?: readonly { readonly VersionId: string; readonly IsLatest: boolean }[];
}

async function s3api<Answer>(command: string, ...args: string[]): Promise<Answer> {
  const said = await runEngine(
    'aws',
    ['--endpoint-url', strata.endpoint, '--output', 'json', 's3api', command, '--bucket', 'kept', ...args],
    awsEnvironment(strata.credentials),
  );
  return said === '' ? ({} as Answer) : JSON.parse(said);
}

const swift = (...args: string[]): Promise<string> =>
  runEngine('swift', args, {
    ...{ ST_AUTH_VERSION: '3', OS_AUTH_URL: strata.identityEndpoint, OS_USERNAME: 'admin' },
    ...{ OS_PASSWORD: strata.credentials.adminPassword, OS_PROJECT_NAME: 'admin' },
    ...{ OS_USER_DOMAIN_NAME: 'Default', OS_PROJECT_DOMAIN_NAME: 'Default' },
  });

function file(text: string): string {
  const path = join(directory, text);
  writeFileSync(path, text);
  return path;
}

test.serial('the AWS CLI keeps versions, lists them, reads one and deletes them by id', async (t) => {
  await s3api('create-bucket');
  await s3api('put-bucket-versioning', '--versioning-configuration', 'Status=Enabled');
  t.deepEqual(await s3api<unknown>('get-bucket-versioning'), { Status: 'Enabled' });
  const put = async (text: string) =>
    (await s3api<{ VersionId: string }>('put-object', '--key', 'k', '--body', file(text))).VersionId;
  const ids = [await put('one'), await put('two')];
  const deleted = await s3api<{ VersionId: string }>('delete-object', '--key', 'k');
  const listed = await s3api<Versions>('list-object-versions', '--page-size', '1');
  t.deepEqual(
    listed.Versions?.map(({ VersionId }) => VersionId),
    [...ids].reverse(),
  );
  t.deepEqual(
    listed.DeleteMarkers?.map(({ VersionId, IsLatest }) => `${VersionId} ${IsLatest}`),
    [`${deleted.VersionId} true`],
  );
  const down = join(directory, 'down');
  await s3api('get-object', '--key', 'k', '--version-id', ids[0] ?? '', down);
  t.is(readFileSync(down, 'utf8'), 'one');
  await s3api('delete-object', '--key', 'k', '--version-id', deleted.VersionId);
  await s3api('get-object', '--key', 'k', down);
  t.is(readFileSync(down, 'utf8'), 'two');
});

test.serial('the swift client sees them, makes more, and reads one by its id', async (t) => {
  t.regex(await swift('stat', 'kept'), /Versions[ -]Enabled: True/i);
  await swift('post', 'own', '-H', 'X-Versions-Enabled:true');
  await swift('upload', 'own', file('first'), '--object-name', 'k');
  await swift('upload', 'own', file('second'), '--object-name', 'k');
  await swift('delete', 'own', 'k');
  const rows = (await swift('list', 'own', '--versions')).split('\n').filter((line) => line !== '');
  t.is(rows.length, 3, rows.join(' | '));
  const idOf = (row = '') => /[0-9a-f]{32}/.exec(row)?.[0] ?? '';
  const down = join(directory, 'swift-down');
  await swift('download', 'own', 'k', '--version-id', idOf(rows[2]), '-o', down);
  t.is(readFileSync(down, 'utf8'), 'first');
  await swift('delete', 'own', 'k', '--version-id', idOf(rows[0]));
  await swift('download', 'own', 'k', '-o', down);
  t.is(readFileSync(down, 'utf8'), 'second');
  await swift('download', 'kept', 'k', '-o', down);
  t.is(readFileSync(down, 'utf8'), 'two');
});

test.serial('the swift client keeps a stack in an archive', async (t) => {
  await swift('post', 'archive');
  await swift('post', 'stack', '-H', 'X-Versions-Location:archive');
  await swift('upload', 'stack', file('first'), '--object-name', 'k');
  await swift('upload', 'stack', file('second'), '--object-name', 'k');
  t.regex(await swift('list', 'archive'), /^001k\/\d+\.\d+\n$/);
  await swift('delete', 'stack', 'k');
  const down = join(directory, 'stack-down');
  await swift('download', 'stack', 'k', '-o', down);
  t.is(readFileSync(down, 'utf8'), 'first');
});
