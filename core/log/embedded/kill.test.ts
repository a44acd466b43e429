// Owns 25 kills in the middle of appends, as part of every test run; kill.engines.test.ts has two hundred.

import test from 'ava';
import { surviveKills } from './kill.suite.ts';

test('25 kills in the middle of 64-way appends lose nothing that was acknowledged', async (t) => {
  await surviveKills(t, 25, 11);
});
