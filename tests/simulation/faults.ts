// Owns what goes wrong, and the rule of what is fair: never more than the design promises to survive.
// Programs may die and messages vanish at any time, all at once if chance wants it. But bytes that were
// synced are taken away (a lost disk, rotten bytes) on one device only, until a repair pass has gone through
// the whole, undisturbed cluster: replicas minus quorum is one.

import type { Plan } from './plan.ts';
import type { PassWatcher, SimulatedCluster } from './simulated-cluster.ts';
import type { SimulatedDisk } from './simulated-disk.ts';
import type { SimulatedStorageNode } from './simulated-storage-node.ts';
import type { Chance, World } from './world.ts';

export type FaultName =
  | 'connections-cut'
  | 'network-slow'
  | 'network-corrupts'
  | 'host-mute'
  | 'partition'
  | 'node-crash'
  | 'gateway-crash'
  | 'power-loss'
  | 'disk-slow'
  | 'disk-hang'
  | 'disk-full'
  | 'disk-lost'
  | 'disk-rot'
  | 'gateway-disk-lost'
  | 'log-trouble'
  | 'log-away'
  | 'clock-skew';

const SHORTEST_MS = 50;
const LONGEST_MS = 12_000;
/** What may take so long that daemons elsewhere make several passes meanwhile. */
const LONG_FAULTS: ReadonlySet<FaultName> = new Set(['log-away', 'partition']);
const LONG_FAULT_LONGEST_MS = 40_000;
const ROT_BYTES_MAX = 40;
const SLOW_MS_MAX = 1_500;
const LOG_SLOW_MS_MAX = 300;
const STRIKE_MS = 0.5;
const CORRUPTION_MAX = 0.05;
const SLOWNESS_MAX = 200;

/** Each begins a fault and returns what ends it, or nothing where it could not begin or ends by itself. */
const DEEDS: Record<FaultName, (faults: Faults) => (() => void) | undefined> = {
  'connections-cut': (faults) => faults.cutConnections(),
  'network-slow': (faults) => faults.slowNetwork(),
  'network-corrupts': (faults) => faults.corruptNetwork(),
  'host-mute': (faults) => faults.muteHost(),
  partition: (faults) => faults.partition(),
  'node-crash': (faults) => faults.crashNode(),
  'gateway-crash': (faults) => faults.crashGateway(),
  'power-loss': (faults) => faults.losePower(),
  'disk-slow': (faults) => faults.slowDisk(),
  'disk-hang': (faults) => faults.hangDisk(),
  'disk-full': (faults) => faults.fillDisk(),
  'disk-lost': (faults) => faults.loseDisk(),
  'disk-rot': (faults) => faults.rotDisk(),
  'gateway-disk-lost': (faults) => faults.loseGatewayDisk(),
  'log-trouble': (faults) => faults.troubleLog(),
  'log-away': (faults) => faults.takeLogAway(),
  // Clocks differ from the start, where they do.
  'clock-skew': () => undefined,
};

export const FAULTS = Object.keys(DEEDS) as readonly FaultName[];

interface Loss {
  readonly node: SimulatedStorageNode;
  sinceMs: number;
  isAudited: boolean;
  /** Hosts whose replicator passed since. */
  readonly replicated: Set<string>;
}

export class Faults implements PassWatcher {
  readonly #world: World;
  readonly #cluster: SimulatedCluster;
  readonly #plan: Plan;
  readonly #chance: Chance;
  #stopped = false;
  readonly #active = new Set<() => void>();
  #disturbedMs = 0;
  /** The one that lost synced bytes since the last whole repair; a rotten one is to be audited before. */
  #lossy: Loss | undefined;

  constructor(world: World, cluster: SimulatedCluster, plan: Plan) {
    this.#world = world;
    this.#cluster = cluster;
    this.#plan = plan;
    this.#chance = world.chance('faults');
  }

  start(): void {
    const deeds = this.#plan.faults.filter((fault) => fault !== 'clock-skew');
    const next = () => {
      if (this.#stopped || deeds.length === 0) return;
      this.#begin(this.#chance.pick(deeds));
      this.#world.scheduler.after(this.#chance.between(0.2, 1.8) * this.#plan.faultEveryMs, next);
    };
    this.#world.scheduler.after(this.#plan.faultEveryMs, next);
  }

  /** No further fault begins, and those under way end. */
  stop(): void {
    this.#stopped = true;
    for (const end of [...this.#active]) end();
  }

  /**
   * A pass of one node that left nothing undone. Once the lossy device was audited, a replication pass of
   * every node, begun after that and not disturbed, makes the next loss fair.
   */
  passed(pass: 'audit' | 'replication', host: string, startedMs: number): void {
    const lossy = this.#lossy;
    if (!lossy || startedMs < lossy.sinceMs) return;
    if (pass === 'audit') {
      if (lossy.node.host !== host || lossy.isAudited) return;
      lossy.isAudited = true;
      lossy.sinceMs = this.#world.scheduler.nowMs;
      return;
    }
    if (!lossy.isAudited || this.#isDisturbed() || startedMs < this.#disturbedMs) return;
    lossy.replicated.add(host);
    if (this.#cluster.nodes.every((node) => lossy.replicated.has(node.host))) this.#lossy = undefined;
  }

  #isDisturbed(): boolean {
    return this.#active.size > 0 || !this.#cluster.isUp;
  }

  #begin(fault: FaultName): void {
    const undo = DEEDS[fault](this);
    if (!undo) return;
    const { scheduler, trace } = this.#world;
    const end = () => {
      if (!this.#active.delete(end)) return;
      trace.note('healed', fault);
      undo();
      this.#disturbedMs = scheduler.nowMs;
    };
    this.#active.add(end);
    this.#lossy?.replicated.clear();
    // Most are short, some long.
    const longestMs = LONG_FAULTS.has(fault) ? LONG_FAULT_LONGEST_MS : LONGEST_MS;
    scheduler.after(SHORTEST_MS + this.#chance.next() ** 2 * longestMs, end);
  }

  cutConnections(): undefined {
    this.#world.trace.note('fault-connections-cut');
    this.#cluster.network.cutSome(this.#chance.between(0, 0.5));
  }

  slowNetwork(): () => void {
    const { network } = this.#cluster;
    network.slowMs = this.#chance.between(5, SLOW_MS_MAX);
    this.#world.trace.note('fault-network-slow', `${network.slowMs}`);
    return () => {
      network.slowMs = 0;
    };
  }

  corruptNetwork(): () => void {
    const { network } = this.#cluster;
    network.corruption = this.#chance.between(0, CORRUPTION_MAX);
    this.#world.trace.note('fault-network-corrupts', `${network.corruption}`);
    return () => {
      network.corruption = 0;
    };
  }

  muteHost(): () => void {
    const { network, nodes, gateways } = this.#cluster;
    const { host } = this.#chance.pick([...nodes, ...gateways]);
    this.#world.trace.note('fault-host-mute', host);
    network.mute([host]);
    return () => network.mute([]);
  }

  partition(): (() => void) | undefined {
    const { network, nodes, ring } = this.#cluster;
    // Half of the time all replicas of something are on the far side.
    const replicas = this.#chance.happens(0.5)
      ? ring.primaries(this.#chance.whole(0, 2 ** ring.partitionPower - 1)).map(({ node }) => node)
      : [];
    const others = replicas.length > 0 ? 0.1 : 0.4;
    const hosts = nodes.map(({ host }) => host);
    const cut = hosts.filter((host) => this.#chance.happens(others) || replicas.includes(host));
    if (cut.length === 0) return undefined;
    this.#world.trace.note('fault-partition', cut.join(' '));
    network.partition(cut);
    return () => network.partition([]);
  }

  crashNode(): (() => void) | undefined {
    const node = this.#chance.pick(this.#cluster.nodes);
    if (!node.isRunning) return undefined;
    return this.#strike(
      () => {
        this.#world.trace.note('fault-node-crash', node.host);
        if (node.isRunning) node.crash();
      },
      () => node.start(),
    );
  }

  crashGateway(): (() => void) | undefined {
    const gateway = this.#chance.pick(this.#cluster.gateways);
    if (!gateway.isRunning) return undefined;
    return this.#strike(
      () => {
        this.#world.trace.note('fault-gateway-crash', gateway.host);
        if (gateway.isRunning) gateway.crash();
      },
      () => gateway.start(),
    );
  }

  losePower(): () => void {
    const { nodes, gateways } = this.#cluster;
    return this.#strike(
      () => {
        this.#world.trace.note('fault-power-loss');
        for (const part of [...nodes, ...gateways]) if (part.isRunning) part.crash();
      },
      () => this.#cluster.start(),
    );
  }

  slowDisk(): () => void {
    const disk = this.#anyDisk();
    disk.slowness = this.#chance.between(2, SLOWNESS_MAX);
    this.#world.trace.note('fault-disk-slow', `${disk.slowness}`);
    return () => {
      disk.slowness = 1;
    };
  }

  hangDisk(): () => void {
    const disk = this.#anyDisk();
    this.#world.trace.note('fault-disk-hang');
    disk.hang();
    return () => disk.resume();
  }

  fillDisk(): () => void {
    const disk = this.#anyDisk();
    this.#world.trace.note('fault-disk-full');
    disk.fill();
    return () => disk.makeRoom();
  }

  loseDisk(): (() => void) | undefined {
    const node = this.#chance.pick(this.#cluster.nodes);
    if (!this.#mayLose(node)) return undefined;
    this.#world.trace.note('fault-disk-lost', node.host);
    this.#lost(node, this.#lossy?.isAudited ?? true);
    node.loseDisk();
    return () => node.start();
  }

  rotDisk(): undefined {
    const node = this.#chance.pick(this.#cluster.nodes);
    if (!this.#mayLose(node)) return;
    if (!node.rot(this.#chance.whole(1, ROT_BYTES_MAX))) return;
    this.#world.trace.note('fault-disk-rot', node.host);
    this.#lost(node, false);
  }

  loseGatewayDisk(): (() => void) | undefined {
    const gateway = this.#chance.pick(this.#cluster.gateways);
    if (!this.#cluster.broker || !gateway.isRunning) return undefined;
    this.#world.trace.note('fault-gateway-disk-lost', gateway.host);
    gateway.loseDisk();
    return () => gateway.start();
  }

  troubleLog(): (() => void) | undefined {
    const { broker } = this.#cluster;
    if (!broker) return undefined;
    const { trouble } = broker;
    for (const kind of ['lost', 'unknown', 'torn', 'late', 'repeated'] as const) {
      trouble[kind] = this.#chance.happens(0.5) ? this.#chance.between(0, 0.3) : 0;
    }
    broker.slowMs = this.#chance.happens(0.5) ? this.#chance.between(0, LOG_SLOW_MS_MAX) : 0;
    this.#world.trace.note('fault-log-trouble', `${JSON.stringify(trouble)} ${broker.slowMs}`);
    return () => {
      Object.assign(trouble, { lost: 0, unknown: 0, torn: 0, late: 0, repeated: 0 });
      broker.slowMs = 0;
    };
  }

  takeLogAway(): (() => void) | undefined {
    const { broker, gateways } = this.#cluster;
    if (!broker) return undefined;
    const hosts = gateways.map(({ host }) => host);
    const cut = this.#chance.happens(0.5) ? hosts : [this.#chance.pick(hosts)];
    this.#world.trace.note('fault-log-away', cut.join(' '));
    broker.goAwayFrom(cut);
    return () => broker.comeBack();
  }

  /** At once, or when it hurts most: just after something was acknowledged. */
  #strike(deed: () => void, undo: () => void): () => void {
    if (this.#chance.happens(0.4)) {
      deed();
      return undo;
    }
    const { scheduler } = this.#world;
    const delayMs = this.#chance.between(0, STRIKE_MS);
    let isOver = false;
    const strike = () => {
      if (!isOver) deed();
    };
    const forget = this.#cluster.oracle.atNextAcknowledgement(() => scheduler.after(delayMs, strike));
    return () => {
      isOver = true;
      forget();
      undo();
    };
  }

  #lost(node: SimulatedStorageNode, isAudited: boolean): void {
    this.#lossy = { node, sinceMs: this.#world.scheduler.nowMs, isAudited, replicated: new Set() };
  }

  #mayLose(node: SimulatedStorageNode): boolean {
    return this.#lossy === undefined || this.#lossy.node === node;
  }

  #anyDisk(): SimulatedDisk {
    return this.#chance.pick([...this.#cluster.nodes, ...this.#cluster.gateways]).disk;
  }
}
