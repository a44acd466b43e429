// Owns the cases of following and of the tail: nothing skipped, repeated or reordered, from any cursor,
// before, during and after the appends.

import type { ExecutionContext, TestFn } from 'ava';
import { type Cursor, type EventLog, isBefore, type Position, type RecordedEvent } from '../event-log.ts';
import { type EventLogFactory, event, followCount, followToTail, logTest, note, textOf } from './support.ts';

/** One stream's texts must be 0, 1, 2 … and offsets must rise. */
function assertOrder(t: ExecutionContext, events: readonly RecordedEvent[], streams: number): void {
  const next = new Map<string, number>();
  const offsets = new Map<number, number>();
  for (const each of events) {
    const expected = next.get(each.stream) ?? 0;
    if (each.revision !== expected || textOf(each) !== String(expected)) {
      t.fail(`${each.stream}: revision ${each.revision}, expected ${expected}`);
    }
    next.set(each.stream, expected + 1);
    const { partition, offset } = each.position;
    if (offset <= (offsets.get(partition) ?? -1)) t.fail(`offset ${offset} came late`);
    offsets.set(partition, offset);
  }
  t.is(next.size, streams);
}

/** `writers` streams of one partition key, written side by side, each counting from 0. */
async function writeAll(log: EventLog, writers: number, rounds: number): Promise<void> {
  const write = async (writer: number) => {
    for (let round = 0; round < rounds; round++) {
      await note(log, `notes/key/${writer}`, String(round), { expect: round === 0 ? 'none' : round - 1 });
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
}

export function followCases(test: TestFn, factory: EventLogFactory): void {
  completenessCases(test, factory);
  cursorCases(test, factory);
  familiesCase(test, factory);
  signalCase(test, factory);
  tailCases(test, factory);
}

function completenessCases(test: TestFn, factory: EventLogFactory): void {
  logTest(
    test,
    factory,
    'a follower sees every event once and in order, whenever it starts',
    async (t, log) => {
      const total = 8 * 40;
      const before = followCount(log, total);
      const writing = writeAll(log, 8, 40);
      const during = followCount(log, 40).then(() =>
        Promise.all([followCount(log, total), followCount(log, total)]),
      );
      const followed = [await before, ...(await during)];
      await writing;
      followed.push(await followCount(log, total));
      for (const events of followed) {
        t.is(events.length, total);
        assertOrder(t, events, 8);
      }
    },
  );

  logTest(test, factory, 'a slow follower misses nothing', async (t, log) => {
    const total = 6 * 50;
    const events: RecordedEvent[] = [];
    const writing = writeAll(log, 6, 50);
    for await (const batch of log.follow({ from: [], categories: ['notes'] })) {
      events.push(...batch);
      if (events.length >= total) break;
      // The writers run ahead while this one waits for an append of its own.
      for (let round = 0; round < 5; round++) await note(log, 'slow/key', 'still here');
    }
    await writing;
    assertOrder(t, events, 6);
  });
}

function cursorCases(test: TestFn, factory: EventLogFactory): void {
  logTest(test, factory, 'a follower begins at any cursor', async (t, log) => {
    for (let at = 0; at < 12; at += 2) await note(log, `notes/key/${at % 3}`, [String(at), String(at + 1)]);
    const all = await followCount(log, 12);
    for (let skipped = 0; skipped < 12; skipped++) {
      const position = all[skipped]?.position as Position;
      const from: number[] = [];
      from[position.partition] = position.offset;
      const events = await followCount(log, 12 - skipped, { from: [...from].map((offset) => offset ?? 0) });
      t.deepEqual(events.map(textOf), all.slice(skipped).map(textOf));
    }
  });

  logTest(test, factory, 'a follower at the tail sees what comes, and nothing before', async (t, log) => {
    await note(log, 'notes/key/a', ['old', 'older']);
    const follower = followCount(log, 2, { from: await log.tail() });
    await note(log, 'notes/key/a', ['new', 'newer']);
    t.deepEqual((await follower).map(textOf), ['new', 'newer']);
  });

  logTest(test, factory, 'a follower may be ahead of the log', async (t, log) => {
    const { position } = await note(log, 'notes/key/a', 'one');
    const from: number[] = Array.from({ length: position.partition + 1 }, () => 0);
    from[position.partition] = position.offset + 2;
    const follower = followCount(log, 1, { from });
    await note(log, 'notes/key/a', 'two');
    await note(log, 'notes/key/a', 'three');
    t.deepEqual((await follower).map(textOf), ['three']);
  });
}

function familiesCase(test: TestFn, factory: EventLogFactory): void {
  logTest(test, factory, 'a follower of some families sees those alone', async (t, log) => {
    for (let at = 0; at < 10; at++) {
      await log.append({
        stream: `${['notes', 'note', 'notess', 'buckets', 'übung'][at % 5]}/key/${at}`,
        events: [event(String(at))],
        expect: 'none',
        actor: { user: 'ada', project: 'notes', requestId: 'notes' },
      });
    }
    const texts = async (count: number, categories: readonly string[]) =>
      (await followCount(log, count, { categories })).map(textOf);
    t.deepEqual(await texts(2, ['notes']), ['0', '5']);
    t.deepEqual(await texts(4, ['buckets', 'übung']), ['3', '4', '8', '9']);
    const live = texts(3, ['buckets']);
    await note(log, 'notes/key/x', 'not this');
    await note(log, 'buckets/key/x', 'this');
    t.deepEqual(await live, ['3', '8', 'this']);
  });
}

function signalCase(test: TestFn, factory: EventLogFactory): void {
  logTest(test, factory, 'a signal ends a follower that waits, without error', async (t, log) => {
    await note(log, 'notes/key/a', 'one');
    const abort = new AbortController();
    const events: string[] = [];
    for await (const batch of log.follow({ from: [], signal: abort.signal })) {
      events.push(...batch.map(textOf));
      // The next batch is waited for when the signal comes.
      setImmediate(() => abort.abort());
    }
    t.deepEqual(events, ['one']);
    for await (const batch of log.follow({ from: [], signal: abort.signal }))
      t.fail(`${batch.length} events`);
    t.is((await note(log, 'notes/key/a', 'two')).revision, 1);
  });
}

function tailCases(test: TestFn, factory: EventLogFactory): void {
  logTest(test, factory, 'the tail of an empty log is its beginning', async (t, log) => {
    t.true((await log.tail()).every((offset) => offset === 0));
  });

  logTest(test, factory, 'whatever was acknowledged lies before the tail', async (t, log) => {
    const write = async (writer: number) => {
      for (let round = 0; round < 20; round++) {
        const { position } = await note(log, `notes/key/${writer}`, String(round));
        const tail: Cursor = await log.tail();
        t.true(isBefore(position, tail));
      }
    };
    await Promise.all([write(1), write(2), write(3), write(4)]);
    const events = await followToTail(log);
    t.is(events.length, 80);
    t.false(events.some((each) => !isBefore(each.position, events.map(after).at(-1) ?? [])));
  });
}

function after(recorded: RecordedEvent): Cursor {
  const cursor = Array.from({ length: recorded.position.partition + 1 }, () => 0);
  cursor[recorded.position.partition] = recorded.position.offset + 1;
  return cursor;
}
