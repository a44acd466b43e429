// Owns the cases of list.

import type { TestFn } from 'ava';
import type { ChunkStoreFactory } from '../chunk-store.suite.ts';
import { CHUNK_ID_BYTES } from '../chunk-store.ts';
import { all, chunkOf, hexOf, idOf, opened, START_MS } from './suite-support.ts';

export function listCases(test: TestFn, factory: ChunkStoreFactory): void {
  const { name } = factory;

  test(`${name}: list gives every chunk once, in order of id, with what stat tells`, async (t) => {
    const { store } = await opened(t, factory);
    const chunks = Array.from({ length: 500 }, (_, number) => chunkOf(number, number));
    await Promise.all(chunks.map((chunk) => store.put(chunk)));
    const found = await all(store.list());
    const ids = found.map(({ id }) => hexOf(id));
    t.deepEqual(ids, chunks.map(({ id }) => hexOf(id)).sort());
    const byId = new Map(chunks.map((chunk) => [hexOf(chunk.id), chunk]));
    for (const { id, sizeBytes, owner, createdMs } of found) {
      const chunk = byId.get(hexOf(id));
      t.deepEqual([sizeBytes, owner, createdMs], [chunk?.data.length, chunk?.owner, START_MS]);
    }
  });

  test(`${name}: list starts with the first id not below from`, async (t) => {
    const { store } = await opened(t, factory);
    const ids = Array.from({ length: 9 }, (_, number) => Buffer.alloc(CHUNK_ID_BYTES, 10 * (number + 1)));
    await Promise.all(ids.map((id) => store.put({ ...chunkOf(1, 5), id })));
    const from = async (first: Buffer) => (await all(store.list({ from: first }))).map(({ id }) => id[0]);
    t.deepEqual(await from(Buffer.alloc(CHUNK_ID_BYTES, 70)), [70, 80, 90]);
    t.deepEqual(await from(Buffer.alloc(CHUNK_ID_BYTES, 71)), [80, 90]);
    t.deepEqual(await from(Buffer.alloc(CHUNK_ID_BYTES, 91)), []);
    t.is((await from(Buffer.alloc(CHUNK_ID_BYTES, 0))).length, 9);
    t.is((await from(Buffer.alloc(CHUNK_ID_BYTES, 255))).length, 0);
  });

  test(`${name}: list leaves out what was deleted and may be left early`, async (t) => {
    const { store } = await opened(t, factory);
    t.deepEqual(await all(store.list()), []);
    await Promise.all(Array.from({ length: 20 }, (_, number) => store.put(chunkOf(number, 10))));
    for (let number = 0; number < 20; number += 2) await store.delete(idOf(number));
    t.is((await all(store.list())).length, 10);
    let seen = 0;
    for await (const info of store.list()) {
      seen += info.sizeBytes;
      if (seen === 30) break;
    }
    t.is(seen, 30);
    t.is((await all(store.list())).length, 10);
  });

  test(`${name}: a list goes on while chunks come and go`, async (t) => {
    const { store } = await opened(t, factory);
    const staying = Array.from({ length: 300 }, (_, number) => chunkOf(number, 10));
    await Promise.all(staying.map((chunk) => store.put(chunk)));
    const found = new Set<string>();
    let number = 1000;
    for await (const { id } of store.list()) {
      found.add(hexOf(id));
      if (number < 1100) {
        await store.put(chunkOf(number, 10));
        if (number % 2 === 0) await store.delete(idOf(number));
        number += 1;
      }
    }
    t.true(staying.every(({ id }) => found.has(hexOf(id))));
  });
}
