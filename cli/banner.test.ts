// Tests the banner: what it shows once and never again, and that its commands are whole words of a shell.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { banner } from './banner.ts';

const FACTS = {
  s3: 'http://127.0.0.1:9000',
  identity: 'http://127.0.0.1:5000/identity/v3',
  admin: 'http://127.0.0.1:9090',
  region: 'us-east-1',
  dataDirectory: '/somewhere/data',
  credentialsFile: '/somewhere/data/credentials.json',
};

test('the secret is shown at the first start and not again', (t) => {
  const firstCredentials = { accessKey: 'AKEY', secretKey: 'the secret' };
  const first = banner({ ...FACTS, firstCredentials });
  t.true(first.includes('the secret'));
  t.true(first.includes(FACTS.credentialsFile));
  const later = banner(FACTS);
  t.false(later.includes('AKEY'));
  t.true(later.includes(FACTS.credentialsFile));
});

test('five commands are there to be tried, by three clients', (t) => {
  const commands = banner(FACTS)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /\b(aws|rclone|s3cmd) --/.test(line));
  t.is(commands.length, 5);
  t.is(new Set(commands.map((line) => /\b(aws|rclone|s3cmd)\b/.exec(line)?.[0])).size, 3);
});

test('the lines that give the keys work with any path', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'strata-'));
  try {
    const odd = join(directory, `it's "a $path" \\ of`);
    mkdirSync(odd);
    const credentialsFile = join(odd, 'credentials.json');
    writeFileSync(credentialsFile, JSON.stringify({ accessKey: 'the-key', secretKey: 'the-secret' }));
    const exports = banner({ ...FACTS, credentialsFile })
      .split('\n')
      .filter((line) => line.trim().startsWith('export '));
    const shown = 'echo "$AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY $AWS_DEFAULT_REGION"';
    const script = [...exports, shown].join('\n');
    t.is(execFileSync('sh', ['-c', script], { encoding: 'utf8' }), 'the-key the-secret us-east-1\n');
  } finally {
    rmSync(directory, { recursive: true });
  }
});
