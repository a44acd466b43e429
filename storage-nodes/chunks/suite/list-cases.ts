// Owns the cases of list.

import type { TestFn } from 'ava';
import { limits } from '#core/kernel/limits.ts';
import { partitionOf } from '#core/ring/partition.ts';
import type { ChunkStoreFactory } from '../chunk-store.suite.ts';
import type { ChunkId, ChunkInfo, ChunkStore } from '../chunk-store.ts';
import { comparePlacement } from '../placement-order.ts';
import { all, chunkOf, hexOf, idOf, opened, START_MS } from './suite-support.ts';

export function listCases(test: TestFn, factory: ChunkStoreFactory): void {
  orderCases(test, factory);
  changeCases(test, factory);
}

function orderCases(test: TestFn, factory: ChunkStoreFactory): void {
  const { name } = factory;

  test(`${name}: list gives every chunk once, in order of placement, with what stat tells`, async (t) => {
    const { store } = await opened(t, factory);
    const chunks = Array.from({ length: 500 }, (_, number) => chunkOf(number, number));
    await Promise.all(chunks.map((chunk) => store.put(chunk)));
    const found = await all(store.list());
    const ids = found.map(({ id }) => hexOf(id));
    const inOrder = chunks.map(({ id }) => id).sort(comparePlacement);
    t.deepEqual(ids, inOrder.map(hexOf));
    const byId = new Map(chunks.map((chunk) => [hexOf(chunk.id), chunk]));
    for (const { id, sizeBytes, owner, createdMs } of found) {
      const chunk = byId.get(hexOf(id));
      t.deepEqual([sizeBytes, owner, createdMs], [chunk?.data.length, chunk?.owner, START_MS]);
    }
  });

  test(`${name}: pages of a list, each after the last before it, give every chunk once`, async (t) => {
    const { store } = await opened(t, factory);
    const ids = Array.from({ length: 30 }, (_, number) => idOf(number, number % 5));
    await Promise.all(ids.map((id) => store.put({ ...chunkOf(1, 5), id })));
    const found: ChunkInfo[] = [];
    for (
      let page = await pageAfter(store);
      page.length > 0;
      page = await pageAfter(store, found.at(-1)?.id)
    ) {
      found.push(...page);
    }
    t.deepEqual(
      found.map(({ id }) => hexOf(id)),
      [...ids].sort(comparePlacement).map(hexOf),
    );
    // Where to go on is told by an id, even after its chunk has gone.
    const gone = found[11]?.id ?? idOf(0);
    await store.delete(gone);
    t.deepEqual(hexOf((await pageAfter(store, gone))[0]?.id ?? gone), hexOf(found[12]?.id ?? gone));
  });

  test(`${name}: a partition is listed by itself, whatever the number of partitions`, async (t) => {
    const { store } = await opened(t, factory);
    const ids = Array.from({ length: 60 }, (_, number) => idOf(number % 20, number));
    await Promise.all(ids.map((id) => store.put({ ...chunkOf(1, 5), id })));
    for (const power of [1, 4, limits.ringPartitionPower]) {
      for (const number of new Set(ids.map((id) => partitionOf(id, power)))) {
        const wanted = ids.filter((id) => partitionOf(id, power) === number).sort(comparePlacement);
        const listed = await all(store.list({ partition: { number, power } }));
        t.deepEqual(
          listed.map(({ id }) => hexOf(id)),
          wanted.map(hexOf),
        );
        const [first] = wanted;
        const rest = await all(store.list({ partition: { number, power }, ...(first && { after: first }) }));
        t.deepEqual(
          rest.map(({ id }) => hexOf(id)),
          wanted.slice(1).map(hexOf),
        );
      }
    }
    t.deepEqual(await all(store.list({ partition: { number: 2 ** 18 - 1, power: 18 } })), []);
  });
}

function changeCases(test: TestFn, factory: ChunkStoreFactory): void {
  const { name } = factory;

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

async function pageAfter(store: ChunkStore, after?: ChunkId): Promise<ChunkInfo[]> {
  const page: ChunkInfo[] = [];
  for await (const info of store.list(after && { after })) {
    page.push(info);
    if (page.length === 7) break;
  }
  return page;
}
