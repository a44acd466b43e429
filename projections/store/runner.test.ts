// Tests the runner: what readers see, what a restart finds, and that nothing is ever passed over.

import test from 'ava';
import { ManualClock } from '#core/kernel/clock.ts';
import { Fault, isFault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import { seededRandom } from '#core/kernel/random.ts';
import type { RecordedEvent } from '#core/log/event-log.ts';
import { MemoryLog } from '#tests/support/memory-log.ts';
import { SYSTEM } from '#tests/support/read-models.ts';
import { createMemoryStore } from './memory-store.ts';
import type { Projection, RowReader, RowWriter } from './projection.ts';
import { readAll } from './read-store.suite.ts';
import type { ReadStore } from './read-store.ts';
import { createProjectionRunner } from './runner.ts';

const newClock = () => new ManualClock();
const newLog = (partitions = 1) => new MemoryLog({ clock: newClock(), random: seededRandom(7), partitions });

/** Keeps the last value of each stream; an event `gone` takes it away. */
const lastValues = (more: Partial<Projection> = {}): Projection => ({
  name: 'last-values',
  version: 1,
  families: ['things'],
  apply(event: RecordedEvent, rows: RowWriter) {
    if (event.type === 'gone') rows.delete(event.stream);
    else rows.put(event.stream, event.payload);
  },
  ...more,
});

/** Counts events, so that one applied twice or never shows. */
const counter = (more: Partial<Projection> = {}): Projection => ({
  name: 'counter',
  version: 1,
  families: ['things'],
  apply(event, rows) {
    const before = rows.get(event.stream);
    rows.put(event.stream, Buffer.from(String(Number(Buffer.from(before ?? '0')) + 1)));
  },
  ...more,
});

const append = (log: MemoryLog, stream: string, value: string, type = 'set') =>
  log.append({ stream, events: [{ type, payload: Buffer.from(value) }], expect: 'any', actor: SYSTEM });

const textOf = (rows: RowReader, key: string) => {
  const value = rows.get(key);
  return value && Buffer.from(value).toString();
};

interface Setup {
  readonly log?: MemoryLog;
  readonly store?: ReadStore;
  readonly clock?: ManualClock;
  readonly projections?: readonly Projection[];
}

async function open(setup: Setup = {}) {
  const { log = newLog(), store = createMemoryStore(), clock = newClock() } = setup;
  const faults: unknown[] = [];
  const runner = await createProjectionRunner({
    log,
    store,
    projections: setup.projections ?? [lastValues()],
    clock,
    onFault: (error) => faults.push(error),
  });
  return { log, store, clock, runner, faults };
}

/** A store whose writes wait until they are let go, and can be made to fail. */
function heldStore(inner = createMemoryStore()) {
  const held: { go: () => void; fail: (error: unknown) => void }[] = [];
  const store: ReadStore = {
    ...inner,
    write: (writes) => {
      const rows = writes.map((write) => ({ ...write, rows: new Map(write.rows) }));
      return new Promise<void>((resolve, reject) => {
        held.push({ go: () => inner.write(rows).then(resolve, reject), fail: reject });
      });
    },
  };
  return { store, held };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const until = async (condition: () => boolean) => {
  while (!condition()) await turn();
};

/** Each of a stream of its own. */
async function fill(log: MemoryLog, events: number): Promise<void> {
  for (let number = 0; number < events; number++) {
    const payload = Buffer.from(String(number));
    const request = { events: [{ type: 'set', payload }], expect: 'none', actor: SYSTEM } as const;
    await log.append({ stream: `things/${number}`, ...request });
  }
}

test('an event is seen as soon as its position is applied, and then nothing is awaited', async (t) => {
  const { log, runner } = await open();
  const { position } = await append(log, 'things/a', '1');
  await runner.whenApplied(position);
  t.is(runner.whenApplied(position), undefined);
  t.is(runner.whenCaughtUp(await log.tail()), undefined);
  t.is(textOf(runner.table('last-values'), 'things/a'), '1');
  t.deepEqual(runner.applied(), [1]);
  t.deepEqual(runner.checkpoint(), []);
  await runner.close();
});

test('events of other families move the cursor too', async (t) => {
  const { log, runner } = await open();
  await append(log, 'others/a', '1');
  await runner.whenCaughtUp(await log.tail());
  t.deepEqual(runner.applied(), [1]);
  t.is(runner.table('last-values').get('others/a'), undefined);
  await runner.flush();
  t.deepEqual(runner.checkpoint(), [1]);
  await runner.close();
});

test('a restart resumes at the checkpoint and applies every event exactly once', async (t) => {
  const [log, store] = [newLog(3), createMemoryStore()];
  const keys = [...'abcdefgh'].map((key) => `things/${key}`);
  for (let round = 1; round <= 4; round++) {
    const { runner } = await open({ log, store, projections: [counter()] });
    for (const key of keys) await append(log, key, '');
    await runner.whenCaughtUp(await log.tail());
    if (round % 2 === 0) await runner.flush();
    for (const key of keys) await append(log, key, '');
    await runner.whenCaughtUp(await log.tail());
    for (const key of keys) t.is(textOf(runner.table('counter'), key), String(2 * round));
    await runner.close();
    t.deepEqual(runner.checkpoint(), await log.tail());
  }
});

test('a runner that was not closed is resumed from what it had flushed', async (t) => {
  const [log, store] = [newLog(), createMemoryStore()];
  const crashed = await open({ log, store, projections: [counter()] });
  await append(log, 'things/a', '');
  await crashed.runner.whenCaughtUp(await log.tail());
  await crashed.runner.flush();
  await append(log, 'things/a', '');
  await crashed.runner.whenCaughtUp(await log.tail());
  const { runner } = await open({ log, store, projections: [counter()] });
  await runner.whenCaughtUp(await log.tail());
  t.is(textOf(runner.table('counter'), 'things/a'), '2');
  await Promise.all([runner.close(), crashed.runner.close()]);
});

test('a projection of another version is rebuilt, and the others are not', async (t) => {
  const [log, store] = [newLog(), createMemoryStore()];
  const first = await open({ log, store, projections: [counter(), lastValues()] });
  await append(log, 'things/a', 'x');
  await append(log, 'things/b', 'y');
  await first.runner.whenCaughtUp(await log.tail());
  await first.runner.close();
  const seen: string[] = [];
  const watching = lastValues({
    apply: (event, rows) => rows.put('seen', Buffer.from(seen[seen.push(event.stream) - 1] ?? '')),
  });
  const changed = counter({
    version: 2,
    apply: (event, rows) => rows.put(`new ${event.stream}`, event.payload),
  });
  const { runner } = await open({ log, store, projections: [changed, watching] });
  await runner.whenCaughtUp(await log.tail());
  const rows = await readAll(runner.table('counter').scan({ gte: '' }));
  t.deepEqual(
    rows.map(({ key }) => key),
    ['new things/a', 'new things/b'],
  );
  t.deepEqual(seen, []);
  t.is(textOf(runner.table('last-values'), 'things/a'), 'x');
  await append(log, 'things/c', 'z');
  await runner.whenCaughtUp(await log.tail());
  t.deepEqual(seen, ['things/c']);
  await runner.close();
});

test('a table ahead of the log is rebuilt', async (t) => {
  const store = createMemoryStore();
  const checkpoint = { version: 1, cursor: [9] };
  await store.write([
    { table: 'last-values', checkpoint, rows: new Map([['things/lost', Buffer.from('1')]]) },
  ]);
  const { log, runner } = await open({ store });
  await append(log, 'things/a', '1');
  await runner.whenCaughtUp(await log.tail());
  t.is(runner.table('last-values').get('things/lost'), undefined);
  t.is(textOf(runner.table('last-values'), 'things/a'), '1');
  await runner.close();
});

test('what is being written is seen as well as what is gathered meanwhile, also by scans', async (t) => {
  const { store, held } = heldStore();
  const { log, runner } = await open({ store });
  const rows = runner.table('last-values');
  const apply = async (key: string, value: string, type?: string) =>
    runner.whenApplied((await append(log, `things/${key}`, value, type)).position);
  const scan = async () =>
    (await readAll(rows.scan({ gte: '' }), 2)).map(
      ({ key, value }) => `${key.slice(7)}${Buffer.from(value)}`,
    );
  for (const key of 'abcd') await apply(key, '1');
  const stored = runner.flush();
  held[0]?.go();
  await stored;
  await apply('b', '2');
  await apply('c', '', 'gone');
  const flushing = runner.flush();
  await apply('c', '3');
  await apply('d', '', 'gone');
  const before = rows.scan({ gte: '' });
  t.deepEqual(await scan(), ['a1', 'b2', 'c3']);
  await apply('a', '4');
  held[1]?.go();
  await flushing;
  t.deepEqual(runner.checkpoint(), [6]);
  t.deepEqual(await scan(), ['a4', 'b2', 'c3']);
  const asItWas = (await readAll(before)).map(({ key, value }) => `${key.slice(7)}${Buffer.from(value)}`);
  t.deepEqual(asItWas, ['a1', 'b2', 'c3']);
  const closed = runner.close();
  await until(() => held.length === 3);
  held[2]?.go();
  await closed;
});

test('an idle log is flushed after a while', async (t) => {
  const { log, runner, clock } = await open();
  await append(log, 'things/a', '1');
  await runner.whenCaughtUp(await log.tail());
  t.deepEqual(runner.checkpoint(), []);
  clock.advance(limits.readModelFlushEveryMs);
  await until(() => runner.checkpoint()[0] === 1);
  t.pass();
  await runner.close();
});

test('many pending rows are flushed, and for a slow store the follower waits, not the readers', async (t) => {
  const { store, held } = heldStore();
  const { log, runner } = await open({ store });
  const events = 2 * limits.readModelPendingRows + 5 * limits.followBatchEvents;
  await fill(log, events);
  const [end] = await log.tail();
  for (let turns = 0; turns < 200; turns++) await turn();
  const applied = runner.applied()[0] ?? 0;
  t.true(applied <= limits.readModelPendingRows + 2 * limits.followBatchEvents, `${applied} rows pending`);
  t.is(textOf(runner.table('last-values'), 'things/0'), '0');
  const caughtUp = runner.whenCaughtUp([end ?? 0]);
  let done = false;
  const finished = caughtUp?.then(() => {
    done = true;
  });
  for (let next = 0; !done; await turn()) held[next] && held[next++]?.go();
  await finished;
  t.deepEqual(runner.applied(), [end]);
  const closing = runner.close();
  let closed = false;
  const end2 = closing.then(() => {
    closed = true;
  });
  while (!closed) {
    for (const { go } of held) go();
    await turn();
  }
  await end2;
});

test('an event that cannot be applied stops the runner, loudly and for good', async (t) => {
  const bug = new Error('cannot apply');
  const failing = lastValues({
    apply(event, rows) {
      if (event.type === 'bad') throw bug;
      rows.put(event.stream, event.payload);
    },
  });
  const { log, store, runner, faults } = await open({ projections: [failing] });
  await append(log, 'things/a', '1');
  await runner.whenCaughtUp(await log.tail());
  const { position } = await append(log, 'things/a', '2', 'bad');
  const later = await append(log, 'things/a', '3');
  await t.throwsAsync(runner.whenApplied(position) ?? Promise.resolve(), { is: bug });
  t.deepEqual(faults, [bug]);
  await t.throwsAsync(runner.whenApplied(later.position) ?? Promise.resolve(), { is: bug });
  await t.throwsAsync(runner.flush(), { is: bug });
  t.is(textOf(runner.table('last-values'), 'things/a'), '1');
  await runner.close();
  t.is(store.checkpoint('last-values'), undefined);
});

test('a fault of the log stops the runner', async (t) => {
  const fault = new Fault('corruption', 'damaged');
  const inner = newLog();
  const log = {
    tail: () => inner.tail(),
    // biome-ignore lint/correctness/useYield: it fails before the first batch.
    async *follow(): AsyncIterable<readonly RecordedEvent[]> {
      throw fault;
    },
  };
  const faults: unknown[] = [];
  const runner = await createProjectionRunner({
    ...{ log, store: createMemoryStore(), projections: [lastValues()], clock: newClock() },
    onFault: (error) => faults.push(error),
  });
  await t.throwsAsync(runner.whenCaughtUp([1]) ?? Promise.resolve(), { is: fault });
  t.deepEqual(faults, [fault]);
  await runner.close();
});

test('a store without space is tried again, and reads go on meanwhile', async (t) => {
  const { store, held } = heldStore();
  const { log, runner, clock, faults } = await open({ store });
  const { position } = await append(log, 'things/a', '1');
  await runner.whenApplied(position);
  const flushed = runner.flush();
  held[0]?.fail(new Fault('no-space', 'full'));
  await turn();
  t.is(textOf(runner.table('last-values'), 'things/a'), '1');
  t.is(store.checkpoint('last-values'), undefined);
  clock.advance(limits.readModelRetryMs);
  await until(() => held.length === 2);
  held[1]?.go();
  await flushed;
  t.deepEqual(store.checkpoint('last-values'), { version: 1, cursor: [1] });
  t.deepEqual(faults, []);
  await runner.close();
});

test('a store that fails otherwise stops the runner and loses its rows to no later flush', async (t) => {
  const { store, held } = heldStore();
  const { log, runner, faults } = await open({ store });
  await append(log, 'things/a', '1');
  await runner.whenCaughtUp(await log.tail());
  const flushed = t.throwsAsync(runner.flush());
  await append(log, 'things/b', '2');
  held[0]?.fail(new Error('disk on fire'));
  await flushed;
  await runner.close();
  t.is(faults.length, 1);
  t.is(held.length, 1);
});

test('closing ends the waiting with the fault closed', async (t) => {
  const { runner } = await open();
  const waiting = t.throwsAsync(runner.whenCaughtUp([5]) ?? Promise.resolve());
  await runner.close();
  t.true(isFault(await waiting, 'closed'));
});
