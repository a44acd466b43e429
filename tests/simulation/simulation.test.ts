// Owns the short proof that the simulator is sound: some seeds hold, and a seed run twice gives the same
// trace.

import test from 'ava';
import { occurrencesOf } from './mutations/mutated-copy.ts';
import { MUTATIONS } from './mutations/mutations.ts';
import { QUICK_SEEDS, REGRESSION_SEEDS } from './regression-seeds.ts';
import { simulate } from './simulate.ts';

for (const seed of [...QUICK_SEEDS, ...REGRESSION_SEEDS]) {
  test.serial(`seed ${seed} breaks no promise`, async (t) => {
    const { violations } = await simulate(seed);
    t.deepEqual(violations, []);
  });
}

test.serial(
  'the same seed gives the same trace, whatever ran before it, and another seed another',
  async (t) => {
    const first = await simulate(5);
    const other = await simulate(6);
    const again = await simulate(5);
    t.is(again.trace, first.trace);
    t.deepEqual([...again.counters], [...first.counters]);
    t.not(other.trace, first.trace);
  },
);

test('every mutation still finds the line that it changes', (t) => {
  for (const mutation of MUTATIONS) t.is(occurrencesOf(mutation), 1, mutation.name);
});
