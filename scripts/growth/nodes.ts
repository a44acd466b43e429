// Measures how the cost grows with the nodes: `tsx scripts/growth/nodes.ts [NODES]`. For each number of them
// a cluster of processes with one gateway: the processor time of a PUT and a GET at the gateway and at all
// nodes together, what the cluster spends when nobody asks it anything, and what it costs to take in one
// node more. As many clients come with a node, so that each has as much to do at a time. One JSON line each.

import { systemClock } from '#core/kernel/clock.ts';
import { ADMINISTRATOR, ClusterProcesses } from '#tests/support/cluster-processes.ts';
import { processorMs, residentMib } from '../bench/process-figures.ts';
import { S3Lanes } from './s3-lanes.ts';

const SIZES = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [3, 6, 12];
const SIZE_BYTES = 4_096;
const CLIENTS_PER_NODE = 12;
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
    const lanes = await S3Lanes.open(
      { host, port: Number(port), accessKey, secretKey },
      CLIENTS_PER_NODE * count,
    );
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
    report({ nodes: count, clients: CLIENTS_PER_NODE * count, putMicros, getMicros, idle, memoryMib, added });
  } finally {
    await cluster.remove();
  }
}

for (const count of SIZES) await measure(count);
