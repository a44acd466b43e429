// Tests the upload of archives that tar itself made: every form of names, compressed and not; and that what
// is broken, leads elsewhere or is too much is refused.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import { SwiftServer } from '#tests/support/swift-server.ts';

let server: SwiftServer;
let directory: string;
const LONG = `box/${'long-'.repeat(40)}name`;
const CONTENTS: Readonly<Record<string, string>> = {
  'box/a.txt': 'a',
  'box/empty': '',
  'box/größe': 'x'.repeat(200_000),
  [LONG]: 'long',
  'crate/folder/b.json': 'b'.repeat(512),
};

test.before(async () => {
  server = await SwiftServer.start();
  directory = mkdtempSync(join(tmpdir(), 'strata-'));
  for (const [name, content] of Object.entries(CONTENTS)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content);
  }
  symlinkSync('/etc/passwd', join(directory, 'box/link'));
});

test.after.always(async () => {
  await server?.stop();
  if (directory) rmSync(directory, { recursive: true, force: true });
});

const MOST = 64 * 1024 * 1024;
const tar = (...args: string[]): Buffer =>
  execFileSync('tar', ['-C', directory, '-c', ...args], {
    maxBuffer: MOST,
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  });

async function extract(path: string, body: Buffer, format = 'tar') {
  const headers = { Accept: 'application/json' };
  const answer = await server.call('PUT', `${path}?extract-archive=${format}`, { headers, body });
  return { status: answer.status, document: answer.status === 200 ? JSON.parse(answer.text) : {} };
}

const clean = async (...containers: string[]) => {
  for (const container of containers) {
    const { text } = await server.call('GET', `/${container}`);
    for (const name of text.split('\n')) {
      if (name !== '') await server.call('DELETE', `/${container}/${encodeURIComponent(name)}`);
    }
    await server.call('DELETE', `/${container}`);
  }
};

for (const format of ['gnu', 'pax']) {
  for (const compressed of [false, true]) {
    test.serial(`an archive becomes containers and objects (${format}, ${compressed})`, async (t) => {
      const archive = tar(`--format=${format}`, 'box', './crate');
      const made = compressed
        ? await extract('', gzipSync(archive), 'tar.gz')
        : await extract('', archive, 'tar');
      t.is(made.document['Response Status'], '201 Created', JSON.stringify(made.document));
      t.is(made.document['Number Files Created'], 5);
      for (const [name, content] of Object.entries(CONTENTS)) {
        const path = name.split('/').map(encodeURIComponent).join('/');
        const { text, headers } = await server.call('GET', `/${path}`);
        t.is(text, content, name);
        if (name.endsWith('.json')) t.is(headers.get('content-type'), 'application/json');
      }
      t.is((await server.call('HEAD', '/box/link')).status, 404);
      await clean('box', 'crate');
    });
  }
}

test.serial('below a container, and below a prefix', async (t) => {
  await extract('/all', tar('box/a.txt'));
  await extract('/all/deep', tar('box/a.txt'));
  t.is((await server.call('GET', '/all')).text, 'box/a.txt\ndeep/box/a.txt\n');
  await clean('all');
});

test.serial('names that lead elsewhere are refused, and the others are stored', async (t) => {
  const archive = tar('-P', '--transform', 's,^box/a.txt,../../other/a,', 'box/a.txt', 'box/empty');
  const { document } = await extract('', archive);
  t.is(document['Response Status'], '400 Bad Request');
  t.is(document['Number Files Created'], 1);
  t.deepEqual(document.Errors, [['../../other/a', '412 Precondition Failed']]);
  t.is((await server.call('GET', '')).text.trim(), 'box');
  const absolute = tar('-P', '--transform', 's,^box/a.txt,/box/absolute,', 'box/a.txt');
  t.is((await extract('', absolute)).document['Number Files Created'], 1);
  t.is((await server.call('GET', '/box/absolute')).text, 'a');
  await clean('box');
});

test.serial('what is no archive, or broken, is told', async (t) => {
  const archive = tar('box');
  const broken = Buffer.from(archive);
  broken[10] = 0xff;
  for (const [body, format] of [
    [Buffer.alloc(0), 'tar'],
    [Buffer.alloc(1_024), 'tar'],
    [Buffer.from('no archive'), 'tar'],
    [broken, 'tar'],
    [archive.subarray(0, 700), 'tar'],
    [archive.subarray(0, 100_000), 'tar'],
    [archive, 'tar.gz'],
    [gzipSync(archive).subarray(0, 100), 'tar.gz'],
  ] as const) {
    const { status, document } = await extract('/broken', Buffer.from(body), format);
    t.is(status, 200);
    t.is(document['Response Status'], '400 Bad Request');
    t.regex(document['Response Body'], /^Invalid Tar File/);
  }
  t.is((await extract('', archive, 'tar.bz2')).status, 501);
  t.is((await extract('', archive, 'zip')).status, 400);
  t.deepEqual(server.logged, []);
  await clean('broken');
});

test.serial('quotas hold for what is in it', async (t) => {
  await server.call('PUT', '/small', { headers: { 'X-Container-Meta-Quota-Bytes': '10' } });
  const { document } = await extract('/small', tar('box/größe', 'box/a.txt'));
  t.is(document['Number Files Created'], 1);
  t.is(document.Errors.length, 1);
  t.regex(document.Errors[0][1], /^413/);
  await clean('small');
});
