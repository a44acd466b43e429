// Owns the checks of the daemons' heartbeat.

import test from 'ava';
import { ManualClock } from '#core/kernel/clock.ts';
import { startDaemon } from './daemon.ts';

/** Lets everything run that waits for nothing but its turn. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

test('a daemon runs a pass after each interval, a failed one too, and none after its stop', async (t) => {
  const clock = new ManualClock();
  const failures: string[] = [];
  let passes = 0;
  const daemon = startDaemon({
    name: 'sweeper',
    clock,
    intervalMs: 1_000,
    runOnce: async () => {
      passes++;
      if (passes === 2) throw new Error('dust');
    },
    onFailure: (name, error) => failures.push(`${name}: ${(error as Error).message}`),
  });
  t.is(passes, 0);
  for (let beat = 0; beat < 3; beat++) {
    clock.advance(1_000);
    await settle();
  }
  t.is(passes, 3);
  t.deepEqual(failures, ['sweeper: dust']);
  await daemon.stop();
  clock.advance(10_000);
  await settle();
  t.is(passes, 3);
});

test('stopping a daemon waits for the pass under way', async (t) => {
  const clock = new ManualClock();
  let finish = () => {};
  let finished = false;
  const daemon = startDaemon({
    name: 'slow',
    clock,
    intervalMs: 1,
    runOnce: async (signal) => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      t.true(signal.aborted);
      finished = true;
    },
    onFailure: () => t.fail(),
  });
  clock.advance(1);
  await settle();
  const stopped = daemon.stop();
  finish();
  await stopped;
  t.true(finished);
});
