// Owns the proof that a crash, a torn or rotten tail and a lost index take nothing acknowledged away.

import { cpSync, mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ManualClock } from '#core/kernel/clock.ts';
import { MIB } from '#core/kernel/limits.ts';
import { seededRandom, systemRandom } from '#core/kernel/random.ts';
import { crashAndJudge } from '#tests/support/chunk-crashes.ts';
import { damageTail, type TailDamage, tailImage } from '#tests/support/chunk-tails.ts';
import { flipByte, needlesIn } from '#tests/support/segment-files.ts';
import { nodeChunkDisk } from './chunk-disk.ts';
import { DiskChunkStore } from './disk-chunk-store.ts';
import { SEGMENT_HEADER_BYTES } from './needle.ts';
import { NeedleScan } from './needle-scan.ts';
import { SegmentTable } from './segment-table.ts';
import { all, chunkOf, faults, hexOf, idOf, reads } from './suite/suite-support.ts';

function temporary(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'strata-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function open(t: ExecutionContext, directory: string): Promise<DiskChunkStore> {
  const capacityBytes = 24 * MIB;
  const store = await DiskChunkStore.open({
    ...{ directory, clock: new ManualClock(), random: systemRandom, capacityBytes, segmentBytes: 2 * MIB },
  });
  t.teardown(() => store.close());
  return store;
}

test('a process killed amid puts, deletes and compaction loses nothing acknowledged', async (t) => {
  await crashAndJudge(t, temporary(t), { rounds: 4, linesMax: 5_000 });
});

test('a tail cut or flipped at any byte hides no needle but the one that was hit', async (t) => {
  const directory = temporary(t);
  const { last } = await tailImage(t, directory, 3);
  const [first] = last;
  if (first === undefined) return t.fail('no needles');
  const scan = async (path: string) => {
    const table = SegmentTable.load({
      ...{
        directory: join(path, 'segments'),
        disk: nodeChunkDisk,
        clock: new ManualClock(),
        random: systemRandom,
      },
    });
    const [segment] = table.all();
    if (segment === undefined) return [];
    const toBytes = segment.file.sizeBytes;
    const options = { fromBytes: SEGMENT_HEADER_BYTES, toBytes, withData: true, searchBytes: Infinity };
    const needles = new NeedleScan(table.files, segment, options);
    const found: string[] = [];
    for (let some = await needles.next(); some !== undefined; some = await needles.next()) {
      for (const needle of some) if (needle.intact) found.push(hexOf(needle.id));
    }
    await table.close();
    return found;
  };
  const copy = join(directory, 'copy');
  for (let at = first.offset; at < first.fileBytes; at++) {
    for (const how of ['flip', 'cut'] as const) {
      const damaged = damageTail(join(directory, 'image'), copy, last, { at, how, segmentsOnly: true });
      const found = new Set(await scan(copy));
      for (const { id, hit } of damaged) if (!hit) t.true(found.has(hexOf(id)), `${how} at ${at}`);
      for (const { id, hit, padding } of damaged)
        if (hit && !padding) t.false(found.has(hexOf(id)), `${how} at ${at}`);
    }
  }
});

test('a store with a damaged tail opens with all that was not hit, and takes puts again', async (t) => {
  const directory = temporary(t);
  const { last, before } = await tailImage(t, directory, 3);
  const [first] = last;
  if (first === undefined) return t.fail('no needles');
  const damages: TailDamage[] = [];
  for (let at = first.offset; at < first.fileBytes; at += 97)
    damages.push({ at, how: 'flip' }, { at, how: 'cut' });
  for (const damage of damages) {
    const copy = join(directory, 'copy');
    const damaged = damageTail(join(directory, 'image'), copy, last, damage);
    for (const lives of [1, 2]) {
      const store = await open(t, copy);
      for (const chunk of before) await reads(t, store, chunk);
      for (const { chunk, hit } of damaged) if (!hit) await reads(t, store, chunk);
      await store.put(chunkOf(1000 + lives, 5000));
      await reads(t, store, chunkOf(1000 + lives, 5000));
      await store.close();
    }
  }
});

test('a lost index is rebuilt from the segments: nothing is missing, nothing comes back', async (t) => {
  for (const seed of [1, 2]) {
    const directory = temporary(t);
    const random = seededRandom(seed);
    let store = await open(t, directory);
    const model = new Map<number, number>();
    for (let step = 0; step < 300; step++) {
      const number = Math.floor(random.next() * 60);
      if (random.next() < 0.6 && !model.has(number)) {
        const sizeBytes = Math.floor(random.next() * 120_000);
        await store.put(chunkOf(number, sizeBytes));
        model.set(number, sizeBytes);
      } else {
        await store.delete(idOf(number));
        model.delete(number);
      }
      if (step % 40 === 39) await store.compact(2);
    }
    const { chunks, liveBytes } = store.status();
    await store.close();
    rmSync(join(directory, 'index'), { recursive: true });
    store = await open(t, directory);
    t.like(store.status(), { chunks, liveBytes });
    t.is((await all(store.list())).length, model.size);
    for (const [number, sizeBytes] of model) await reads(t, store, chunkOf(number, sizeBytes));
    while ((await store.compact(4)) > 0);
    for (const [number, sizeBytes] of model) await reads(t, store, chunkOf(number, sizeBytes));
  }
});

test('a damaged index is rebuilt like a lost one', async (t) => {
  const directory = temporary(t);
  let store = await open(t, directory);
  const chunks = Array.from({ length: 50 }, (_, number) => chunkOf(number, 1000));
  await Promise.all(chunks.map((chunk) => store.put(chunk)));
  await store.close();
  truncateSync(join(directory, 'index', 'CURRENT'), 3);
  store = await open(t, directory);
  for (const chunk of chunks) await reads(t, store, chunk);
});

test('an index older than the segments is brought up to date', async (t) => {
  const directory = temporary(t);
  const chunks = Array.from({ length: 60 }, (_, number) => chunkOf(number, 90_000));
  let store = await open(t, directory);
  for (const chunk of chunks.slice(0, 30)) await store.put(chunk);
  await store.close();
  cpSync(join(directory, 'index'), join(directory, 'older'), { recursive: true });
  store = await open(t, directory);
  for (const chunk of chunks.slice(30)) await store.put(chunk);
  for (const { id } of chunks.filter((_, number) => number % 3 !== 0)) await store.delete(id);
  while ((await store.compact(4)) > 0);
  const { chunks: count, liveBytes } = store.status();
  await store.close();
  rmSync(join(directory, 'index'), { recursive: true });
  cpSync(join(directory, 'older'), join(directory, 'index'), { recursive: true });
  store = await open(t, directory);
  t.like(store.status(), { chunks: count, liveBytes });
  for (const [number, chunk] of chunks.entries()) {
    if (number % 3 === 0) await reads(t, store, chunk);
    else await faults(t, 'chunk-missing', store.read(chunk.id, 0, 1));
  }
});

test('damage in the middle of a segment hides nothing behind it when the index is lost', async (t) => {
  const directory = temporary(t);
  let store = await open(t, directory);
  const chunks = Array.from({ length: 40 }, (_, number) => chunkOf(number, 30_000));
  for (const chunk of chunks) await store.put(chunk);
  await store.close();
  const hit = needlesIn(directory)[10];
  if (hit === undefined) return t.fail('no needle');
  flipByte(hit.path, hit.offset + 20);
  rmSync(join(directory, 'index'), { recursive: true });
  store = await open(t, directory);
  t.is(store.status().chunks, chunks.length - 1);
  for (const chunk of chunks) if (hexOf(chunk.id) !== hexOf(hit.id)) await reads(t, store, chunk);
  await faults(t, 'chunk-missing', store.read(hit.id, 0, 1));
});

test('a second store on one directory is refused', async (t) => {
  const directory = temporary(t);
  const store = await open(t, directory);
  await faults(t, 'locked', open(t, directory));
  await store.close();
  await (await open(t, directory)).close();
});

test('many entries beyond the memory allowed are found all the same', async (t) => {
  const directory = temporary(t);
  const options = { directory, clock: new ManualClock(), random: systemRandom, hotEntries: 70_000 };
  let store = await DiskChunkStore.open(options);
  t.teardown(() => store.close());
  const numbers = Array.from({ length: 90_000 }, (_, number) => number);
  const { data, checksums } = chunkOf(1, 8);
  const tiny = (index: number) => ({ id: idOf(1, index), data, checksums, owner: 'o' });
  for (let from = 0; from < numbers.length; from += 10_000) {
    await Promise.all(numbers.slice(from, from + 10_000).map((index) => store.put(tiny(index))));
  }
  const check = async () => {
    t.is(store.status().chunks, 90_000);
    await Promise.all(Array.from({ length: 300 }, (_, at) => store.read(idOf(1, at * 300), 0, 8)));
    await faults(t, 'chunk-missing', store.read(idOf(1, 90_001), 0, 1));
    await store.put(tiny(17));
    t.is(store.status().chunks, 90_000);
  };
  await check();
  await store.close();
  store = await DiskChunkStore.open(options);
  await check();
});
