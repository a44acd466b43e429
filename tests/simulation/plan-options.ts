// Owns how a plan is changed from the command line, and how such a change is written there.

import type { PlanChange } from './plan.ts';

export const PLAN_NUMBERS = ['nodes', 'gateways', 'partitions', 'clients', 'operations', 'keys'] as const;

export function changeOf(options: Readonly<Record<string, unknown>>): PlanChange {
  const change: PlanChange = {};
  for (const name of PLAN_NUMBERS) if (options[name] !== undefined) change[name] = Number(options[name]);
  const { without } = options;
  return typeof without === 'string' ? { ...change, without: without.split(',') } : change;
}

export function commandOf(seed: number, { without = [], ...change }: PlanChange): string {
  const parts = [`npm run sim -- --seed ${seed}`];
  for (const name of PLAN_NUMBERS) if (change[name] !== undefined) parts.push(`--${name} ${change[name]}`);
  if (without.length > 0) parts.push(`--without ${without.join(',')}`);
  return parts.join(' ');
}
