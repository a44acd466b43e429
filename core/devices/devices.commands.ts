// Owns the commands on the ring, and the closed union of reasons to refuse them.

export type DevicesCommand =
  | {
      readonly type: 'CreateRing';
      readonly partitionPower: number;
      readonly replicas: number;
      /** Of one partition at most one live replica moves within this time. */
      readonly minMoveIntervalMs: number;
      /** Any whole 32-bit number; decides ties. */
      readonly seed: number;
    }
  | {
      /** The device gets the next free id; it holds nothing before the next rebalance. */
      readonly type: 'AddDevice';
      readonly node: string;
      readonly zone: string;
      /** Relative share of the data, in thousandths. */
      readonly weightMilli: number;
    }
  | { readonly type: 'SetDeviceWeight'; readonly device: number; readonly weightMilli: number }
  /** The device is gone: its replicas are placed anew, at once, by the next rebalance. */
  | { readonly type: 'RemoveDevice'; readonly device: number }
  | { readonly type: 'Rebalance'; readonly nowMs: number }
  | {
      /**
       * A node that runs apart tells where it is and which disks it has; each new disk becomes a device. The
       * first ring is made when `firstNodes` nodes have joined; who joins later stands by with weight 0.
       */
      readonly type: 'JoinNode';
      readonly node: string;
      readonly zone: string;
      readonly address: string;
      readonly controlAddress: string;
      /** One or more; 32 hexadecimal digits each. */
      readonly disks: readonly string[];
      readonly firstNodes: number;
      readonly nowMs: number;
    }
  /** `gone`: even though the ring in force places data on it. */
  | { readonly type: 'RemoveNode'; readonly node: string; readonly gone: boolean };

export type DevicesRejection =
  | 'ring-exists'
  | 'ring-absent'
  /** Partition power, replicas, interval or seed out of range. */
  | 'ring-shape-invalid'
  /** The table would not fit into an event. */
  | 'ring-too-large'
  | 'device-absent'
  /** Empty or overlong name of node or zone, or no disk. */
  | 'device-invalid'
  | 'device-limit'
  /** A node lies in one zone only. */
  | 'node-in-other-zone'
  | 'weight-invalid'
  | 'node-absent'
  /** The ring in force still places partitions on the node's devices. */
  | 'node-holds-data'
  /** The node is known with other disks, none of which came along. */
  | 'node-name-taken'
  | 'disk-of-other-node'
  /** The disk was a device that has been removed. */
  | 'disk-retired'
  /** No device has a weight above 0. */
  | 'no-devices';
