// Owns the cases of `expect` and `alsoAt`: what holds is written, what does not leaves no trace, and of
// racers one wins.

import type { ExecutionContext, TestFn } from 'ava';
import { type Fault, isFault } from '#core/kernel/errors.ts';
import {
  type Appended,
  type ConflictDetails,
  type EventLog,
  type Expectation,
  isBefore,
  type StreamGuard,
} from '../event-log.ts';
import {
  collect,
  type EventLogFactory,
  followCount,
  followToTail,
  logTest,
  note,
  textOf,
  textsIn,
} from './support.ts';

async function conflicts(
  t: ExecutionContext,
  appending: Promise<Appended>,
  details: ConflictDetails,
): Promise<void> {
  const fault = (await t.throwsAsync(appending, { name: 'Fault' })) as Fault | undefined;
  t.is(fault?.code, 'conflict');
  t.true(fault?.retryable);
  t.deepEqual(fault?.details, details);
}

export function guardCases(test: TestFn, factory: EventLogFactory): void {
  expectationCases(test, factory);
  durableConflictCase(test, factory);
  raceCases(test, factory);
}

function expectationCases(test: TestFn, factory: EventLogFactory): void {
  logTest(test, factory, 'an append expects what it says of its stream', async (t, log) => {
    const stream = 'notes/a';
    const append = (expect: Expectation) => note(log, stream, String(expect), { expect });
    await conflicts(t, append(0), { stream, expected: 0, actual: 'none' });
    t.is((await append('none')).revision, 0);
    await conflicts(t, append('none'), { stream, expected: 'none', actual: 0 });
    t.is((await append(0)).revision, 1);
    await conflicts(t, append(0), { stream, expected: 0, actual: 1 });
    await conflicts(t, append(2), { stream, expected: 2, actual: 1 });
    t.is((await append('any')).revision, 2);
    t.deepEqual(await textsIn(log, stream), ['none', '0', 'any']);
  });

  logTest(test, factory, 'guards of other streams hold or the append leaves no trace', async (t, log) => {
    await note(log, 'buckets/k', ['made', 'opened']);
    const guarded = (...alsoAt: StreamGuard[]) => note(log, 'objects/k/a', 'put', { alsoAt });
    const bucket = (revision: number | 'none') => ({ stream: 'buckets/k', revision });
    const absent = (revision: number | 'none') => ({ stream: 'buckets/k/absent', revision });
    await conflicts(t, guarded(bucket(0)), { stream: 'buckets/k', expected: 0, actual: 1 });
    await conflicts(t, guarded(bucket('none')), { stream: 'buckets/k', expected: 'none', actual: 1 });
    await conflicts(t, guarded(absent(0)), { stream: 'buckets/k/absent', expected: 0, actual: 'none' });
    await conflicts(t, guarded(bucket(1), absent(3)), {
      stream: 'buckets/k/absent',
      expected: 3,
      actual: 'none',
    });
    t.is((await guarded(bucket(1))).revision, 0);
    t.is((await guarded(bucket(1), absent('none'))).revision, 1);
    t.deepEqual(await textsIn(log, 'objects/k/a'), ['put', 'put']);
    t.is((await note(log, 'buckets/k', 'closed', { expect: 1 })).revision, 2);
    await conflicts(t, guarded(bucket(1)), { stream: 'buckets/k', expected: 1, actual: 2 });
    t.deepEqual((await followCount(log, 5)).map(textOf), ['made', 'opened', 'put', 'put', 'closed']);
  });

  logTest(test, factory, 'a guard may be on the stream that is written', async (t, log) => {
    const alsoAt = [{ stream: 'notes/a', revision: 'none' as const }];
    t.is((await note(log, 'notes/a', 'one', { alsoAt })).revision, 0);
    await conflicts(t, note(log, 'notes/a', 'two', { alsoAt }), {
      stream: 'notes/a',
      expected: 'none',
      actual: 0,
    });
  });
}

function durableConflictCase(test: TestFn, factory: EventLogFactory): void {
  logTest(test, factory, 'a conflict is told when what won is durable, and never before', async (t, log) => {
    for (let round = 0; round < 20; round++) {
      const stream = `notes/key/${round}`;
      const won = note(log, stream, 'won', { expect: 'none' });
      const alsoAt = [{ stream, revision: 'none' as const }];
      const lost = [
        note(log, stream, 'lost', { expect: 'none' }),
        note(log, 'notes/key/other', 'lost', { alsoAt }),
      ].map(async (losing) => {
        const fault = await t.throwsAsync(losing, { name: 'Fault' });
        t.is((fault as Fault).code, 'conflict');
        return log.tail();
      });
      for (const cursor of await Promise.all(lost)) t.true(isBefore((await won).position, cursor));
    }
  });
}

function raceCases(test: TestFn, factory: EventLogFactory): void {
  logTest(test, factory, 'of racers on one revision exactly one wins', async (t, log) => {
    const racers = 32;
    let expect: Expectation = 'none';
    for (let round = 0; round < 10; round++) {
      const outcomes = await race(log, racers, expect, round);
      const won = outcomes.filter((outcome) => !isFault(outcome));
      t.is(won.length, 1, `round ${round}`);
      t.true(outcomes.every((outcome) => !isFault(outcome) || outcome.code === 'conflict'));
      expect = (won[0] as Appended).revision;
      t.is(expect, round);
    }
    const winners = await collect(log.read('notes/a'));
    t.deepEqual(
      winners.map((each) => textOf(each).split(' ')[0]),
      [...'0123456789'],
    );
    t.is((await followCount(log, 10)).length, 10);
  });

  logTest(
    test,
    factory,
    'of racers guarded by a stream that one of them writes, one order holds',
    async (t, log) => {
      await note(log, 'buckets/k', 'open');
      const alsoAt = [{ stream: 'buckets/k', revision: 0 }];
      const putting = Array.from({ length: 20 }, (_, at) => {
        const put = () => note(log, `objects/k/${at}`, 'put', { alsoAt });
        return at === 10 ? [note(log, 'buckets/k', 'closed', { expect: 0 }), put()] : [put()];
      }).flat();
      await Promise.allSettled(putting);
      const all = await followToTail(log);
      const closedAt = all.findIndex((each) => textOf(each) === 'closed');
      t.true(closedAt > 0);
      t.true(all.slice(closedAt + 1).every((each) => textOf(each) !== 'put'));
    },
  );

  logTest(test, factory, 'appends proposed together are judged one after the other', async (t, log) => {
    const outcomes = await Promise.allSettled([
      note(log, 'notes/a', 'one', { expect: 'none' }),
      note(log, 'notes/a', 'two', { expect: 0 }),
      note(log, 'notes/b', 'three', { alsoAt: [{ stream: 'notes/a', revision: 1 }] }),
      note(log, 'notes/a', 'late', { expect: 0 }),
    ]);
    // A proposer need not know of appends still under way, but whatever was accepted is one history.
    const accepted = outcomes.map((outcome) => outcome.status === 'fulfilled');
    t.true(accepted[0]);
    const texts = await textsIn(log, 'notes/a');
    t.deepEqual(texts, ['one', ...(accepted[1] ? ['two'] : []), ...(accepted[3] ? ['late'] : [])]);
    t.false(accepted[1] === true && accepted[3] === true);
  });
}

function race(log: EventLog, racers: number, expect: Expectation, round: number): Promise<unknown[]> {
  return Promise.all(
    Array.from({ length: racers }, (_, racer) =>
      note(log, 'notes/a', `${round} ${racer}`, { expect }).catch((error: unknown) => error),
    ),
  );
}
