// Owns the checks of the pace of the failure log.

import test from 'ava';
import { ManualClock } from '#core/kernel/clock.ts';
import { Fault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import { SteadyLog } from './steady-log.ts';

test('of each kind of failure one entry is written in a while, and says how many it stands for', (t) => {
  const clock = new ManualClock();
  const entries: { message: string; unsaid?: number }[] = [];
  const log = new SteadyLog({ error: (fields, message) => entries.push({ ...fields, message }) }, clock);
  const full = { err: new Fault('no-space', 'full') };
  for (let n = 0; n < 1_000; n++) log.error(full, 'request failed');
  log.error({ err: new Fault('busy', 'busy') }, 'request failed');
  t.is(entries.length, 2);
  clock.advance(limits.failureLogIntervalMs);
  log.error(full, 'request failed');
  t.is(entries.length, 3);
  t.is(entries[2]?.unsaid, 999);
});

test('kinds without end take no memory without end', (t) => {
  let written = 0;
  const log = new SteadyLog({ error: () => written++ }, new ManualClock());
  for (let n = 0; n < limits.failureLogKinds * 3; n++) log.error({ err: { code: `E${n}` } }, 'odd');
  t.is(written, limits.failureLogKinds * 3);
});
