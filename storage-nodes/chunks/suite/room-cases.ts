// Owns the cases of room: a full store, compaction.

import type { ExecutionContext, TestFn } from 'ava';
import { isFault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import type { ChunkStoreFactory } from '../chunk-store.suite.ts';
import type { Chunk, ChunkStore } from '../chunk-store.ts';
import { chunkOf, faults, opened, reads } from './suite-support.ts';

const SIZE_BYTES = 300_000;
const PUTS_MAX = 200;

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

/** Puts chunks from number `first` on until the store has no more room. */
async function fill(t: ExecutionContext, store: ChunkStore, first: number): Promise<Chunk[]> {
  const kept: Chunk[] = [];
  for (let number = first; number < first + PUTS_MAX; number++) {
    const chunk = chunkOf(number, SIZE_BYTES);
    try {
      await store.put(chunk);
      kept.push(chunk);
    } catch (error) {
      t.true(isFault(error, 'no-space'), String(error));
      return kept;
    }
  }
  t.fail('the store never got full');
  return kept;
}

export function roomCases(test: TestFn, factory: ChunkStoreFactory): void {
  for (const cases of [fullCases, compactionCases]) cases(test, factory);
}

function fullCases(test: TestFn, factory: ChunkStoreFactory): void {
  const { name } = factory;

  test(`${name}: a full store refuses puts, reads on, and takes puts again after compaction`, async (t) => {
    const { store } = await opened(t, factory, { small: true });
    let kept = await fill(t, store, 0);
    t.true(kept.length >= 10);
    for (let round = 1; round <= 4; round++) {
      t.true(store.status().full);
      for (const chunk of kept) await reads(t, store, chunk);
      const going = kept.filter((_, at) => at % 3 !== 0);
      for (const { id } of going) await store.delete(id);
      while ((await store.compact(4)) > 0) t.false(store.status().full);
      kept = kept.filter((_, at) => at % 3 === 0);
      const more = await fill(t, store, round * PUTS_MAX);
      t.true(more.length >= going.length - 5, `round ${round}: ${going.length} went, ${more.length} came`);
      kept = [...kept, ...more];
      for (const { id } of going) await faults(t, 'chunk-missing', store.read(id, 0, 1));
    }
    t.is(store.status().chunks, kept.length);
    t.is(store.status().liveBytes, kept.length * SIZE_BYTES);
  });

  test(`${name}: many puts at once into a full store each say so, and none is kept by half`, async (t) => {
    const { store } = await opened(t, factory, { small: true });
    const chunks = Array.from({ length: 60 }, (_, number) => chunkOf(number, SIZE_BYTES));
    const outcomes = await Promise.allSettled(chunks.map((chunk) => store.put(chunk)));
    const kept = chunks.filter((_, at) => outcomes[at]?.status === 'fulfilled');
    t.true(kept.length > 5 && kept.length < chunks.length);
    for (const [at, outcome] of outcomes.entries()) {
      const chunk = chunks[at] as Chunk;
      if (outcome.status === 'fulfilled') await reads(t, store, chunk);
      else await faults(t, 'chunk-missing', store.read(chunk.id, 0, 1));
    }
    t.is(store.status().chunks, kept.length);
  });
}

function compactionCases(test: TestFn, factory: ChunkStoreFactory): void {
  const { name } = factory;

  test(`${name}: compaction gives back the room of what was deleted and keeps all else`, async (t) => {
    const { store } = await opened(t, factory, { small: true });
    const chunks = Array.from({ length: 100 }, (_, number) => chunkOf(number, 60_000 + number));
    for (const chunk of chunks) await store.put(chunk);
    const before = store.status();
    t.is(await store.compact(0), 0);
    await Promise.all(chunks.filter((_, at) => at % 5 !== 0).map(({ id }) => store.delete(id)));
    let rewritten = 0;
    for (let count = await store.compact(3); count > 0; count = await store.compact(3)) {
      t.true(count <= 3);
      rewritten += count;
    }
    t.true(rewritten > 0);
    t.is(store.status().chunks, 20);
    t.true(store.status().fileBytes <= before.fileBytes + limits.chunkSmallestSegmentBytes);
    for (const chunk of chunks.filter((_, at) => at % 5 === 0)) await reads(t, store, chunk);
  });

  test(`${name}: compaction goes on under puts, reads and deletes`, async (t) => {
    const { store } = await opened(t, factory, { small: true });
    const steady = Array.from({ length: 10 }, (_, number) => chunkOf(number, 90_000));
    for (const chunk of steady) await store.put(chunk);
    let running = true;
    const compacting = (async () => {
      let rewritten = 0;
      while (running) {
        rewritten += await store.compact(2);
        await nextTurn();
      }
      return rewritten;
    })();
    const churn = async (lane: number) => {
      for (let turn = 0; turn < 60; turn++) {
        const chunk = chunkOf(1000 + lane * 100 + turn, 70_000);
        // The churn may outrun the compaction under way.
        await store.put(chunk).catch(async (error) => {
          t.true(isFault(error, 'no-space'));
          await store.compact(2);
          await store.put(chunk);
        });
        await reads(t, store, steady[turn % steady.length] as Chunk);
        await reads(t, store, chunk);
        await store.delete(chunk.id);
        await nextTurn();
      }
    };
    await Promise.all([0, 1, 2].map(churn));
    running = false;
    t.true((await compacting) > 0);
    for (const chunk of steady) await reads(t, store, chunk);
    t.is(store.status().chunks, steady.length);
  });
}
