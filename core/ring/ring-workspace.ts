// Owns the changing half of a rebalance: which device holds which replica right now, and who has too much
// or too little against the plan. The builder decides what moves; this keeps the accounts and finds the
// place.

import { mix32 } from './partition.ts';
import type { Leaf, RingPlan, Tier } from './ring-plan.ts';
import { NO_DEVICE } from './ring-table.ts';

export class RingWorkspace {
  readonly rows: Uint16Array;
  readonly #plan: RingPlan;
  readonly #replicas: number;
  readonly #seed: number;
  readonly #leafById: (Leaf | undefined)[] = [];
  readonly #partitions: number;
  /** By tier index: replicas held less the share of the plan. Above 0: too much. */
  readonly #zoneExcess: Float64Array;
  readonly #nodeExcess: Float64Array;
  readonly #leafExcess: Float64Array;
  /** Of the partition last looked at: replicas by tier. */
  readonly #zoneCounts: Uint8Array;
  readonly #nodeCounts: Uint8Array;
  #counted: Leaf[] = [];

  /** @param rows changed in place. */
  constructor(plan: RingPlan, rows: Uint16Array, replicas: number, seed: number) {
    this.#partitions = rows.length / replicas;
    const owed = (shares: Float64Array) => shares.map((perPartition) => -perPartition * this.#partitions);
    this.rows = rows;
    this.#plan = plan;
    this.#replicas = replicas;
    this.#seed = seed;
    for (const leaf of plan.leaves) this.#leafById[leaf.device.id] = leaf;
    this.#zoneExcess = owed(plan.zoneShares);
    this.#nodeExcess = owed(plan.nodeShares);
    this.#leafExcess = owed(plan.leafShares);
    this.#zoneCounts = new Uint8Array(plan.zones.length);
    this.#nodeCounts = new Uint8Array(plan.nodes.length);
    for (const id of rows) this.#account(id, 1);
  }

  /** Undefined for a device that should hold nothing: drained, removed or none. */
  leaf(deviceId: number): Leaf | undefined {
    return this.#leafById[deviceId];
  }

  excess(leaf: Leaf): number {
    return this.#leafExcess[leaf.index] as number;
  }

  set(slot: number, deviceId: number): void {
    this.#account(this.rows[slot] as number, -1);
    this.rows[slot] = deviceId;
    this.#account(deviceId, 1);
  }

  /**
   * Counts the shares as if there were no partitions yet (-1), or one more (1 / partitions). An empty ring
   * is filled with shares that grow with it: else large devices would fill the first partitions among
   * themselves, and the small ones the last, and each would have few sisters to be rebuilt from.
   */
  scaleShares(by: number): void {
    const scale = (excess: Float64Array, shares: Float64Array) => {
      for (let i = 0; i < excess.length; i++) {
        excess[i] = (excess[i] as number) - (shares[i] as number) * this.#partitions * by;
      }
    };
    scale(this.#zoneExcess, this.#plan.zoneShares);
    scale(this.#nodeExcess, this.#plan.nodeShares);
    scale(this.#leafExcess, this.#plan.leafShares);
  }

  #account(deviceId: number, by: number): void {
    const leaf = this.#leafById[deviceId];
    if (!leaf) return;
    this.#zoneExcess[leaf.zone.index] = (this.#zoneExcess[leaf.zone.index] as number) + by;
    this.#nodeExcess[leaf.node.index] = (this.#nodeExcess[leaf.node.index] as number) + by;
    this.#leafExcess[leaf.index] = (this.#leafExcess[leaf.index] as number) + by;
  }

  /**
   * The best device for one more replica of the partition: in the zone, then the node, with fewest replicas
   * of it, and among those where most is owed. Undefined when every device of the plan has a replica of it.
   */
  choose(partition: number): Leaf | undefined {
    this.#count(partition);
    // Ties fall anew at each level: else the same devices would always hold the same partitions together.
    const salt = mix32(this.#seed ^ partition);
    const zone = emptiest(this.#plan.zones, this.#zoneCounts, this.#zoneExcess, salt);
    const node = zone && emptiest(zone.children, this.#nodeCounts, this.#nodeExcess, ~salt);
    if (!node) return undefined;
    const leafSalt = mix32(salt);
    let best: Leaf | undefined;
    for (const leaf of node.children as readonly Leaf[]) {
      if (this.#counted.includes(leaf)) continue;
      if (!best || owesMore(this.#leafExcess, leaf, best, leafSalt)) best = leaf;
    }
    return best;
  }

  /**
   * The device of a replica that lies closer to its sisters than it must (two in a zone where another zone
   * has none, or the same with nodes); of several, the one with the greatest excess.
   */
  crowded(partition: number): Leaf | undefined {
    this.#count(partition);
    const fewestInZones = fewest(this.#plan.zones, this.#zoneCounts);
    let worst: Leaf | undefined;
    for (const leaf of this.#counted) {
      const inZone = this.#zoneCounts[leaf.zone.index] as number;
      const inNode = this.#nodeCounts[leaf.node.index] as number;
      const crowded = inZone - 1 > fewestInZones || inNode - 1 > fewest(leaf.zone.children, this.#nodeCounts);
      if (crowded && (!worst || this.excess(leaf) > this.excess(worst))) worst = leaf;
    }
    return worst;
  }

  #count(partition: number): void {
    for (const leaf of this.#counted) {
      this.#zoneCounts[leaf.zone.index] = 0;
      this.#nodeCounts[leaf.node.index] = 0;
    }
    this.#counted = [];
    const start = partition * this.#replicas;
    for (let slot = start; slot < start + this.#replicas; slot++) {
      const id = this.rows[slot] as number;
      const leaf = id === NO_DEVICE ? undefined : this.#leafById[id];
      if (!leaf) continue;
      this.#zoneCounts[leaf.zone.index] = (this.#zoneCounts[leaf.zone.index] as number) + 1;
      this.#nodeCounts[leaf.node.index] = (this.#nodeCounts[leaf.node.index] as number) + 1;
      this.#counted.push(leaf);
    }
  }
}

/** Among the tiers with room: fewest replicas, then most owed. */
function emptiest(
  tiers: readonly Tier[],
  counts: Uint8Array,
  excess: Float64Array,
  salt: number,
): Tier | undefined {
  let best: Tier | undefined;
  for (const tier of tiers) {
    const count = counts[tier.index] as number;
    if (count >= tier.capacity) continue;
    const bestCount = best ? (counts[best.index] as number) : Number.POSITIVE_INFINITY;
    if (!best || count < bestCount || (count === bestCount && owesMore(excess, tier, best, salt)))
      best = tier;
  }
  return best;
}

function owesMore(excess: Float64Array, tier: Tier, than: Tier, salt: number): boolean {
  const difference = (excess[tier.index] as number) - (excess[than.index] as number);
  if (Math.abs(difference) > TIE) return difference < 0;
  return mix32(salt + tier.index) < mix32(salt + than.index);
}

/** The smallest count among the tiers with room for one more. */
function fewest(tiers: readonly Tier[], counts: Uint8Array): number {
  let least = Number.POSITIVE_INFINITY;
  for (const tier of tiers) {
    const count = counts[tier.index] as number;
    if (count < tier.capacity && count < least) least = count;
  }
  return least;
}

/** Sums of fractions that should be equal differ by less. */
const TIE = 1e-6;
