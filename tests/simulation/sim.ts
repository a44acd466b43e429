// Owns `npm run sim`: runs seeds, as many at a time as there are processors, and tells of each that broke a
// promise how to run it again, made as small as it still fails.
//
//   npm run sim -- --seed 17                       one seed, with what it drew and what happened how often
//   npm run sim -- --seed 17 --verbose             the whole trace
//   npm run sim -- --seeds 1000 [--from 1]         many seeds
//   npm run sim -- --seeds 100 --fresh             many that nobody has seen before
//   npm run sim -- --seeds 1000 --until-failure    up to the first that fails, which is not made smaller
//   --nodes, --gateways, --partitions, --clients, --operations, --keys N, --without fault,fault
//                                                  instead of what the seed draws

import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { systemRandom } from '#core/kernel/random.ts';
import { changeOf, commandOf, PLAN_NUMBERS } from './plan-options.ts';
import type { SeedOutcome } from './seed-outcome.ts';
import { shrink } from './shrink.ts';
import { simulate } from './simulate.ts';

const WORKER = fileURLToPath(new URL('./seeds.child.ts', import.meta.url));
const FRESH_SEEDS = 1_000_000_000;
const SILENT_MS_MAX = 180_000;

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    from: { type: 'string', default: '1' },
    fresh: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
    without: { type: 'string' },
    'until-failure': { type: 'boolean', default: false },
    ...Object.fromEntries(PLAN_NUMBERS.map((name) => [name, { type: 'string' } as const])),
  },
});
const say = (line: string) => process.stdout.write(`${line}\n`);
const change = changeOf(values);

if (values.seed !== undefined) await runOne(Number(values.seed));
else await runMany(Number(values.seeds ?? 100));

async function runOne(seed: number): Promise<void> {
  const report = await simulate(seed, { change, ...(values.verbose && { print: say }) });
  const { plan, counters, trace, steps, simulatedMs, violations } = report;
  say(JSON.stringify(plan));
  for (const [what, count] of [...counters].sort()) say(`${String(count).padStart(8)} ${what}`);
  say(`${steps} steps, ${Math.round(simulatedMs / 1_000)} simulated seconds, trace ${trace}`);
  for (const { promise, what } of violations) say(`seed ${seed} breaks ${promise}: ${what}`);
  process.exitCode = violations.length > 0 ? 1 : 0;
}

async function runMany(count: number): Promise<void> {
  const from = values.fresh ? 1 + Math.floor(systemRandom.next() * FRESH_SEEDS) : Number(values.from);
  const failed: SeedOutcome[] = [];
  let done = 0;
  let steps = 0;
  await runSeeds(from, count, (outcome) => {
    done++;
    steps += outcome.steps;
    if (outcome.violations.length > 0) {
      failed.push(outcome);
      for (const { promise, what } of outcome.violations.slice(0, 3))
        say(`seed ${outcome.seed} breaks ${promise}: ${what}`);
    }
    if (done % 100 === 0) say(`${done} of ${count} seeds, ${failed.length} failed`);
    return !(values['until-failure'] && failed.length > 0);
  });
  say(`${done} seeds from ${from}, ${steps} steps, ${failed.length} failed`);
  process.exitCode = failed.length > 0 ? 1 : 0;
  if (values['until-failure']) return;
  for (const { seed, violations } of failed.slice(0, 3)) {
    const smaller = await shrink(seed, change, violations[0]?.promise ?? '');
    say(`replay: ${commandOf(seed, smaller)}`);
  }
}

/** Gives each child one seed at a time, so that none waits for a slow one. */
async function runSeeds(from: number, count: number, told: (outcome: SeedOutcome) => boolean): Promise<void> {
  let next = from;
  let goesOn = true;
  const lane = () =>
    new Promise<void>((resolve) => {
      const child = fork(WORKER);
      let running = 0;
      let watch: NodeJS.Timeout | undefined;
      const give = () => {
        clearTimeout(watch);
        if (!goesOn || next >= from + count) return child.disconnect();
        running = next++;
        watch = setTimeout(() => child.kill('SIGKILL'), SILENT_MS_MAX);
        child.send({ seed: running, change });
      };
      child.on('message', (outcome: SeedOutcome) => {
        running = 0;
        goesOn &&= told(outcome);
        give();
      });
      child.on('exit', (code, signal) => {
        clearTimeout(watch);
        const what = `its process ended with ${signal ?? code}`;
        if (running > 0) told({ seed: running, steps: 0, violations: [{ promise: 'simulationEnds', what }] });
        resolve();
      });
      give();
    });
  await Promise.all(Array.from({ length: Math.min(count, availableParallelism()) }, lane));
}
