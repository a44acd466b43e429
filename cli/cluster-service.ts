// Owns the service by which storage nodes join the cluster and learn its state: a gateway has the log, and
// nodes need not. Any gateway of a cluster serves any node.

import type { DevicesRejection } from '#core/devices/devices.commands.ts';
import type { Clock } from '#core/kernel/clock.ts';
import { PlacedRing } from '#core/ring/placed-ring.ts';
import type { ClusterRing } from '#core/runtime/cluster-ring.ts';
import { clusterService, type ServedService } from './control-grpc.ts';
import type { ClusterStateMessage, JoinReply, JoinRequest } from './control-messages.ts';
import { CommandFailed } from './failure.ts';

export interface ClusterServiceOptions {
  readonly cluster: ClusterRing;
  readonly clock: Clock;
  /** The first ring is made when as many nodes have joined. */
  readonly firstNodes: number;
}

export function serveCluster(options: ClusterServiceOptions): ServedService {
  return {
    service: clusterService,
    handlers: {
      Join: { once: (request: JoinRequest) => join(options, request) },
      Watch: { stream: (_: object, signal: AbortSignal) => watch(options.cluster, signal) },
    },
  };
}

async function join(options: ClusterServiceOptions, request: JoinRequest): Promise<JoinReply> {
  const { cluster, clock, firstNodes } = options;
  const { node, zone, address, controlAddress, disks } = request;
  if (request.cluster !== '' && request.cluster !== cluster.id) {
    throw new CommandFailed(
      `The disks of ${node} belong to cluster ${request.cluster}; this is cluster ${cluster.id}.`,
    );
  }
  const refused = await cluster.run({
    ...({ type: 'JoinNode', node, zone, address, controlAddress, disks, firstNodes } as const),
    nowMs: clock.nowMs(),
  });
  if (refused) throw new CommandFailed(refusalOf(refused.rejected, request, cluster));
  const devices = disks.map((disk) => {
    const device = cluster.state.devices.find((each) => each.disk === disk);
    if (!device) throw new CommandFailed(`Disk ${disk} has just been removed from the cluster.`);
    return device.id;
  });
  return { cluster: cluster.id, devices, revision: cluster.revision };
}

function refusalOf(code: DevicesRejection, request: JoinRequest, cluster: ClusterRing): string {
  const { node, zone, disks } = request;
  const { devices } = cluster.state;
  switch (code) {
    case 'node-in-other-zone': {
      const known = devices.find((device) => device.node === node)?.zone;
      return `Node ${node} lies in zone ${known}, not in ${zone}; a node never changes its zone.`;
    }
    case 'disk-of-other-node': {
      const owner = devices.find((device) => device.disk && disks.includes(device.disk))?.node;
      return `A data directory of ${node} belongs to node ${owner}.`;
    }
    case 'disk-retired':
      return `A data directory of ${node} was removed from the cluster; empty it to use the disk anew.`;
    case 'node-name-taken':
      return (
        `Node ${node} is known with other disks, none of which is here: take another name, ` +
        `or strata ring remove ${node} --gone if they are lost.`
      );
    default:
      return `Node ${node} cannot join: ${code}.`;
  }
}

async function* watch(cluster: ClusterRing, signal: AbortSignal): AsyncGenerator<ClusterStateMessage> {
  let changed = () => {};
  const forget = cluster.onChange(() => changed());
  const onAbort = () => changed();
  signal.addEventListener('abort', onAbort);
  try {
    let told = -1;
    while (!signal.aborted) {
      if (told !== cluster.revision) {
        told = cluster.revision;
        yield stateOf(cluster);
        continue;
      }
      await new Promise<void>((resolve) => {
        changed = resolve;
      });
    }
  } finally {
    forget();
    signal.removeEventListener('abort', onAbort);
  }
}

function stateOf(cluster: ClusterRing): ClusterStateMessage {
  const { nodes, devices, ring } = cluster.state;
  return {
    cluster: cluster.id,
    revision: cluster.revision,
    ring: ring instanceof PlacedRing ? ring.encode() : NO_RING,
    nodes,
    devices: devices.map(({ id, node, zone, weight }) => ({
      ...{ id, node, zone },
      weightMilli: Math.round(weight * 1_000),
    })),
  };
}

const NO_RING = new Uint8Array();
