// Measures how the cost grows with the nodes: `tsx scripts/growth/nodes.ts [NODES…]`. For each number of nodes
// a cluster of processes with one gateway: the processor time of a PUT and a GET at the gateway and at all
// nodes together, what the cluster spends when nobody asks it anything, and what it costs to take in one node
// more. Then the ring alone, up to what it may have. One JSON line each.

import { systemClock } from '#core/kernel/clock.ts';
import { rebalance } from '#core/ring/ring-builder.ts';
import { ADMINISTRATOR, ClusterProcesses } from '#tests/support/cluster-processes.ts';
import { processorMs, residentMib } from '../bench/process-figures.ts';
import { S3Lanes } from './s3-lanes.ts';

const SIZES = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [3, 6, 12];
const SIZE_BYTES = 4_096;
const CLIENTS = 32;
const WARM_UP = 2_000;
const PUTS = 8_000;
const GETS = 8_000;
const IDLE_MS = 15_000;
const ZONES = 3;

const report = (line: object) => console.log(JSON.stringify({ growth: 'nodes', ...line }));
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

class Measured {
  readonly cluster: ClusterProcesses;

  constructor(cluster: ClusterProcesses) {
    this.cluster = cluster;
  }

  get pids(): { readonly gateway: number; readonly nodes: readonly number[] } {
    const { gateways, nodes } = this.cluster;
    return { gateway: gateways[0]?.pid ?? 0, nodes: nodes.map(({ pid }) => pid) };
  }

  /** Processor time that the gateway and all nodes together use for the work. */
  async used(work: () => Promise<unknown>): Promise<{ gatewayMs: number; nodesMs: number }> {
    const { gateway, nodes } = this.pids;
    const before = [processorMs(gateway), sum(nodes.map(processorMs))] as const;
    await work();
    return {
      gatewayMs: processorMs(gateway) - before[0],
      nodesMs: sum(nodes.map(processorMs)) - before[1],
    };
  }

  async micros(count: number, work: () => Promise<unknown>) {
    const { gatewayMs, nodesMs } = await this.used(work);
    const each = (ms: number) => Math.round((ms * 1_000) / count);
    return { gateway: each(gatewayMs), nodes: each(nodesMs) };
  }

  /** Of all nodes: calls answered, and bytes received and sent. */
  async wire(): Promise<{ calls: number; bytes: number }> {
    const pages = await Promise.all(
      this.cluster.nodes.map(async ({ ready }) => (await fetch(`${ready.endpoints.admin}/metrics`)).text()),
    );
    const of = (name: string) =>
      sum(pages.map((page) => Number(new RegExp(`^strata_wire_${name}_total (\\d+)`, 'm').exec(page)?.[1])));
    return { calls: of('calls'), bytes: of('received_bytes') + of('sent_bytes') };
  }

  async idle() {
    const before = await this.wire();
    const { gatewayMs, nodesMs } = await this.used(() => systemClock.sleep(IDLE_MS));
    const after = await this.wire();
    const seconds = IDLE_MS / 1_000;
    const nodes = this.cluster.nodes.length;
    return {
      gatewayMsPerSecond: Number((gatewayMs / seconds).toFixed(1)),
      nodeMsPerSecond: Number((nodesMs / seconds / nodes).toFixed(1)),
      callsPerSecond: Math.round((after.calls - before.calls) / seconds),
      bytesPerSecond: Math.round((after.bytes - before.bytes) / seconds),
    };
  }
}

async function measure(count: number): Promise<void> {
  const cluster = await ClusterProcesses.start({
    nodes: count,
    more: (part) =>
      part.startsWith('gateway')
        ? ['--first-nodes', String(count)]
        : ['--zone', `zone-${Number(part.slice('node-'.length)) % ZONES}`],
  });
  try {
    const measured = new Measured(cluster);
    const { hostname: host, port } = new URL(cluster.gateways[0]?.ready.endpoints.s3 ?? '');
    const { accessKeyId: accessKey, secretAccessKey: secretKey } = ADMINISTRATOR;
    const lanes = await S3Lanes.open({ host, port: Number(port), accessKey, secretKey }, CLIENTS);
    await lanes.makeBucket();
    await lanes.put(0, WARM_UP, SIZE_BYTES);
    const objects = WARM_UP + PUTS;
    const putMicros = await measured.micros(PUTS, () => lanes.put(WARM_UP, objects, SIZE_BYTES));
    const getMicros = await measured.micros(GETS, () => lanes.get(GETS, objects, SIZE_BYTES));
    lanes.close();
    const idle = await measured.idle();
    const { gateway, nodes } = measured.pids;
    const memoryMib = {
      gateway: residentMib(gateway),
      node: Math.round(sum(nodes.map(residentMib)) / count),
    };
    await cluster.startNode(count);
    const startedMs = systemClock.monotonicMs();
    let moved = 0;
    const { nodesMs } = await measured.used(async () => {
      const { code, stdout, stderr } = await cluster.run(['ring', 'add', `node-${count + 1}`]);
      if (code !== 0) throw new Error(stderr);
      moved = Number(/(\d+) replicas of partitions moved/.exec(stdout)?.[1]);
    });
    const tookMs = Math.round(systemClock.monotonicMs() - startedMs);
    const copies = Math.round((moved / 1_024) * objects);
    const added = {
      movedReplicas: moved,
      copies,
      tookMs,
      microsEach: Math.round((nodesMs * 1_000) / copies),
    };
    report({ nodes: count, putMicros, getMicros, idle, memoryMib, added });
  } finally {
    await cluster.remove();
  }
}

/** A ring of so many devices, then one device more. */
function measureRing(partitionPower: number, devices: number): void {
  const placed = Array.from({ length: devices + 1 }, (_, id) => ({
    ...{ id, node: `node-${id}`, zone: `zone-${id % ZONES}`, weight: 1 },
  }));
  const shape = { partitionPower, replicas: 3, minMoveIntervalMs: 0, seed: 1 };
  const timed = <Value>(work: () => Value): readonly [Value, number] => {
    const before = process.cpuUsage();
    const value = work();
    const { user, system } = process.cpuUsage(before);
    return [value, (user + system) / 1_000];
  };
  const few = placed.slice(0, devices);
  const [first, buildMs] = timed(() => rebalance({ shape, devices: few, nowMs: 0 }));
  const [next, addMs] = timed(() => rebalance({ shape, devices: placed, previous: first.ring, nowMs: 1 }));
  const partitions = 2 ** partitionPower;
  const lookUps = 2_000_000;
  let found = 0;
  const look = () => {
    for (let i = 0; i < lookUps; i++) found += next.ring.primaries((i * 40_503) & (partitions - 1)).length;
  };
  look();
  const [, lookMs] = timed(look);
  const handoffs = 10_000;
  const [, handoffMs] = timed(() => {
    for (let i = 0; i < handoffs; i++)
      for (const { id } of next.ring.handoffs((i * 40_503) & (partitions - 1))) {
        found += id;
        break;
      }
  });
  console.log(
    JSON.stringify({
      ...{ growth: 'ring', partitions, devices, bytes: next.ring.encode().length },
      ...{ buildMs: Math.round(buildMs), addMs: Math.round(addMs), moved: next.moved },
      ...{ imbalancePercent: Number(next.balancePercent.toFixed(1)) },
      lookUpNanos: Number(((lookMs * 1e6) / lookUps).toFixed(1)),
      handoffMicros: Number(((handoffMs * 1_000) / handoffs).toFixed(2)),
      ...(found === 0 && { found }),
    }),
  );
}

for (const count of SIZES) await measure(count);
for (const [power, devices] of [
  [10, 3],
  [10, 12],
  [10, 100],
  [14, 100],
  [18, 100],
  [18, 1_000],
  [18, 3_000],
] as const) {
  measureRing(power, devices);
}
