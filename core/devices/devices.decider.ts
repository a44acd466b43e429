// Owns the decisions on nodes, devices and the ring. Guarantee: the ring in force is the one in the last
// RingRebalanced; building it is pure and seeded, so deciding again over the same state and time gives the
// same bytes.

import { type Decider, isRejected, type Rejection } from '#core/kernel/decider.ts';
import { isId } from '#core/kernel/ids.ts';
import { limits } from '#core/kernel/limits.ts';
import { PlacedRing } from '#core/ring/placed-ring.ts';
import type { Device } from '#core/ring/ring.ts';
import { type RingShape, rebalance } from '#core/ring/ring-builder.ts';
import type { DevicesCommand, DevicesRejection } from './devices.commands.ts';
import type { DevicesEvent } from './devices.events.ts';

/** A node that runs apart. */
export interface ClusterNode {
  readonly name: string;
  readonly zone: string;
  readonly address: string;
  readonly controlAddress: string;
}

export interface ClusterDevice extends Device {
  /** Undefined for one that lies in the same process. */
  readonly disk?: string;
}

export interface DevicesState {
  /** Undefined before RingCreated. */
  readonly shape: RingShape | undefined;
  /** Those that joined and did not leave, in order of joining. */
  readonly nodes: readonly ClusterNode[];
  /** Those that were added and not removed, in order of id. */
  readonly devices: readonly ClusterDevice[];
  /** Disks of devices that were removed. */
  readonly retiredDisks: readonly string[];
  readonly nextDeviceId: number;
  /** Undefined before the first rebalance. */
  readonly ring: PlacedRing | undefined;
}

type Outcome = readonly DevicesEvent[] | Rejection<DevicesRejection>;
type CommandOf<Type extends DevicesCommand['type']> = Extract<DevicesCommand, { type: Type }>;

export const devicesDecider: Decider<DevicesState, DevicesCommand, DevicesEvent, DevicesRejection> = {
  family: 'devices',
  initial: {
    shape: undefined,
    nodes: [],
    devices: [],
    retiredDisks: [],
    nextDeviceId: 0,
    ring: undefined,
  },
  decide,
  evolve,
};

function decide(state: DevicesState, command: DevicesCommand): Outcome {
  if (command.type === 'CreateRing') return createRing(state, command);
  if (!state.shape) return rejected('ring-absent');
  switch (command.type) {
    case 'AddDevice':
      return addDevice(state, command);
    case 'SetDeviceWeight':
      return setDeviceWeight(state, command);
    case 'RemoveDevice':
      if (!deviceOf(state, command.device)) return rejected('device-absent');
      return [{ type: 'DeviceRemoved', data: { device: command.device } }];
    case 'Rebalance':
      return rebalanceRing(state, state.shape, command.nowMs);
    case 'JoinNode':
      return joinNode(state, state.shape, command);
    case 'RemoveNode':
      return removeNode(state, command);
  }
}

function createRing(state: DevicesState, command: CommandOf<'CreateRing'>): Outcome {
  if (state.shape) return rejected('ring-exists');
  const { partitionPower, replicas, minMoveIntervalMs, seed } = command;
  const valid =
    isWhole(partitionPower, 1, limits.ringPartitionPower) &&
    isWhole(replicas, 1, limits.ringReplicas) &&
    isWhole(minMoveIntervalMs, 0, Number.MAX_SAFE_INTEGER) &&
    isWhole(seed, 0, 0xffffffff);
  if (!valid) return rejected('ring-shape-invalid');
  return [{ type: 'RingCreated', data: { partitionPower, replicas, minMoveIntervalMs, seed } }];
}

function addDevice(state: DevicesState, command: CommandOf<'AddDevice'>): Outcome {
  const { node, zone, weightMilli } = command;
  if (!isName(node) || !isName(zone)) return rejected('device-invalid');
  if (!isWeight(weightMilli)) return rejected('weight-invalid');
  if (state.nextDeviceId >= limits.ringDevices) return rejected('device-limit');
  const elsewhere = state.devices.some((device) => device.node === node && device.zone !== zone);
  if (elsewhere) return rejected('node-in-other-zone');
  return [{ type: 'DeviceAdded', data: { device: state.nextDeviceId, node, zone, weightMilli } }];
}

function setDeviceWeight(state: DevicesState, command: CommandOf<'SetDeviceWeight'>): Outcome {
  const device = deviceOf(state, command.device);
  if (!device) return rejected('device-absent');
  if (!isWeight(command.weightMilli)) return rejected('weight-invalid');
  if (device.weight === command.weightMilli / 1000) return [];
  return [{ type: 'DeviceWeightSet', data: { device: device.id, weightMilli: command.weightMilli } }];
}

/**
 * Nothing happens when the devices are those of the ring in force and every replica lies where it should.
 */
function rebalanceRing(state: DevicesState, shape: RingShape, nowMs: number): Outcome {
  const { devices, ring: previous } = state;
  if (!devices.some((device) => device.weight > 0)) return rejected('no-devices');
  const { ring, moved } = rebalance({ shape, devices, previous, nowMs });
  if (previous && moved === 0 && isSameRing(previous, ring)) return [];
  const table = ring.encode();
  if (table.length > limits.ringTableBytes) return rejected('ring-too-large');
  return [{ type: 'RingRebalanced', data: { version: ring.version, table, moved } }];
}

function isSameRing(previous: PlacedRing, ring: PlacedRing): boolean {
  const asNext = new PlacedRing({ ...previous.table, version: ring.version });
  return Buffer.compare(asNext.encode(), ring.encode()) === 0;
}

function joinNode(state: DevicesState, shape: RingShape, command: CommandOf<'JoinNode'>): Outcome {
  const { node, zone, address, controlAddress, disks } = command;
  const refused = refusedJoin(state, command);
  if (refused) return rejected(refused);
  const known = state.nodes.find(({ name }) => name === node);
  const events: DevicesEvent[] = [];
  if (!known) events.push({ type: 'NodeJoined', data: { node, zone, address, controlAddress } });
  else if (known.address !== address || known.controlAddress !== controlAddress) {
    events.push({ type: 'NodeAddressChanged', data: { node, address, controlAddress } });
  }
  const weightMilli = state.ring ? 0 : FIRST_WEIGHT_MILLI;
  let device = state.nextDeviceId;
  for (const disk of disks) {
    if (state.devices.some((each) => each.disk === disk)) continue;
    events.push({ type: 'DeviceAdded', data: { device: device++, node, zone, weightMilli, disk } });
  }
  if (device > limits.ringDevices) return rejected('device-limit');
  if (state.ring) return events;
  const joined = events.reduce<DevicesState>(evolve, state);
  if (joined.nodes.length < command.firstNodes) return events;
  const placed = rebalanceRing(joined, shape, command.nowMs);
  return isRejected(placed) ? placed : [...events, ...placed];
}

function refusedJoin(state: DevicesState, command: CommandOf<'JoinNode'>): DevicesRejection | undefined {
  const { node, zone, disks } = command;
  if (!isName(node) || !isName(zone) || !disks.every(isId)) return 'device-invalid';
  if (disks.length === 0 || new Set(disks).size < disks.length) return 'device-invalid';
  if (state.nodes.some((each) => each.name === node && each.zone !== zone)) return 'node-in-other-zone';
  const known = state.devices.filter((device) => device.disk !== undefined && disks.includes(device.disk));
  if (known.some((device) => device.node !== node)) return 'disk-of-other-node';
  if (disks.some((disk) => state.retiredDisks.includes(disk))) return 'disk-retired';
  const own = state.devices.filter((device) => device.node === node);
  if (own.some((device) => device.zone !== zone)) return 'node-in-other-zone';
  return own.length > 0 && known.length === 0 ? 'node-name-taken' : undefined;
}

function removeNode(state: DevicesState, { node, gone }: CommandOf<'RemoveNode'>): Outcome {
  const devices = state.devices.filter((device) => device.node === node);
  const joined = state.nodes.some(({ name }) => name === node);
  if (devices.length === 0 && !joined) return rejected('node-absent');
  const rows = state.ring?.table.rows;
  if (!gone && devices.some((device) => rows?.includes(device.id))) return rejected('node-holds-data');
  const events: DevicesEvent[] = devices.map(({ id }) => ({ type: 'DeviceRemoved', data: { device: id } }));
  if (joined) events.push({ type: 'NodeLeft', data: { node } });
  return events;
}

/** The weight of a device that is there before the first ring is made. */
const FIRST_WEIGHT_MILLI = 1_000;

function evolve(state: DevicesState, event: DevicesEvent): DevicesState {
  switch (event.type) {
    case 'RingCreated':
      return { ...state, shape: event.data };
    case 'DeviceAdded': {
      const { device: id, node, zone, weightMilli, disk } = event.data;
      const device = { id, node, zone, weight: weightMilli / 1000, ...(disk !== undefined && { disk }) };
      const devices = [...state.devices, device];
      return { ...state, devices, nextDeviceId: id + 1 };
    }
    case 'DeviceWeightSet': {
      const { device: id, weightMilli } = event.data;
      const weight = weightMilli / 1000;
      const devices = state.devices.map((device) => (device.id === id ? { ...device, weight } : device));
      return { ...state, devices };
    }
    case 'DeviceRemoved': {
      const { device: id } = event.data;
      const disk = deviceOf(state, id)?.disk;
      const retiredDisks = disk === undefined ? state.retiredDisks : [...state.retiredDisks, disk];
      return { ...state, devices: state.devices.filter((device) => device.id !== id), retiredDisks };
    }
    case 'RingRebalanced':
      return { ...state, ring: PlacedRing.decode(event.data.table) };
    case 'NodeJoined': {
      const { node: name, zone, address, controlAddress } = event.data;
      return { ...state, nodes: [...state.nodes, { name, zone, address, controlAddress }] };
    }
    case 'NodeAddressChanged': {
      const { node, address, controlAddress } = event.data;
      const moved = (each: ClusterNode) => (each.name === node ? { ...each, address, controlAddress } : each);
      return { ...state, nodes: state.nodes.map(moved) };
    }
    case 'NodeLeft':
      return { ...state, nodes: state.nodes.filter(({ name }) => name !== event.data.node) };
  }
}

function rejected(code: DevicesRejection): Rejection<DevicesRejection> {
  return { rejected: code };
}

function deviceOf(state: DevicesState, id: number): ClusterDevice | undefined {
  return state.devices.find((device) => device.id === id);
}

function isWhole(value: number, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= min && value <= max;
}

function isWeight(weightMilli: number): boolean {
  return isWhole(weightMilli, 0, 0xffffffff);
}

function isName(name: string): boolean {
  return name.length > 0 && Buffer.byteLength(name) <= limits.ringNameBytes;
}
