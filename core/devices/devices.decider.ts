// Owns the decisions on the ring. Guarantee: the ring in force is the one in the last RingRebalanced;
// building it is pure and seeded, so deciding again over the same state and time gives the same bytes.

import type { Decider, Rejection } from '#core/kernel/decider.ts';
import { limits } from '#core/kernel/limits.ts';
import { PlacedRing } from '#core/ring/placed-ring.ts';
import type { Device } from '#core/ring/ring.ts';
import { type RingShape, rebalance } from '#core/ring/ring-builder.ts';
import type { DevicesCommand, DevicesRejection } from './devices.commands.ts';
import type { DevicesEvent } from './devices.events.ts';

export interface DevicesState {
  /** Undefined before RingCreated. */
  readonly shape: RingShape | undefined;
  /** Those that were added and not removed, in order of id. */
  readonly devices: readonly Device[];
  readonly nextDeviceId: number;
  /** Undefined before the first rebalance. */
  readonly ring: PlacedRing | undefined;
}

type Outcome = readonly DevicesEvent[] | Rejection<DevicesRejection>;
type CommandOf<Type extends DevicesCommand['type']> = Extract<DevicesCommand, { type: Type }>;

export const devicesDecider: Decider<DevicesState, DevicesCommand, DevicesEvent, DevicesRejection> = {
  family: 'devices',
  initial: { shape: undefined, devices: [], nextDeviceId: 0, ring: undefined },
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

function evolve(state: DevicesState, event: DevicesEvent): DevicesState {
  switch (event.type) {
    case 'RingCreated':
      return { ...state, shape: event.data };
    case 'DeviceAdded': {
      const { device: id, node, zone, weightMilli } = event.data;
      const devices = [...state.devices, { id, node, zone, weight: weightMilli / 1000 }];
      return { ...state, devices, nextDeviceId: id + 1 };
    }
    case 'DeviceWeightSet': {
      const { device: id, weightMilli } = event.data;
      const weight = weightMilli / 1000;
      const devices = state.devices.map((device) => (device.id === id ? { ...device, weight } : device));
      return { ...state, devices };
    }
    case 'DeviceRemoved':
      return { ...state, devices: state.devices.filter((device) => device.id !== event.data.device) };
    case 'RingRebalanced':
      return { ...state, ring: PlacedRing.decode(event.data.table) };
  }
}

function rejected(code: DevicesRejection): Rejection<DevicesRejection> {
  return { rejected: code };
}

function deviceOf(state: DevicesState, id: number): Device | undefined {
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
