// Owns the proof that the swift client works as with Swift itself: it logs in both ways, uploads whole and in
// segments of both kinds, lists, shows, describes, copies, downloads and deletes.

import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { contentOf } from '#tests/support/contents.ts';
import { runEngine } from '#tests/support/engine.ts';
import { temporaryDirectory } from '#tests/support/program-process.ts';
import { StrataProcess } from '#tests/support/strata-process.ts';

const MIB = 1024 * 1024;

const SETTINGS = {
  policies: { standard: { default: true }, archive: { aliases: ['cold'] }, old: { deprecated: true } },
};

let strata: StrataProcess;
let directory: string;

test.before(async () => {
  directory = temporaryDirectory();
  const settings = join(directory, 'swift.json');
  writeFileSync(settings, JSON.stringify(SETTINGS));
  strata = await StrataProcess.start({ args: ['--swift-settings', settings] });
});

test.after.always(async () => {
  await strata?.remove();
  if (directory) rmSync(directory, { recursive: true, force: true });
});

const keystone = (at = strata): NodeJS.ProcessEnv => ({
  ...{ ST_AUTH_VERSION: '3', OS_AUTH_URL: at.identityEndpoint, OS_USERNAME: 'admin' },
  ...{ OS_PASSWORD: at.credentials.adminPassword, OS_PROJECT_NAME: 'admin' },
  ...{ OS_USER_DOMAIN_NAME: 'Default', OS_PROJECT_DOMAIN_NAME: 'Default' },
});

const tempAuth = (): NodeJS.ProcessEnv => ({
  ...{ ST_AUTH: strata.identityEndpoint.replace('/identity/v3', '/auth/v1.0'), ST_USER: 'admin:admin' },
  ST_KEY: strata.credentials.adminPassword,
});

const swift = (...args: string[]): Promise<string> => runEngine('swift', args, keystone());
const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');

function file(name: string, sizeBytes: number): string {
  const path = join(directory, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, contentOf(sizeBytes, sizeBytes));
  return path;
}

async function comesBack(container: string, name: string, path: string): Promise<boolean> {
  const down = `${path}.down`;
  await swift('download', container, name, '-o', down);
  return readFileSync(down).equals(readFileSync(path));
}

test.serial('it logs in by Keystone and by name and password, and sees the same account', async (t) => {
  const byKeystone = await swift('stat');
  t.regex(byKeystone, /Account: AUTH_/);
  const byName = await runEngine('swift', ['stat'], tempAuth());
  t.is(/Account: (\S+)/.exec(byName)?.[1], /Account: (\S+)/.exec(byKeystone)?.[1]);
  await t.throwsAsync(runEngine('swift', ['stat'], { ...tempAuth(), ST_KEY: 'wrong' }));
  t.regex(await swift('capabilities'), /slo/);
});

test.serial('files go up, are listed, shown, described, copied, and come back', async (t) => {
  const path = file('folder/ein Stück ä.bin', 100_000);
  await swift('post', 'things', '--meta', 'colour:blue', '--read-acl', '.r:*');
  await swift(
    'upload',
    'things',
    path,
    '--object-name',
    'folder/ein Stück ä.bin',
    '-H',
    'X-Object-Meta-One: 1',
  );
  t.deepEqual(lines(await swift('list', 'things')), ['folder/ein Stück ä.bin']);
  t.regex(await swift('list', '--lh'), /things/);
  t.deepEqual(lines(await swift('list', 'things', '--delimiter', '/')), ['folder/']);
  const container = await swift('stat', 'things');
  t.regex(container, /Objects: 1\n/);
  t.regex(container, /Bytes: 100000\n/);
  t.regex(container, /Read ACL: \.r:\*/);
  t.regex(container, /Meta Colour: blue/);
  t.true(await comesBack('things', 'folder/ein Stück ä.bin', path));
  await swift('post', 'things', 'folder/ein Stück ä.bin', '--meta', 'Two:2');
  const shown = await swift('stat', 'things', 'folder/ein Stück ä.bin');
  t.regex(shown, /Meta Two: 2/);
  t.notRegex(shown, /Meta One/);
  await swift('copy', '--destination', '/things/copied', 'things', 'folder/ein Stück ä.bin');
  t.true(await comesBack('things', 'copied', path));
  await swift('delete', 'things', 'copied');
  t.deepEqual(lines(await swift('list', 'things')), ['folder/ein Stück ä.bin']);
});

for (const [kind, flags] of [
  ['static', ['--use-slo']],
  ['dynamic', []],
] as const) {
  test.serial(`a file goes up in segments of a ${kind} large object, and away with them`, async (t) => {
    const path = file(`${kind}.bin`, 10 * MIB + 1);
    const upload = ['upload', 'large', path, '--object-name', 'big', '--segment-size', String(3 * MIB)];
    await swift(...upload, ...flags, '--segment-container', 'segments');
    t.is(lines(await swift('list', 'segments')).length, 4);
    t.true(await comesBack('large', 'big', path));
    t.regex(await swift('stat', 'large', 'big'), new RegExp(`Content Length: ${10 * MIB + 1}`));
    await swift('delete', 'large', 'big');
    t.deepEqual(lines(await swift('list', 'large')), []);
    t.deepEqual(lines(await swift('list', 'segments')), []);
  });
}

test.serial('storage policies are named, kept, told and counted', async (t) => {
  await swift('post', 'kept', '-H', 'X-Storage-Policy: cold');
  t.regex(await swift('stat', 'kept', '-v'), /X-Storage-Policy: archive/);
  await swift('upload', 'kept', file('policy.bin', 10), '--object-name', 'a');
  for (const [policy, message] of [
    ['none', /Invalid X-Storage-Policy/],
    ['old', /deprecated/],
  ] as const) {
    await t.throwsAsync(swift('post', 'new', '-H', `X-Storage-Policy: ${policy}`), { message });
  }
  const account = await swift('stat');
  t.regex(account, /Containers in policy "archive": 1/);
  t.regex(account, /Objects in policy "archive": 1/);
  t.regex(account, /Bytes in policy "archive": 10/);
  t.regex(await swift('capabilities'), /archive, cold/);
  await swift('delete', 'kept');
});

test.serial('who asks too often is told to slow down', async (t) => {
  const settings = join(directory, 'rates.json');
  writeFileSync(settings, JSON.stringify({ rateLimits: { accountPerSecond: 0.1, maxSleepSeconds: 0.2 } }));
  const limited = await StrataProcess.start({ args: ['--swift-settings', settings] });
  t.teardown(() => limited.remove());
  const ask = (...args: string[]) => runEngine('swift', args, keystone(limited));
  t.regex(await ask('capabilities'), /account_ratelimit: 0.1/);
  await ask('post', 'first');
  await t.throwsAsync(ask('--retries', '0', 'post', 'second'), { message: /498 Rate Limited/ });
  t.deepEqual(lines(await ask('list')), ['first']);
});

test.serial('a signed URL opens its object, in every form that the client makes', async (t) => {
  const path = file('signed.txt', 1_000);
  await swift('post', 'signed', '--meta', 'Temp-URL-Key-2:of the container');
  await swift('post', '--meta', 'Temp-URL-Key:of the account');
  await swift('upload', 'signed', path, '--object-name', 'folder/it');
  const { origin } = new URL(strata.identityEndpoint);
  const account = /Account: (\S+)/.exec(await swift('stat'))?.[1];
  const at = `/object-store/v1/${account}/signed/folder`;
  for (const [key, flags, target] of [
    ['of the account', [], `${at}/it`],
    ['of the account', [], `/v1/${account}/signed/folder/it`],
    ['of the container', ['--digest', 'sha512'], `${at}/it`],
    ['of the container', ['--digest', 'sha1', '--iso8601'], `${at}/it`],
    ['of the account', ['--ip-range', '127.0.0.0/8'], `${at}/it`],
    // The client takes what is behind four slashes for the prefix.
    ['of the account', ['--prefix-based'], `/v1/${account}/signed/folder/`],
  ] as const) {
    const signed = (await swift('tempurl', ...flags, 'GET', '3600', target, key)).trim();
    const query = signed.slice(signed.indexOf('?'));
    const answer = await fetch(`${origin}${at}/it${query}`);
    t.is(answer.status, 200, `${key} ${flags.join(' ')} ${target}`);
    t.true(Buffer.from(await answer.arrayBuffer()).equals(readFileSync(path)));
    t.is((await fetch(`${origin}${at}/it${query}`, { method: 'DELETE' })).status, 401);
  }
  await swift('delete', 'signed');
});

test.serial('a page, a form and an archive, as browsers and curl send them', async (t) => {
  await swift('post', 'site', '--read-acl', '.r:*,.rlistings', '--meta', 'Web-Listings:true');
  await swift('post', 'site', '--meta', 'Access-Control-Allow-Origin:https://page.example');
  await swift('post', 'site', '--meta', 'Temp-URL-Key:key');
  const { origin } = new URL(strata.identityEndpoint);
  const account = /Account: (\S+)/.exec(await swift('stat'))?.[1];
  const at = `/object-store/v1/${account}/site`;
  const expires = String(Math.floor(Date.now() / 1_000) + 60);
  const signed = [`${at}/`, '', '1000', '1', expires].join('\n');
  const form = new FormData();
  for (const [name, value] of Object.entries({ max_file_size: '1000', max_file_count: '1', expires })) {
    form.set(name, value);
  }
  form.set('signature', createHmac('sha256', 'key').update(signed).digest('hex'));
  form.set('file', new Blob(['picture'], { type: 'image/png' }), 'größe.png');
  t.is((await fetch(`${origin}${at}/`, { method: 'POST', body: form })).status, 201);
  t.deepEqual(lines(await swift('list', 'site')), ['größe.png']);
  const page = await fetch(`${origin}${at}/`, { headers: { Origin: 'https://page.example' } });
  t.regex(await page.text(), /größe\.png/);
  t.is(page.headers.get('access-control-allow-origin'), 'https://page.example');
  const token = /X-Auth-Token: (\S+)|OS_AUTH_TOKEN=(\S+)/.exec(await swift('auth'))?.[2] ?? '';
  const headers = { 'X-Auth-Token': token };
  file('packed/one', 1_000);
  const body = execFileSync('tar', ['-C', directory, '-cz', 'packed']);
  const url = `${origin}/object-store/v1/${account}?extract-archive=tar.gz`;
  const extracted = await fetch(url, { method: 'PUT', headers, body });
  t.regex(await extracted.text(), /Number Files Created: 1\n/);
  t.true(await comesBack('packed', 'one', join(directory, 'packed/one')));
  const link = { ...headers, 'X-Symlink-Target': 'packed/one' };
  t.is((await fetch(`${origin}${at}/link`, { method: 'PUT', headers: link, body: '' })).status, 201);
  t.true(await comesBack('site', 'link', join(directory, 'packed/one')));
  for (const container of ['site', 'packed']) await swift('delete', container);
});

test.serial('whole containers are deleted, with all that is in them', async (t) => {
  for (const name of ['a', 'b', 'c']) await swift('upload', 'gone', file(name, 10), '--object-name', name);
  await swift('delete', 'gone');
  t.false(lines(await swift('list')).includes('gone'));
  await swift('delete', '--all');
  t.deepEqual(lines(await swift('list')), []);
  t.is(strata.stderr, '');
});
