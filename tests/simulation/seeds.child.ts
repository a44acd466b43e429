// Owns a process that runs the seeds it is given, one after the other. Every tenth runs twice: the same seed
// gives the same trace.

import type { SeedOutcome, SeedTask } from './seed-outcome.ts';
import { simulate } from './simulate.ts';

process.on('message', ({ seed, change }: SeedTask) => {
  void outcomeOf(seed, change).then((outcome) => process.send?.(outcome));
});

async function outcomeOf(seed: number, change: SeedTask['change']): Promise<SeedOutcome> {
  const { steps, violations, trace } = await simulate(seed, { change });
  if (seed % 10 !== 0) return { seed, steps, violations };
  const again = await simulate(seed, { change });
  if (again.trace === trace) return { seed, steps, violations };
  const what = `${trace}, then ${again.trace}`;
  return { seed, steps, violations: [...violations, { promise: 'sameSeedSameTrace', what }] };
}
