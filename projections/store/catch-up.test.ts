// Tests the way to catch up: what is rebuilt equals what was kept up all along, and whatever cuts it short, a
// restart goes on from rows and cursor that belong together.

import test from 'ava';
import { ManualClock } from '#core/kernel/clock.ts';
import { Fault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Cursor, FollowOptions, RecordedEvent } from '#core/log/event-log.ts';
import { SYSTEM } from '#tests/support/read-models.ts';
import { createMemoryStore } from './memory-store.ts';
import type { Projection, RowWriter } from './projection.ts';
import { readAll } from './read-store.suite.ts';
import type { ReadStore } from './read-store.ts';
import { createProjectionRunner } from './runner.ts';
import { sumRow, sumsOf } from './sum-row.ts';

/** So many that several batches are filled. */
const EVENTS = 2 * limits.readModelBehindEvents;
const PAYLOAD = Buffer.alloc(100, 7);

/** Keeps the last event of each stream, and how many of them there are, and their bytes. */
const lastEvents: Projection = {
  name: 'last-events',
  version: 1,
  families: ['things'],
  writesMostly: true,
  apply({ stream, type, position, payload }, rows) {
    const before = rows.get(stream);
    const after = Buffer.concat([payload, Buffer.from(String(position.offset))]);
    if (type !== 'gone') rows.put(stream, after);
    else rows.delete(stream);
    const isThere = Number(type !== 'gone');
    const bytesMore = isThere * after.length - (before?.length ?? 0);
    rows.add('sums', [isThere - Number(before !== undefined), bytesMore]);
  },
};

/** Counts each stream's events, so that one applied twice or never shows. */
const counts: Projection = {
  name: 'counts',
  version: 1,
  families: ['things'],
  apply({ stream }, rows) {
    const before = Number(Buffer.from(rows.get(stream) ?? '0'));
    rows.put(stream, Buffer.from(String(before + 1)));
  },
};

const projections = [lastEvents, counts];
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Many streams, each changed more than once, some gone at the end; nothing is added to it. */
class FullLog {
  readonly partitions: readonly (readonly RecordedEvent[])[];

  constructor(partitions: number) {
    const made: RecordedEvent[][] = Array.from({ length: partitions }, () => []);
    for (let number = 0; number < EVENTS; number++) {
      const partition = number % partitions;
      const events = made[partition] as RecordedEvent[];
      const stream = `things/${(number * 7_919) % (EVENTS / 4)}`;
      const type = number % 11 === 0 ? 'gone' : 'set';
      const position = { partition, offset: events.length };
      const facts = { id: '', revision: 0, timeMs: 0, actor: SYSTEM, correlationId: '', causationId: '' };
      events.push({ ...facts, stream, type, payload: PAYLOAD, position });
    }
    this.partitions = made;
  }

  async tail(): Promise<Cursor> {
    return this.partitions.map((events) => events.length);
  }

  async *follow({ from, signal }: FollowOptions): AsyncIterable<readonly RecordedEvent[]> {
    for (const [partition, events] of this.partitions.entries()) {
      for (let next = from[partition] ?? 0; next < events.length; next += 1_000) {
        if (signal?.aborted) return;
        yield events.slice(next, next + 1_000);
        await turn();
      }
    }
    while (!signal?.aborted) await turn();
  }
}

async function open(log: FullLog, store: ReadStore, which: readonly Projection[] = projections) {
  const faults: unknown[] = [];
  const clock = new ManualClock();
  const onFault = (error: unknown) => faults.push(error);
  const runner = await createProjectionRunner({ log, store, projections: which, clock, onFault });
  return { runner, faults, clock };
}

async function rowsOf(store: ReadStore) {
  const rows: string[] = [];
  for (const { name } of projections) {
    for (const { key, value } of await readAll(store.scan(name, { gte: '' }))) {
      rows.push(`${name} ${key} ${Buffer.from(value).toString('latin1')}`);
    }
  }
  return rows.sort();
}

/** What the rows are after the first events: the truth, worked out without a runner. */
function rowsAfter(log: FullLog, cursor: Cursor): string[] {
  const rows = new Map<string, Uint8Array>();
  for (const { name, apply } of projections) {
    const writer = {
      put: (key: string, value: Uint8Array) => rows.set(`${name} ${key}`, value),
      delete: (key: string) => rows.delete(`${name} ${key}`),
      get: (key: string) => rows.get(`${name} ${key}`),
      add: (key: string, more: readonly number[]) => {
        const before = sumsOf(rows.get(`${name} ${key}`));
        const after = more.map((number, at) => number + (before[at] ?? 0));
        rows.set(`${name} ${key}`, sumRow(after));
      },
    } as unknown as RowWriter;
    for (const [partition, events] of log.partitions.entries()) {
      for (const event of events.slice(0, cursor[partition] ?? 0)) apply(event, writer);
    }
  }
  return [...rows].map(([key, value]) => `${key} ${Buffer.from(value).toString('latin1')}`).sort();
}

/** A store whose commits are let through by `allow`. */
function gatedStore(allow: (commit: number) => void) {
  const inner = createMemoryStore();
  let commits = 0;
  const store: ReadStore = {
    ...inner,
    batch: () => {
      const batch = inner.batch();
      const commit = batch.commit.bind(batch);
      batch.commit = async (checkpoints) => {
        allow(++commits);
        await commit(checkpoints);
      };
      return batch;
    },
  };
  return { store, inner, commits: () => commits };
}

test('a rebuild ends with the rows of every event, applied once, and all of it durable', async (t) => {
  const log = new FullLog(1);
  const { store, commits } = gatedStore(() => {});
  const { runner } = await open(log, store);
  const tail = await log.tail();
  await runner.whenCaughtUp(tail);
  t.true(commits() > 3, `${commits()} batches`);
  t.deepEqual([runner.applied(), runner.checkpoint()], [tail, tail]);
  t.deepEqual(await rowsOf(store), rowsAfter(log, tail));
  await runner.close();
});

test('whenever it crashes, rows and cursor belong together, and a restart ends whole', async (t) => {
  const log = new FullLog(1);
  const tail = await log.tail();
  const whole = rowsAfter(log, tail);
  for (const last of [1, 3]) {
    const crash = new Error('crash');
    const { store, inner } = gatedStore((commit) => {
      if (commit >= last) throw crash;
    });
    const crashed = await open(log, store);
    await t.throwsAsync(async () => crashed.runner.whenCaughtUp(tail), { is: crash });
    await crashed.runner.close();
    t.deepEqual(crashed.faults, [crash]);
    const reached = inner.checkpoint('counts')?.cursor ?? [];
    t.deepEqual(inner.checkpoint('last-events')?.cursor ?? [], reached);
    t.deepEqual(await rowsOf(inner), rowsAfter(log, reached));
    const { runner } = await open(log, inner);
    await runner.whenCaughtUp(tail);
    await runner.close();
    t.deepEqual(await rowsOf(inner), whole);
  }
});

test('partitions are caught up together', async (t) => {
  const log = new FullLog(3);
  const store = createMemoryStore();
  const { runner } = await open(log, store);
  const tail = await log.tail();
  await runner.whenCaughtUp(tail);
  await runner.close();
  t.deepEqual(store.checkpoint('counts')?.cursor, tail);
  t.is((await rowsOf(store)).length, rowsAfter(log, tail).length);
});

test('readers see the rows of what counts as applied, and their caches are told', async (t) => {
  const log = new FullLog(1);
  const { store, commits } = gatedStore(() => {});
  const { runner } = await open(log, store);
  const table = runner.table('last-events');
  const { changes } = table;
  let told = 0;
  table.watch({ changed: () => {}, allChanged: () => told++ });
  while (commits() < 3) await turn();
  t.true(table.changes > changes);
  t.true(told > 0);
  const [applied = 0] = runner.applied();
  t.deepEqual(runner.checkpoint(), [applied]);
  t.true(applied > 0 && applied < EVENTS, `${applied} applied`);
  await runner.close();
  t.deepEqual(await rowsOf(store), rowsAfter(log, store.checkpoint('counts')?.cursor ?? []));
});

test('a projection that scans although it hardly ever reads stops the runner', async (t) => {
  const log = new FullLog(1);
  const scans: Projection = { ...lastEvents, apply: (_event, rows) => void rows.scan({ gte: '' }) };
  const { runner, faults } = await open(log, createMemoryStore(), [scans]);
  await t.throwsAsync(async () => runner.whenCaughtUp([EVENTS]), { message: /never scans/ });
  t.is(faults.length, 1);
  await runner.close();
});

test('want of space makes a rebuild wait, and closing meanwhile loses nothing', async (t) => {
  const log = new FullLog(1);
  const tail = await log.tail();
  let full = false;
  const { store, inner, commits } = gatedStore((commit) => {
    full ||= commit === 3;
    if (full) throw new Fault('no-space', 'full');
  });
  const first = await open(log, store);
  while (commits() < 3) await turn();
  const reached = inner.checkpoint('counts')?.cursor;
  full = false;
  first.clock.advance(limits.readModelRetryMs);
  await first.runner.whenCaughtUp(tail);
  t.not(reached, undefined);
  t.deepEqual(await rowsOf(inner), rowsAfter(log, tail));
  await first.runner.close();
  t.deepEqual(first.faults, []);

  const empty = gatedStore(() => {
    throw new Fault('no-space', 'full');
  });
  const second = await open(log, empty.store);
  while (empty.commits() < 1) await turn();
  await second.runner.close();
  t.deepEqual(second.faults, []);
  t.is(empty.inner.checkpoint('counts'), undefined);
});
