// Owns the simulated cluster as a whole: its hosts, and what they know of each other.

import { newId } from '#core/kernel/ids.ts';
import { emptyRing } from '#core/ring/placed-ring.ts';
import type { Ring } from '#core/ring/ring.ts';
import type { NodeChunks } from '#storage-nodes/client/device-port.ts';
import { connectNode } from '#storage-nodes/wire/node-connection.ts';
import type { NodeConnection } from '#storage-nodes/wire/node-wire.ts';
import { LogOracle } from './log-oracle.ts';
import type { Plan } from './plan.ts';
import { SimulatedBroker } from './simulated-broker.ts';
import { SimulatedGateway } from './simulated-gateway.ts';
import { SimulatedNetwork } from './simulated-network.ts';
import { SimulatedStorageNode } from './simulated-storage-node.ts';
import { CREDENTIALS, wireAddress } from './wire-access.ts';
import type { Life, World } from './world.ts';

const SKEW_MS_MAX = 200;

/** Told of passes that are over and left nothing undone. */
export interface PassWatcher {
  passed(pass: 'audit' | 'replication', host: string, startedMs: number): void;
}

export class SimulatedCluster {
  readonly world: World;
  readonly network: SimulatedNetwork;
  readonly broker: SimulatedBroker | undefined;
  readonly oracle: LogOracle;
  readonly nodes: readonly SimulatedStorageNode[];
  readonly gateways: readonly SimulatedGateway[];
  /** The newest that any gateway told of. */
  #ring: Ring = emptyRing(1, 1);
  #watcher: PassWatcher | undefined;
  /** Of each program its connections, by host. */
  readonly #connections = new WeakMap<Life, Map<string, NodeConnection>>();

  constructor(world: World, plan: Plan) {
    this.world = world;
    this.network = new SimulatedNetwork(world, (host) =>
      [...this.nodes, ...this.gateways].some((part) => part.host === host && part.isRunning),
    );
    this.oracle = new LogOracle(world.trace);
    this.broker = plan.partitions > 0 ? new SimulatedBroker(world, plan.partitions) : undefined;
    const chance = world.chance('cluster');
    const skewMs = () => (plan.faults.includes('clock-skew') ? chance.between(-SKEW_MS_MAX, SKEW_MS_MAX) : 0);
    const remote = (life: Life, deviceId: number) => this.#remote(life, deviceId);
    this.nodes = Array.from({ length: plan.nodes }, (_, at) => {
      const [host, zone] = [`node-${at + 1}`, `zone-${(at % plan.zones) + 1}`];
      const passed = (pass: 'audit' | 'replication', startedMs: number) =>
        this.#watcher?.passed(pass, host, startedMs);
      return new SimulatedStorageNode({
        ...{ world, host, zone, network: this.network, remote, passed },
        ...{ skewMs: skewMs(), diskPace: plan.nodeDiskPace },
        ring: () => this.#ring,
      });
    });
    const firstNodes = this.nodes.map(({ host, zone }) => ({
      ...{ node: host, zone, address: wireAddress(host), controlAddress: `${host}:2` },
      disks: [newId(chance)],
    }));
    const ringChanged = (ring: Ring) => {
      if (ring.version > this.#ring.version) this.#ring = ring;
    };
    const { broker, oracle } = this;
    const diskPace = plan.gatewayDiskPace;
    const common = { world, broker, oracle, diskPace, firstNodes, remote, ringChanged };
    this.gateways = Array.from(
      { length: plan.gateways },
      (_, at) => new SimulatedGateway({ ...common, host: `gateway-${at + 1}`, skewMs: skewMs() }),
    );
  }

  watchPasses(watcher: PassWatcher): void {
    this.#watcher = watcher;
  }

  get ring(): Ring {
    return this.#ring;
  }

  start(): void {
    for (const node of this.nodes) node.start();
    for (const gateway of this.gateways) gateway.start();
  }

  get isUp(): boolean {
    return this.nodes.every(({ isUp }) => isUp) && this.gateways.every(({ open }) => open);
  }

  nodeOf(deviceId: number): SimulatedStorageNode | undefined {
    const host = this.#ring.devices.find(({ id }) => id === deviceId)?.node;
    return this.nodes.find((node) => node.host === host);
  }

  /** Everything works again, and whoever was down is started. */
  heal(): void {
    this.network.heal();
    this.broker?.heal();
    for (const { disk } of [...this.nodes, ...this.gateways]) {
      disk.slowness = 1;
      disk.makeRoom();
      disk.resume();
    }
    for (const { store } of this.gateways) store.isFull = false;
    this.start();
  }

  #remote(life: Life, deviceId: number): NodeChunks | undefined {
    const node = this.nodeOf(deviceId);
    if (!node) return undefined;
    // Its own devices a node reaches without a connection.
    if (node.host === life.host) return node.store;
    const known = this.#connections.get(life) ?? new Map<string, NodeConnection>();
    this.#connections.set(life, known);
    const { clock, random } = life;
    const connection =
      known.get(node.host) ??
      connectNode({
        ...{ network: this.network.of(life), address: wireAddress(node.host), credentials: CREDENTIALS },
        ...{ clock, random, node: node.host },
      });
    known.set(node.host, connection);
    return connection.device(deviceId);
  }
}
