// Tests that each check of `strata doctor` finds what it is there for, and nothing where all is well.

import test from 'ava';
import { type Clock, systemClock } from '#core/kernel/clock.ts';
import { Fault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import { PlacedRing } from '#core/ring/placed-ring.ts';
import type { Device, Ring } from '#core/ring/ring.ts';
import { rebalance } from '#core/ring/ring-builder.ts';
import { projections } from '#projections/all.ts';
import { type ChunkCluster, chunkCluster } from '#tests/support/chunk-cluster.ts';
import type { FailingDevice } from '#tests/support/failing-device.ts';
import type { ObservedNode } from './cloud-nodes.ts';
import { examine } from './doctor.ts';

const clock: Clock = {
  ...systemClock,
  sleep: (delayMs, signal) =>
    systemClock.sleep(delayMs === limits.replicaSurveyPauseMs ? 0 : delayMs, signal),
};

/** A cluster of three nodes as its gateway sees it; each test makes one thing wrong. */
class Patient {
  readonly chunks: ChunkCluster = chunkCluster(3);
  ring: Ring = this.chunks.ring();
  devices: readonly Device[] = this.ring.devices;
  statuses: ObservedNode[] = this.devices.map((device) => this.statusOf(device));
  tail = async () => [5_000];
  applied = [5_000];

  statusOf({ id, node, zone }: Device): ObservedNode {
    const held = { chunks: 0, liveBytes: 0, fileBytes: 0, quarantined: 0, full: false };
    return {
      ...{ node, zone, version: '1', nowMs: 0, skewMs: 3, ringVersion: this.ring.version },
      ...{ devices: [{ device: id, ...held }], daemons: [] },
    };
  }

  /** What the first node says, changed. */
  says(change: Partial<ObservedNode>): void {
    this.statuses = this.statuses.map((each, index) => (index === 0 ? { ...each, ...change } : each));
  }

  /** The sentences of what is wrong, or of all. */
  async found(all = false): Promise<string[]> {
    const { chunks, ring, devices, statuses } = this;
    const nodes = devices.map(({ node: name, zone }) => ({ name, zone, address: '', controlAddress: '' }));
    const parts = {
      ...{ clock, log: { tail: this.tail }, runner: { applied: () => this.applied } },
      cluster: { state: { nodes, devices }, ring: () => ring },
      nodes: { status: async () => statuses, chunks: chunks.client, device: chunks.parts.node },
      daemons: { status: () => [] },
    };
    const findings = await examine(parts as unknown as Parameters<typeof examine>[0]);
    return findings.filter(({ ok }) => all || !ok).map(({ check, finding }) => `${check}: ${finding}`);
  }
}

test('where all is well there is one line for each check, and nothing is wrong', async (t) => {
  const lines = await new Patient().found(true);
  t.deepEqual(
    lines.map((line) => line.replace(/answers in \d+ ms/, 'answers in time')),
    [
      'log: the log answers in time',
      ...projections.map(({ name }) => `read-models: ${name} is 0 of 5000 events behind`),
      'nodes: all 3 nodes answer',
      'ring: ring 1 is balanced within 0 %',
      'replicas: 0 of 64 partitions lack a replica or a chunk of one',
      'devices: no device is full or has damaged chunks',
      'clocks: all clocks are within 3 ms of this one',
    ],
  );
  t.deepEqual(await new Patient().found(), []);
});

test('a log that does not answer is told with the reason', async (t) => {
  const patient = new Patient();
  patient.tail = () => Promise.reject(new Fault('closed', 'no broker'));
  t.deepEqual(await patient.found(), ['log: the log does not answer: no broker']);
});

test('read models that lag are told, each by its name', async (t) => {
  const patient = new Patient();
  patient.applied = [5_000 - limits.doctorLagEvents - 1];
  t.deepEqual(
    await patient.found(),
    projections.map(({ name }) => `read-models: ${name} is 1001 of 5000 events behind`),
  );
});

test('a node that does not answer is told, and that its replicas are missing', async (t) => {
  const patient = new Patient();
  patient.statuses = patient.statuses.slice(1);
  (patient.chunks.devices[0] as FailingDevice).mode = 'dead';
  t.deepEqual(await patient.found(), [
    'nodes: node node-0 in zone zone-0 does not answer',
    'replicas: 64 of 64 partitions have fewer than 3 replicas that can be reached',
  ]);
});

test('a node that works by an older ring is told', async (t) => {
  const patient = new Patient();
  patient.says({ ringVersion: 0 });
  t.deepEqual(await patient.found(), ['nodes: node node-0 works by ring 0, while ring 1 is in force']);
});

test('a replica that lost a chunk is told, and so is one that could not be brought home', async (t) => {
  const patient = new Patient();
  const chunk = patient.chunks.chunk();
  await patient.chunks.client.put(chunk).released;
  await patient.chunks.devices[1]?.delete(chunk.id);
  const replicator = { name: 'replicator', running: false, done: 0, total: 0, passes: 1, failures: 0 };
  patient.says({ daemons: [{ ...replicator, report: '{"failed":2}' }] });
  t.deepEqual(await patient.found(), [
    'replicas: 1 of 64 partitions lack chunks on one replica or more',
    'replicas: in its last pass the replicator of node-0 could not bring home 2 chunks',
  ]);
});

test('a ring that is not there, out of balance or not yet moved is told', async (t) => {
  const none = new Patient();
  none.ring = new PlacedRing({ ...none.chunks.ring().table, version: 0, devices: [] });
  none.statuses = none.devices.map((device) => none.statusOf(device));
  t.true((await none.found()).includes('ring: there is no ring yet: too few nodes have joined'));

  const four: Device[] = [...none.devices, { id: 3, node: 'node-3', zone: 'zone-3', weight: 1 }];
  const shape = { partitionPower: 6, replicas: 3, minMoveIntervalMs: 0, seed: 5 };
  const { ring } = rebalance({ shape, devices: four, nowMs: 1 });
  const withWeight = async (weight: number) => {
    const patient = new Patient();
    patient.ring = ring;
    patient.devices = four.map((device) => ({ ...device, weight: device.id === 3 ? weight : 1 }));
    return (await patient.found()).join('\n');
  };
  t.regex(await withWeight(0), /^ring: 48 replicas wait for the next strata ring rebalance$/m);
  t.regex(await withWeight(0.5), /^ring: the fullest device has [\d.]+ % too many partitions: rebalance$/m);
});

test('devices that are full, damaged, hanging or silent are told', async (t) => {
  const patient = new Patient();
  const [status] = patient.statuses[0]?.devices ?? [];
  if (!status) return t.fail('the node has a device');
  patient.says({ devices: [{ ...status, full: true, quarantined: 7 }] });
  const { health } = patient.chunks;
  health.hung(patient.devices[1] as Device);
  health.silent(patient.devices[2] as Device);
  health.judge(patient.devices);
  t.deepEqual(await patient.found(), [
    'devices: device 0 of node node-0 is full',
    'devices: device 0 of node node-0 has 7 damaged chunks',
    'devices: device 1 of node node-1 is suspect: its calls hang',
    'devices: device 2 of node node-2 is suspect: it does not answer, or cannot write',
  ]);
});

test('clocks that are apart are told', async (t) => {
  const patient = new Patient();
  patient.says({ skewMs: -limits.doctorClockSkewMs - 1 });
  t.deepEqual(await patient.found(), ['clocks: the clock of node node-0 is 1001 ms behind this one']);
});
