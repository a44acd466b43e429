// Owns making a failing seed smaller: with fewer faults, operations, clients and parts, as long as it breaks
// the same promise.

import type { Plan, PlanChange } from './plan.ts';
import { simulate } from './simulate.ts';

const RUNS_MAX = 60;

export async function shrink(seed: number, given: PlanChange, promise: string): Promise<PlanChange> {
  let runs = 0;
  let change = given;
  const tried = async (attempt: PlanChange): Promise<Plan | undefined> => {
    if (++runs > RUNS_MAX) return undefined;
    const { plan, violations } = await simulate(seed, { change: attempt });
    return violations.some((violation) => violation.promise === promise) ? plan : undefined;
  };
  let plan = await tried(change);
  if (!plan) return given;
  for (let smaller = true; smaller; ) {
    smaller = false;
    for (const attempt of smallerThan(plan, change)) {
      const found = await tried(attempt);
      if (!found) continue;
      plan = found;
      change = attempt;
      smaller = true;
      break;
    }
  }
  return change;
}

function* smallerThan(plan: Plan, change: PlanChange): Generator<PlanChange> {
  for (const fault of plan.faults) yield { ...change, without: [...(change.without ?? []), fault] };
  const least = { operations: 1, clients: 1, gateways: 1, keys: 1 } as const;
  for (const name of ['operations', 'clients', 'gateways', 'keys'] as const) {
    const half = Math.max(least[name], Math.floor(plan[name] / 2));
    if (half < plan[name]) yield { ...change, [name]: half };
    const fewer = Math.max(least[name], Math.floor(plan[name] * 0.9));
    if (fewer < plan[name] && fewer !== half) yield { ...change, [name]: fewer };
  }
}
