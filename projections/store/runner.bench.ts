// Measures the read models over a log and a LevelDB on the disk: rebuilding from the beginning of the log,
// starting with a checkpoint, look-ups, folded listings. What was rebuilt is verified.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#core/kernel/clock.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { EmbeddedLog } from '#core/log/embedded/embedded-log.ts';
import { objectStream } from '#core/objects/objects.events.ts';
import { objectPayload } from '#tests/support/object-rows.ts';
import { projections } from '../all.ts';
import { objectRowKey, objectsByKey } from '../objects-by-key/objects-by-key.projection.ts';
import { createObjectsByKey } from '../objects-by-key/objects-by-key.query.ts';
import { openLevelStore } from './level-store.ts';
import type { RowReader } from './projection.ts';
import { payloadOf as payloadOfRow } from './row-value.ts';
import { createProjectionRunner } from './runner.ts';

const ID = 'ab'.repeat(16);
const ACTOR = { user: ID, project: ID, requestId: ID };
/** As many appends wait at once. */
const APPENDING = 1_024;

const payloadOf = (number: number) => objectPayload(number, number);

/** A log on the disk of objects put one after the other, by the name that a number gives. */
async function logOf(directory: string, events: number, name: (number: number) => string) {
  const log = await EmbeddedLog.open({ directory, clock: systemClock, random: systemRandom });
  let next = 0;
  const append = async () => {
    while (next < events) {
      const number = next++;
      const put = [{ type: 'ObjectPut', payload: payloadOf(number) }];
      const stream = objectStream('photos', name(number));
      await log.append({ stream, events: put, expect: 'none', actor: ACTOR });
    }
  };
  await Promise.all(Array.from({ length: APPENDING }, append));
  return log;
}

/** Runs and prints how many a second, and what one cost all cores together. */
async function measure(bench: string, facts: object, run: () => number | Promise<number>): Promise<void> {
  const startMs = systemClock.monotonicMs();
  const startCpu = process.cpuUsage();
  const count = await run();
  const cpu = process.cpuUsage(startCpu);
  const perSecond = Math.round((count / (systemClock.monotonicMs() - startMs)) * 1_000);
  const cpuMicroseconds = Number(((cpu.user + cpu.system) / count).toFixed(2));
  console.log(JSON.stringify({ bench, ...facts, perSecond, cpuMicroseconds }));
}

async function open(directory: string, log: EmbeddedLog) {
  const store = await openLevelStore(directory);
  const onFault = (error: unknown) => {
    throw error;
  };
  const runner = await createProjectionRunner({ log, store, projections, clock: systemClock, onFault });
  const close = async () => {
    await runner.close();
    await store.close();
  };
  return { runner, table: runner.table(objectsByKey.name), close };
}

/** From the beginning of the log until all of it is durable in the store, and what a start then takes. */
async function rebuild(directory: string, log: EmbeddedLog, name: (number: number) => string, names: string) {
  const tail = await log.tail();
  const events = log.count;
  await measure('read-model-rebuild', { names, events }, async () => {
    const { runner, close } = await open(directory, log);
    await runner.whenCaughtUp(tail);
    await runner.flush();
    if (runner.checkpoint()[0] !== events) throw new Error(`${runner.checkpoint()} of ${events} are durable`);
    await close();
    return events;
  });
  const startMs = systemClock.monotonicMs();
  const { runner, table, close } = await open(directory, log);
  await runner.whenCaughtUp(tail);
  const ms = Math.round(systemClock.monotonicMs() - startMs);
  console.log(JSON.stringify({ bench: 'read-model-reopen', events, ms }));
  await verify(table, events, name);
  await close();
}

/** Every row is there, and each hundredth says what its event said. */
async function verify(table: RowReader, events: number, name: (number: number) => string): Promise<void> {
  const cursor = table.scan({ gte: objectRowKey('photos', ''), lt: objectRowKey('photot', '') });
  let rows = 0;
  for (let page = await cursor.next(1_000); page.length > 0; page = await cursor.next(1_000)) {
    rows += page.length;
  }
  await cursor.close();
  if (rows !== events) throw new Error(`${rows} rows of ${events} events`);
  for (let number = 0; number < events; number += 100) {
    const value = table.get(objectRowKey('photos', name(number)));
    if (value === undefined || Buffer.compare(payloadOfRow(value), payloadOf(number)) !== 0) {
      throw new Error(`row ${number} is not that of its event`);
    }
  }
}

/** Photos under few folders: what is listed folded. */
const folderKey = (number: number) => `folder-${number % 8}/image-${String(number).padStart(8, '0')}.jpg`;
/** Names without any order, which is the hardest for a sorted store. */
const scatteredKey = (number: number) => (Math.imul(number, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0');

const WHOLE_BUCKET = { bucket: 'photos', prefix: '', delimiter: '', after: '', limit: 1_000 };

async function lookUps(directory: string, log: EmbeddedLog): Promise<void> {
  const { table, close } = await open(directory, log);
  const query = createObjectsByKey(table);
  const rows = log.count;
  const spread = (number: number) => folderKey((number * 7_919) % rows);
  const asked = (ask: (key: string) => unknown) => () => {
    for (let number = 0; number < 50_000; number++) ask(spread(number));
    return 50_000;
  };
  await measure(
    'read-model-get',
    { rows },
    asked((key) => query.get('photos', key)),
  );
  await measure(
    'read-model-revision',
    { rows },
    asked((key) => query.revision('photos', key)),
  );
  await measure('read-model-folded-list', { rows, folders: 8 }, async () => {
    for (let page = 0; page < 1_000; page++) {
      const { commonPrefixes } = await query.list({ ...WHOLE_BUCKET, delimiter: '/' });
      if (commonPrefixes.length !== 8) throw new Error(`${commonPrefixes.length} folders`);
    }
    return 1_000;
  });
  await close();
}

async function withLog(
  events: number,
  name: (number: number) => string,
  run: (log: EmbeddedLog, directory: string) => Promise<void>,
): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'strata-'));
  try {
    const log = await logOf(join(root, 'log'), events, name);
    await run(log, join(root, 'read-models'));
    await log.close();
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

await withLog(1_000_000, folderKey, async (log, directory) => {
  await rebuild(directory, log, folderKey, 'by folder');
  const residentMb = Math.round(process.resourceUsage().maxRSS / 1_024);
  console.log(JSON.stringify({ bench: 'read-model-rebuild-memory', residentMb }));
  await lookUps(directory, log);
});
await withLog(300_000, scatteredKey, (log, directory) => rebuild(directory, log, scatteredKey, 'scattered'));
