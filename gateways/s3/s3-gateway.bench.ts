// Owns the measure of the gateway alone: requests per second, and processor time, over a cloud in
// memory and a load generator in a process of its own.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Server } from '#tests/support/s3-server.ts';

const RUNS = [
  ['put', 4_096],
  ['get', 4_096],
  ['get', 1_048_576],
  ['list', 16],
  ['delete', 16],
] as const;

const directory = mkdtempSync(join(tmpdir(), 'strata-'));
const server = await S3Server.start();
const { accessKeyId, secretAccessKey } = await server.client.config.credentials();
const credentials = join(directory, 'credentials.json');
writeFileSync(credentials, JSON.stringify({ accessKey: accessKeyId, secretKey: secretAccessKey }));

for (const [operation, size] of RUNS) {
  const flags = {
    endpoint: server.endpoint,
    credentials,
    operation,
    size,
    clients: 64,
    seconds: 2,
    keys: 1_000,
  };
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const startCpu = process.cpuUsage();
  const child = spawn(process.execPath, ['--import=tsx', 'scripts/bench/s3-load.ts', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let line = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    line += text;
  });
  await once(child, 'close');
  const { user, system } = process.cpuUsage(startCpu);
  // Includes what prepares the run, so it is only an upper bound of the cost of one request.
  const cpuMs = Math.round((user + system) / 1_000);
  console.log(JSON.stringify({ ...JSON.parse(line), bench: `s3-gateway-${operation}`, cpuMs }));
}
await server.stop();
rmSync(directory, { recursive: true });
