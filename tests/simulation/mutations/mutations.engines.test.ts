// Owns the proof that the simulator can find bugs: each mutation is caught by one of the first 500 seeds.

import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import test from 'ava';
import { mutatedCopy } from './mutated-copy.ts';
import { MUTATIONS } from './mutations.ts';

const SEEDS = 500;

for (const mutation of MUTATIONS) {
  test.serial(`it is noticed when ${mutation.name}`, async (t) => {
    t.timeout(15 * 60_000);
    const directory = mutatedCopy(mutation);
    try {
      const output = await outputOf(directory);
      const [, seed, promise] = /^seed (\d+) breaks (\w+)/m.exec(output) ?? [];
      t.truthy(seed, `none of ${SEEDS} seeds noticed:\n${output.slice(-2_000)}`);
      t.log(`seed ${seed}: ${promise}`);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
}

function outputOf(directory: string): Promise<string> {
  const seeds = ['--seeds', String(SEEDS), '--until-failure'];
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--import=tsx', 'tests/simulation/sim.ts', ...seeds],
      { cwd: directory },
      (_, stdout, stderr) => resolve(stdout + stderr),
    );
  });
}
