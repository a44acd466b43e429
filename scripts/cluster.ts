// Owns `npm run cluster`: four storage nodes in three zones and two gateways as plain processes of this
// machine, their logs prefixed and coloured. Ctrl-C ends all of them. STRATA_LOG names the log, and the data
// then stays; without it a Kafka is started, and goes with its events and all data.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { systemRandom } from '#core/kernel/random.ts';
import { KAFKA, KafkaServer } from '#tests/support/kafka-server.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const givenLog = process.env.STRATA_LOG;
// Disks remember their cluster, so they must not outlive its log.
const directory = givenLog
  ? resolve(process.argv[2] ?? 'data/cluster')
  : mkdtempSync(join(tmpdir(), 'strata-cluster-'));
const ZONES = ['zone-1', 'zone-2', 'zone-3', 'zone-1'];
const CONTROL_PORTS = [9091, 9191];
const COLOURS = [36, 33, 32, 35, 34, 31];

const running: ChildProcess[] = [];
let kafka: KafkaServer | undefined;
let stopping: Promise<void> | undefined;

function say(name: string, line: string): void {
  const colour = COLOURS[[...name].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % COLOURS.length];
  const prefix = process.stdout.isTTY ? `\x1b[${colour}m${name.padEnd(9)}\x1b[0m` : name.padEnd(9);
  process.stdout.write(`${prefix} ${line}\n`);
}

function run(name: string, args: readonly string[]): void {
  const child = spawn(process.execPath, [join(root, 'dist/launch.cjs'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.push(child);
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => say(name, line));
  }
  child.once('exit', (code, signal) => {
    say(name, `ended with ${signal ?? code}`);
    if (!stopping) void stop(1);
  });
}

function stop(exitCode: number): Promise<void> {
  stopping ??= (async () => {
    const ended = running
      .filter((child) => child.exitCode === null && child.signalCode === null)
      .map((child) => new Promise((resolveExit) => child.once('exit', resolveExit)));
    for (const child of running) child.kill('SIGTERM');
    await Promise.all(ended);
    await kafka?.stop();
    if (!givenLog) rmSync(directory, { recursive: true, force: true });
    process.exit(exitCode);
  })();
  return stopping;
}

process.on('SIGINT', () => void stop(0)).on('SIGTERM', () => void stop(0));

spawnSync(process.execPath, [join(root, 'scripts/build.mjs'), '--if-stale'], { stdio: 'inherit' });
mkdirSync(directory, { recursive: true, mode: 0o700 });
const secretFile = join(directory, 'secret');
if (!existsSync(secretFile)) {
  writeFileSync(secretFile, systemRandom.fill(Buffer.alloc(32)).toString('hex'), { mode: 0o600 });
}
let log = givenLog;
if (!log) {
  say('kafka', `starting ${KAFKA}; nothing outlives it: give STRATA_LOG to keep data`);
  kafka = await KafkaServer.start(1);
  log = kafka.address('strata');
  say('kafka', `ready at ${log}`);
}
for (const [index, zone] of ZONES.entries()) {
  const name = `node-${index + 1}`;
  run(name, [
    ...['storage-node', '--name', name, '--zone', zone, '--data', join(directory, name)],
    ...['--listen', `unix:${join(directory, `${name}.sock`)}`, '--secret-file', secretFile],
    ...['--join', CONTROL_PORTS.map((port) => `127.0.0.1:${port}`).join(',')],
  ]);
}
for (const [index, control] of CONTROL_PORTS.entries()) {
  const name = `gateway-${index + 1}`;
  run(name, [
    ...['gateway', '--data', join(directory, name), '--log', log, '--secret-file', secretFile],
    ...['--s3', `127.0.0.1:${9000 + index}`, '--admin', `127.0.0.1:${9090 + 100 * index}`],
    ...['--openstack', `127.0.0.1:${5000 + index}`],
    ...['--control', `127.0.0.1:${control}`, '--first-nodes', String(ZONES.length)],
  ]);
}
