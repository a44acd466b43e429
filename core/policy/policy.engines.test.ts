// Tests the evaluator against the naive one at length.

import test from 'ava';
import { comparedPolicies } from '#tests/support/compared-policies.ts';

test('100,000 random requests are judged as a naive evaluator judges them', (t) => {
  const { verdicts, differences } = comparedPolicies(2, 100_000);
  t.deepEqual(differences.slice(0, 3), []);
  for (const [verdict, count] of Object.entries(verdicts)) t.true(count > 2_000, `${verdict}: ${count}`);
});
