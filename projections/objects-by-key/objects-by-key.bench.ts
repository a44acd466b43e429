// Measures pages of 1,000 keys over LevelDB: the first time, from memory, without room in memory, folded at a
// delimiter, and while the bucket is written.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#core/kernel/clock.ts';
import { objectRow, openObjectTable } from '#tests/support/object-rows.ts';
import { objectRowKey } from './objects-by-key.projection.ts';
import { createObjectsByKey, type ObjectsByKey } from './objects-by-key.query.ts';

const PAGE = 1_000;
const WHOLE = { bucket: 'photos', prefix: '', delimiter: '', after: '', limit: PAGE };
const keyOf = (number: number) => `folder-${number % 8}/image-${String(number).padStart(8, '0')}.jpg`;

/** @returns how many pages. */
async function listAll(query: ObjectsByKey, delimiter = ''): Promise<number> {
  let [pages, after] = [0, ''];
  for (;;) {
    const page = await query.list({ ...WHOLE, delimiter, after });
    pages++;
    if (!page.truncated) return pages;
    after = page.last;
  }
}

async function measure(bench: string, facts: object, list: () => Promise<number>, ms: number): Promise<void> {
  const startMs = systemClock.monotonicMs();
  const startCpu = process.cpuUsage();
  const passedMs = () => systemClock.monotonicMs() - startMs;
  let pages = 0;
  do pages += await list();
  while (passedMs() < ms);
  const cpu = process.cpuUsage(startCpu);
  const perSecond = Math.round((pages / passedMs()) * 1_000);
  const cpuMicrosecondsPerPage = Math.round((cpu.user + cpu.system) / pages);
  console.log(JSON.stringify({ bench, ...facts, perSecond, cpuMicrosecondsPerPage }));
}

const root = mkdtempSync(join(tmpdir(), 'strata-'));
try {
  for (const keys of [10_000, 100_000]) {
    const { table, store } = await openObjectTable(join(root, String(keys)), keys, keyOf);
    const [cold, query] = [createObjectsByKey(table, 0), createObjectsByKey(table)];
    await measure('list-first-time', { keys }, () => listAll(query), 0);
    await measure('list-from-memory', { keys }, () => listAll(query), 1_000);
    await measure('list-without-memory', { keys }, () => listAll(cold), 1_000);
    await measure('list-folded', { keys, folders: 8 }, () => listAll(query, '/'), 500);
    await measure('list-folded', { keys, folders: keys }, () => listAll(query, '.'), 500);
    let number = 0;
    const putAndList = () => {
      for (let puts = 0; puts < 100; puts++) {
        number = (number + 7_919) % keys;
        table.put(objectRowKey('photos', keyOf(number)), objectRow(number));
      }
      return listAll(query);
    };
    await measure('list-while-written', { keys, putsPerListing: 100 }, putAndList, 1_000);
    await store.close();
  }
} finally {
  rmSync(root, { recursive: true, force: true });
}
