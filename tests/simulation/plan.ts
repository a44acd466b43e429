// Owns what a seed draws before a run begins: how many of what, how much of it, and which faults there are.
// Each can be given instead, which is how a failing seed is made smaller.

import { FAULTS, type FaultName } from './faults.ts';
import type { World } from './world.ts';

export interface Plan {
  readonly nodes: number;
  readonly zones: number;
  /** Of the ordered log that the gateways share; 0: one gateway with an embedded log. */
  readonly partitions: number;
  readonly gateways: number;
  readonly clients: number;
  /** Of all clients together. */
  readonly operations: number;
  readonly keys: number;
  /** How much longer than the fastest the disks take. */
  readonly nodeDiskPace: number;
  readonly gatewayDiskPace: number;
  readonly faults: readonly FaultName[];
  readonly faultEveryMs: number;
}

export type PlanChange = { -readonly [Name in keyof Plan]?: Plan[Name] } & {
  readonly without?: readonly string[];
};

/** Few are raced for; of many, most of what was written is still named at the end. */
const KEYS = [1, 2, 3, 6, 20, 60];
const DISK_PACES = [1, 2, 2, 8, 20];

export function drawPlan(world: World, change: PlanChange = {}): Plan {
  const chance = world.chance('plan');
  const nodes = chance.whole(3, 8);
  const partitions = chance.happens(0.6) ? chance.whole(1, 3) : 0;
  const gateways = chance.whole(1, 3);
  const drawn = {
    partitions,
    gateways: partitions > 0 ? gateways : 1,
    nodes,
    zones: chance.whole(Math.min(3, nodes), Math.min(4, nodes)),
    clients: chance.whole(1, 6),
    operations: chance.whole(60, 220),
    keys: chance.pick(KEYS),
    nodeDiskPace: chance.pick(DISK_PACES),
    gatewayDiskPace: chance.pick(DISK_PACES),
    faults: FAULTS.filter(() => chance.happens(0.45)),
    faultEveryMs: chance.between(100, 1_500),
  };
  const { without = [], ...given } = change;
  const plan = { ...drawn, ...given };
  return { ...plan, faults: plan.faults.filter((fault) => !without.includes(fault)) };
}
