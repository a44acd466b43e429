// Owns what a child process that runs seeds tells its parent.

import type { PlanChange } from './plan.ts';
import type { Violation } from './world.ts';

export interface SeedTask {
  readonly seed: number;
  readonly change: PlanChange;
}

export interface SeedOutcome {
  readonly seed: number;
  readonly steps: number;
  readonly violations: readonly Violation[];
}
