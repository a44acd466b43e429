// Owns the proof that one process at a time holds a directory, and that a dead one does not.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { Fault } from '#core/kernel/errors.ts';
import { lockDirectory } from './directory-lock.ts';

function directory(t: { teardown: (end: () => void) => void }): string {
  const path = mkdtempSync(join(tmpdir(), 'strata-'));
  t.teardown(() => rmSync(path, { recursive: true }));
  return path;
}

/** A process that locks the directory, says whether it could, and waits to be ended. */
async function locker(path: string) {
  const module = fileURLToPath(new URL('./directory-lock.ts', import.meta.url));
  const script = `
    import { lockDirectory } from ${JSON.stringify(module)};
    try { lockDirectory(${JSON.stringify(path)}); console.log('held'); }
    catch (error) { console.log(error.code); }
    process.stdin.resume();
  `;
  const child = spawn(process.execPath, ['--import=tsx', '--input-type=module', '-e', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    await once(child, 'close');
  };
  return { said: said.toString().trim(), pid: child.pid as number, end };
}

test('a locked directory is refused, with the process that holds it, until it is released', (t) => {
  const path = directory(t);
  const lock = lockDirectory(path);
  const fault = t.throws(() => lockDirectory(path), { name: 'Fault', code: 'locked' }) as unknown as Fault;
  t.true(fault.message.includes(path) && fault.message.includes(`process ${process.pid}`));
  t.deepEqual(fault.details, { directory: path, pid: process.pid });
  lock.release();
  lock.release();
  const again = lockDirectory(path);
  t.throws(() => lockDirectory(path), { code: 'locked' });
  // The first holder has nothing to release any more.
  lock.release();
  t.throws(() => lockDirectory(path), { code: 'locked' });
  again.release();
  t.deepEqual(readdirSync(path), []);
});

test('a living process keeps its lock, one that was killed does not', async (t) => {
  const path = directory(t);
  const holder = await locker(path);
  t.is(holder.said, 'held');
  const fault = t.throws(() => lockDirectory(path), { code: 'locked' });
  t.true(fault?.message.includes(String(holder.pid)));
  await holder.end('SIGKILL');
  const lock = lockDirectory(path);
  t.throws(() => lockDirectory(path), { code: 'locked' });
  lock.release();
  t.deepEqual(readdirSync(path), []);
});

test('of several processes that find a dead holder one alone takes over', async (t) => {
  const path = directory(t);
  const dead = await locker(path);
  await dead.end('SIGKILL');
  const lockers = await Promise.all(Array.from({ length: 5 }, () => locker(path)));
  t.deepEqual(lockers.map(({ said }) => said).sort(), ['held', ...Array(4).fill('locked')]);
  await Promise.all(lockers.map(({ end }) => end('SIGKILL')));
  lockDirectory(path).release();
});

test('a pid that was given to another process does not hold the lock', (t) => {
  const path = directory(t);
  lockDirectory(path);
  const file = join(path, 'lock');
  const holder = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify({ ...holder, startTicks: '1', token: 'of-the-dead' }));
  t.notThrows(() => lockDirectory(path).release());
});

test("a takeover that died half way is taken over, and an empty lock file is nobody's", (t) => {
  const path = directory(t);
  lockDirectory(path);
  const file = join(path, 'lock');
  const holder = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify({ ...holder, pid: 0, token: 'first' }));
  writeFileSync(`${file}.first`, JSON.stringify({ ...holder, pid: 0, token: 'second' }));
  lockDirectory(path).release();
  t.deepEqual(readdirSync(path), []);
  writeFileSync(file, '');
  lockDirectory(path).release();
});
