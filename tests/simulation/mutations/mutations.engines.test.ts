// Owns the proof that the simulator can find bugs: each mutation is noticed by one of the first 500 seeds.
// Which one that is changes with whatever a seed draws: the one that is known is tried first, then all.

import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import test from 'ava';
import { mutatedCopy } from './mutated-copy.ts';
import { MUTATIONS } from './mutations.ts';

const SEEDS = 500;
const SILENT_MS_MAX = 180_000;

for (const mutation of MUTATIONS) {
  test.serial(`it is noticed when ${mutation.name}`, async (t) => {
    t.timeout(15 * 60_000);
    const directory = mutatedCopy(mutation);
    try {
      const known = await noticed(directory, ['--seed', String(mutation.seed)], SILENT_MS_MAX);
      if (known.seed) {
        t.pass();
        return;
      }
      t.log(`seed ${mutation.seed} notices it no more: trying ${SEEDS}`);
      const any = await noticed(directory, ['--seeds', String(SEEDS), '--until-failure']);
      t.truthy(any.seed, `none of ${SEEDS} seeds noticed:\n${any.output.slice(-2_000)}`);
      t.log(`seed ${any.seed}: ${any.promise}`);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
}

function noticed(directory: string, options: readonly string[], timeout = 0) {
  return new Promise<{ seed?: string; promise?: string; output: string }>((resolve) => {
    execFile(
      process.execPath,
      ['--import=tsx', 'tests/simulation/sim.ts', ...options],
      { cwd: directory, timeout },
      (_, stdout, stderr) => {
        const output = stdout + stderr;
        const [, seed, promise] = /^seed (\d+) breaks (\w+)/m.exec(output) ?? [];
        resolve({ output, ...(seed && { seed }), ...(promise && { promise }) });
      },
    );
  });
}
