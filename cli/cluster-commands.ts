// Owns `strata ring`, `strata node` and `strata doctor`: the operator's hand on where data lies, and the look
// at whether all is well.

import { type Command, InvalidArgumentError } from 'commander';
import { accepted } from './failure.ts';
import { printed } from './output.ts';
import { withProgressBar } from './progress-bar.ts';
import type { ListedNode, RingReport } from './ring-report.ts';
import { table } from './table.ts';
import { type DataOptions, withOperations } from './with-operations.ts';

interface OutputOptions extends DataOptions {
  readonly json?: boolean;
}

interface ChangeOptions extends DataOptions {
  /** Leaves the move of data to a later rebalance. */
  readonly later?: boolean;
}

function weightOf(text: string): number {
  const weight = Number(text);
  if (!/^\d+(\.\d{1,3})?$/.test(text)) throw new InvalidArgumentError('A weight is 0 or more, as 1 or 0.5.');
  return weight;
}

export function addClusterCommands(program: Command, withData: (command: Command) => Command): void {
  const json = (command: Command) => withData(command).option('--json', 'print JSON');
  const later = (command: Command) =>
    withData(command).option('--later', 'move nothing now; strata ring rebalance does it');
  const ring = program.command('ring').description('where data lies');
  json(ring.command('show').description('devices, weights and shares')).action(showRing);
  later(ring.command('add <node>').description('give a node that has joined its share of the data'))
    .option('--weight <number>', 'share of each device beside the others', weightOf, 1)
    .option('--zone <name>', 'of a new node within strata up')
    .action(addNode);
  later(
    ring.command('set-weight <target> <weight>').description('of a node or a device; 0 drains it'),
  ).action(setWeight);
  later(ring.command('remove <node>').description('take a node out of the cluster'))
    .option('--gone', 'though data lies on it: the node is lost')
    .action(removeNode);
  json(ring.command('rebalance').description('plan anew and move what lies in the wrong place')).action(
    rebalance,
  );
  const node = program.command('node').description('the storage nodes');
  json(node.command('list').description('state, zone, weight, share and used bytes')).action(listNodes);
  json(
    program.command('doctor').description('check everything; exit code 1 where something is wrong'),
  ).action(doctor);
}

async function showRing(options: OutputOptions): Promise<void> {
  await withOperations(options, async (operations) => {
    const report = await operations.showRing();
    const { version, partitions, replicas, imbalancePercent, toBeMoved } = report;
    printed(options, report, [
      `ring ${version}: ${partitions} partitions, ${replicas} replicas, imbalance ${imbalancePercent} %`,
      ...(toBeMoved > 0 ? [`${toBeMoved} replicas wait for the next rebalance`] : []),
      ...deviceTable(report),
    ]);
  });
}

function deviceTable({ nodes }: RingReport): string[] {
  const rows = nodes.flatMap(({ node, zone, devices }) =>
    devices.map((each) => [
      String(each.device),
      node,
      zone,
      String(each.weight),
      String(each.partitions),
      String(each.wantedPartitions),
      each.status ? size(each.status.liveBytes) : '-',
    ]),
  );
  return table(['device', 'node', 'zone', 'weight', 'partitions', 'wanted', 'data'], rows);
}

async function listNodes(options: OutputOptions): Promise<void> {
  await withOperations(options, async (operations) => {
    const { nodes } = await operations.showRing();
    const rows = nodes.map((each: ListedNode) => [
      each.node,
      each.state,
      each.zone,
      String(each.weight),
      `${each.sharePercent} %`,
      each.usedBytes === undefined ? '-' : size(each.usedBytes),
      each.address ?? 'in this process',
    ]);
    printed(options, nodes, table(['node', 'state', 'zone', 'weight', 'share', 'used', 'address'], rows));
  });
}

async function addNode(
  node: string,
  options: ChangeOptions & { weight: number; zone?: string },
): Promise<void> {
  const { weight, zone } = options;
  await withOperations(options, async (operations) => {
    accepted(await operations.addNode(node, { weight, ...(zone !== undefined && { zone }) }), node);
  });
  if (!options.later) await rebalance(options);
}

async function setWeight(target: string, weight: string, options: ChangeOptions): Promise<void> {
  await withOperations(options, async (operations) => {
    accepted(await operations.setWeight(target, weightOf(weight)), target);
  });
  if (!options.later) await rebalance(options);
}

async function removeNode(node: string, options: ChangeOptions & { gone?: boolean }): Promise<void> {
  await withOperations(options, async (operations) => {
    accepted(await operations.removeNode(node, options.gone ?? false), node);
  });
  if (!options.later) await rebalance(options);
}

async function rebalance(options: OutputOptions): Promise<void> {
  await withOperations(options, async (operations) => {
    const outcome = await withProgressBar('rebalance', (report) => operations.rebalance(report));
    const { version, moved, imbalancePercent, toBeMoved } = accepted(outcome, 'the ring');
    printed(options, { version, moved, imbalancePercent, toBeMoved }, [
      `ring ${version} is in force: ${moved} replicas of partitions moved, imbalance ${imbalancePercent} %`,
      ...(toBeMoved > 0 ? [`${toBeMoved} replicas more must wait: rebalance again in an hour`] : []),
    ]);
  });
}

async function doctor(options: OutputOptions): Promise<void> {
  await withOperations(options, async (operations) => {
    const findings = await operations.doctor();
    printed(
      options,
      findings,
      findings.map(({ check, ok, finding }) => `${ok ? 'ok   ' : 'WRONG'} ${check}: ${finding}`),
    );
    if (findings.some(({ ok }) => !ok)) process.exitCode = 1;
  });
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

function size(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 1_024 && unit < UNITS.length - 1) {
    value /= 1_024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`;
}
