// Tests both ends of the control socket against each other: a command cannot tell whether the cloud is in its
// own process or behind the socket.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { Fault } from '#core/kernel/errors.ts';
import { connectControl } from './control-client.ts';
import { controlSocketOf } from './control-protocol.ts';
import { startControlServer } from './control-server.ts';
import type { Operations, Progress } from './operations.ts';

const KEY = { accessKeyId: 'AKEY', secretAccessKey: 'the secret' };

const REPORT = {
  ...{ version: 1, partitions: 1_024, replicas: 3, imbalancePercent: 0, toBeMoved: 0 },
  nodes: [],
};

/** Answers what it was asked, so that a test sees what arrived. */
const echoing: Operations = {
  addAccount: async (name, options) =>
    name === 'taken'
      ? { rejected: 'account-exists' }
      : { accountId: `${name} ${JSON.stringify(options)}`, canonicalId: 'c', ...KEY },
  listAccounts: async () => [
    { accountId: 'id', canonicalId: 'c', name: 'ünï', role: 'member', createdMs: 1, accessKeyIds: ['a'] },
  ],
  removeAccount: async (name) => (name === 'a/b c?%' ? undefined : { rejected: 'no-such-account' }),
  createKey: async (name) => {
    if (name === 'faulty') throw new Fault('no-space', 'no space left');
    if (name === 'buggy') throw new TypeError('the secret inside');
    return KEY;
  },
  revokeKey: async () => ({ rejected: 'last-admin' }),
  rotateKey: async (bucket) => (bucket === 'p/a b' ? undefined : { rejected: 'no-such-bucket' }),
  async replay(projection, report) {
    if (projection === 'none') return { rejected: 'no-such-projection' };
    if (projection === 'faulty') throw new Fault('corruption', 'damaged at byte 7');
    for (let done = 1; done <= 3; done++) report({ done, total: 3 });
    return { events: 3, rows: 2, equal: true };
  },
  showRing: async () => REPORT,
  addNode: async (node, options) =>
    node === 'n 4' && JSON.stringify(options) === '{"weight":0.5,"zone":"z"}'
      ? undefined
      : { rejected: 'node-absent' },
  setWeight: async (target, weight) =>
    target === '3' && weight === 0 ? undefined : { rejected: 'weight-invalid' },
  removeNode: async (_, gone) => (gone ? undefined : { rejected: 'node-holds-data' }),
  async rebalance(report) {
    report({ done: 1, total: 2 });
    return { version: 2, moved: 3, imbalancePercent: 0.5, toBeMoved: 0 };
  },
  doctor: async () => [{ check: 'log', ok: false, finding: 'gone' }],
};

async function withSocket(directory: string, use: (operations: Operations) => Promise<void>): Promise<void> {
  const server = await startControlServer(directory, echoing);
  try {
    const client = await connectControl(directory);
    if (!client) throw new Error('nobody listens');
    await use(client);
  } finally {
    await server.close();
  }
}

function temporary(): string {
  return mkdtempSync(join(tmpdir(), 'strata-'));
}

test('every operation goes through as it is, rejections included', async (t) => {
  const directory = temporary();
  await withSocket(directory, async (client) => {
    const made = await client.addAccount('alice', { email: 'a@b', role: 'admin' });
    t.deepEqual(made, {
      ...{ accountId: 'alice {"email":"a@b","role":"admin"}', canonicalId: 'c' },
      ...KEY,
    });
    t.deepEqual(await client.addAccount('taken'), { rejected: 'account-exists' });
    t.deepEqual(await client.listAccounts(), await echoing.listAccounts());
    t.is(await client.removeAccount('a/b c?%'), undefined);
    t.is(await client.rotateKey('p/a b'), undefined);
    t.deepEqual(await client.rotateKey('b'), { rejected: 'no-such-bucket' });
    t.deepEqual(await client.removeAccount('a'), { rejected: 'no-such-account' });
    t.deepEqual(await client.createKey('x'), KEY);
    t.deepEqual(await client.revokeKey('x'), { rejected: 'last-admin' });
  });
  rmSync(directory, { recursive: true });
});

test('so does every operation on the ring', async (t) => {
  const directory = temporary();
  await withSocket(directory, async (client) => {
    t.deepEqual(await client.showRing(), REPORT);
    t.is(await client.addNode('n 4', { zone: 'z', weight: 0.5 }), undefined);
    t.deepEqual(await client.addNode('n 5', { weight: 1 }), { rejected: 'node-absent' });
    t.is(await client.setWeight('3', 0), undefined);
    t.deepEqual(await client.setWeight('3', 1), { rejected: 'weight-invalid' });
    t.is(await client.removeNode('n/1', true), undefined);
    t.deepEqual(await client.removeNode('n/1', false), { rejected: 'node-holds-data' });
    const reports: Progress[] = [];
    t.like(await client.rebalance((progress) => reports.push(progress)), { version: 2, moved: 3 });
    t.deepEqual(reports, [{ done: 1, total: 2 }]);
    t.deepEqual(await client.doctor(), await echoing.doctor());
  });
  rmSync(directory, { recursive: true });
});

test('a fault arrives with its code, a bug without its insides', async (t) => {
  const directory = temporary();
  await withSocket(directory, async (client) => {
    await t.throwsAsync(client.createKey('faulty'), { name: 'Fault', message: 'no space left' });
    const error = await t.throwsAsync(client.createKey('buggy'));
    t.notRegex(`${error?.message} ${error?.stack}`, /the secret inside/);
  });
  rmSync(directory, { recursive: true });
});

test('long work tells its progress, then its end', async (t) => {
  const directory = temporary();
  await withSocket(directory, async (client) => {
    const seen: Progress[] = [];
    const report = (progress: Progress) => seen.push(progress);
    t.deepEqual(await client.replay('objects', report), { events: 3, rows: 2, equal: true });
    t.deepEqual(
      seen,
      [1, 2, 3].map((done) => ({ done, total: 3 })),
    );
    t.deepEqual(await client.replay('none', report), { rejected: 'no-such-projection' });
    await t.throwsAsync(client.replay('faulty', report), { message: 'damaged at byte 7' });
  });
  rmSync(directory, { recursive: true });
});

test('the socket is its owner’s alone, outlives no server, and replaces one left by a crash', async (t) => {
  const directory = temporary();
  const path = controlSocketOf(directory);
  t.is(await connectControl(directory), undefined);
  const crash =
    "require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))";
  t.is(spawnSync(process.execPath, ['-e', crash, path]).signal, 'SIGKILL');
  t.true(existsSync(path));
  t.is(await connectControl(directory), undefined);
  await withSocket(directory, async () => {
    t.is(statSync(path).mode & 0o777, 0o600);
  });
  t.false(existsSync(path));
  t.is(await connectControl(directory), undefined);
  rmSync(directory, { recursive: true });
});

test('a data directory deeper than a socket’s name may be long is reached all the same', async (t) => {
  const top = temporary();
  const directory = join(top, 'deep'.repeat(20), 'deeper'.repeat(20));
  mkdirSync(directory, { recursive: true });
  await withSocket(directory, async (client) => {
    t.deepEqual(await client.createKey('x'), KEY);
    t.is((await client.listAccounts()).length, 1);
  });
  rmSync(top, { recursive: true });
});

function send(socketPath: string, method: string, path: string, body = ''): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ socketPath, method, path }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    request.once('error', reject);
    request.end(body);
  });
}

test('what is no request of ours is refused, whatever its size', async (t) => {
  const directory = temporary();
  const path = controlSocketOf(directory);
  await withSocket(directory, async () => {
    t.is(await send(path, 'GET', '/'), 404);
    t.is(await send(path, 'PUT', '/users'), 404);
    t.is(await send(path, 'DELETE', '/users/%zz'), 404);
    t.is(await send(path, 'POST', '/users', 'no JSON'), 400);
    t.is(await send(path, 'POST', '/users', '{"name":1}'), 400);
    t.is(await send(path, 'POST', '/users', '{"name":"a","role":"king"}'), 400);
    t.is(await send(path, 'POST', '/users', `{"name":"${'a'.repeat(100_000)}"}`), 400);
  });
  rmSync(directory, { recursive: true });
});
