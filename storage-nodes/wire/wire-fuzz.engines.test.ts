// Owns the long proof that wrong frames cost their own connection and nothing else: a million to either end.
// The seed is of the day, and told, so that each run sends others.

import test from 'ava';
import { systemClock } from '#core/kernel/clock.ts';
import { fuzzClient, fuzzServer } from '#tests/support/wire-fuzz.ts';

const FRAMES = 1_000_000;
const seed = Math.floor(systemClock.nowMs() / 86_400_000);

test.serial('a node outlives a million wrong frames, and serves on', async (t) => {
  t.timeout(20 * 60_000);
  t.log(`seed ${seed}`);
  await fuzzServer(t, FRAMES, seed);
});

test.serial('a gateway outlives a million wrong answers, and settles every call', async (t) => {
  t.timeout(20 * 60_000);
  t.log(`seed ${seed}`);
  await fuzzClient(t, FRAMES, seed);
});
