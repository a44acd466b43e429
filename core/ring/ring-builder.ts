// Owns the rebalance of a ring. Guarantees: the same input gives the same ring, byte for byte; replicas of
// a partition lie on different devices, and as far apart as there are zones and nodes; of a partition at
// most one live replica moves within the minimum interval, and none while replicas of a removed device are
// being replaced.

import { assert } from '#core/kernel/assert.ts';
import { seededRandom } from '#core/kernel/random.ts';
import { PlacedRing } from './placed-ring.ts';
import type { Device } from './ring.ts';
import { planRing, type RingPlan } from './ring-plan.ts';
import { NO_DEVICE } from './ring-table.ts';
import { RingWorkspace } from './ring-workspace.ts';

export interface RingShape {
  readonly partitionPower: number;
  readonly replicas: number;
  readonly minMoveIntervalMs: number;
  readonly seed: number;
}

export interface RebalanceRequest {
  readonly shape: RingShape;
  /** Every device there is; one that is missing here but in `previous` has been removed. */
  readonly devices: readonly Device[];
  readonly previous?: PlacedRing | undefined;
  readonly nowMs: number;
}

export interface Rebalanced {
  readonly ring: PlacedRing;
  /** Replicas that are now on a device that did not hold them before. */
  readonly moved: number;
  /** By how many percent the fullest device is above its planned share; 0 is perfect. */
  readonly balancePercent: number;
  /** Partitions whose replicas still lie closer together than they must: they moved too recently. */
  readonly crowded: number;
}

/** As a rule two or three do; more only undo what no order of moves can avoid. */
const ROUNDS_MAX = 8;

/** Pure: plans, vacates what must leave, and moves replicas in rounds until nothing gets better. */
export function rebalance(request: RebalanceRequest): Rebalanced {
  const { shape, previous } = request;
  const devices = [...request.devices].sort((a, b) => a.id - b.id);
  const partitions = 2 ** shape.partitionPower;
  assert(!previous || previous.partitionPower === shape.partitionPower, 'the partition power never changes');
  assert(!previous || previous.replicas === shape.replicas, 'the number of replicas never changes');
  const before = previous?.table.rows ?? new Uint16Array(partitions * shape.replicas).fill(NO_DEVICE);
  const movedAtSeconds = previous?.table.movedAtSeconds ?? new Uint32Array(partitions);
  const version = (previous?.version ?? 0) + 1;
  const plan = planRing(devices, shape.replicas);
  const build = new Build(request, plan, before, movedAtSeconds, version);
  build.run();
  const rows = build.work.rows;
  const table = {
    version,
    partitionPower: shape.partitionPower,
    replicas: shape.replicas,
    devices,
    rows,
    movedAtSeconds: build.moveTimes(),
  };
  return {
    ring: new PlacedRing(table),
    moved: rows.reduce((sum, id, slot) => sum + (id !== NO_DEVICE && id !== before[slot] ? 1 : 0), 0),
    balancePercent: balanceOf(plan, build.work, partitions),
    crowded: build.order.filter((partition) => build.work.crowded(partition)).length,
  };
}

function balanceOf(plan: RingPlan, work: RingWorkspace, partitions: number): number {
  let worst = 0;
  for (const leaf of plan.leaves) {
    const share = (plan.leafShares[leaf.index] as number) * partitions;
    if (share > 0) worst = Math.max(worst, (work.excess(leaf) / share) * 100);
  }
  return Math.round(worst * 100) / 100;
}

class Build {
  readonly work: RingWorkspace;
  /** Partitions in the order in which they are looked at: shuffled, so that none is favoured. */
  readonly order: number[];
  readonly #before: Uint16Array;
  readonly #movedAtSeconds: Uint32Array;
  readonly #replicas: number;
  readonly #present: ReadonlySet<number>;
  readonly #nowMs: number;
  readonly #minMoveIntervalMs: number;
  /** Replicas were lost with their device. Replace those first; the next rebalance may move live ones. */
  #replacing = false;
  /**
   * What is too much now, in all: moving more would be churn. What remains is left for the next rebalance.
   */
  #levelMovesLeft: number;

  constructor(
    request: RebalanceRequest,
    plan: RingPlan,
    before: Uint16Array,
    movedAtSeconds: Uint32Array,
    version: number,
  ) {
    const { shape } = request;
    this.work = new RingWorkspace(plan, before.slice(), shape.replicas, shape.seed ^ version);
    this.order = shuffled(2 ** shape.partitionPower, (shape.seed ^ version) >>> 0);
    this.#before = before;
    this.#movedAtSeconds = movedAtSeconds;
    this.#replicas = shape.replicas;
    this.#present = new Set(request.devices.map((device) => device.id));
    this.#nowMs = request.nowMs;
    this.#minMoveIntervalMs = shape.minMoveIntervalMs;
    const excess = plan.leaves.map((leaf) => Math.max(0, this.work.excess(leaf)));
    this.#levelMovesLeft = excess.reduce((sum, each) => sum + each, 0);
  }

  run(): void {
    if (this.#before.every((id) => id === NO_DEVICE)) {
      this.work.scaleShares(-1);
      this.#fillVacant(1 / this.order.length);
    } else {
      this.#vacateRemoved();
      this.#fillVacant(0);
    }
    for (let round = 0; round < ROUNDS_MAX; round++) {
      let changes = 0;
      for (const partition of this.order) {
        changes += this.#drain(partition) + this.#spread(partition) + this.#level(partition, round);
      }
      // The first round takes only from devices with a whole replica too much, so it alone proves nothing.
      if (changes === 0 && round > 0) break;
    }
  }

  moveTimes(): Uint32Array {
    const now = Math.ceil(this.#nowMs / 1000);
    return this.#movedAtSeconds.map((seconds, partition) => (this.#inMotion(partition) ? now : seconds));
  }

  #vacateRemoved(): void {
    const { rows } = this.work;
    for (let slot = 0; slot < rows.length; slot++) {
      const id = rows[slot] as number;
      if (id === NO_DEVICE || this.#present.has(id)) continue;
      this.work.set(slot, NO_DEVICE);
      this.#replacing = true;
    }
  }

  #fillVacant(growth: number): void {
    for (const partition of this.order) {
      if (growth > 0) this.work.scaleShares(growth);
      const start = partition * this.#replicas;
      for (let slot = start; slot < start + this.#replicas; slot++) {
        if (this.work.rows[slot] !== NO_DEVICE) continue;
        const leaf = this.work.choose(partition);
        if (leaf) this.work.set(slot, leaf.device.id);
      }
    }
  }

  /** Moves a replica off a device of weight 0, if there is anywhere else to go. */
  #drain(partition: number): number {
    const start = partition * this.#replicas;
    let changes = 0;
    for (let slot = start; slot < start + this.#replicas; slot++) {
      const id = this.work.rows[slot] as number;
      if (id === NO_DEVICE || this.work.leaf(id) || !this.#mayMove(partition, slot)) continue;
      const leaf = this.work.choose(partition);
      if (!leaf) continue;
      this.work.set(slot, leaf.device.id);
      changes++;
    }
    return changes;
  }

  /** Moves one replica out of a crowded zone or node. */
  #spread(partition: number): number {
    const crowded = this.work.crowded(partition);
    if (!crowded) return 0;
    const start = partition * this.#replicas;
    const slot = this.work.rows.indexOf(crowded.device.id, start);
    if (!this.#mayMove(partition, slot)) return 0;
    this.work.set(slot, NO_DEVICE);
    this.work.set(slot, this.work.choose(partition)?.device.id ?? crowded.device.id);
    this.#levelMovesLeft--;
    return 1;
  }

  /** Moves the replica whose device has most too much to one that is owed some. */
  #level(partition: number, round: number): number {
    const { rows } = this.work;
    const start = partition * this.#replicas;
    let slot = -1;
    let most = TOLERANCE;
    for (let candidate = start; candidate < start + this.#replicas; candidate++) {
      const leaf = this.work.leaf(rows[candidate] as number);
      const excess = leaf ? this.work.excess(leaf) : 0;
      if (excess <= most || !this.#mayMove(partition, candidate)) continue;
      slot = candidate;
      most = excess;
    }
    if (slot < 0) return 0;
    const live = rows[slot] === this.#before[slot];
    const from = rows[slot] as number;
    if (live && this.#levelMovesLeft <= 0) return 0;
    this.work.set(slot, NO_DEVICE);
    const to = this.work.choose(partition);
    const moves = to && to.device.id !== from && isWorthwhile(most, -this.work.excess(to), round);
    this.work.set(slot, moves ? to.device.id : from);
    if (moves && live) this.#levelMovesLeft--;
    return moves ? 1 : 0;
  }

  /**
   * What is moving anyway may be sent elsewhere; a live replica moves only while its sisters stand still.
   */
  #mayMove(partition: number, slot: number): boolean {
    if (this.work.rows[slot] !== this.#before[slot]) return true;
    if (this.#replacing || this.#inMotion(partition)) return false;
    const movedAt = this.#movedAtSeconds[partition] as number;
    return movedAt === 0 || movedAt * 1000 + this.#minMoveIntervalMs <= this.#nowMs;
  }

  #inMotion(partition: number): boolean {
    const start = partition * this.#replicas;
    for (let slot = start; slot < start + this.#replicas; slot++) {
      const was = this.#before[slot];
      if (was !== NO_DEVICE && was !== this.work.rows[slot]) return true;
    }
    return false;
  }
}

/**
 * Less than a whole replica on both sides is rounding: moving it would only move the rounding. The first
 * round serves whole with whole, so that the rest has least to do.
 */
function isWorthwhile(excess: number, owed: number, round: number): boolean {
  const tooMuch = excess >= 1 - TOLERANCE;
  const tooLittle = owed >= 1 - TOLERANCE;
  if (round === 0) return tooMuch && tooLittle;
  return owed > TOLERANCE && (tooMuch || tooLittle) && excess + owed > 1 + TOLERANCE;
}

/** Sums of fractions that should be equal differ by less. */
const TOLERANCE = 1e-6;

function shuffled(count: number, seed: number): number[] {
  const random = seededRandom(seed);
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const other = Math.floor(random.next() * (i + 1));
    [order[i], order[other]] = [order[other] as number, order[i] as number];
  }
  return order;
}
