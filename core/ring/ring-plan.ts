// Owns the plan of a ring: how many replicas each zone, node and device should hold. Guarantee: shares
// follow the weights as far as spreading over zones, then nodes, then devices, allows; and they add up.

import type { Device } from './ring.ts';

/** A zone, a node or (a leaf) a device. */
export interface Tier {
  readonly name: string;
  /** Its place in `RingPlan.zones`, `.nodes` or `.leaves`. */
  readonly index: number;
  readonly weight: number;
  /** How many devices of weight above 0 lie in it: the most replicas of one partition that it can hold. */
  readonly capacity: number;
  readonly children: readonly Tier[];
}

export interface Leaf extends Tier {
  readonly device: Device;
  readonly node: Tier;
  readonly zone: Tier;
}

export interface RingPlan {
  /** Replicas of each partition: fewer than wished where there are fewer devices. */
  readonly replicas: number;
  readonly zones: readonly Tier[];
  readonly nodes: readonly Tier[];
  readonly leaves: readonly Leaf[];
  /** By index: the average number of replicas per partition that the tier should hold. */
  readonly zoneShares: Float64Array;
  readonly nodeShares: Float64Array;
  readonly leafShares: Float64Array;
}

/** @param devices those that may hold data; those of weight 0 are left out. */
export function planRing(devices: readonly Device[], wantedReplicas: number): RingPlan {
  const tree = tiersOf(devices.filter((device) => device.weight > 0));
  const replicas = Math.min(wantedReplicas, tree.leaves.length);
  const zoneShares = new Float64Array(tree.zones.length);
  const nodeShares = new Float64Array(tree.nodes.length);
  const leafShares = new Float64Array(tree.leaves.length);
  share(tree.zones, replicas, zoneShares);
  for (const zone of tree.zones) {
    share(zone.children, zoneShares[zone.index] as number, nodeShares);
    for (const node of zone.children) share(node.children, nodeShares[node.index] as number, leafShares);
  }
  return { replicas, ...tree, zoneShares, nodeShares, leafShares };
}

function tiersOf(devices: readonly Device[]): Pick<RingPlan, 'zones' | 'nodes' | 'leaves'> {
  const zones: Tier[] = [];
  const nodes: Tier[] = [];
  const leaves: Leaf[] = [];
  for (const [zoneName, inZone] of grouped(devices, (device) => device.zone)) {
    const nodesOfZone: Tier[] = [];
    const zone = tier(zoneName, zones.length, inZone, nodesOfZone);
    zones.push(zone);
    for (const [nodeName, inNode] of grouped(inZone, (device) => device.node)) {
      const leavesOfNode: Leaf[] = [];
      const node = tier(nodeName, nodes.length, inNode, leavesOfNode);
      nodes.push(node);
      nodesOfZone.push(node);
      for (const device of inNode) {
        const leaf = { ...tier(`${device.id}`, leaves.length, [device], []), device, node, zone };
        leaves.push(leaf);
        leavesOfNode.push(leaf);
      }
    }
  }
  return { zones, nodes, leaves };
}

function tier(name: string, index: number, devices: readonly Device[], children: readonly Tier[]): Tier {
  const weight = devices.reduce((sum, device) => sum + device.weight, 0);
  return { name, index, weight, capacity: devices.length, children };
}

/**
 * In order of name by code unit, so that the plan does not depend on the order in which devices were given.
 */
function grouped(devices: readonly Device[], nameOf: (device: Device) => string): [string, Device[]][] {
  const groups = new Map<string, Device[]>();
  for (const device of [...devices].sort((a, b) => a.id - b.id)) {
    const name = nameOf(device);
    const group = groups.get(name);
    if (group) group.push(device);
    else groups.set(name, [device]);
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Divides `total` (the average number of replicas per partition) among the tiers. */
function share(tiers: readonly Tier[], total: number, shares: Float64Array): void {
  const whole = Math.floor(total);
  const above = total - whole;
  // Some partitions have `whole` replicas here, the others one more: each bound is the mean of both cases.
  const few = evenBounds(tiers, whole);
  const many = above > 0 ? evenBounds(tiers, whole + 1) : few;
  const mean = (a: number, b: number) => a * (1 - above) + b * above;
  const least = tiers.map((_, i) => mean(few.least[i] as number, many.least[i] as number));
  const most = tiers.map((_, i) => mean(few.most[i] as number, many.most[i] as number));
  const values = divideByWeight(tiers, total, least, most);
  tiers.forEach((tier, i) => {
    shares[tier.index] = values[i] as number;
  });
}

/**
 * How few and how many of `count` replicas a tier holds when they lie as evenly as the capacities allow.
 */
function evenBounds(tiers: readonly Tier[], count: number): { least: number[]; most: number[] } {
  const filled = (level: number) => tiers.reduce((sum, tier) => sum + Math.min(tier.capacity, level), 0);
  let level = 0;
  while (level < count && filled(level + 1) <= count) level++;
  const rest = count - filled(level);
  const least = tiers.map((tier) => Math.min(tier.capacity, level));
  return { least, most: rest > 0 ? tiers.map((tier) => Math.min(tier.capacity, level + 1)) : least };
}

/**
 * In proportion to weight, but within [least, most]. Each round settles, of the tiers beyond their bounds,
 * those on the side with the greater excess; the rest then share what is left.
 */
function divideByWeight(
  tiers: readonly Tier[],
  total: number,
  least: readonly number[],
  most: readonly number[],
): number[] {
  const values: number[] = tiers.map(() => 0);
  let open = tiers.map((_, i) => i);
  let left = total;
  while (open.length > 0) {
    const weight = open.reduce((sum, i) => sum + (tiers[i] as Tier).weight, 0);
    let excess = 0;
    for (const i of open) {
      const wished = (left * (tiers[i] as Tier).weight) / weight;
      values[i] = Math.min(Math.max(wished, least[i] as number), most[i] as number);
      excess += values[i] - wished;
    }
    const settled = open.filter((i) => {
      const wished = (left * (tiers[i] as Tier).weight) / weight;
      const value = values[i] as number;
      return excess > EPSILON ? value > wished : excess < -EPSILON ? value < wished : true;
    });
    for (const i of settled) left -= values[i] as number;
    if (settled.length === open.length) break;
    open = open.filter((i) => !settled.includes(i));
  }
  return values;
}

const EPSILON = 1e-12;
