// Owns the connections to the storage nodes of a cluster: one to each node, kept as nodes come, move and go.
// Budget of a look-up by device: one index, no allocation.

import type { Clock } from '#core/kernel/clock.ts';
import { type Address, type Network, parseAddress } from '#core/kernel/network.ts';
import type { Random } from '#core/kernel/random.ts';
import type { NodeChunks } from '#storage-nodes/client/device-port.ts';
import { connectNode } from '#storage-nodes/wire/node-connection.ts';
import type { NodeConnection, WireCredentials } from '#storage-nodes/wire/node-wire.ts';
import type { ClusterView } from './cluster-view.ts';

export interface NodeConnectionsOptions {
  readonly cluster: ClusterView;
  readonly network: Network;
  readonly credentials: WireCredentials;
  readonly clock: Clock;
  readonly random: Random;
  /** The node of this process: reached without a connection. */
  readonly here?: { readonly node: string; device(deviceId: number): NodeChunks | undefined };
}

interface Connected {
  readonly address: string;
  readonly connection: NodeConnection;
}

export class NodeConnections {
  readonly #options: NodeConnectionsOptions;
  readonly #byNode = new Map<string, Connected>();
  readonly #closing = new Set<Promise<void>>();
  readonly #forget: () => void;
  #byDevice: (NodeChunks | undefined)[] = [];

  constructor(options: NodeConnectionsOptions) {
    this.#options = options;
    this.#settle();
    this.#forget = options.cluster.onChange(() => this.#settle());
  }

  /** Undefined: the cluster has no such device, or it lies on a node that never said where it is. */
  readonly device = (deviceId: number): NodeChunks | undefined => this.#byDevice[deviceId];

  async close(): Promise<void> {
    this.#forget();
    for (const { connection } of this.#byNode.values()) this.#close(connection);
    this.#byNode.clear();
    await Promise.all(this.#closing);
  }

  #settle(): void {
    const { cluster, here } = this.#options;
    const { nodes, devices } = cluster.state;
    for (const [name, { address, connection }] of this.#byNode) {
      if (nodes.some((node) => node.name === name && node.address === address)) continue;
      this.#byNode.delete(name);
      this.#close(connection);
    }
    for (const { name, address } of nodes) {
      if (name === here?.node || this.#byNode.has(name) || !parseAddress(address)) continue;
      const { network, credentials, clock, random } = this.#options;
      const to = { node: name, address: address as Address };
      this.#byNode.set(name, {
        address,
        connection: connectNode({ network, credentials, clock, random, ...to }),
      });
    }
    const byDevice: (NodeChunks | undefined)[] = [];
    for (const { id, node } of devices) {
      byDevice[id] = node === here?.node ? here.device(id) : this.#byNode.get(node)?.connection.device(id);
    }
    this.#byDevice = byDevice;
  }

  #close(connection: NodeConnection): void {
    const closed = connection.close().finally(() => this.#closing.delete(closed));
    this.#closing.add(closed);
  }
}
