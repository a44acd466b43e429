// Owns `strata storage-node`: one node of a cluster. Guarantees: it says it is ready only when it has joined
// and serves; it stops on SIGTERM and SIGINT after what is in flight.

import { resolve } from 'node:path';
import { Counter, Gauge, type Registry } from 'prom-client';
import { systemClock } from '#core/kernel/clock.ts';
import type { Address } from '#core/kernel/network.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { type Health, processMetrics, startAdminServer } from './admin-server.ts';
import { type AccessOptions, accessOf } from './cluster-options.ts';
import { openStorageNode } from './compose.ts';
import type { OpenNode } from './join-cluster.ts';
import { daemonGauges, deviceGauges, ringGauge } from './metrics.ts';
import { nodeStatus } from './node-control.ts';
import { openLogger, stopSignal, withClosers } from './program.ts';
import type { HostAndPort } from './serve-clients.ts';

export interface StorageNodeCommand extends AccessOptions {
  readonly name: string;
  readonly zone: string;
  readonly data: readonly string[];
  readonly listen: Address;
  readonly control: HostAndPort;
  readonly admin: HostAndPort;
  readonly advertise?: string;
  readonly join: readonly string[];
  readonly json?: boolean;
}

/** Resolves when the node has stopped. */
export async function storageNode(options: StorageNodeCommand): Promise<void> {
  const { name: node, zone, listen, control, admin, join: gateways, advertise: advertisedHost } = options;
  const access = accessOf(options);
  const logger = openLogger();
  const stop = stopSignal();
  await withClosers(async (closers) => {
    const opening = openStorageNode({
      ...{ node, zone, listen, control, advertisedHost, gateways, access, logger },
      ...{ directories: options.data.map((each) => resolve(each)), clock: systemClock, random: systemRandom },
      onRemoved: () => {
        logger.fatal({ node }, 'the node was removed from the cluster');
        stop.now(1);
      },
    });
    const open = await Promise.race([opening, stop.told]);
    if (typeof open === 'string') process.exit();
    closers.push(() => open.close());
    const registry = nodeMetrics(open);
    const server = await startAdminServer({ ...admin, health: () => nodeHealth(open), metrics: registry });
    closers.push(() => server.close());
    process.stdout.write(options.json ? readyLine(open, server.endpoint) : greeting(open, server.endpoint));
    await stop.told;
  });
}

function readyLine(open: OpenNode, admin: string): string {
  const { node, cluster, address, controlAddress, stores } = open;
  const endpoints = { wire: address, control: controlAddress, admin };
  return `${JSON.stringify({ ready: true, node, cluster, devices: [...stores.keys()], endpoints })}\n`;
}

function greeting({ node, cluster, address, controlAddress, stores }: OpenNode, admin: string): string {
  return [
    `node ${node} has joined cluster ${cluster} with device ${[...stores.keys()].join(', ')}`,
    `wire ${address}, control ${controlAddress}, admin ${admin}`,
    '',
  ].join('\n');
}

function nodeHealth({ stores, ring }: OpenNode): Health {
  const full = [...stores.values()].filter((store) => store.status().full).length;
  return {
    devices: full === 0 ? 'ok' : `${full} of ${stores.size} devices take no chunks`,
    ring: ring().version > 0 ? 'ok' : 'there is no ring yet',
  };
}

const WIRE_COUNTERS = {
  calls: 'Calls answered over the wire.',
  refused: 'Connections closed for what came over them.',
  receivedBytes: 'Bytes received over the wire.',
  sentBytes: 'Bytes sent over the wire.',
} as const;

function nodeMetrics(open: OpenNode): Registry {
  const registry = processMetrics();
  const registers = [registry];
  ringGauge(registers, () => open.ring());
  deviceGauges(registers, async () => [nodeStatus(open)]);
  daemonGauges(registers, () => open.daemons.status());
  new Gauge({
    name: 'strata_wire_connections',
    help: 'Connections that are open.',
    registers,
    collect() {
      this.set(open.wire.counters.connections);
    },
  });
  for (const [figure, help] of Object.entries(WIRE_COUNTERS) as [keyof typeof WIRE_COUNTERS, string][]) {
    new Counter({
      name: `strata_wire_${figure.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}_total`,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(open.wire.counters[figure]);
      },
    });
  }
  return registry;
}
