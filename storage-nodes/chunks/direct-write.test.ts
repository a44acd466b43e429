// Owns the checks of writing past the page cache: large data lies on the borders that the device wants,
// small data and tombstones in between, and every way of reading them finds the same.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '#core/kernel/clock.ts';
import { DIRECT_BLOCK_BYTES, directBuffer } from '#core/kernel/direct-io.ts';
import { KIB, MIB } from '#core/kernel/limits.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { needlesIn } from '#tests/support/segment-files.ts';
import { blockChecksums } from './block-checksums.ts';
import type { Chunk } from './chunk-store.ts';
import { DiskChunkStore } from './disk-chunk-store.ts';
import {
  CHUNK_NEEDLE,
  FILLER_NEEDLE,
  fillerBytes,
  fillerDataBytes,
  headBytes,
  needleBytes,
} from './needle.ts';
import { bytesOf, chunkOf, faults, idOf, reads } from './suite/suite-support.ts';

/** In memory from which the kernel writes directly, as the buffers of the streaming path are. */
function largeChunk(number: number, sizeBytes = MIB): Chunk {
  const data = directBuffer(sizeBytes);
  bytesOf(number, sizeBytes).copy(data);
  return { id: idOf(number), data, checksums: blockChecksums(data), owner: 'o'.repeat(number % 97) };
}

function directoryOf(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'strata-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

const open = (directory: string) =>
  DiskChunkStore.open({ directory, clock: systemClock, random: systemRandom, segmentBytes: 8 * MIB });

test('a filler is as long as some needle, and brings the data behind it to a border', (t) => {
  for (let offset = 4096; offset < 4096 + 2 * DIRECT_BLOCK_BYTES; offset += 8) {
    const head = headBytes(MIB, 40);
    const filler = fillerBytes(offset, head);
    t.is((offset + filler + head) % DIRECT_BLOCK_BYTES, 0);
    if (filler > 0) t.is(needleBytes(fillerDataBytes(filler), 0), filler);
  }
});

test('large and small chunks side by side are read, scanned, compacted and deleted', async (t) => {
  const directory = directoryOf(t);
  const chunks = Array.from({ length: 30 }, (_, number) => {
    if (number % 3 === 0) return largeChunk(number);
    return number % 3 === 1 ? largeChunk(number, 256 * KIB) : chunkOf(number, 1_000 + number * 37);
  });
  let store = await open(directory);
  await Promise.all(chunks.map((chunk) => store.put(chunk)));
  for (const chunk of chunks) await reads(t, store, chunk);
  const needles = needlesIn(directory);
  const large = needles.filter(({ kind, sizeBytes }) => kind === CHUNK_NEEDLE && sizeBytes >= 256 * KIB);
  t.is(large.length, 20);
  t.true(large.every(({ dataAt }) => dataAt % DIRECT_BLOCK_BYTES === 0));
  t.true(needles.some(({ kind }) => kind === FILLER_NEEDLE));

  await store.close();
  rmSync(join(directory, 'index'), { recursive: true });
  store = await open(directory);
  t.is(store.status().chunks, chunks.length);
  for (const chunk of chunks) await reads(t, store, chunk);

  const [kept, gone] = [chunks.filter((_, n) => n % 2 === 0), chunks.filter((_, n) => n % 2 === 1)];
  for (const { id } of gone) await store.delete(id);
  while ((await store.compact(4)) > 0);
  for (const chunk of kept) await reads(t, store, chunk);
  for (const { id } of gone) await faults(t, 'chunk-missing', store.read(id, 0, 1));
  const { damaged, checked } = await store.audit(1_000);
  t.deepEqual([damaged.length, checked], [0, kept.length]);
  await store.close();
  store = await open(directory);
  for (const chunk of kept) await reads(t, store, chunk);
  await store.close();
});

test('memory off the borders is written through the page cache', async (t) => {
  const directory = directoryOf(t);
  const data = directBuffer(MIB + 8).subarray(8);
  bytesOf(1, MIB).copy(data);
  const chunk = { id: idOf(1), data, checksums: blockChecksums(data), owner: '' };
  const store = await open(directory);
  await store.put(chunk);
  await reads(t, store, chunk);
  await store.close();
});
