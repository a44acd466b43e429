// Owns the proof of both clocks: the system's tells time and wakes, the manual one moves only when told.

import test from 'ava';
import { ManualClock, systemClock } from './clock.ts';

test('the system clock tells the time of day and one that never goes back', async (t) => {
  t.true(Math.abs(systemClock.nowMs() - Date.now()) < 1_000);
  const before = systemClock.monotonicMs();
  await systemClock.sleep(5);
  t.true(systemClock.monotonicMs() - before >= 4);
});

test('a sleep of the system clock ends at once when it is aborted, before or meanwhile', async (t) => {
  const stopped = new AbortController();
  const asleep = systemClock.sleep(3_600_000, stopped.signal);
  stopped.abort();
  await asleep;
  await systemClock.sleep(3_600_000, stopped.signal);
  t.pass();
});

test('a manual clock stands still until it is advanced', (t) => {
  const clock = new ManualClock(1_000);
  t.is(clock.nowMs(), 1_000);
  clock.advance(250);
  t.is(clock.nowMs(), 1_250);
  t.is(clock.monotonicMs(), 1_250);
});

test('advancing a manual clock wakes whoever is due, in order of time, and nobody else', async (t) => {
  const clock = new ManualClock(0);
  const woken: string[] = [];
  const sleepers = [
    clock.sleep(30).then(() => woken.push('thirty')),
    clock.sleep(10).then(() => woken.push('ten')),
    clock.sleep(20).then(() => woken.push('twenty')),
  ];
  const late = clock.sleep(31).then(() => woken.push('thirty-one'));
  clock.advance(30);
  await Promise.all(sleepers);
  t.deepEqual(woken, ['ten', 'twenty', 'thirty']);
  clock.advance(1);
  await late;
  t.is(woken.at(-1), 'thirty-one');
});

test('an aborted sleeper of a manual clock wakes at once, and only once', async (t) => {
  const clock = new ManualClock(0);
  const stopped = new AbortController();
  const asleep = clock.sleep(10, stopped.signal);
  stopped.abort();
  await asleep;
  await clock.sleep(10, stopped.signal);
  clock.advance(100);
  t.is(clock.nowMs(), 100);
});
