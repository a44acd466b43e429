// Owns the short proof that the simulator is sound: some seeds hold, and a seed run twice gives the same
// trace.

import test from 'ava';
import { simulate } from './simulate.ts';

const SEEDS = [1, 2, 3, 5, 8, 13];

for (const seed of SEEDS) {
  test(`seed ${seed} breaks no promise`, async (t) => {
    const { violations } = await simulate(seed);
    t.deepEqual(violations, []);
  });
}

test('the same seed gives the same trace, whatever ran before it, and another seed another', async (t) => {
  const first = await simulate(5);
  const other = await simulate(6);
  const again = await simulate(5);
  t.is(again.trace, first.trace);
  t.deepEqual([...again.counters], [...first.counters]);
  t.not(other.trace, first.trace);
});
