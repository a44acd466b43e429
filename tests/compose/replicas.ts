// Owns the question whether the replicas have converged: over the wire, as a gateway would, each device is
// asked for what it holds, and every chunk that any of them names must lie on as many devices, in as many
// zones, as the ring asks for.

import { ClusterSecret } from '#cli/cluster-secret.ts';
import type { RingReport } from '#cli/ring-report.ts';
import { systemClock } from '#core/kernel/clock.ts';
import { nodeNetwork } from '#core/kernel/node-network.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { connectNode } from '#storage-nodes/wire/node-connection.ts';
import type { ComposeCluster, StorageNode } from './compose-cluster.ts';

export interface Census {
  readonly chunks: number;
  /** Devices that hold anything. */
  readonly nodes: readonly string[];
  /** One sentence for each chunk that does not lie as it should. */
  readonly complaints: readonly string[];
}

/** Resolves to the census that was right, or, when the time is over, to the last one. */
export async function untilConverged(cluster: ComposeCluster, withinMs: number): Promise<Census> {
  const untilMs = systemClock.monotonicMs() + withinMs;
  for (;;) {
    const census = await takeCensus(cluster).catch((error) => ({ ...NOTHING, complaints: [String(error)] }));
    if (census.complaints.length === 0 || systemClock.monotonicMs() > untilMs) return census;
    await systemClock.sleep(1_000);
  }
}

const NOTHING: Census = { chunks: 0, nodes: [], complaints: [] };

interface Holder {
  readonly node: string;
  readonly zone: string;
}

async function takeCensus(cluster: ComposeCluster): Promise<Census> {
  const secret = new ClusterSecret(
    Buffer.from((await cluster.exec('gateway-1', ['cat', '/secret/cluster'])).trim()),
  );
  const { nodes, replicas }: RingReport = JSON.parse(await cluster.strata('ring', 'show', '--json'));
  const holders = new Map<string, Holder[]>();
  for (const { node, zone, devices } of nodes) {
    for (const { device } of devices) {
      for (const chunk of await listDevice(cluster, node as StorageNode, device, secret)) {
        const known = holders.get(chunk) ?? [];
        known.push({ node, zone });
        holders.set(chunk, known);
      }
    }
  }
  const complaints: string[] = [];
  for (const [chunk, on] of holders) {
    const zones = new Set(on.map(({ zone }) => zone)).size;
    if (on.length === replicas && zones === replicas) continue;
    complaints.push(`chunk ${chunk} lies on ${on.map(({ node }) => node).join(', ')}`);
  }
  return {
    chunks: holders.size,
    nodes: [...new Set([...holders.values()].flat().map(({ node }) => node))].sort(),
    complaints,
  };
}

async function listDevice(
  cluster: ComposeCluster,
  node: StorageNode,
  device: number,
  secret: ClusterSecret,
): Promise<string[]> {
  const connection = connectNode({
    ...{ network: nodeNetwork, address: await cluster.wireAddress(node), node },
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
