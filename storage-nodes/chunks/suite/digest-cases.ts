// Owns the cases of digests and of the probe.

import type { ExecutionContext, TestFn } from 'ava';
import { limits } from '#core/kernel/limits.ts';
import type { ChunkStoreFactory } from '../chunk-store.suite.ts';
import type { ChunkStore } from '../chunk-store.ts';
import { DIGEST_WORDS, DigestTable } from '../digest-table.ts';
import { all, chunkOf, faults, idOf, opened } from './suite-support.ts';

const POWER = 3;
const PARTITIONS = Uint32Array.from({ length: 2 ** POWER }, (_, number) => number);

export function digestCases(test: TestFn, factory: ChunkStoreFactory): void {
  for (const cases of [contentCases, changeCases, probeCases]) cases(test, factory);
}

/** What the store says, against what its own list gives. */
async function agrees(t: ExecutionContext, store: ChunkStore, message?: string): Promise<void> {
  const table = new DigestTable(POWER);
  for (const { id } of await all(store.list())) table.count(id, 1);
  t.deepEqual(await store.digests(POWER, PARTITIONS), table.read(PARTITIONS), message);
}

function contentCases(test: TestFn, factory: ChunkStoreFactory): void {
  const { name } = factory;

  test(`${name}: stores with the same chunks have the same digests, whatever the order`, async (t) => {
    const [one, other] = [await opened(t, factory), await opened(t, factory)];
    const chunks = Array.from({ length: 40 }, (_, number) => ({
      ...chunkOf(1, 20),
      id: idOf(number % 7, number),
    }));
    for (const chunk of chunks) await one.store.put(chunk);
    for (const chunk of chunks.reverse()) await other.store.put(chunk);
    const digests = await one.store.digests(POWER, PARTITIONS);
    t.deepEqual(await other.store.digests(POWER, PARTITIONS), digests);
    await agrees(t, one.store);
    const counts = digests.filter((_, word) => word % DIGEST_WORDS === 0);
    t.is(
      counts.reduce((sum, count) => sum + count, 0),
      40,
    );
    await other.store.delete(idOf(3, 10));
    t.notDeepEqual(await other.store.digests(POWER, PARTITIONS), digests);
    // As many as before, but others.
    await other.store.put({ ...chunkOf(1, 20), id: idOf(3, 11) });
    t.notDeepEqual(await other.store.digests(POWER, PARTITIONS), digests);
  });

  test(`${name}: digests are told of the partitions asked for, of any number of them`, async (t) => {
    const { store } = await opened(t, factory);
    await Promise.all(Array.from({ length: 30 }, (_, number) => store.put(chunkOf(number, 10))));
    const whole = await store.digests(POWER, PARTITIONS);
    const some = await store.digests(POWER, Uint32Array.of(6, 1));
    t.deepEqual(some, Uint32Array.of(...whole.subarray(18, 21), ...whole.subarray(3, 6)));
    t.is((await store.digests(1, Uint32Array.of(0, 1))).length, 6);
    t.deepEqual(await store.digests(POWER, PARTITIONS), whole);
    t.is((await store.digests(POWER, new Uint32Array(0))).length, 0);
  });
}

function changeCases(test: TestFn, factory: ChunkStoreFactory): void {
  const { name, supports } = factory;

  test(`${name}: digests stay right while chunks come, go and are found damaged`, async (t) => {
    const open = await opened(t, factory, { small: true });
    const { store, corrupt } = open;
    const puts = (from: number, to: number) =>
      Promise.all(Array.from({ length: to - from }, (_, i) => store.put(chunkOf(from + i, 100_000))));
    await puts(0, 20);
    // The first digests are asked for while chunks come and go.
    const [digests] = await Promise.all([
      store.digests(POWER, PARTITIONS),
      puts(20, 40),
      ...[1, 2, 3].map((number) => store.delete(idOf(number))),
    ]);
    t.is(digests.length, DIGEST_WORDS * PARTITIONS.length);
    await agrees(t, store, 'after the first');
    await corrupt(idOf(7), 10);
    await faults(t, 'chunk-corrupt', store.read(idOf(7), 0, 100_000));
    await agrees(t, store, 'after a quarantine');
    await store.put(chunkOf(7, 100_000));
    await store.put(chunkOf(8, 100_000));
    await agrees(t, store, 'after a repair');
    await corrupt(idOf(9), 10);
    await store.audit(1000);
    await store.delete(idOf(9));
    for (let number = 10; number < 30; number++) await store.delete(idOf(number));
    await agrees(t, store, 'after deletions');
    while ((await store.compact(10)) > 0) await agrees(t, store, 'after a compaction');
    if (supports.reopen) await agrees(t, await open.reopen(), 'after a restart');
  });

  test(`${name}: a page of digests has a limit`, async (t) => {
    const { store } = await opened(t, factory);
    const tooMany = new Uint32Array(limits.digestPartitions + 1);
    await t.throwsAsync(store.digests(POWER, tooMany), { name: 'Bug' });
    await t.throwsAsync(store.digests(POWER, Uint32Array.of(2 ** POWER)), { name: 'Bug' });
  });
}

function probeCases(test: TestFn, factory: ChunkStoreFactory): void {
  const { name } = factory;

  test(`${name}: a probe succeeds on a store that serves, and fails on a closed one`, async (t) => {
    const { store, clock } = await opened(t, factory);
    await t.notThrowsAsync(Promise.all([store.probe(), store.probe()]));
    clock.advance(limits.deviceProbeMs);
    await t.notThrowsAsync(store.probe());
    await store.close();
    await faults(t, 'closed', store.probe());
    await faults(t, 'closed', store.digests(POWER, PARTITIONS));
  });
}
