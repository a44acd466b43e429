// Owns a process that runs the seeds it is given, one after the other.

import type { SeedOutcome, SeedTask } from './seed-outcome.ts';
import { simulate } from './simulate.ts';

process.on('message', ({ seed, change }: SeedTask) => {
  void simulate(seed, { change }).then(({ steps, violations }) => {
    const outcome: SeedOutcome = { seed, steps, violations };
    process.send?.(outcome);
  });
});
