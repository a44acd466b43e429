// Measures pages of 1,000 out of 1,000,000 keys at any marker, and folded at a delimiter whatever lies below
// it, over LevelDB: without room in memory, so that each page is read, and as a gateway has it. Tells
// processor time, since that is what a page costs others too; the worst page next to the usual one.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#core/kernel/clock.ts';
import { seededRandom } from '#core/kernel/random.ts';
import { openObjectTable } from '#tests/support/object-rows.ts';
import { createObjectsByKey, type ObjectsByKey } from './objects-by-key.query.ts';

const KEYS = 1_000_000;
const PAGES = 40;

/** A thousand folders of a thousand keys each, below one prefix. */
const keyOf = (number: number) => {
  const folder = String(Math.floor(number / 1_000)).padStart(4, '0');
  return `all/folder-${folder}/image-${String(number).padStart(8, '0')}.jpg`;
};

const BENCHES = [
  { bench: 'list-any-marker', prefix: '', delimiter: '' },
  // All below one prefix, which is one line.
  { bench: 'list-folded-to-one', prefix: '', delimiter: '/' },
  // A thousand lines, a thousand keys behind each.
  { bench: 'list-folded-to-folders', prefix: 'all/', delimiter: '/' },
  // Nothing folds, though it might.
  { bench: 'list-folded-to-keys', prefix: 'all/', delimiter: '|' },
] as const;

async function measure(query: ObjectsByKey, keptMib: number, which: (typeof BENCHES)[number]): Promise<void> {
  const random = seededRandom(1);
  const { bench, prefix, delimiter } = which;
  const [cpuMs, wallMs]: [number[], number[]] = [[], []];
  let shown = 0;
  for (let page = 0; page < PAGES; page++) {
    const isFirst = bench.startsWith('list-folded-to-') && bench !== 'list-folded-to-keys';
    const after = isFirst ? '' : keyOf(Math.floor(random.next() * KEYS));
    const startMs = systemClock.monotonicMs();
    const startCpu = process.cpuUsage();
    const found = await query.list({ bucket: 'photos', prefix, delimiter, after, limit: 1_000 });
    const { user, system } = process.cpuUsage(startCpu);
    cpuMs.push((user + system) / 1_000);
    wallMs.push(systemClock.monotonicMs() - startMs);
    shown = Math.max(shown, found.objects.length + found.commonPrefixes.length);
  }
  const at = (values: number[], share: number) =>
    Number((values.sort((a, b) => a - b)[Math.ceil(values.length * share) - 1] as number).toFixed(1));
  const figures = { cpuMs: at(cpuMs, 0.5), cpuMsWorst: at(cpuMs, 1), wallMs: at(wallMs, 0.5) };
  console.log(JSON.stringify({ bench, keys: KEYS, keptMib, shown, ...figures, wallMsWorst: at(wallMs, 1) }));
}

const root = mkdtempSync(join(tmpdir(), 'strata-'));
try {
  const { table, store } = await openObjectTable(root, KEYS, keyOf);
  for (const keptMib of [0, 64]) {
    for (const which of BENCHES) {
      await measure(createObjectsByKey(table, keptMib * 1_048_576), keptMib, which);
    }
  }
  await store.close();
} finally {
  rmSync(root, { recursive: true, force: true });
}
