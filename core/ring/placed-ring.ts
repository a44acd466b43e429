// Owns the look-up side of a ring: immutable, a shift and an index per look-up, no allocation once a
// partition has been asked for. Guarantee: primaries, then handoffs, name every device exactly once.

import { assert } from '#core/kernel/assert.ts';
import { mix32 } from './partition.ts';
import type { Device, Ring } from './ring.ts';
import { decodeRingTable, encodeRingTable, NO_DEVICE, type RingTable } from './ring-table.ts';

export class PlacedRing implements Ring {
  readonly version: number;
  readonly replicas: number;
  readonly partitionPower: number;
  readonly devices: readonly Device[];
  readonly #table: RingTable;
  readonly #deviceById: readonly (Device | undefined)[];
  readonly #primaries: (readonly Device[] | undefined)[];

  constructor(table: RingTable) {
    const deviceById: (Device | undefined)[] = [];
    for (const device of table.devices) deviceById[device.id] = device;
    this.version = table.version;
    this.replicas = table.replicas;
    this.partitionPower = table.partitionPower;
    this.devices = Object.freeze([...table.devices]);
    this.#table = table;
    this.#deviceById = deviceById;
    this.#primaries = new Array(2 ** table.partitionPower).fill(undefined);
  }

  /** @throws Fault `corruption`. */
  static decode(bytes: Uint8Array): PlacedRing {
    return new PlacedRing(decodeRingTable(bytes));
  }

  encode(): Uint8Array {
    return encodeRingTable(this.#table);
  }

  /** What the builder starts from. */
  get table(): RingTable {
    return this.#table;
  }

  primaries(partition: number): readonly Device[] {
    return this.#primaries[partition] ?? this.#placePrimaries(partition);
  }

  #placePrimaries(partition: number): readonly Device[] {
    assert(partition >= 0 && partition < this.#primaries.length, `no partition ${partition}`);
    const start = partition * this.replicas;
    const placed: Device[] = [];
    for (const id of this.#table.rows.subarray(start, start + this.replicas)) {
      if (id === NO_DEVICE) continue;
      const device = this.#deviceById[id];
      assert(device, `partition ${partition} names device ${id}, which the ring does not have`);
      placed.push(device);
    }
    this.#primaries[partition] = Object.freeze(placed);
    return placed;
  }

  /**
   * First zones without a primary, then nodes without one, then the rest, last the devices that are being
   * drained.
   */
  *handoffs(partition: number): Generator<Device, void, undefined> {
    const primaries = this.primaries(partition);
    const { devices } = this;
    // Each partition starts elsewhere, so that the load of a dead device falls on all the others alike.
    const start = mix32(partition) % Math.max(1, devices.length);
    for (let rank = 0; rank < HANDOFF_RANKS; rank++) {
      for (let i = 0; i < devices.length; i++) {
        const device = devices[(start + i) % devices.length] as Device;
        if (handoffRank(device, primaries) === rank) yield device;
      }
    }
  }
}

/** A ring before there is one: it places nothing anywhere. */
export function emptyRing(partitionPower: number, replicas: number): PlacedRing {
  const partitions = 2 ** partitionPower;
  const rows = new Uint16Array(partitions * replicas).fill(NO_DEVICE);
  const movedAtSeconds = new Uint32Array(partitions);
  return new PlacedRing({ version: 0, partitionPower, replicas, devices: [], rows, movedAtSeconds });
}

const HANDOFF_RANKS = 4;

/** -1: a primary itself. */
function handoffRank(device: Device, primaries: readonly Device[]): number {
  let rank = 0;
  for (const primary of primaries) {
    if (primary.id === device.id) return -1;
    if (primary.zone !== device.zone) continue;
    rank = Math.max(rank, primary.node === device.node ? 2 : 1);
  }
  return device.weight === 0 ? HANDOFF_RANKS - 1 : rank;
}
