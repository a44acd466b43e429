// Owns the proof that an audit pass reads every chunk of every device once and has what is damaged
// repaired.

import test from 'ava';
import { Fault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import type { AuditReport, ChunkId } from '#storage-nodes/chunks/chunk-store.ts';
import { ByteRate } from '#storage-nodes/replication/byte-rate.ts';
import { chunkCluster } from '#tests/support/chunk-cluster.ts';
import { type AuditedChunks, createAuditor } from './auditor.ts';

/** A store of numbered chunks that is audited round and round. */
class CountedChunks implements AuditedChunks {
  readonly reads: number[];
  readonly damaged = new Set<number>();
  breaks = false;
  #next: number;

  constructor(count: number, next = 0) {
    this.reads = new Array(count).fill(0);
    this.#next = next;
  }

  async audit(limit: number): Promise<AuditReport> {
    if (this.breaks) throw new Fault('corruption', 'the segment is damaged');
    if (this.#next >= this.reads.length) this.#next = 0;
    const damaged: ChunkId[] = [];
    const end = Math.min(this.reads.length, this.#next + limit);
    const checked = end - this.#next;
    for (; this.#next < end; this.#next++) {
      this.reads[this.#next] = (this.reads[this.#next] as number) + 1;
      if (this.damaged.delete(this.#next)) damaged.push(Uint8Array.of(this.#next));
    }
    return { checked, readBytes: 100 * checked, damaged };
  }

  status() {
    return { chunks: this.reads.length, liveBytes: 0, fileBytes: 0, quarantined: 0, full: false };
  }
}

function audited(stores: readonly (CountedChunks | undefined)[]) {
  const repaired: number[] = [];
  const { ring } = chunkCluster(3);
  const auditor = createAuditor({
    ring,
    store: (id) => stores[id],
    repair: async (id) => {
      repaired.push(id[0] as number);
    },
  });
  return { auditor, repaired, ring };
}

test('a pass reads each chunk of each device once, wherever the last one ended', async (t) => {
  const count = limits.auditorStepChunks * 2 + 10;
  const stores = [new CountedChunks(count), new CountedChunks(count, 300), new CountedChunks(0)];
  const { auditor } = audited(stores);
  t.like(await auditor.runOnce(), { checked: 2 * count, damaged: 0, failed: 0 });
  for (const { reads } of stores) t.true(reads.every((times) => times === 1));
  await auditor.runOnce();
  t.deepEqual(auditor.counters, { checked: 4 * count, readBytes: 400 * count, damaged: 0, failed: 0 });
});

test('what is damaged is handed on for repair, once', async (t) => {
  const stores = [new CountedChunks(20), undefined, new CountedChunks(20)];
  for (const chunk of [3, 4, 19]) stores[0]?.damaged.add(chunk);
  stores[2]?.damaged.add(7);
  const { auditor, repaired } = audited(stores);
  t.like(await auditor.runOnce(), { checked: 40, damaged: 4, failed: 0 });
  t.deepEqual(repaired, [3, 4, 19, 7]);
  t.like(await auditor.runOnce(), { damaged: 0 });
});

test('a device that breaks off and a repair that fails are counted, and the pass goes on', async (t) => {
  const [first, second] = [new CountedChunks(5), new CountedChunks(5)];
  first.breaks = true;
  second.damaged.add(1);
  const auditor = createAuditor({
    ring: chunkCluster(3).ring,
    store: (id) => [first, second][id],
    repair: async () => {
      throw new Fault('chunk-unreadable', 'nobody has it');
    },
  });
  t.like(await auditor.runOnce(), { checked: 5, damaged: 1, failed: 2 });
});

test('a pass shows its progress and ends when it is told to', async (t) => {
  const store = new CountedChunks(limits.auditorStepChunks * 10);
  const ending = new AbortController();
  const seen: number[] = [];
  const auditor = createAuditor({ ring: chunkCluster(3).ring, store: () => store, repair: async () => {} });
  await auditor.runOnce(ending.signal, ({ checked, total }) => {
    t.is(total, 3 * limits.auditorStepChunks * 10);
    seen.push(checked / limits.auditorStepChunks);
    if (seen.length === 3) ending.abort();
  });
  t.deepEqual(seen, [1, 2, 3]);
});

test('a pass reads no more bytes a second than its rate gives', async (t) => {
  const { ring, clock } = chunkCluster(3);
  const stores = [new CountedChunks(1_000)];
  const rate = new ByteRate(clock, 10_000);
  const auditor = createAuditor({ ring, store: (id) => stores[id], repair: async () => {}, rate });
  const startMs = clock.nowMs();
  let ended = false;
  const pass = auditor.runOnce().finally(() => {
    ended = true;
  });
  while (!ended) {
    await new Promise(setImmediate);
    clock.advance(10);
  }
  t.like(await pass, { checked: 1_000, readBytes: 100_000 });
  const stepMs = (limits.auditorStepChunks * 100) / 10;
  t.true(clock.nowMs() - startMs >= 10_000 - 200 - stepMs, `${clock.nowMs() - startMs} ms`);
});
