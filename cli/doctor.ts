// Owns `strata doctor`: what may be wrong with a running cluster, one sentence a finding. It changes nothing,
// and each check is bounded in time: a part that hangs is itself a finding.

import { limits } from '#core/kernel/limits.ts';
import type { Cursor } from '#core/log/event-log.ts';
import type { Device, Ring } from '#core/ring/ring.ts';
import { projections } from '#projections/all.ts';
import type { DeviceHealth } from '#storage-nodes/client/device-health.ts';
import { surveyReplicas } from '#storage-nodes/replication/replica-survey.ts';
import type { ReplicationReport } from '#storage-nodes/replication/replicator.ts';
import type { ObservedNode } from './cloud-nodes.ts';
import type { OpenCloud } from './compose.ts';
import type { DaemonStatus } from './control-messages.ts';
import { MOVING_DAEMON } from './device-daemons.ts';
import { inTime } from './in-time.ts';
import { eventsOf } from './metrics.ts';
import type { Finding } from './operations.ts';
import { type RingReport, ringReport } from './ring-report.ts';

type Parts = Pick<OpenCloud, 'cluster' | 'nodes' | 'clock' | 'log' | 'runner' | 'daemons'>;

export async function examine(parts: Parts): Promise<readonly Finding[]> {
  const { cluster, nodes } = parts;
  const [log, statuses] = await Promise.all([examineLog(parts), nodes.status()]);
  const report = ringReport(cluster.state, cluster.ring(), statuses);
  return [
    ...log,
    ...examineNodes(report, statuses),
    examineBalance(report),
    ...(await examineReplicas(parts)),
    ...examineReplicators(parts, statuses),
    ...examineDevices(report),
    ...examineHealth(cluster.ring(), nodes.chunks.health),
    ...examineClocks(statuses),
  ];
}

async function examineLog({ log, runner, clock }: Parts): Promise<Finding[]> {
  const startedMs = clock.monotonicMs();
  try {
    const tail = await inTime(clock, log.tail());
    const tookMs = Math.round(clock.monotonicMs() - startedMs);
    const answers = { check: 'log', ok: true, finding: `the log answers in ${tookMs} ms` };
    return [answers, ...examineReadModels(tail, runner.applied())];
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return [{ check: 'log', ok: false, finding: `the log does not answer: ${why}` }];
  }
}

/** They follow the log together, but an operator looks for the one that a complaint is about. */
function examineReadModels(tail: Cursor, applied: Cursor): Finding[] {
  const events = eventsOf(tail);
  const behind = Math.max(0, events - eventsOf(applied));
  return projections.map(({ name }) => ({
    check: 'read-models',
    ok: behind <= limits.doctorLagEvents,
    finding: `${name} is ${behind} of ${events} events behind`,
  }));
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

/** What the devices themselves say that they hold. */
async function examineReplicas({ cluster, nodes, clock }: Parts): Promise<Finding[]> {
  const ring = cluster.ring();
  const { health } = nodes.chunks;
  const isGone = (device: Device) => health.isGone(device);
  const { lacking, differing } = await surveyReplicas({ ring, node: nodes.device, clock, isGone });
  const of = `of ${ring.devices.length > 0 ? 2 ** ring.partitionPower : 0} partitions`;
  const found: Finding[] = [];
  if (lacking > 0) {
    const wanted = Math.min(ring.replicas, ring.devices.length);
    found.push(bad('replicas', `${lacking} ${of} have fewer than ${wanted} replicas that can be reached`));
  }
  if (differing > 0) {
    found.push(bad('replicas', `${differing} ${of} lack chunks on one replica or more`));
  }
  return found.length > 0 ? found : [good('replicas', `0 ${of} lack a replica or a chunk of one`)];
}

/** What could not be made good is worse than what has not been yet. */
function examineReplicators({ daemons }: Parts, statuses: readonly ObservedNode[]): Finding[] {
  const own = { node: 'this process', daemons: daemons.status() };
  return [own, ...statuses].flatMap(({ node, daemons: told }) => {
    const failed = lastPassOf(told)?.failed ?? 0;
    if (failed === 0) return [];
    const finding = `in its last pass the replicator of ${node} could not bring home ${failed} chunks`;
    return [bad('replicas', finding)];
  });
}

function lastPassOf(daemons: readonly DaemonStatus[]): Partial<ReplicationReport> | undefined {
  const report = daemons.find(({ name }) => name === MOVING_DAEMON)?.report ?? '';
  return report === '' ? undefined : (JSON.parse(report) ?? undefined);
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

function examineClocks(statuses: readonly ObservedNode[]): Finding[] {
  const off = (skewMs: number) => Math.round(Math.abs(skewMs));
  const worst = statuses.reduce((most, { skewMs }) => Math.max(most, off(skewMs)), 0);
  const found = statuses
    .filter(({ skewMs }) => off(skewMs) > limits.doctorClockSkewMs)
    .map(({ node, skewMs }) => {
      const way = skewMs > 0 ? 'ahead of' : 'behind';
      return bad('clocks', `the clock of node ${node} is ${off(skewMs)} ms ${way} this one`);
    });
  return found.length > 0 ? found : [good('clocks', `all clocks are within ${worst} ms of this one`)];
}

const good = (check: string, finding: string): Finding => ({ check, ok: true, finding });
const bad = (check: string, finding: string): Finding => ({ check, ok: false, finding });
