// Tests when a range of deletions is swept, and that an emptied range is quick to scan in the real engine.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { Level } from 'level';
import {
  type Compactable,
  DeletionSweep,
  SWEEP_BYTES_PER_DELETION,
  SWEEP_DELETIONS_MIN,
} from './deletion-sweep.ts';

function fakeEngine(bytes: () => number) {
  const compacted: string[] = [];
  const engine = {
    approximateSize: async () => bytes(),
    compactRange: async (start: string, end: string) => {
      compacted.push(`${start}..${end}`);
    },
  };
  return { engine, compacted };
}

function noteMany(sweep: DeletionSweep, table: string, count: number): void {
  for (let number = 0; number < count; number++) sweep.note(table, `${table}/${(number * 7) % 10}`);
}

test('a few deletions are left, many are swept once, from the lowest to the highest key', async (t) => {
  const { engine, compacted } = fakeEngine(() => 0);
  const sweep = new DeletionSweep(engine);
  noteMany(sweep, 'left', SWEEP_DELETIONS_MIN - 1);
  noteMany(sweep, 'right', 100);
  sweep.begin();
  await sweep.settled();
  t.deepEqual(compacted, []);
  sweep.note('left', 'left/\u{10000}');
  sweep.begin();
  await sweep.settled();
  t.deepEqual(compacted, ['left/0..left/\u{10000}']);
  sweep.begin();
  await sweep.settled();
  t.is(compacted.length, 1);
});

test('a range that is large for its deletions waits for more of them', async (t) => {
  const { engine, compacted } = fakeEngine(() => 2 * SWEEP_DELETIONS_MIN * SWEEP_BYTES_PER_DELETION);
  const sweep = new DeletionSweep(engine);
  noteMany(sweep, 'left', SWEEP_DELETIONS_MIN);
  sweep.begin();
  await sweep.settled();
  t.deepEqual(compacted, []);
  noteMany(sweep, 'left', SWEEP_DELETIONS_MIN);
  sweep.begin();
  await sweep.settled();
  t.is(compacted.length, 1);
});

test('an engine that cannot compact stops nothing', async (t) => {
  const { engine } = fakeEngine(() => 0);
  const sweep = new DeletionSweep({ ...engine, compactRange: () => Promise.reject(new Error('no space')) });
  noteMany(sweep, 'left', SWEEP_DELETIONS_MIN);
  sweep.begin();
  await t.notThrowsAsync(sweep.settled());
});

test('a sweep takes the markers of the real engine away', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'strata-'));
  const database = new Level<string, string>(directory);
  const keys = Array.from(
    { length: SWEEP_DELETIONS_MIN },
    (_, number) => `left/${String(number).padStart(8, '0')}`,
  );
  const engine = database as unknown as Compactable;
  const sweep = new DeletionSweep(engine);
  await database.batch(keys.map((key) => ({ type: 'put', key, value: 'some value to be taken away' })));
  await engine.compactRange('left/', 'left0');
  t.true((await engine.approximateSize('left/', 'left0')) > 0);
  const emptying = database.batch();
  for (const key of keys) {
    emptying.del(key);
    sweep.note('left', key);
  }
  await emptying.write();
  sweep.begin();
  await sweep.settled();
  const size = await engine.approximateSize('left/', 'left0');
  t.is(size, 0, 'neither rows nor markers are left on the disk');
  await database.close();
  rmSync(directory, { recursive: true, force: true });
});
