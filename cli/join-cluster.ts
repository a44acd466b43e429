// Owns one storage node as a program: its devices, the wire that serves them, its place in the cluster, and
// the daemons that keep its share whole. Guarantee: no byte is served for a device before the cluster and the
// disk agree on which device it is.

import { join } from 'node:path';
import { limits } from '#core/kernel/limits.ts';
import type { Address } from '#core/kernel/network.ts';
import { parseAddress } from '#core/kernel/network.ts';
import { type DirectoryLock, lockDirectory } from '#core/log/embedded/directory-lock.ts';
import type { Ring } from '#core/ring/ring.ts';
import { createAuditor } from '#storage-nodes/audit/auditor.ts';
import type { ChunkStore } from '#storage-nodes/chunks/chunk-store.ts';
import { DiskChunkStore } from '#storage-nodes/chunks/disk-chunk-store.ts';
import { DeviceHealth } from '#storage-nodes/client/device-health.ts';
import { FailureDetector } from '#storage-nodes/client/failure-detector.ts';
import { ByteRate } from '#storage-nodes/replication/byte-rate.ts';
import { createReplicator } from '#storage-nodes/replication/replicator.ts';
import { serveNode } from '#storage-nodes/wire/node-server.ts';
import type { NodeServer, WireCredentials } from '#storage-nodes/wire/node-wire.ts';
import { ClusterMember } from './cluster-member.ts';
import type { StorageNodeOptions } from './compose.ts';
import { type ControlTransport, serveControlCalls } from './control-grpc.ts';
import { devicesDaemons } from './device-daemons.ts';
import { confirmDiskIdentity, type DiskIdentity, obtainDiskIdentity } from './disk-identity.ts';
import { CommandFailed } from './failure.ts';
import { NodeConnections } from './node-connections.ts';
import { type NodeControlParts, serveNodeControl } from './node-control.ts';
import { NodeDaemons } from './node-daemons.ts';
import { hostAndPort } from './serve-clients.ts';

export interface JoinClusterOptions extends StorageNodeOptions {
  readonly network: StorageNodeOptions['access']['network'];
  readonly credentials: WireCredentials;
  readonly transport: ControlTransport;
}

export interface OpenNode extends NodeControlParts {
  /** Of the cluster: 32 hexadecimal digits. */
  readonly cluster: string;
  /** As others are told. */
  readonly address: string;
  readonly controlAddress: string;
  readonly wire: NodeServer;
  ring(): Ring;
  close(): Promise<void>;
}

interface Disk {
  readonly directory: string;
  readonly identity: DiskIdentity;
  readonly store: ChunkStore;
}

/** @throws CommandFailed, in one sentence, when the cluster or a disk refuses the node. */
export async function joinCluster(options: JoinClusterOptions): Promise<OpenNode> {
  const closers: (() => Promise<void> | void)[] = [];
  const close = async () => {
    for (const end of closers.splice(0).reverse()) await end();
  };
  try {
    return await open(options, closers, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function open(
  options: JoinClusterOptions,
  closers: (() => Promise<void> | void)[],
  close: () => Promise<void>,
): Promise<OpenNode> {
  const { node, zone, network, credentials, transport, clock, random, logger } = options;
  const disks = await openDisks(options, closers);
  const stores = new Map<number, ChunkStore>();
  const device = (id: number) => stores.get(id);
  const wire = await serveNode({
    ...{ network, address: options.listen, credentials, clock, random, node, device },
    refused: (refusal) => logger.warn(refusal, 'a connection was refused'),
  });
  closers.push(() => wire.close());
  let parts: NodeControlParts | undefined;
  const control = await serveControlCalls({
    ...{ ...transport, ...options.control },
    services: serveNodeControl(() => parts),
  });
  closers.push(() => control.close());
  const { address, controlAddress } = advertised(options, wire.address, control.port);
  const cluster = new ClusterMember({ ...options, transport });
  closers.push(() => cluster.close());
  const { cluster: id, devices } = await cluster.join({
    ...{ cluster: disks.find(({ identity }) => identity.cluster)?.identity.cluster ?? '', node, zone },
    ...{ address, controlAddress, disks: disks.map(({ identity }) => identity.disk) },
  });
  for (const [index, disk] of disks.entries()) {
    const found = devices[index] as number;
    confirmDiskIdentity(disk.directory, disk.identity, id, found);
    stores.set(found, disk.store);
  }
  const here = { node, device };
  const peers = new NodeConnections({ cluster, network, credentials, clock, random, here });
  closers.push(() => peers.close());
  const ring = () => cluster.ring();
  const health = new DeviceHealth(clock);
  const seen = { ring, node: peers.device, clock, health };
  const detector = new FailureDetector(seen);
  const replicator = createReplicator({ ...seen, isOurs: (each) => stores.has(each) });
  const rate = new ByteRate(clock, limits.auditorBytesPerSecond);
  const auditor = createAuditor({ ring, store: device, repair: (id) => replicator.repair(id), rate });
  const specs = devicesDaemons({ stores, auditor, replicator, detector });
  const daemons = new NodeDaemons({ clock, logger, daemons: specs });
  closers.push(() => daemons.stop());
  parts = { node, zone, clock, ring, stores, daemons };
  return { ...parts, cluster: id, address, controlAddress, wire, close };
}

/** A disk that cannot be opened is left out, and the others serve: that is what replicas are for. */
async function openDisks(
  options: JoinClusterOptions,
  closers: (() => Promise<void> | void)[],
): Promise<readonly Disk[]> {
  const { node, clock, random, logger } = options;
  const disks: Disk[] = [];
  for (const directory of options.directories) {
    // Held until the end of the process, so that no second node can have the same disk.
    const lock: DirectoryLock = lockDirectory(directory);
    closers.push(() => lock.release());
    const identity = obtainDiskIdentity(directory, node, random);
    try {
      const store = await DiskChunkStore.open({ directory: join(directory, 'chunks'), clock, random });
      closers.push(() => store.close());
      disks.push({ directory, identity, store });
    } catch (error) {
      logger.error({ directory, err: error }, 'the disk cannot be opened and is left out');
    }
  }
  if (disks.length === 0) throw new CommandFailed(`Node ${node} has no disk that can be opened.`);
  return disks;
}

function advertised(
  { advertisedHost, control }: JoinClusterOptions,
  listening: Address,
  controlPort: number,
): { address: string; controlAddress: string } {
  const parts = parseAddress(listening);
  const host = advertisedHost ?? control.host;
  const controlAddress = hostAndPort({ host, port: controlPort });
  if (parts?.kind !== 'tcp' || advertisedHost === undefined) return { address: listening, controlAddress };
  return { address: `tcp:${hostAndPort({ host, port: parts.port })}`, controlAddress };
}
