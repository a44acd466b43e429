// Tests the read models as the program has them: on the embedded log and LevelDB, through restart and replay.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { bucketStream, buckets } from '#core/buckets/buckets.events.ts';
import { families } from '#core/families.ts';
import { systemClock } from '#core/kernel/clock.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { EmbeddedLog } from '#core/log/embedded/embedded-log.ts';
import { type Content, objectStream, objects } from '#core/objects/objects.events.ts';
import { SYSTEM } from '#tests/support/read-models.ts';
import { openReadModels, projections } from './all.ts';
import { replayProjection } from './replay.ts';
import { openLevelStore } from './store/level-store.ts';
import { createProjectionRunner } from './store/runner.ts';

const KEYS = 2_000;
const content: Content = {
  sizeBytes: 5,
  etag: 'e',
  segments: [{ blob: 'ab'.repeat(16), sizeBytes: 5, chunkBytes: 1_024, partNumber: 0 }],
  contentType: 'text/plain',
  headers: {},
  metadata: {},
  storageClass: 'STANDARD',
  owner: 'anna',
};

async function open(directory: string) {
  const log = await EmbeddedLog.open({
    ...{ directory: join(directory, 'log'), clock: systemClock, random: systemRandom },
  });
  const store = await openLevelStore(join(directory, 'read-models'));
  const onFault = (error: unknown) => {
    throw error;
  };
  const runner = await createProjectionRunner({ log, store, projections, clock: systemClock, onFault });
  const close = async () => {
    await runner.close();
    await log.close();
    await store.close();
  };
  return { log, runner, close, ...openReadModels(runner) };
}

const keyOf = (number: number) => `folder-${number % 4}/key-${String(number).padStart(6, '0')}`;

test('read models over the real log and store survive a restart and equal their replay', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'strata-'));
  const first = await open(directory);
  const created = { type: 'BucketCreated', data: { owner: 'anna', region: 'eu-1' } } as const;
  await first.log.append({
    ...{ stream: bucketStream('photos'), expect: 'none', actor: SYSTEM },
    events: [{ type: created.type, payload: buckets.encode(created) }],
  });
  const appends = Array.from({ length: KEYS }, async (_, number) => {
    const put = { type: 'ObjectPut', data: { ...content, sizeBytes: number } } as const;
    const { position } = await first.log.append({
      ...{ stream: objectStream('photos', keyOf(number)), expect: 'none', actor: SYSTEM },
      events: [{ type: put.type, payload: objects.encode(put) }],
    });
    await first.runner.whenApplied(position);
    t.is(first.objects.get('photos', keyOf(number))?.sizeBytes, number);
  });
  await Promise.all(appends);
  await first.close();

  const second = await open(directory);
  t.deepEqual(second.runner.applied(), await second.log.tail());
  t.is(second.buckets.get('photos')?.owner, 'anna');
  const folded = { bucket: 'photos', prefix: '', delimiter: '/', after: '', limit: 100 };
  const { commonPrefixes } = await second.objects.list(folded);
  t.deepEqual(commonPrefixes, ['folder-0/', 'folder-1/', 'folder-2/', 'folder-3/']);
  const page = await second.objects.list({ ...folded, prefix: 'folder-2/', delimiter: '', limit: 1_000 });
  t.is(page.objects.length, KEYS / 4);
  for (const projection of projections) {
    const result = await replayProjection({
      ...{ log: second.log, projection, running: second.runner, clock: systemClock },
    });
    t.like(result, { events: KEYS + 1, equal: true }, projection.name);
  }
  await second.close();
  rmSync(directory, { recursive: true, force: true });
});

test('projections have names of their own and follow families that there are', (t) => {
  const names = projections.map(({ name }) => name);
  t.is(new Set(names).size, names.length);
  for (const { name, families: followed } of projections) {
    t.regex(name, /^[a-z][a-z-]+$/);
    for (const family of followed) t.true(Object.hasOwn(families, family), `${name} follows ${family}`);
  }
});
