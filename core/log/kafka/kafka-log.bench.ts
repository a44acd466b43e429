// Owns the measures of the log on Kafka, against one real broker on this machine: appends by number of
// callers, a barrier, following what the local copy has, and making a lost copy anew from Kafka.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#core/kernel/clock.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { KafkaServer } from '#tests/support/kafka-server.ts';
import type { EventLog } from '../event-log.ts';
import { openKafkaLog } from './kafka-log.ts';

const PAYLOAD = Buffer.alloc(300, 7);
const ACTOR = { user: 'c0ffee', project: '7d3f1b', requestId: '0123456789abcdef0123456789abcdef' };
const MEASURE_MS = 3_000;
const BARRIERS = 300;

const report = (measure: Readonly<Record<string, unknown>>) => console.log(JSON.stringify(measure));

/** Time and processor time of this process alone. */
async function measure(work: () => Promise<number>) {
  const startMs = systemClock.monotonicMs();
  const startCpu = process.cpuUsage();
  const count = await work();
  const { user, system } = process.cpuUsage(startCpu);
  const seconds = (systemClock.monotonicMs() - startMs) / 1_000;
  return { perSecond: Math.round(count / seconds), cpuMicroseconds: Math.round((user + system) / count) };
}

let next = 0;

/** Each caller appends one event after the other, each to a stream of its own, of as many keys as callers. */
async function appendAll(log: EventLog, callers: number): Promise<number> {
  const untilMs = systemClock.monotonicMs() + MEASURE_MS;
  let count = 0;
  const call = async (_: unknown, caller: number) => {
    while (systemClock.monotonicMs() < untilMs) {
      const stream = `objects/bucket-${caller}/photos/2026/${next++}.jpg`;
      const events = [{ type: 'ObjectPut', payload: PAYLOAD }];
      await log.append({ stream, events, expect: 'none', actor: ACTOR });
      count++;
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
  return count;
}

async function followAll(log: EventLog): Promise<number> {
  const tail = await log.tail();
  const total = tail.reduce((sum, offset) => sum + offset, 0);
  let events = 0;
  for await (const batch of log.follow({ from: [] })) {
    events += batch.length;
    if (events >= total) break;
  }
  return events;
}

const server = await KafkaServer.start(1);
const directory = mkdtempSync(join(tmpdir(), 'strata-'));
try {
  const address = server.address('bench');
  const logger = { warn: (details: object, message: string) => console.error(message, details) };
  const open = (name: string) =>
    openKafkaLog({
      ...{ address, directory: join(directory, name), clock: systemClock, random: systemRandom, logger },
    });
  const log = await open('one');
  await appendAll(log, 64);
  for (const callers of [1, 64, 256]) {
    const measured = await measure(() => appendAll(log, callers));
    report({ bench: 'kafka-append', callers, payloadBytes: PAYLOAD.length, ...measured });
  }
  const barriers = async () => {
    for (let at = 0; at < BARRIERS; at++) await log.tail();
    return BARRIERS;
  };
  report({ bench: 'kafka-barrier', ...(await measure(barriers)) });
  report({ bench: 'kafka-follow-copy', ...(await measure(() => followAll(log))) });
  await log.close();
  const anew = await open('anew');
  report({ bench: 'kafka-copy-anew', ...(await measure(() => followAll(anew))) });
  await anew.close();
} finally {
  await server.stop();
  rmSync(directory, { recursive: true });
}
