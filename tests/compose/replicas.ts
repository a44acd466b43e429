// Owns the question whether the replicas have converged: a gateway is asked for the ring, as nodes ask it,
// and each device over the wire for what it holds; every chunk that any of them names must lie on the devices
// that the ring says, all of them, and on no other.

import { CallSigner, ClusterSecret } from '#cli/cluster-secret.ts';
import { ControlCaller, clusterService } from '#cli/control-grpc.ts';
import type { ClusterStateMessage } from '#cli/control-messages.ts';
import { systemClock } from '#core/kernel/clock.ts';
import { nodeNetwork } from '#core/kernel/node-network.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { partitionOf } from '#core/ring/partition.ts';
import { PlacedRing } from '#core/ring/placed-ring.ts';
import { connectNode } from '#storage-nodes/wire/node-connection.ts';
import type { ComposeCluster, StorageNode } from './compose-cluster.ts';

export interface Census {
  readonly chunks: number;
  /** Those that hold anything. */
  readonly nodes: readonly string[];
  /** One sentence for each chunk that does not lie as it should. */
  readonly complaints: readonly string[];
}

const NOTHING: Census = { chunks: 0, nodes: [], complaints: [] };

/** Resolves to the census that was right, or, when the time is over, to the last one. */
export async function untilConverged(cluster: ComposeCluster, withinMs: number): Promise<Census> {
  const untilMs = systemClock.monotonicMs() + withinMs;
  for (;;) {
    const census = await takeCensus(cluster).catch((error) => ({ ...NOTHING, complaints: [String(error)] }));
    if (census.complaints.length === 0 || systemClock.monotonicMs() > untilMs) return census;
    await systemClock.sleep(1_000);
  }
}

async function takeCensus(cluster: ComposeCluster): Promise<Census> {
  const secret = new ClusterSecret(
    Buffer.from((await cluster.exec('gateway-1', ['cat', '/secret/cluster'])).trim()),
  );
  const { ring: encoded, nodes, devices } = await stateOf(cluster, secret);
  const ring = PlacedRing.decode(encoded);
  const holders = new Map<string, number[]>();
  const holding = new Set<string>();
  for (const { id: device, node } of devices.filter((each) => nodes.some(({ name }) => name === each.node))) {
    for (const chunk of await listDevice(cluster, node as StorageNode, device, secret)) {
      holding.add(node);
      const known = holders.get(chunk);
      if (known) known.push(device);
      else holders.set(chunk, [device]);
    }
  }
  const complaints: string[] = [];
  for (const [chunk, found] of holders) {
    const homes = ring.primaries(partitionOf(Buffer.from(chunk, 'hex'), ring.partitionPower));
    const wanted = homes.map(({ id }) => id);
    if (inOrder(found) !== inOrder(wanted)) {
      complaints.push(`${chunk} lies on ${inOrder(found)}, not on ${inOrder(wanted)}`);
    }
  }
  return { chunks: holders.size, nodes: [...holding].sort(), complaints };
}

const inOrder = (devices: readonly number[]) => [...devices].sort((a, b) => a - b).join(', ');

/** What the gateway tells first to whoever watches the cluster. */
async function stateOf(cluster: ComposeCluster, secret: ClusterSecret): Promise<ClusterStateMessage> {
  const transport = { signer: new CallSigner(secret), clock: systemClock };
  const caller = new ControlCaller(clusterService, await cluster.published('gateway-1', 9_091), transport);
  const watching = new AbortController();
  try {
    for await (const state of caller.stream<ClusterStateMessage>('Watch', {}, watching.signal)) return state;
    throw new Error('gateway-1 tells nothing of the cluster');
  } finally {
    watching.abort();
    caller.close();
  }
}

async function listDevice(
  cluster: ComposeCluster,
  node: StorageNode,
  device: number,
  secret: ClusterSecret,
): Promise<string[]> {
  const connection = connectNode({
    ...{ network: nodeNetwork, address: `tcp:${await cluster.published(node, 7_000)}`, node },
    ...{ credentials: { secret: secret.key('wire') }, clock: systemClock, random: systemRandom },
  });
  try {
    const chunks: string[] = [];
    for await (const { id } of connection.device(device).list()) chunks.push(Buffer.from(id).toString('hex'));
    return chunks;
  } finally {
    await connection.close();
  }
}
