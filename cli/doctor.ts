// Owns `strata doctor`: what may be wrong with a running cluster, one sentence a finding. It changes nothing,
// and each check is bounded in time: a part that hangs is itself a finding.

import { limits } from '#core/kernel/limits.ts';
import type { Ring } from '#core/ring/ring.ts';
import type { DeviceHealth } from '#storage-nodes/client/device-health.ts';
import type { ObservedNode } from './cloud-nodes.ts';
import type { OpenCloud } from './compose.ts';
import { inTime } from './in-time.ts';
import { eventsOf } from './metrics.ts';
import type { Finding } from './operations.ts';
import { type RingReport, ringReport } from './ring-report.ts';

type Parts = Pick<OpenCloud, 'cluster' | 'nodes' | 'clock' | 'log' | 'runner'>;

export async function examine(parts: Parts): Promise<readonly Finding[]> {
  const { cluster, nodes } = parts;
  const [log, statuses] = await Promise.all([examineLog(parts), nodes.status()]);
  const report = ringReport(cluster.state, cluster.ring(), statuses);
  return [
    ...log,
    ...examineNodes(report, statuses),
    examineBalance(report),
    examineReplicas(cluster.ring(), report),
    ...examineDevices(report),
    ...examineHealth(cluster.ring(), nodes.chunks.health),
    examineClocks(statuses),
  ];
}

async function examineLog({ log, runner, clock }: Parts): Promise<Finding[]> {
  const startedMs = clock.monotonicMs();
  try {
    const tail = await inTime(clock, log.tail());
    const tookMs = Math.round(clock.monotonicMs() - startedMs);
    const behind = Math.max(0, eventsOf(tail) - eventsOf(runner.applied()));
    const models = `the read models are ${behind} of ${eventsOf(tail)} events behind`;
    return [
      { check: 'log', ok: true, finding: `the log answers in ${tookMs} ms` },
      { check: 'read-models', ok: behind <= limits.doctorLagEvents, finding: models },
    ];
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return [{ check: 'log', ok: false, finding: `the log does not answer: ${why}` }];
  }
}

function examineNodes(report: RingReport, statuses: readonly ObservedNode[]): Finding[] {
  const { nodes, version } = report;
  const down = nodes.filter(({ state }) => state === 'down');
  const stale = statuses.filter(({ ringVersion }) => ringVersion !== version);
  return [
    ...down.map(({ node, zone }) => bad('nodes', `node ${node} in zone ${zone} does not answer`)),
    ...stale.map(({ node, ringVersion }) =>
      bad('nodes', `node ${node} works by ring ${ringVersion}, while ring ${version} is in force`),
    ),
    ...(down.length + stale.length === 0 ? [good('nodes', `all ${nodes.length} nodes answer`)] : []),
  ];
}

function examineBalance(report: RingReport): Finding {
  const { version, imbalancePercent, toBeMoved, nodes } = report;
  if (version === 0) return bad('ring', 'there is no ring yet: too few nodes have joined');
  if (toBeMoved > 0) return bad('ring', `${toBeMoved} replicas wait for the next strata ring rebalance`);
  if (imbalancePercent > limits.doctorImbalancePercent) {
    return bad('ring', `the fullest device has ${imbalancePercent} % too many partitions: rebalance`);
  }
  const idle = nodes.filter(({ weight }) => weight === 0).map(({ node }) => node);
  const standing = idle.length > 0 ? `; standing by: ${idle.join(', ')}` : '';
  return good('ring', `ring ${version} is balanced within ${imbalancePercent} %${standing}`);
}

/** What can be said without reading a chunk: how many devices of a partition are there to hold it. */
function examineReplicas(ring: Ring, report: RingReport): Finding {
  const there = new Set(
    report.nodes.flatMap(({ devices }) => devices.filter(({ status }) => status).map((each) => each.device)),
  );
  let lacking = 0;
  for (let partition = 0; partition < report.partitions; partition++) {
    const present = ring.primaries(partition).filter(({ id }) => there.has(id)).length;
    if (present < ring.replicas) lacking++;
  }
  const { partitions } = report;
  const finding = `${lacking} of ${partitions} partitions have fewer than ${ring.replicas} replicas there`;
  return { check: 'replicas', ok: lacking === 0, finding };
}

function examineDevices({ nodes }: RingReport): Finding[] {
  const found: Finding[] = [];
  for (const { node, devices } of nodes) {
    for (const { device, status } of devices) {
      if (status?.full) found.push(bad('devices', `device ${device} of node ${node} is full`));
      if (status && status.quarantined > 0) {
        found.push(
          bad('devices', `device ${device} of node ${node} has ${status.quarantined} damaged chunks`),
        );
      }
    }
  }
  return found.length > 0 ? found : [good('devices', 'no device is full or has damaged chunks')];
}

/** What this process has seen of the devices, the gray failures too. */
function examineHealth({ devices }: Ring, health: DeviceHealth): Finding[] {
  return devices.flatMap((device) => {
    const { state, why } = health.condition(device);
    if (state === 'up') return [];
    return [bad('devices', `device ${device.id} of node ${device.node} is ${state}: ${why}`)];
  });
}

function examineClocks(statuses: readonly ObservedNode[]): Finding {
  const worst = statuses.reduce((most, { skewMs }) => Math.max(most, Math.abs(skewMs)), 0);
  const finding = `the clocks of the nodes are within ${Math.round(worst)} ms of this one`;
  return { check: 'clocks', ok: worst <= limits.doctorClockSkewMs, finding };
}

const good = (check: string, finding: string): Finding => ({ check, ok: true, finding });
const bad = (check: string, finding: string): Finding => ({ check, ok: false, finding });
