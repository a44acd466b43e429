// Tests the built program with a hundred thousand hostile requests to S3: it stays up, it stays small, it
// says nothing but what is documented, and what is not the attacker's is as it was. A run is played again by
// HOSTILE_SEED, a single case of it by HOSTILE_CASE.

import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import test from 'ava';
import { MIB } from '#core/kernel/limits.ts';
import { StrataProcess } from '#tests/support/strata-process.ts';
import { attack } from './attack.ts';
import { KeystoneUser } from './keystone-user.ts';
import { S3Dialect } from './s3-dialect.ts';
import { changesOf, setScene } from './s3-scene.ts';

const SEED = Number(process.env.HOSTILE_SEED ?? Date.now() % 1_000_000);
const ALL = Number(process.env.HOSTILE_CASES ?? 100_000);
const CASES = process.env.HOSTILE_CASE === undefined ? ALL : [Number(process.env.HOSTILE_CASE)];
/** Of the cases: after these whatever is cached is cached. */
const WARM = 0.2;
const GROWTH_BYTES = 96 * MIB;
const HELD_OPEN = 64;

function residentBytes(pid: number): number {
  const kib = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) * 1_024;
}

/** Connections that never get on with what they began. */
function heldOpen(port: number): () => void {
  const sockets = Array.from({ length: HELD_OPEN }, (_, index) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => {});
    socket.write(index % 2 === 0 ? 'GET / HT' : 'PUT /a/b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nx');
    return socket;
  });
  return () => {
    for (const socket of sockets) socket.destroy();
  };
}

test('a hundred thousand hostile requests find nothing', async (t) => {
  t.log(`seed ${SEED}`);
  const strata = await StrataProcess.start({ environment: { STRATA_ADMIN_PASSWORD: 'given' } });
  t.teardown(() => strata.remove());
  const key = await KeystoneUser.make(strata.identityEndpoint, 'given', 'mallory');
  const { host, port } = new URL(strata.endpoint);
  const [attacker, other] = [strata.client(key), strata.client()];
  const dialect = new S3Dialect(await setScene({ host, key, attacker, other }));
  const letGo = heldOpen(Number(port));
  let [warmBytes, mostBytes] = [0, 0];
  const progress = (done: number) => {
    const bytes = residentBytes(strata.pid);
    if (done <= WARM * ALL) warmBytes = Math.max(warmBytes, bytes);
    mostBytes = Math.max(mostBytes, bytes);
  };
  const startMs = performance.now();
  const findings = await attack({ dialect, port: Number(port), seed: SEED, cases: CASES, progress });
  const seconds = Math.round((performance.now() - startMs) / 1_000);
  const [warm, most] = [warmBytes, mostBytes].map((bytes) => Math.round(bytes / MIB));
  t.log(`${seconds} s, ${warm} MiB, later ${most} MiB, ${findings.probes} probes`, findings.answers);
  t.is(findings.complaints.join('\n'), '');
  t.true(findings.probes > 0);
  t.deepEqual(await changesOf(other), []);
  t.true(mostBytes - warmBytes < GROWTH_BYTES, `from ${warm} to ${most} MiB`);
  letGo();
  t.is(strata.stderr, '');
  t.deepEqual(await strata.stop(), { code: 0, signal: null });
});
