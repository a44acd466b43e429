// Tests the file of destinations of notifications: what it says holds, and what it gets wrong is named.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { readNotificationSettings } from './notification-settings.ts';

const directory = mkdtempSync(join(tmpdir(), 'strata-'));

test.after.always(() => rmSync(directory, { recursive: true, force: true }));

function file(name: string, content: unknown): string {
  const path = join(directory, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const read = (destinations: unknown) => readNotificationSettings(file('settings.json', { destinations }));

test('destinations are read with their secrets, and none are none', (t) => {
  t.is(readNotificationSettings(undefined).size, 0);
  const secretFile = file('secret', 's3cret\n');
  const kafka = { brokers: ['kafka.example:9092'], topic: 'events' };
  const bearerTokenFile = file('token', 'token');
  const settings = read({
    hook: { webhook: { url: 'https://hooks.example/strata', secretFile } },
    local_1: { webhook: { url: 'http://127.0.0.1:1/', bearerTokenFile } },
    queue: { kafka },
  });
  t.deepEqual(Object.fromEntries(settings), {
    hook: { webhook: { url: 'https://hooks.example/strata', secret: 's3cret' } },
    local_1: { webhook: { url: 'http://127.0.0.1:1/', bearerToken: 'token' } },
    queue: { kafka },
  });
});

const url = 'http://127.0.0.1/';
const MANY = Array.from({ length: 33 }, (_, index) => [`hook${index}`, { webhook: { url } }]);
const WRONG: readonly (readonly [unknown, RegExp])[] = [
  [undefined, /destinations must be there/],
  [{ 'a b': { webhook: { url } } }, /a b must be letters, digits/],
  [{ a: {} }, /webhook must be there, or kafka/],
  [{ a: { kafka: { brokers: ['a'], topic: 't' } } }, /brokers must be host:port/],
  [{ a: { kafka: { brokers: ['a:1'], topic: 'a b' } } }, /topic must be/],
  [{ a: { webhook: {} } }, /url must be there/],
  [{ a: { webhook: { url: 'file:///etc/passwd' } } }, /url must be http/],
  [{ a: { webhook: { url: 'http://user:password@host/' } } }, /without a password/],
  [{ a: { webhook: { url, secret: 'x' } } }, /there is no setting secret/],
  [{ a: { webhook: { url }, kafka: {} } }, /not both/],
  [{ a: { webhook: { url }, other: {} } }, /there is no setting other/],
  [{ a: { webhook: { url, secretFile: '/none/x' } } }, /ENOENT/],
  [{ a: { webhook: { url, bearerTokenFile: file('lines', 'a\nb') } } }, /one line of visible ASCII/],
  [Object.fromEntries(MANY), /at most 32/],
];

test('what is wrong in it is named', (t) => {
  for (const [destinations, message] of WRONG) t.throws(() => read(destinations), { message });
});
