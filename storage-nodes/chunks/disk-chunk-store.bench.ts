// Measures the disk store alone, against the prototypes in docs: small durable puts (one store, three at
// once), small reads, large puts and reads. One JSON line each. Files are warm: written once and recycled,
// as in a store that has been in use; the first lines say what a fresh store does.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#core/kernel/clock.ts';
import { directBuffer } from '#core/kernel/direct-io.ts';
import { newId } from '#core/kernel/ids.ts';
import { KIB, limits, MIB } from '#core/kernel/limits.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { blockChecksums } from './block-checksums.ts';
import { type ChunkId, type ChunkStore, chunkIdOf } from './chunk-store.ts';
import { DiskChunkStore } from './disk-chunk-store.ts';

const SMALL_BYTES = 4 * KIB;
const LARGE_BYTES = limits.chunkBytes;
const IN_FLIGHT = 64;
const LARGE_IN_FLIGHT = 8;

const parent = mkdtempSync(join(tmpdir(), 'strata-'));
let stores = 0;

function openStore(): Promise<DiskChunkStore> {
  stores += 1;
  const directory = join(parent, String(stores));
  return DiskChunkStore.open({ directory, clock: systemClock, random: systemRandom });
}

const freshIds = (count: number): ChunkId[] => {
  const blob = newId(systemRandom);
  return Array.from({ length: count }, (_, index) => chunkIdOf(blob, index));
};

/** Seconds that it takes to do each of `items`, `lanes` at a time. */
async function timed<T>(
  items: readonly T[],
  lanes: number,
  each: (item: T, lane: number) => Promise<unknown>,
) {
  const startMs = performance.now();
  let next = 0;
  const run = async (_: unknown, lane: number) => {
    while (next < items.length) await each(items[next++] as T, lane);
  };
  await Promise.all(Array.from({ length: lanes }, run));
  return (performance.now() - startMs) / 1000;
}

function report(bench: string, figures: Record<string, number>): void {
  const rounded = Object.entries(figures).map(([name, value]) => [name, Math.round(value)]);
  process.stdout.write(`${JSON.stringify({ bench, ...Object.fromEntries(rounded) })}\n`);
}

function dataOf(sizeBytes: number): { data: Uint8Array; checksums: Uint32Array } {
  // Where direct writes may begin, as in the buffers of the streaming path.
  const data = systemRandom.fill(directBuffer(sizeBytes));
  return { data, checksums: blockChecksums(data) };
}

const small = dataOf(SMALL_BYTES);
const large = dataOf(LARGE_BYTES);
const owner = `objects/${newId(systemRandom)}/${newId(systemRandom)}`;

const putSmall = (store: ChunkStore, ids: readonly ChunkId[]) =>
  timed(ids, IN_FLIGHT, (id) => store.put({ id, ...small, owner }));
const putLarge = (store: ChunkStore, ids: readonly ChunkId[]) =>
  timed(ids, LARGE_IN_FLIGHT, (id) => store.put({ id, ...large, owner }));

/** Deletes all and compacts, so that the files wait to be recycled. */
async function recycle(store: ChunkStore, ids: readonly ChunkId[]): Promise<void> {
  await timed(ids, IN_FLIGHT, (id) => store.delete(id));
  while ((await store.compact(16)) > 0);
}

async function benchSmall(): Promise<void> {
  const store = await openStore();
  const fresh = freshIds(60_000);
  report('chunk-put-4KiB-fresh', {
    inFlight: IN_FLIGHT,
    perSecond: fresh.length / (await putSmall(store, fresh)),
  });
  await recycle(store, fresh);
  const ids = freshIds(60_000);
  report('chunk-put-4KiB', { inFlight: IN_FLIGHT, perSecond: ids.length / (await putSmall(store, ids)) });
  const target = Buffer.alloc(LARGE_BYTES + limits.blockBytes);
  const reads = ids.map((_, at) => ids[(at * 7919) % ids.length] as ChunkId);
  const readSeconds = await timed(reads, 1, (id) => store.read(id, 0, SMALL_BYTES, target));
  report('chunk-read-4KiB', { perSecond: reads.length / readSeconds });
  const deleteSeconds = await timed(ids, IN_FLIGHT, (id) => store.delete(id));
  report('chunk-delete', { inFlight: IN_FLIGHT, perSecond: ids.length / deleteSeconds });
  await store.close();
}

async function benchThree(): Promise<void> {
  const three = await Promise.all([openStore(), openStore(), openStore()]);
  const warm = freshIds(15_000);
  await Promise.all(three.map((store) => putSmall(store, warm)));
  for (const store of three) await recycle(store, warm);
  const ids = freshIds(30_000);
  const seconds = await timed(ids, IN_FLIGHT, (id) =>
    Promise.all(three.map((store) => store.put({ id, ...small, owner }))),
  );
  report('chunk-put-4KiB-three-stores', { inFlight: IN_FLIGHT, perSecond: ids.length / seconds });
  await Promise.all(three.map((store) => store.close()));
}

async function benchLarge(): Promise<void> {
  const store = await openStore();
  const mebibytes = LARGE_BYTES / MIB;
  const fresh = freshIds(700);
  const freshSeconds = await putLarge(store, fresh);
  report('chunk-put-1MiB-fresh', { mebibytesPerSecond: (fresh.length * mebibytes) / freshSeconds });
  await recycle(store, fresh);
  const ids = freshIds(700);
  report('chunk-put-1MiB', { mebibytesPerSecond: (ids.length * mebibytes) / (await putLarge(store, ids)) });
  const targets = Array.from({ length: 4 }, () => Buffer.alloc(LARGE_BYTES + limits.blockBytes));
  for (const pass of ['', '-again']) {
    const seconds = await timed(ids, 4, (id, lane) => store.read(id, 0, LARGE_BYTES, targets[lane]));
    report(`chunk-read-1MiB${pass}`, { mebibytesPerSecond: (ids.length * mebibytes) / seconds });
  }
  await store.close();
}

try {
  await benchSmall();
  await benchThree();
  await benchLarge();
} finally {
  rmSync(parent, { recursive: true, force: true });
}
