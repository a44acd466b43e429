// Measures how the cost grows with the events: `tsx scripts/growth/events.ts [EVENTS]`. The embedded log
// alone; at each number of events its bytes, the processor time of opening, verifying and replaying it, and
// how long after its append a follower at the tail sees an event. One JSON line each.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#core/kernel/clock.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { EmbeddedLog } from '#core/log/embedded/embedded-log.ts';
import { verifyLog } from '#core/log/embedded/verify.ts';

const MOST = Number(process.argv[2] ?? 10_000_000);
const STEPS = [100_000, 300_000, 1_000_000, 3_000_000, 10_000_000].filter((events) => events <= MOST);
/** About what an ObjectPut has. */
const PAYLOAD = Buffer.alloc(300, 7);
const EVENT = { type: 'ObjectPut', payload: PAYLOAD };
const ACTOR = { user: 'c0ffee', project: '7d3f1b', requestId: '0123456789abcdef0123456789abcdef' };
const CALLERS = 256;
const TAILED = 500;

const directory = mkdtempSync(join(tmpdir(), 'strata-'));
const open = () => EmbeddedLog.open({ directory, clock: systemClock, random: systemRandom });

/** One event to a stream of its own, as an object has. */
async function grow(log: EmbeddedLog, to: number): Promise<number> {
  const before = process.cpuUsage();
  const from = log.count;
  let next = from;
  const call = async () => {
    while (next < to) {
      const stream = `objects/bucket/photos/2026/${next++}.jpg`;
      await log.append({ stream, events: [EVENT], expect: 'none', actor: ACTOR });
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, call));
  return microsSince(before, to - from);
}

function microsSince(before: NodeJS.CpuUsage, count: number): number {
  const { user, system } = process.cpuUsage(before);
  return Number(((user + system) / count).toFixed(2));
}

async function measureReplay(log: EmbeddedLog): Promise<number> {
  const before = process.cpuUsage();
  let events = 0;
  for await (const batch of log.replay({ from: [] })) events += batch.length;
  return microsSince(before, events);
}

/** From the append to the follower, one event at a time. */
async function measureTail(log: EmbeddedLog): Promise<{ p50Ms: number; p99Ms: number }> {
  const following = log.follow({ from: await log.tail() });
  const took: number[] = [];
  for (let turn = 0; turn < TAILED; turn++) {
    const startedMs = systemClock.monotonicMs();
    const seen = following.next();
    await log.append({ stream: `tail/${log.count}`, events: [EVENT], expect: 'none', actor: ACTOR });
    await seen;
    took.push(systemClock.monotonicMs() - startedMs);
  }
  await following.return?.();
  took.sort((a, b) => a - b);
  const at = (share: number) => Number((took[Math.floor(took.length * share)] ?? 0).toFixed(2));
  return { p50Ms: at(0.5), p99Ms: at(0.99) };
}

/** Of a cold process, as a restart has it. */
function measureOpen(): object {
  const code = `
    const { EmbeddedLog } = await import('#core/log/embedded/embedded-log.ts');
    const { systemClock: clock } = await import('#core/kernel/clock.ts');
    const { systemRandom: random } = await import('#core/kernel/random.ts');
    const before = process.cpuUsage();
    const startedMs = clock.monotonicMs();
    const log = await EmbeddedLog.open({ directory: ${JSON.stringify(directory)}, clock, random });
    const openMs = Math.round(clock.monotonicMs() - startedMs);
    const { user, system } = process.cpuUsage(before);
    const openResidentMib = Math.round(process.memoryUsage.rss() / 1048576);
    await log.close();
    const openProcessorMs = Math.round((user + system) / 1000);
    console.log(JSON.stringify({ openMs, openProcessorMs, openResidentMib }));
  `;
  const args = ['--import=tsx', '--input-type=module', '-e', code];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout);
}

try {
  for (const events of STEPS) {
    const log = await open();
    const appendMicros = await grow(log, events - TAILED);
    const tail = await measureTail(log);
    const replayMicros = await measureReplay(log);
    const { sizeBytes } = log;
    await log.close();
    const opened = measureOpen();
    const before = process.cpuUsage();
    await verifyLog({ directory });
    const verifyMicros = microsSince(before, events);
    const files = spawnSync('du', ['-sb', directory], { encoding: 'utf8' }).stdout.split('\t')[0];
    const line = { events, appendMicros, replayMicros, verifyMicros, tail, ...opened };
    const bytesEach = { log: Math.round(sizeBytes / events), files: Math.round(Number(files) / events) };
    console.log(JSON.stringify({ growth: 'events', ...line, bytesEach }));
  }
} finally {
  rmSync(directory, { recursive: true });
}
