// Owns an attack on the built program: while it lasts, connections are held open that never get on, and the
// program's memory is watched.

import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { MIB } from '#core/kernel/limits.ts';
import { type AttackOptions, attack, type Findings } from './attack.ts';

export interface WatchedFindings extends Findings {
  readonly seconds: number;
  /** After the first fifth of the cases, when whatever is cached is cached. */
  readonly warmMib: number;
  /** The most that it ever had. */
  readonly mostMib: number;
  /** After each tenth of the cases. */
  readonly courseMib: readonly number[];
}

/** A run is played again by HOSTILE_SEED, a single case of it by HOSTILE_CASE. */
export const SEED = Number(process.env.HOSTILE_SEED ?? Date.now() % 1_000_000);
/** A leak of 2 KiB a case would be more; pools and the engine's caches that fill late are some 90. */
export const GROWTH_MIB = 160;
const WARM = 0.2;
const HELD_OPEN = 64;

/** @param cases as many, unless the environment says otherwise */
export async function watchedAttack(
  pid: number,
  cases: number,
  options: Pick<AttackOptions, 'dialect' | 'port'>,
): Promise<WatchedFindings> {
  const { HOSTILE_CASES, HOSTILE_CASE } = process.env;
  const total = Number(HOSTILE_CASES ?? cases);
  const chosen = HOSTILE_CASE === undefined ? total : [Number(HOSTILE_CASE)];
  const letGo = heldOpen(options.port);
  let [warmMib, mostMib] = [0, 0];
  const courseMib: number[] = [];
  const progress = (done: number) => {
    const mib = residentMib(pid);
    if (done <= WARM * total) warmMib = Math.max(warmMib, mib);
    mostMib = Math.max(mostMib, mib);
    courseMib[Math.floor((done * 10) / total)] ??= mib;
  };
  const startMs = performance.now();
  const findings = await attack({ ...options, seed: SEED, cases: chosen, progress });
  const seconds = Math.round((performance.now() - startMs) / 1_000);
  letGo();
  const { complaints, answers, probes } = findings;
  return { complaints, answers, probes, seconds, warmMib, mostMib, courseMib };
}

function residentMib(pid: number): number {
  const kib = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Math.round((Number(kib) * 1_024) / MIB);
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
