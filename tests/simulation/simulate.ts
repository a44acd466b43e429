// Owns one run of the simulator: what the seed draws, load with faults, then a time without faults in which
// everything must come right, and the judgement.

import './small-limits.ts';
import { judge } from './checkers.ts';
import { Faults } from './faults.ts';
import { History } from './history.ts';
import { drawPlan, type Plan, type PlanChange } from './plan.ts';
import { BUCKETS, SimulatedClient } from './simulated-client.ts';
import { SimulatedCluster } from './simulated-cluster.ts';
import { type Violation, World } from './world.ts';

const START_MS_MAX = 60_000;
const LOAD_MS_MAX = 30 * 60_000;

export interface SimulationReport {
  readonly seed: number;
  readonly plan: Plan;
  readonly violations: readonly Violation[];
  readonly counters: ReadonlyMap<string, number>;
  /** Of everything that happened; the same for the same seed. */
  readonly trace: string;
  readonly simulatedMs: number;
  readonly steps: number;
}

export interface SimulationOptions {
  readonly change?: PlanChange;
  readonly print?: (line: string) => void;
}

export async function simulate(seed: number, options: SimulationOptions = {}): Promise<SimulationReport> {
  const world = new World(seed, options.print);
  const plan = drawPlan(world, options.change);
  const startMs = world.scheduler.nowMs;
  world.trace.note('plan', JSON.stringify(plan));
  const end = world.watchForLostErrors();
  try {
    await run(world, plan);
  } catch (error) {
    world.violated('everythingEnds', String((error as Error)?.stack ?? error));
  } finally {
    end();
  }
  return {
    ...{ seed, plan, violations: world.violations, counters: world.trace.counters },
    trace: world.trace.digest(),
    simulatedMs: world.scheduler.nowMs - startMs,
    steps: world.scheduler.steps,
  };
}

async function run(world: World, plan: Plan): Promise<void> {
  const { scheduler } = world;
  const cluster = new SimulatedCluster(world, plan);
  const history = new History();
  const faults = new Faults(world, cluster, plan);
  cluster.watchPasses(faults);
  cluster.start();
  if (!(await scheduler.run(() => cluster.isUp, START_MS_MAX))) {
    return world.violated('clusterStarts', `not within ${START_MS_MAX} ms`);
  }
  const clients = Array.from(
    { length: plan.clients },
    (_, at) => new SimulatedClient(world, cluster, history, plan, `client-${at + 1}`),
  );
  const [first] = clients;
  const [gateway] = cluster.gateways;
  if (first && gateway?.open) {
    for (const bucket of BUCKETS) await world.until(first.createBucket(gateway.open, bucket), START_MS_MAX);
  }
  faults.start();
  const each = Math.ceil(plan.operations / plan.clients);
  await world.until(Promise.all(clients.map((client) => client.run(each))), LOAD_MS_MAX);
  faults.stop();
  await judge(world, plan, cluster, history);
}
