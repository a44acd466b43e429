// Owns the promises of the collector: what is named, young, or still being written is never touched.

import test from 'ava';
import { ManualClock } from '#core/kernel/clock.ts';
import { type ChunkInfo, chunkIdOf } from '#storage-nodes/chunks/chunk-store.ts';
import { Collector } from './collector.ts';
import { WritesInFlight } from './writes-in-flight.ts';

function setUp(blobs: readonly string[]) {
  const clock = new ManualClock();
  const writes = new WritesInFlight(clock);
  const present = new Map<string, ChunkInfo>();
  const named = new Set<string>();
  const hex = (id: Uint8Array) => Buffer.from(id).toString('hex');
  const add = (blob: string) => {
    const id = chunkIdOf(blob.repeat(32), 0);
    present.set(hex(id), { id, sizeBytes: 1, createdMs: clock.nowMs(), owner: `objects/b/${blob}` });
  };
  for (const blob of blobs) add(blob);
  const device = {
    async *list() {
      yield* present.values();
    },
  };
  const collector = new Collector({
    clock,
    chunks: {
      put: () => {
        throw new Error('a collector puts nothing');
      },
      read: () => Promise.reject(new Error('a collector reads nothing')),
      delete: async (id) => {
        present.delete(hex(id));
      },
    },
    devices: () => [device, device],
    isNamed: (owner, blob) => owner === `objects/b/${blob[0]}` && named.has(blob[0] ?? ''),
    oldestWriteMs: () => writes.oldestMs(),
    graceMs: 1_000,
  });
  const left = () => [...present.values()].map((chunk) => chunk.owner.at(-1)).sort();
  return { clock, writes, named, collector, add, left };
}

test('an unnamed chunk goes after the grace period, a named one stays', async (t) => {
  const { clock, named, collector, left } = setUp(['a', 'b']);
  named.add('a');
  clock.advance(10);
  t.like(await collector.runOnce(), { waiting: 1, deleted: 0 });
  clock.advance(999);
  t.like(await collector.runOnce(), { waiting: 1, deleted: 0 });
  t.deepEqual(left(), ['a', 'b']);
  clock.advance(1);
  t.like(await collector.runOnce(), { deleted: 1 });
  t.deepEqual(left(), ['a']);
});

test('a chunk that got its name during the grace period stays', async (t) => {
  const { clock, named, collector, left } = setUp(['a']);
  clock.advance(10);
  await collector.runOnce();
  named.add('a');
  clock.advance(5_000);
  t.like(await collector.runOnce(), { deleted: 0 });
  t.deepEqual(left(), ['a']);
});

test('however slow a write is, its chunks wait for it', async (t) => {
  const { clock, writes, collector, add, left } = setUp([]);
  let finish = () => {};
  const write = writes.track(
    () =>
      new Promise<void>((resolve) => {
        finish = resolve;
      }),
  );
  add('s');
  for (let hour = 0; hour < 24; hour++) {
    clock.advance(3_600_000);
    t.like(await collector.runOnce(), { waiting: 0, deleted: 0 });
  }
  t.deepEqual(left(), ['s']);
  finish();
  await write;
  await collector.runOnce();
  clock.advance(1_000);
  t.like(await collector.runOnce(), { deleted: 1 });
  t.deepEqual(left(), []);
});
