// Owns the life of a cluster's storage: which nodes and devices there are, and every plan that placed
// partitions on them.

import { bytes, optional, text, uint } from '#core/kernel/fields.ts';
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
      /** The weight is in thousandths. `disk`: what the data directory of a node apart calls itself. */
      data: {
        device: uint(1),
        node: text(2),
        zone: text(3),
        weightMilli: uint(4),
        disk: optional(text(5)),
      },
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
    NodeJoined: {
      id: 6,
      from: ['ready'],
      to: 'ready',
      /** `address` takes the wire's connections, `controlAddress` those of node control. */
      data: { node: text(1), zone: text(2), address: text(3), controlAddress: text(4) },
    },
    NodeAddressChanged: {
      id: 7,
      from: ['ready'],
      to: 'ready',
      data: { node: text(1), address: text(2), controlAddress: text(3) },
    },
    NodeLeft: { id: 8, from: ['ready'], to: 'ready', data: { node: text(1) } },
  },
});

export type DevicesEvent = EventOf<typeof devices.table>;
