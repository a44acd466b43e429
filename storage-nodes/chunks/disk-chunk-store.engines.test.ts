// Owns the long proofs of the disk store: a real file system that fills up, many more crashes, every byte of
// the tail. Mounting the file system needs root; without it the test fails rather than proving nothing.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ManualClock, systemClock } from '#core/kernel/clock.ts';
import { isFault } from '#core/kernel/errors.ts';
import { KIB, MIB } from '#core/kernel/limits.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { crashAndJudge } from '#tests/support/chunk-crashes.ts';
import { damageTail, tailImage } from '#tests/support/chunk-tails.ts';
import type { Chunk } from './chunk-store.ts';
import { DiskChunkStore } from './disk-chunk-store.ts';
import { chunkOf, reads } from './suite/suite-support.ts';

function temporary(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'strata-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A file system of its own, of this size. */
function smallDisk(t: ExecutionContext, bytes: number): string {
  const mount = mkdtempSync(join(tmpdir(), 'strata-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', mount]);
  t.teardown(() => {
    execFileSync('umount', [mount]);
    rmSync(mount, { recursive: true });
  });
  return mount;
}

async function fill(
  t: ExecutionContext,
  store: DiskChunkStore,
  first: number,
  sizeBytes: number,
): Promise<Chunk[]> {
  const kept: Chunk[] = [];
  for (let number = first; ; number++) {
    const chunk = chunkOf(number, sizeBytes);
    try {
      await store.put(chunk);
      kept.push(chunk);
    } catch (error) {
      t.true(isFault(error, 'no-space'), String(error));
      return kept;
    }
  }
}

for (const sizeBytes of [1000, 40_000, 256 * KIB, 700_000]) {
  test.serial(`a full file system refuses chunks of ${sizeBytes} bytes and loses none`, async (t) => {
    const directory = join(smallDisk(t, 16 * MIB), 'device');
    const open = () => DiskChunkStore.open({ directory, clock: systemClock, random: systemRandom });
    let store = await open();
    let kept: Chunk[] = [];
    for (let round = 0; round < 4; round++) {
      kept = [...kept, ...(await fill(t, store, round * 100_000, sizeBytes))];
      t.true(store.status().liveBytes > 6 * MIB, `round ${round}: ${store.status().liveBytes} bytes kept`);
      t.true(store.status().full);
      for (const chunk of kept) await reads(t, store, chunk);
      await store.close();
      store = await open();
      t.is(store.status().chunks, kept.length);
      for (const chunk of kept) await reads(t, store, chunk);
      // A restart may find a little more room: the index has put its own files in order.
      kept = [...kept, ...(await fill(t, store, round * 100_000 + 50_000, sizeBytes))];
      for (const [at, { id }] of kept.entries()) if (at % 4 !== 0) await store.delete(id);
      kept = kept.filter((_, at) => at % 4 === 0);
      while ((await store.compact(2)) > 0);
      for (const chunk of kept) await reads(t, store, chunk);
    }
    await store.close();
  });
}

test.serial(
  'a file system filled up by somebody else stops puts alone, and nothing once there is room',
  async (t) => {
    const mount = smallDisk(t, 32 * MIB);
    const directory = join(mount, 'device');
    const open = () => DiskChunkStore.open({ directory, clock: systemClock, random: systemRandom });
    let store = await open();
    const chunks = Array.from({ length: 3000 }, (_, number) => chunkOf(number, 3000));
    await Promise.all(chunks.map((chunk) => store.put(chunk)));
    mkdirSync(join(mount, 'others'));
    const other = join(mount, 'others', 'file');
    t.throws(() => writeFileSync(other, Buffer.alloc(32 * MIB)), { code: 'ENOSPC' });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8000 }, (_, number) => store.put(chunkOf(10_000 + number, 1000))),
    );
    const taken = outcomes.flatMap(({ status }, at) =>
      status === 'fulfilled' ? [chunkOf(10_000 + at, 1000)] : [],
    );
    t.true(taken.length < outcomes.length);
    for (const chunk of [...chunks, ...taken]) await reads(t, store, chunk);
    rmSync(other);
    await store.put(chunkOf(50_000, 5000));
    await store.close();
    store = await open();
    t.is(store.status().chunks, chunks.length + taken.length + 1);
    for (const chunk of [...chunks, ...taken]) await reads(t, store, chunk);
    await store.close();
  },
);

test.serial('a hundred crashes lose nothing acknowledged', async (t) => {
  for (let store = 0; store < 10; store++)
    await crashAndJudge(t, temporary(t), { rounds: 10, linesMax: 4_000 });
});

test.serial('a store opens with a tail damaged at any byte', async (t) => {
  const directory = temporary(t);
  const { last, before } = await tailImage(t, directory, 3);
  const [first] = last;
  if (first === undefined) return t.fail('no needles');
  const copy = join(directory, 'copy');
  for (let at = first.offset; at < first.fileBytes; at++) {
    for (const how of ['flip', 'cut'] as const) {
      const damaged = damageTail(join(directory, 'image'), copy, last, { at, how });
      const store = await DiskChunkStore.open({
        ...{ directory: copy, clock: new ManualClock(), random: systemRandom },
      });
      for (const chunk of before) await reads(t, store, chunk);
      for (const { chunk, hit } of damaged) if (!hit) await reads(t, store, chunk);
      await store.put(chunkOf(1000, 5000));
      await reads(t, store, chunkOf(1000, 5000));
      await store.close();
    }
  }
});
