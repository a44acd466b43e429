// Owns the cases of a store's life: close, reopen, and a random walk against a model.

import type { ExecutionContext, TestFn } from 'ava';
import fc from 'fast-check';
import type { ChunkStoreFactory } from '../chunk-store.suite.ts';
import type { ChunkStore } from '../chunk-store.ts';
import { all, chunkOf, faults, hexOf, idOf, opened, reads, type SuiteStore } from './suite-support.ts';

export function lifeCases(test: TestFn, factory: ChunkStoreFactory): void {
  for (const cases of [closeCases, reopenCases, walkCases]) cases(test, factory);
}

function closeCases(test: TestFn, factory: ChunkStoreFactory): void {
  const { name } = factory;

  test(`${name}: close finishes what is in flight, once`, async (t) => {
    const { store } = await opened(t, factory);
    const puts = Array.from({ length: 50 }, (_, number) => store.put(chunkOf(number, 2000)));
    const closing = store.close();
    await t.notThrowsAsync(Promise.all(puts));
    await Promise.all([closing, store.close()]);
    await store.close();
  });

  test(`${name}: a closed store refuses everything`, async (t) => {
    const { store } = await opened(t, factory);
    const chunk = chunkOf(1, 10);
    await store.put(chunk);
    await store.close();
    await faults(t, 'closed', store.put(chunk));
    await faults(t, 'closed', store.put(chunkOf(2, 10)));
    await faults(t, 'closed', store.read(chunk.id, 0, 1));
    await faults(t, 'closed', store.stat(chunk.id));
    await faults(t, 'closed', store.delete(chunk.id));
    await faults(t, 'closed', all(store.list()));
    await faults(t, 'closed', store.audit(1));
    await faults(t, 'closed', store.compact(1));
  });
}

function reopenCases(test: TestFn, factory: ChunkStoreFactory): void {
  const { name, supports } = factory;

  if (supports.reopen) {
    test(`${name}: a reopened store has what was acknowledged and not what was deleted`, async (t) => {
      const { store, reopen } = await opened(t, factory);
      const chunks = Array.from({ length: 200 }, (_, number) => chunkOf(number, number * 600));
      await Promise.all(chunks.map((chunk) => store.put(chunk)));
      await Promise.all(chunks.slice(0, 50).map(({ id }) => store.delete(id)));
      const [before, listed] = [store.status(), await all(store.list())];
      const again = await reopen();
      t.deepEqual(again.status(), before);
      t.deepEqual(await all(again.list()), listed);
      for (const chunk of chunks.slice(50)) await reads(t, again, chunk);
      for (const { id } of chunks.slice(0, 50)) await faults(t, 'chunk-missing', again.read(id, 0, 1));
    });

    test(`${name}: a quarantined chunk stays so over a restart`, async (t) => {
      const { store, reopen, corrupt } = await opened(t, factory);
      const chunk = chunkOf(1, 5000);
      await store.put(chunk);
      await corrupt(chunk.id, 0);
      await store.audit(1);
      const again = await reopen();
      t.like(again.status(), { chunks: 0, quarantined: 1 });
      await faults(t, 'chunk-missing', again.read(chunk.id, 0, 1));
      await again.put(chunk);
      await reads(t, again, chunk);
    });
  }
}

function walkCases(test: TestFn, factory: ChunkStoreFactory): void {
  const { name, supports } = factory;

  test(`${name}: any walk of operations leaves what a simple model says`, async (t) => {
    const operation = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({ kind: fc.constant('put'), number: fc.nat(15), size: fc.nat(150_000) }),
      },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete'), number: fc.nat(15) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('corrupt'), number: fc.nat(15) }) },
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constantFrom('compact', 'audit', 'reopen'), number: fc.nat(3) }),
      },
    ) as fc.Arbitrary<Operation>;
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 30, maxLength: 120 }), async (operations) => {
        const clock = await opened(t, factory, { small: true });
        await walk(t, clock, supports.reopen, operations);
      }),
      { numRuns: 8, endOnFailure: true },
    );
  });
}

interface Operation {
  readonly kind: 'put' | 'delete' | 'corrupt' | 'compact' | 'audit' | 'reopen';
  readonly number: number;
  readonly size?: number;
}

async function walk(
  t: ExecutionContext,
  open: SuiteStore,
  canReopen: boolean,
  operations: readonly Operation[],
): Promise<void> {
  let { store } = open;
  const model = new Map<number, number>();
  const rotten = new Set<number>();
  for (const { kind, number, size = 0 } of operations) {
    if (kind === 'put') {
      if (model.has(number)) continue;
      await store.put(chunkOf(number, size + 1));
      model.set(number, size + 1);
    } else if (kind === 'delete') {
      await store.delete(idOf(number));
      model.delete(number);
      rotten.delete(number);
    } else if (kind === 'corrupt') {
      if (!model.has(number) || rotten.has(number)) continue;
      await open.corrupt(idOf(number), 0);
      rotten.add(number);
    } else if (kind === 'compact') await store.compact(number);
    else if (kind === 'audit') await store.audit(number);
    else if (canReopen) store = await open.reopen();
  }
  await agrees(t, store, model, rotten);
  await open.destroy();
}

async function agrees(
  t: ExecutionContext,
  store: ChunkStore,
  model: ReadonlyMap<number, number>,
  rotten: ReadonlySet<number>,
): Promise<void> {
  for (let number = 0; number <= 15; number++) {
    const sizeBytes = model.get(number);
    if (sizeBytes === undefined) await faults(t, 'chunk-missing', store.read(idOf(number), 0, 1));
    else if (rotten.has(number)) await t.throwsAsync(store.read(idOf(number), 0, 1));
    else await reads(t, store, chunkOf(number, sizeBytes));
  }
  const whole = [...model.keys()].filter((number) => !rotten.has(number));
  const listed = (await all(store.list())).map(({ id }) => hexOf(id));
  t.deepEqual(listed.sort(), whole.map((number) => hexOf(idOf(number))).sort());
  t.is(store.status().chunks, whole.length);
}
