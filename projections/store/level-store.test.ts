// Runs the read store's suite on LevelDB, and what only a durable store can promise.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { isFault } from '#core/kernel/errors.ts';
import { openLevelStore } from './level-store.ts';
import { readStoreSuite } from './read-store.suite.ts';

const directory = mkdtempSync(join(tmpdir(), 'strata-'));
let opened = 0;
const fresh = () => join(directory, String(++opened));

test.after.always(() => rmSync(directory, { recursive: true, force: true }));

readStoreSuite(test, { open: () => openLevelStore(fresh()), dispose: (store) => store.close() });

test('what was written is there after the store is opened again', async (t) => {
  const path = fresh();
  const checkpoint = { version: 2, cursor: [5] };
  const first = await openLevelStore(path);
  await first.write([{ table: 'left', checkpoint, rows: new Map([['a\0é', Buffer.from('1')]]) }]);
  await first.close();
  const second = await openLevelStore(path);
  t.deepEqual(second.checkpoint('left'), checkpoint);
  t.is(Buffer.from(second.get('left', 'a\0é') ?? '').toString(), '1');
  await second.close();
});

test('a second opening of the same directory is refused as locked', async (t) => {
  const path = fresh();
  const store = await openLevelStore(path);
  const error = await t.throwsAsync(openLevelStore(path));
  t.true(isFault(error, 'locked'));
  await store.close();
});
