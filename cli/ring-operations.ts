// Owns the operator's hand on nodes and ring as an open cloud carries it out. A change of weights or devices
// is an event at once, and moves data at the next rebalance only; so several can be made into one move.

import type { DevicesCommand, DevicesRejection } from '#core/devices/devices.commands.ts';
import type { Rejection } from '#core/kernel/decider.ts';
import type { OpenCloud } from './compose.ts';
import { MOVING_DAEMON } from './device-daemons.ts';
import type { Rebalanced, ReportProgress, RingOperations, RingRejection } from './operations.ts';
import { ringReport } from './ring-report.ts';

type Outcome = undefined | Rejection<RingRejection>;
type Parts = Pick<OpenCloud, 'cluster' | 'nodes' | 'clock' | 'daemons'>;

export function ringOperations(parts: Parts): RingOperations {
  const { cluster, nodes } = parts;
  return {
    showRing: async () => ringReport(cluster.state, cluster.ring(), await nodes.status()),
    addNode: (node, options) => addNode(parts, node, options),
    setWeight: (target, weight) => setWeights(parts, devicesOf(parts, target), weight),
    removeNode: (node, gone) => cluster.run({ type: 'RemoveNode', node, gone }),
    rebalance: (report) => rebalance(parts, report),
  };
}

/** Of a node by its name, or the one device of a number. */
function devicesOf({ cluster }: Parts, target: string): number[] {
  const { devices } = cluster.state;
  const ofNode = devices.filter(({ node }) => node === target);
  const found = ofNode.length > 0 ? ofNode : devices.filter(({ id }) => String(id) === target);
  return found.map(({ id }) => id);
}

async function addNode(
  parts: Parts,
  node: string,
  { zone, weight }: { readonly zone?: string; readonly weight: number },
): Promise<Outcome> {
  const { cluster, nodes } = parts;
  const known = devicesOf(parts, node);
  if (known.length > 0) {
    const other = cluster.state.devices.some((device) => device.node === node && device.zone !== zone);
    return zone !== undefined && other
      ? { rejected: 'node-in-other-zone' }
      : setWeights(parts, known, weight);
  }
  if (!nodes.areHere) return { rejected: 'node-absent' };
  if (zone === undefined) return { rejected: 'zone-missing' };
  return cluster.run({ type: 'AddDevice', node, zone, weightMilli: Math.round(weight * 1_000) });
}

async function setWeights({ cluster }: Parts, devices: readonly number[], weight: number): Promise<Outcome> {
  if (devices.length === 0) return { rejected: 'node-absent' };
  const weightMilli = Math.round(weight * 1_000);
  for (const device of devices) {
    const refused = await cluster.run({ type: 'SetDeviceWeight', device, weightMilli });
    if (refused) return refused;
  }
  return undefined;
}

/** Plans anew, then has every node move what now lies elsewhere, and resolves when that pass is over. */
async function rebalance(
  parts: Parts,
  report: ReportProgress,
): Promise<Rebalanced | Rejection<DevicesRejection>> {
  const { cluster, nodes, clock, daemons } = parts;
  const before = cluster.ring();
  const command: DevicesCommand = { type: 'Rebalance', nowMs: clock.nowMs() };
  const refused = await cluster.run(command);
  if (refused) return refused;
  const ring = cluster.ring();
  if (nodes.areHere) await daemons.runOnce(MOVING_DAEMON, report);
  else await nodes.runOnce(MOVING_DAEMON, report);
  let moved = 0;
  for (let partition = 0; ring.devices.length > 0 && partition < 2 ** ring.partitionPower; partition++) {
    const held = before.devices.length > 0 ? before.primaries(partition) : [];
    moved += ring.primaries(partition).filter(({ id }) => !held.some((each) => each.id === id)).length;
  }
  const { imbalancePercent, toBeMoved } = ringReport(cluster.state, ring, []);
  return { version: ring.version, moved, imbalancePercent, toBeMoved };
}
