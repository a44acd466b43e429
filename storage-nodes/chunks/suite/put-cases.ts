// Owns the cases of put, stat and delete.

import type { TestFn } from 'ava';
import { Bug } from '#core/kernel/assert.ts';
import { limits } from '#core/kernel/limits.ts';
import type { ChunkStoreFactory } from '../chunk-store.suite.ts';
import { all, bytesOf, chunkOf, faults, idOf, opened, reads, START_MS } from './suite-support.ts';

export function putCases(test: TestFn, factory: ChunkStoreFactory): void {
  for (const cases of [keepingCases, bufferCases, statCases, deleteCases]) cases(test, factory);
}

function keepingCases(test: TestFn, factory: ChunkStoreFactory): void {
  const { name } = factory;

  test(`${name}: what was put is read back, from the empty chunk to the largest`, async (t) => {
    const { store } = await opened(t, factory);
    const block = limits.blockBytes;
    const sizes = [
      0,
      1,
      7,
      4096,
      block - 1,
      block,
      block + 1,
      3 * block,
      limits.chunkBytes - 1,
      limits.chunkBytes,
    ];
    const chunks = sizes.map((sizeBytes, number) => chunkOf(number, sizeBytes));
    await Promise.all(chunks.map((chunk) => store.put(chunk)));
    for (const chunk of chunks) await reads(t, store, chunk);
    const liveBytes = sizes.reduce((sum, sizeBytes) => sum + sizeBytes);
    t.like(store.status(), { chunks: sizes.length, liveBytes, quarantined: 0, full: false });
    t.true(store.status().fileBytes >= liveBytes);
  });

  test(`${name}: hundreds of puts at once are all kept`, async (t) => {
    const { store } = await opened(t, factory);
    const chunks = Array.from({ length: 600 }, (_, number) => chunkOf(number, (number * 37) % 9000));
    await Promise.all(chunks.map((chunk) => store.put(chunk)));
    for (const chunk of chunks) await reads(t, store, chunk);
    t.is(store.status().chunks, chunks.length);
  });

  test(`${name}: the chunks of one blob are told apart by their index`, async (t) => {
    const { store } = await opened(t, factory);
    const chunks = Array.from({ length: 50 }, (_, index) => ({ ...chunkOf(index, 100), id: idOf(1, index) }));
    await Promise.all(chunks.map((chunk) => store.put(chunk)));
    for (const chunk of chunks) await reads(t, store, chunk);
  });

  test(`${name}: putting an id again with the same bytes changes nothing`, async (t) => {
    const { store, clock } = await opened(t, factory);
    const chunk = chunkOf(1, 5000);
    await Promise.all([store.put(chunk), store.put(chunk)]);
    const { fileBytes } = store.status();
    clock.advance(1000);
    await store.put(chunk);
    t.deepEqual(store.status(), { chunks: 1, liveBytes: 5000, fileBytes, quarantined: 0, full: false });
    t.is((await store.stat(chunk.id))?.createdMs, START_MS);
  });
}

function bufferCases(test: TestFn, factory: ChunkStoreFactory): void {
  const { name } = factory;

  test(`${name}: the caller may reuse its buffers once put has settled`, async (t) => {
    const { store } = await opened(t, factory);
    const chunk = chunkOf(1, 70_000);
    const id = Uint8Array.from(chunk.id);
    const data = Uint8Array.from(chunk.data);
    const checksums = chunk.checksums.slice();
    await store.put({ ...chunk, id, data, checksums });
    for (const buffer of [id, data, checksums]) buffer.fill(9);
    await reads(t, store, chunk);
    t.deepEqual([...((await all(store.list()))[0]?.id ?? [])], [...chunk.id]);
  });

  test(`${name}: buffers may be backed by shared memory`, async (t) => {
    const { store } = await opened(t, factory);
    for (const sizeBytes of [3000, 100_000, limits.chunkBytes]) {
      const chunk = chunkOf(sizeBytes, sizeBytes);
      const data = new Uint8Array(new SharedArrayBuffer(sizeBytes));
      data.set(chunk.data);
      await store.put({ ...chunk, data });
      const target = new Uint8Array(new SharedArrayBuffer(limits.chunkBytes + limits.blockBytes));
      const found = await store.read(chunk.id, 0, sizeBytes, target);
      t.true(Buffer.from(chunk.data).equals(found));
      t.is(found.buffer, target.buffer);
    }
  });
}

function statCases(test: TestFn, factory: ChunkStoreFactory): void {
  const { name } = factory;

  test(`${name}: stat tells size, owner and time of a chunk`, async (t) => {
    const { store, clock } = await opened(t, factory);
    const owners = ['', 'a', 'objects/Bücher/日本語🙂', 'o'.repeat(limits.chunkOwnerBytes)];
    for (const [number, owner] of owners.entries()) {
      clock.advance(1);
      const chunk = chunkOf(number, 10 * number, owner);
      await store.put(chunk);
      const info = await store.stat(chunk.id);
      t.deepEqual(
        { ...info, id: [...(info?.id ?? [])] },
        {
          ...{ id: [...chunk.id], owner, sizeBytes: 10 * number, createdMs: START_MS + number + 1 },
        },
      );
      await reads(t, store, chunk);
    }
    t.is(await store.stat(idOf(99)), undefined);
  });

  test(`${name}: what is beyond a limit is a bug of the caller`, async (t) => {
    const { store } = await opened(t, factory);
    const chunk = chunkOf(1, 100);
    const large = bytesOf(1, limits.chunkBytes + 1);
    const wrong = [
      { ...chunk, id: chunk.id.subarray(1) },
      { ...chunk, data: large, checksums: new Uint32Array(17) },
      { ...chunk, checksums: new Uint32Array(0) },
      { ...chunk, checksums: new Uint32Array(2) },
      { ...chunk, owner: 'o'.repeat(limits.chunkOwnerBytes + 1) },
      { ...chunk, owner: 'é'.repeat(limits.chunkOwnerBytes / 2 + 1) },
    ];
    for (const each of wrong) await t.throwsAsync(async () => store.put(each), { instanceOf: Bug });
    for (const [offset, length] of [
      [-1, 1],
      [0, -1],
      [0.5, 1],
      [0, Number.NaN],
    ] as const) {
      await t.throwsAsync(async () => store.read(chunk.id, offset, length), { instanceOf: Bug });
    }
    t.is(store.status().chunks, 0);
  });
}

function deleteCases(test: TestFn, factory: ChunkStoreFactory): void {
  const { name } = factory;

  test(`${name}: a deleted chunk is gone, and can be put again`, async (t) => {
    const { store } = await opened(t, factory);
    const [chunk, other] = [chunkOf(1, 5000), chunkOf(2, 300)];
    await Promise.all([store.put(chunk), store.put(other)]);
    await store.delete(chunk.id);
    await faults(t, 'chunk-missing', store.read(chunk.id, 0, 10));
    t.is(await store.stat(chunk.id), undefined);
    t.like(store.status(), { chunks: 1, liveBytes: 300 });
    await reads(t, store, other);
    await store.put(chunk);
    await reads(t, store, chunk);
    t.like(store.status(), { chunks: 2, liveBytes: 5300 });
  });

  test(`${name}: deleting what is not there changes nothing`, async (t) => {
    const { store } = await opened(t, factory);
    await store.delete(idOf(1));
    await store.put(chunkOf(1, 10));
    await Promise.all([store.delete(idOf(1)), store.delete(idOf(1)), store.delete(idOf(2))]);
    t.like(store.status(), { chunks: 0, liveBytes: 0 });
  });

  test(`${name}: operations on one chunk take effect in the order of their calls`, async (t) => {
    const { store } = await opened(t, factory);
    const chunk = chunkOf(1, 5000);
    await Promise.all([store.put(chunk), store.delete(chunk.id)]);
    t.is(store.status().chunks, 0);
    await Promise.all([store.put(chunk), store.delete(chunk.id), store.put(chunk)]);
    t.is(store.status().chunks, 1);
    await Promise.all([store.delete(chunk.id), store.put(chunk), store.delete(chunk.id)]);
    t.is(store.status().chunks, 0);
    await faults(t, 'chunk-missing', store.read(chunk.id, 0, 1));
  });
}
