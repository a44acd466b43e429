// Owns the cases of damage: verified reads, audit, quarantine, repair.

import type { TestFn } from 'ava';
import { limits } from '#core/kernel/limits.ts';
import type { ChunkStoreFactory } from '../chunk-store.suite.ts';
import { comparePlacement } from '../placement-order.ts';
import { all, chunkOf, faults, hexOf, opened, reads } from './suite-support.ts';

const BLOCK = limits.blockBytes;

export function damageCases(test: TestFn, factory: ChunkStoreFactory): void {
  for (const cases of [readDamageCases, quarantineCases, auditCases]) cases(test, factory);
}

function readDamageCases(test: TestFn, factory: ChunkStoreFactory): void {
  const { name } = factory;

  for (const [sizeBytes, at] of [
    [4096, 4095],
    [1, 0],
    [BLOCK + 1, BLOCK],
    [limits.chunkBytes, 0],
  ] as const) {
    test(`${name}: byte ${at} of ${sizeBytes} flipped is found by read, and quarantined`, async (t) => {
      const { store, corrupt } = await opened(t, factory);
      const [chunk, other] = [chunkOf(1, sizeBytes), chunkOf(2, sizeBytes)];
      await Promise.all([store.put(chunk), store.put(other)]);
      await corrupt(chunk.id, at);
      await faults(t, 'chunk-corrupt', store.read(chunk.id, 0, sizeBytes));
      t.like(store.status(), { chunks: 1, liveBytes: sizeBytes, quarantined: 1 });
      await faults(t, 'chunk-missing', store.read(chunk.id, 0, sizeBytes));
      t.is(await store.stat(chunk.id), undefined);
      t.deepEqual(
        (await all(store.list())).map(({ id }) => hexOf(id)),
        [hexOf(other.id)],
      );
      await reads(t, store, other);
    });
  }

  test(`${name}: only the blocks that a range touches are judged`, async (t) => {
    const { store, corrupt } = await opened(t, factory);
    const chunk = chunkOf(1, 4 * BLOCK);
    await store.put(chunk);
    await corrupt(chunk.id, 2 * BLOCK + 5);
    for (const [from, to] of [
      [0, 2 * BLOCK],
      [3 * BLOCK, 4 * BLOCK],
      [BLOCK + 1, BLOCK + 2],
    ] as const) {
      const found = await store.read(chunk.id, from, to - from);
      t.true(Buffer.from(chunk.data.subarray(from, to)).equals(found));
    }
    await faults(t, 'chunk-corrupt', store.read(chunk.id, 3 * BLOCK - 1, 1));
  });
}

function quarantineCases(test: TestFn, factory: ChunkStoreFactory): void {
  const { name } = factory;

  test(`${name}: a quarantined chunk is replaced by the next put of its id`, async (t) => {
    const { store, corrupt } = await opened(t, factory);
    const chunk = chunkOf(1, 5000);
    await store.put(chunk);
    await corrupt(chunk.id, 10);
    await faults(t, 'chunk-corrupt', store.read(chunk.id, 0, 5000));
    await store.put(chunk);
    await reads(t, store, chunk);
    t.like(store.status(), { chunks: 1, liveBytes: 5000, quarantined: 0 });
    await store.delete(chunk.id);
    t.like(store.status(), { chunks: 0, liveBytes: 0, quarantined: 0 });
  });

  test(`${name}: a quarantined chunk can be deleted`, async (t) => {
    const { store, corrupt } = await opened(t, factory);
    const chunk = chunkOf(1, 5000);
    await store.put(chunk);
    await corrupt(chunk.id, 10);
    t.is((await store.audit(10)).damaged.length, 1);
    await store.delete(chunk.id);
    t.like(store.status(), { chunks: 0, liveBytes: 0, quarantined: 0 });
    await faults(t, 'chunk-missing', store.read(chunk.id, 0, 1));
  });
}

function auditCases(test: TestFn, factory: ChunkStoreFactory): void {
  const { name } = factory;

  test(`${name}: an audit finds each damaged chunk and reports it once`, async (t) => {
    const { store, corrupt } = await opened(t, factory);
    const chunks = Array.from({ length: 40 }, (_, number) => chunkOf(number, number * 5000 + 1));
    await Promise.all(chunks.map((chunk) => store.put(chunk)));
    t.deepEqual(await store.audit(1000), { checked: 40, readBytes: 3_900_040, damaged: [] });
    const rotten = chunks.filter((_, number) => number % 7 === 3);
    for (const chunk of rotten) await corrupt(chunk.id, chunk.data.length - 1);
    const { damaged } = await store.audit(1000);
    t.deepEqual(damaged.map(hexOf).sort(), rotten.map(({ id }) => hexOf(id)).sort());
    t.is(store.status().quarantined, rotten.length);
    const goodBytes = chunks.reduce((sum, { data }, number) => sum + (number % 7 === 3 ? 0 : data.length), 0);
    t.deepEqual(await store.audit(1000), {
      checked: 40 - rotten.length,
      readBytes: goodBytes,
      damaged: [],
    });
    for (const chunk of chunks) if (!rotten.includes(chunk)) await reads(t, store, chunk);
  });

  test(`${name}: audits go on where the last one ended, round and round`, async (t) => {
    const { store, corrupt } = await opened(t, factory);
    const chunks = Array.from({ length: 20 }, (_, number) => chunkOf(number, 100));
    await Promise.all(chunks.map((chunk) => store.put(chunk)));
    const last =
      chunks
        .map(({ id }) => id)
        .sort(comparePlacement)
        .at(-1) ?? new Uint8Array();
    await corrupt(last, 0);
    const passes = [];
    for (let pass = 0; pass < 3; pass++) passes.push(await store.audit(8));
    t.deepEqual(
      passes.map(({ checked }) => checked),
      [8, 8, 4],
    );
    t.deepEqual(
      passes.map(({ damaged }) => damaged.map(hexOf)),
      [[], [], [hexOf(last)]],
    );
    t.deepEqual(await store.audit(19), { checked: 19, readBytes: 1900, damaged: [] });
    t.deepEqual(await store.audit(0), { checked: 0, readBytes: 0, damaged: [] });
  });

  test(`${name}: compaction does not carry damage on`, async (t) => {
    const { store, corrupt } = await opened(t, factory, { small: true });
    const chunks = Array.from({ length: 9 }, (_, number) => chunkOf(number, 500_000));
    for (const chunk of chunks) await store.put(chunk);
    for (const chunk of chunks.slice(0, 8)) if (chunk !== chunks[1]) await store.delete(chunk.id);
    const [, rotten = chunkOf(0, 0), ...others] = chunks;
    await corrupt(rotten.id, 400_000);
    while ((await store.compact(10)) > 0) await reads(t, store, others.at(-1) ?? rotten);
    // Found by the compaction or by the audit: it is reported all the same, once.
    t.deepEqual((await store.audit(100)).damaged.map(hexOf), [hexOf(rotten.id)]);
    await faults(t, 'chunk-missing', store.read(rotten.id, 0, 500_000));
    await store.put(rotten);
    await reads(t, store, rotten);
    t.deepEqual((await store.audit(100)).damaged, []);
  });
}
