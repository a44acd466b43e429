// Owns the life of the ring: which devices there are, and every plan that placed partitions on them.

import { bytes, text, uint } from '#core/kernel/fields.ts';
import { type EventOf, lifecycle } from '#core/kernel/lifecycle.ts';

/** Stream `devices/ring`: one for the cluster. */
export const DEVICES_STREAM = 'devices/ring';

export const devices = lifecycle('devices', {
  statuses: ['absent', 'ready'],
  initial: 'absent',
  events: {
    RingCreated: {
      id: 1,
      from: ['absent'],
      to: 'ready',
      data: { partitionPower: uint(1), replicas: uint(2), minMoveIntervalMs: uint(3), seed: uint(4) },
    },
    DeviceAdded: {
      id: 2,
      from: ['ready'],
      to: 'ready',
      /** The weight is in thousandths. */
      data: { device: uint(1), node: text(2), zone: text(3), weightMilli: uint(4) },
    },
    DeviceWeightSet: { id: 3, from: ['ready'], to: 'ready', data: { device: uint(1), weightMilli: uint(2) } },
    DeviceRemoved: { id: 4, from: ['ready'], to: 'ready', data: { device: uint(1) } },
    RingRebalanced: {
      id: 5,
      from: ['ready'],
      to: 'ready',
      /** `table`: as the ring serialises itself, zstd-free and byte-stable for equal input. */
      data: { version: uint(1), table: bytes(2), moved: uint(3) },
    },
  },
});

export type DevicesEvent = EventOf<typeof devices.table>;
