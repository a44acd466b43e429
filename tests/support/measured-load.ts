// Owns the measure of a gateway in this process, under load from a generator in a process of its own.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AccessKey } from './signed-requests.ts';

export interface Load {
  readonly operation: 'put' | 'get' | 'list' | 'delete';
  /** Bytes of an object. */
  readonly size: number;
  readonly clients: number;
  readonly seconds: number;
  readonly keys: number;
  /** Made where it is not there; default: bench. */
  readonly bucket?: string;
}

/** What the generator says. */
export interface Measured {
  readonly perSecond: number;
  /** Of this process; with what prepares the run, so only an upper bound of what the requests cost. */
  readonly cpuMs: number;
}

export async function measuredLoad(endpoint: string, key: AccessKey, load: Load): Promise<Measured> {
  const directory = mkdtempSync(join(tmpdir(), 'strata-'));
  const credentials = join(directory, 'credentials.json');
  writeFileSync(credentials, JSON.stringify({ accessKey: key.accessKeyId, secretKey: key.secretAccessKey }));
  const flags = Object.entries({ endpoint, credentials, ...load });
  const args = flags.flatMap(([name, value]) => [`--${name}`, String(value)]);
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
  rmSync(directory, { recursive: true });
  return { ...JSON.parse(line), cpuMs: Math.round((user + system) / 1_000) };
}
