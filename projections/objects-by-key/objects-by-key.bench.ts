// Measures pages of 1,000 keys over LevelDB: the first time, from memory, without room in memory, folded at a
// delimiter, and while the bucket is written.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#core/kernel/clock.ts';
import { objects } from '#core/objects/objects.events.ts';
import { openLevelStore } from '../store/level-store.ts';
import { rowValue } from '../store/row-value.ts';
import { Table } from '../store/table.ts';
import { objectRowKey, objectsByKey } from './objects-by-key.projection.ts';
import { createObjectsByKey, type ObjectsByKey } from './objects-by-key.query.ts';

const ID = 'ab'.repeat(16);
const PAGE = 1_000;
const WHOLE = { bucket: 'photos', prefix: '', delimiter: '', after: '', limit: PAGE };
const keyOf = (number: number) => `folder-${number % 8}/image-${String(number).padStart(8, '0')}.jpg`;

function rowOf(number: number): Uint8Array {
  const data = {
    sizeBytes: 4_096,
    etag: `d41d8cd98f00b204e980${String(number).padStart(12, '0')}`,
    segments: [{ blob: ID, sizeBytes: 4_096, chunkBytes: 1_048_576, partNumber: 0 }],
    contentType: 'application/octet-stream',
    headers: {},
    metadata: { mtime: '1700000000.123456789' },
    checksumAlgorithm: 'crc64nvme',
    checksum: 'AAAAAAAAAAA=',
    checksumType: 'full-object',
    storageClass: 'STANDARD',
    owner: ID,
  };
  const payload = objects.encode({ type: 'ObjectPut', data });
  return rowValue(objects.table.events.ObjectPut.id, 0, 1_700_000_000_000 + number, payload);
}

async function openTable(directory: string, keys: number) {
  const store = await openLevelStore(directory);
  const table = new Table(objectsByKey, store, []);
  for (let number = 0; number < keys; ) {
    const end = Math.min(keys, number + 10_000);
    for (; number < end; number++) table.put(objectRowKey('photos', keyOf(number)), rowOf(number));
    await store.write([table.freeze([number])]);
    table.overlay.written();
  }
  return { table, store };
}

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
    const { table, store } = await openTable(join(root, String(keys)), keys);
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
        table.put(objectRowKey('photos', keyOf(number)), rowOf(number));
      }
      return listAll(query);
    };
    await measure('list-while-written', { keys, putsPerListing: 100 }, putAndList, 1_000);
    await store.close();
  }
} finally {
  rmSync(root, { recursive: true, force: true });
}
