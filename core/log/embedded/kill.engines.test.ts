// Owns two hundred kills in the middle of appends; too long for every test run.

import test from 'ava';
import { surviveKills } from './kill.suite.ts';

test('200 kills in the middle of 64-way appends lose nothing that was acknowledged', async (t) => {
  t.timeout(300_000);
  await surviveKills(t, 200, 7);
});
