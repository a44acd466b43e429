// Owns the cases of read.

import type { TestFn } from 'ava';
import fc from 'fast-check';
import { limits } from '#core/kernel/limits.ts';
import type { ChunkStoreFactory } from '../chunk-store.suite.ts';
import { chunkOf, faults, idOf, opened } from './suite-support.ts';

const BLOCK = limits.blockBytes;
const TARGET_BYTES = limits.chunkBytes + limits.blockBytes;

export function readCases(test: TestFn, factory: ChunkStoreFactory): void {
  const { name } = factory;

  test(`${name}: any range of any chunk is what was put there`, async (t) => {
    const { store } = await opened(t, factory);
    const sizes = [0, 1, 1000, BLOCK, BLOCK + 1, 5 * BLOCK + 123, limits.chunkBytes];
    const chunks = sizes.map((sizeBytes, number) => chunkOf(number, sizeBytes));
    await Promise.all(chunks.map((chunk) => store.put(chunk)));
    const target = Buffer.alloc(TARGET_BYTES);
    const nearBorder = fc
      .tuple(fc.nat(limits.chunkBytes / BLOCK), fc.integer({ min: -2, max: 2 }))
      .map(([block, by]) => Math.max(0, block * BLOCK + by));
    const place = fc.oneof(nearBorder, fc.nat(limits.chunkBytes + 10));
    await fc.assert(
      fc.asyncProperty(fc.nat(sizes.length - 1), place, place, fc.boolean(), async (number, a, b, own) => {
        const { id, data } = chunks[number] ?? chunkOf(0, 0);
        const [offset, end] = [Math.min(a, b), Math.max(a, b)];
        const found = await store.read(id, offset, end - offset, own ? target : undefined);
        return Buffer.from(data.subarray(offset, end)).equals(found);
      }),
      { numRuns: 400 },
    );
    t.pass();
  });

  test(`${name}: a range past the end gives what there is`, async (t) => {
    const { store } = await opened(t, factory);
    const chunk = chunkOf(1, 100);
    await store.put(chunk);
    t.deepEqual([...(await store.read(chunk.id, 90, 1000))], [...chunk.data.subarray(90)]);
    t.is((await store.read(chunk.id, 100, 1)).length, 0);
    t.is((await store.read(chunk.id, 5000, 1)).length, 0);
    t.is((await store.read(chunk.id, 5, 0)).length, 0);
  });

  test(`${name}: the bytes are placed in the target when there is one`, async (t) => {
    const { store } = await opened(t, factory);
    const target = new Uint8Array(TARGET_BYTES + 32).subarray(16, 16 + TARGET_BYTES);
    for (const sizeBytes of [4096, BLOCK + 1, limits.chunkBytes]) {
      const chunk = chunkOf(sizeBytes, sizeBytes);
      await store.put(chunk);
      const found = await store.read(chunk.id, 1, sizeBytes - 1, target);
      t.true(Buffer.from(chunk.data.subarray(1)).equals(found));
      t.is(found.buffer, target.buffer);
      t.true(found.byteOffset >= target.byteOffset);
      t.true(found.byteOffset + found.length <= target.byteOffset + target.length);
      t.not((await store.read(chunk.id, 0, sizeBytes)).buffer, target.buffer);
    }
  });

  test(`${name}: reads at once do not get in each other's way`, async (t) => {
    const { store } = await opened(t, factory);
    const chunks = Array.from({ length: 24 }, (_, number) => chunkOf(number, number * 11_000));
    await Promise.all(chunks.map((chunk) => store.put(chunk)));
    const found = await Promise.all(
      chunks.map((chunk) => store.read(chunk.id, 0, limits.chunkBytes, Buffer.alloc(TARGET_BYTES))),
    );
    t.true(found.every((bytes, number) => Buffer.from(chunks[number]?.data ?? []).equals(bytes)));
  });

  test(`${name}: a chunk that is not there is missing`, async (t) => {
    const { store } = await opened(t, factory);
    await faults(t, 'chunk-missing', store.read(idOf(1), 0, 1));
    await store.put(chunkOf(2, 10));
    await faults(t, 'chunk-missing', store.read(idOf(1), 0, 0));
  });
}
