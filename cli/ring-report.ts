// Owns what an operator is shown of the ring and the nodes: shares as planned and as they are, folded from
// the cluster's state and what the nodes say of themselves.

import type { DevicesState } from '#core/devices/devices.decider.ts';
import type { Ring } from '#core/ring/ring.ts';
import { planRing } from '#core/ring/ring-plan.ts';
import type { DeviceStatus, NodeStatus } from './control-messages.ts';

export interface ListedDevice {
  readonly device: number;
  readonly weight: number;
  /** Replicas of partitions that the ring in force places on it. */
  readonly partitions: number;
  /** What the weights would give it; not whole. */
  readonly wantedPartitions: number;
  /** Absent where its node does not answer. */
  readonly status?: DeviceStatus;
}

export interface ListedNode {
  readonly node: string;
  readonly zone: string;
  /** Absent for a node in the gateway's own process. */
  readonly address?: string;
  readonly state: 'up' | 'down';
  /** Sum of its devices' weights; 0: it stands by or is being drained. */
  readonly weight: number;
  readonly partitions: number;
  /** Of all replicas of all partitions, in percent. */
  readonly sharePercent: number;
  /** Absent where the node does not answer. */
  readonly usedBytes?: number;
  readonly devices: readonly ListedDevice[];
}

export interface RingReport {
  /** 0: there is no ring yet. */
  readonly version: number;
  readonly partitions: number;
  readonly replicas: number;
  /** By how many percent the fullest device is above the share that its weight asks for. */
  readonly imbalancePercent: number;
  /** Replicas that lie on a device without weight, and will until the next rebalance. */
  readonly toBeMoved: number;
  readonly nodes: readonly ListedNode[];
}

type State = Pick<DevicesState, 'nodes' | 'devices'>;

export function ringReport(state: State, ring: Ring, statuses: readonly NodeStatus[]): RingReport {
  const partitions = ring.devices.length > 0 ? 2 ** ring.partitionPower : 0;
  const held = heldBy(ring, partitions);
  const { leaves, leafShares } = planRing(state.devices, ring.replicas);
  const wanted = new Map(
    leaves.map((leaf) => [leaf.device.id, (leafShares[leaf.index] as number) * partitions]),
  );
  const nodes = namesOf(state).map((name) => listedNode(name, state, { held, wanted, statuses }, ring));
  const devices = nodes.flatMap((node) => node.devices);
  const excess = devices
    .filter(({ wantedPartitions }) => wantedPartitions > 0)
    .map((device) => ((device.partitions - device.wantedPartitions) / device.wantedPartitions) * 100);
  const unweighted = devices.filter(({ weight }) => weight === 0);
  return {
    version: ring.version,
    partitions,
    replicas: ring.replicas,
    imbalancePercent: Math.round(Math.max(0, ...excess) * 10) / 10,
    toBeMoved: unweighted.reduce((sum, device) => sum + device.partitions, 0),
    nodes,
  };
}

function heldBy(ring: Ring, partitions: number): Map<number, number> {
  const held = new Map<number, number>();
  for (let partition = 0; partition < partitions; partition++) {
    for (const { id } of ring.primaries(partition)) held.set(id, (held.get(id) ?? 0) + 1);
  }
  return held;
}

function namesOf({ nodes, devices }: State): string[] {
  return [...new Set([...nodes.map(({ name }) => name), ...devices.map(({ node }) => node)])].sort();
}

interface Figures {
  readonly held: ReadonlyMap<number, number>;
  readonly wanted: ReadonlyMap<number, number>;
  readonly statuses: readonly NodeStatus[];
}

function listedNode(name: string, state: State, figures: Figures, ring: Ring): ListedNode {
  const joined = state.nodes.find((each) => each.name === name);
  const status = figures.statuses.find(({ node }) => node === name);
  const own = state.devices.filter(({ node }) => node === name);
  const devices = own.map(({ id, weight }): ListedDevice => {
    const found = status?.devices.find(({ device }) => device === id);
    return {
      ...{ device: id, weight },
      partitions: figures.held.get(id) ?? 0,
      wantedPartitions: Math.round((figures.wanted.get(id) ?? 0) * 10) / 10,
      ...(found && { status: found }),
    };
  });
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const partitions = sum(devices.map((device) => device.partitions));
  const replicas = 2 ** ring.partitionPower * ring.replicas;
  return {
    node: name,
    zone: joined?.zone ?? own[0]?.zone ?? '',
    ...(joined && { address: joined.address }),
    state: status ? 'up' : 'down',
    weight: sum(own.map(({ weight }) => weight)),
    partitions,
    sharePercent: Math.round((partitions / replicas) * 1_000) / 10,
    ...(status && { usedBytes: sum(status.devices.map(({ fileBytes }) => fileBytes)) }),
    devices,
  };
}
