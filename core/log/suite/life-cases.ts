// Owns the cases of time, closing and reopening.

import type { TestFn } from 'ava';
import type { Clock } from '#core/kernel/clock.ts';
import { systemClock } from '#core/kernel/clock.ts';
import { isFault } from '#core/kernel/errors.ts';
import { collect, type EventLogFactory, followToTail, logTest, note, textOf, textsIn } from './support.ts';

/** A clock that tells the given times, then the last one for ever. */
function clockOf(timesMs: readonly number[]): Clock {
  let at = 0;
  return { ...systemClock, nowMs: () => timesMs[Math.min(at++, timesMs.length - 1)] ?? 0 };
}

export function lifeCases(test: TestFn, factory: EventLogFactory): void {
  logTest(test, factory, 'an append after close is refused as closed', async (t, log) => {
    await note(log, 'notes/a', 'one');
    await log.close();
    await t.throwsAsync(note(log, 'notes/a', 'two'), { name: 'Fault', code: 'closed' });
    await t.throwsAsync(() => textsIn(log, 'notes/a'), { name: 'Fault', code: 'closed' });
    await t.throwsAsync(() => followToTail(log), { name: 'Fault', code: 'closed' });
    await t.throwsAsync(async () => log.tail(), { name: 'Fault', code: 'closed' });
    await t.notThrowsAsync(log.close());
  });

  logTest(test, factory, 'closing ends followers and answers what was appended before', async (t, log) => {
    await note(log, 'notes/a', 'one');
    const following = (async () => {
      const texts: string[] = [];
      for await (const batch of log.follow({ from: [] })) texts.push(...batch.map(textOf));
      return texts;
    })();
    const appending = Array.from({ length: 50 }, (_, at) => note(log, `notes/${at}`, 'more'));
    const closing = log.close();
    const outcomes = await Promise.allSettled(appending);
    for (const outcome of outcomes) {
      t.true(outcome.status === 'fulfilled' || isFault(outcome.reason, 'closed'));
    }
    await closing;
    t.is((await following)[0], 'one');
  });

  if (factory.supports.reopen) reopenCases(test, factory);
  if (!factory.supports.clock) return;
  logTest(
    test,
    factory,
    'time comes from the clock and never goes back',
    async (t, log, open) => {
      const timesMs: number[] = [];
      for (let at = 0; at < 5; at++) timesMs.push((await note(log, `notes/key/${at}`, 'x')).timeMs);
      t.deepEqual(timesMs, [1000, 5000, 5000, 5000, 6000]);
      const recorded = (await followToTail(log)).map((each) => each.timeMs);
      t.deepEqual(recorded, timesMs);
      if (!factory.supports.reopen) return;
      const again = await open.reopen();
      t.is((await note(again, 'notes/key/x', 'x')).timeMs, 6000);
    },
    clockOf([1000, 5000, 4999, 10, 6000, 1]),
  );
}

function reopenCases(test: TestFn, factory: EventLogFactory): void {
  logTest(test, factory, 'a reopened log has all that was acknowledged', async (t, log, open) => {
    const appended = await Promise.all(
      Array.from({ length: 200 }, (_, at) => note(log, `notes/key/${at % 20}`, [`${at}`, `${at} again`])),
    );
    const before = (await followToTail(log)).map((each) => JSON.stringify(each));
    const tail = await log.tail();
    const again = await open.reopen();
    t.deepEqual([...(await again.tail())], [...tail]);
    t.deepEqual(
      (await followToTail(again)).map((each) => JSON.stringify(each)),
      before,
    );
    t.is(before.length, 400);
    for (let stream = 0; stream < 20; stream++) {
      const events = await collect(again.read(`notes/key/${stream}`));
      t.deepEqual(
        events.map((each) => each.revision),
        [...Array(20).keys()],
      );
    }
    t.is(new Set(appended.map((each) => each.position.offset)).size, 200);
  });

  logTest(test, factory, 'a reopened log goes on where it ended', async (t, log, open) => {
    await note(log, 'buckets/k', ['made', 'opened']);
    const again = await open.reopen();
    await t.throwsAsync(note(again, 'buckets/k', 'x', { expect: 'none' }), { code: 'conflict' });
    await t.throwsAsync(note(again, 'objects/k', 'x', { alsoAt: [{ stream: 'buckets/k', revision: 0 }] }), {
      code: 'conflict',
    });
    t.is((await note(again, 'buckets/k', 'closed', { expect: 1 })).revision, 2);
    const third = await open.reopen();
    t.deepEqual(await textsIn(third, 'buckets/k'), ['made', 'opened', 'closed']);
    t.deepEqual(
      (await followToTail(third)).map((each) => each.position.offset),
      [0, 1, 2],
    );
  });
}
