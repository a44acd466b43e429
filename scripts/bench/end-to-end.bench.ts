// Owns the measure that users feel: the built program in one process, the load generator in another, on the
// same cores. Each line of the load generator is passed on with the processor time that the server spent on
// one operation and with its memory. The same loads as the peers are measured with; see docs/PERFORMANCE.md.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from '#tests/support/source-files.ts';
import { StrataProcess } from '#tests/support/strata-process.ts';
import { processorMs, residentMib } from './process-figures.ts';

interface Load {
  readonly operation: string;
  readonly size: number;
  readonly clients: number;
  readonly keys?: number;
}

const MIB = 1 << 20;
const LOADS: readonly Load[] = [
  { operation: 'put', size: 4096, clients: 64 },
  { operation: 'get', size: 4096, clients: 64, keys: 1_000 },
  { operation: 'put', size: MIB, clients: 8 },
  { operation: 'get', size: MIB, clients: 8, keys: 64 },
  { operation: 'put', size: 64 * MIB, clients: 4 },
  { operation: 'get', size: 64 * MIB, clients: 4, keys: 8 },
  { operation: 'list', size: 16, clients: 8, keys: 10_000 },
  { operation: 'delete', size: 4096, clients: 16, keys: 10_000 },
];
const SECONDS = 5;

function run(strata: StrataProcess, { operation, size, clients, keys = 1_000 }: Load): void {
  const options = {
    endpoint: strata.endpoint,
    credentials: strata.credentialsFile,
    operation,
    size,
    clients,
    keys,
  };
  const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const before = processorMs(strata.pid);
  const startedMs = performance.now();
  const load = join(root, 'scripts/bench/s3-load.ts');
  const { stdout, status } = spawnSync(
    process.execPath,
    ['--import=tsx', load, ...words, '--seconds', String(SECONDS)],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const cores = (processorMs(strata.pid) - before) / (performance.now() - startedMs);
  const line = JSON.parse(stdout.trim());
  console.log(
    JSON.stringify({ ...line, serverCores: Number(cores.toFixed(2)), residentMib: residentMib(strata.pid) }),
  );
  if (status !== 0) process.exitCode = 1;
}

const strata = await StrataProcess.start();
try {
  for (const load of LOADS) run(strata, load);
} finally {
  await strata.stop();
  await strata.remove();
}
