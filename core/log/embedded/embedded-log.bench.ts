// Owns the measures of the embedded log: durable appends by number of callers, replay by header, opening.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#core/kernel/clock.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { EmbeddedLog } from './embedded-log.ts';

const PAYLOAD = Buffer.alloc(300, 7);
const ACTOR = { user: 'c0ffee', project: '7d3f1b', requestId: '0123456789abcdef0123456789abcdef' };
const EVENTS = Number(process.env.EVENTS ?? 1_000_000);

const open = (directory: string) => EmbeddedLog.open({ directory, clock: systemClock, random: systemRandom });

function report(measure: Readonly<Record<string, unknown>>): void {
  console.log(JSON.stringify(measure));
}

const secondsSince = (startMs: number) => (systemClock.monotonicMs() - startMs) / 1_000;

/** Each caller appends one event after the other, each to a stream of its own. */
async function appendAll(log: EmbeddedLog, callers: number, count: number): Promise<number> {
  let next = log.count;
  const end = next + count;
  const startMs = systemClock.monotonicMs();
  const call = async () => {
    while (next < end) {
      const stream = `objects/bucket/photos/2026/${next++}.jpg`;
      const events = [{ type: 'ObjectPut', payload: PAYLOAD }];
      await log.append({ stream, events, expect: 'none', actor: ACTOR });
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
  return count / secondsSince(startMs);
}

/** Appends of many events each: what is wanted here is a large directory, soon. */
async function grow(log: EmbeddedLog, count: number): Promise<void> {
  const events = Array.from({ length: 10 }, () => ({ type: 'ObjectPut', payload: PAYLOAD }));
  let next = log.count;
  const append = async () => {
    while (log.count + 2_000 < count && next < count) {
      const stream = `objects/bucket/photos/2026/more/${next}.jpg`;
      next += events.length;
      await log.append({ stream, events, expect: 'none', actor: ACTOR });
    }
  };
  await Promise.all(Array.from({ length: 64 }, append));
}

async function measureReplay(log: EmbeddedLog): Promise<void> {
  const startMs = systemClock.monotonicMs();
  let events = 0;
  let revisions = 0;
  for await (const batch of log.replay({ from: [] })) {
    events += batch.length;
    for (const event of batch) revisions += event.revision;
  }
  const perSecond = Math.round(events / secondsSince(startMs));
  report({ bench: 'log-replay-header', events, perSecond, revisions });
}

const directory = mkdtempSync(join(tmpdir(), 'strata-'));
try {
  let log = await open(directory);
  for (const [callers, count] of [
    [1, 2_000],
    [64, 100_000],
    [256, 300_000],
  ] as const) {
    const perSecond = Math.round(await appendAll(log, callers, count));
    report({ bench: 'log-append', callers, payloadBytes: PAYLOAD.length, perSecond });
  }
  await grow(log, EVENTS);
  await measureReplay(log);
  await log.close();
  const startMs = systemClock.monotonicMs();
  log = await open(directory);
  report({ bench: 'log-open', events: log.count, ms: Math.round(secondsSince(startMs) * 1_000) });
  await log.close();
} finally {
  rmSync(directory, { recursive: true });
}
