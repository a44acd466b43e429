// Measures the wire over loopback, with the node in a process of its own: chunks of 1 MiB, and small calls,
// 64 in flight, to a device that keeps nothing. Wall figures mean something on a quiet machine only; the
// processor time of both sides is told beside them.

import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '#core/kernel/clock.ts';
import { KIB, limits, MIB } from '#core/kernel/limits.ts';
import type { Address } from '#core/kernel/network.ts';
import { nodeNetwork } from '#core/kernel/node-network.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { blockChecksums } from '#storage-nodes/chunks/block-checksums.ts';
import type { NodeChunks } from '#storage-nodes/client/device-port.ts';
import { connectNode } from './node-connection.ts';

const CALLERS = 64;
const BULK_CALLS = 3_000;
const SMALL_CALLS = 150_000;
const child = fileURLToPath(new URL('wire-node.child.ts', import.meta.url));
const secret = 'a secret for a bench of one second';

type Operation = (chunks: NodeChunks, caller: number) => Promise<unknown>;

function chunkFor(sizeBytes: number) {
  const data = systemRandom.fill(new Uint8Array(sizeBytes));
  return {
    id: systemRandom.fill(new Uint8Array(20)),
    data,
    checksums: blockChecksums(data),
    owner: 'objects/b/k',
  };
}

const large = chunkFor(limits.chunkBytes);
const small = chunkFor(4 * KIB);
const targets = Array.from({ length: CALLERS }, () => Buffer.alloc(limits.chunkBytes + limits.blockBytes));

const OPERATIONS: readonly { call: string; calls: number; bytes: number; run: Operation }[] = [
  { call: 'put 1 MiB', calls: BULK_CALLS, bytes: MIB, run: (chunks) => chunks.put(large) },
  {
    call: 'read 1 MiB',
    calls: BULK_CALLS,
    bytes: MIB,
    run: (chunks, caller) => chunks.read(large.id, 0, limits.chunkBytes, targets[caller]),
  },
  { call: 'put 4 KiB', calls: SMALL_CALLS, bytes: 4 * KIB, run: (chunks) => chunks.put(small) },
  {
    call: 'read 4 KiB',
    calls: SMALL_CALLS,
    bytes: 4 * KIB,
    run: (chunks, caller) => chunks.read(small.id, 0, 4 * KIB, targets[caller]),
  },
  { call: 'stat', calls: SMALL_CALLS, bytes: 0, run: (chunks) => chunks.stat(small.id) },
];

async function runAll(chunks: NodeChunks, calls: number, run: Operation): Promise<void> {
  let left = calls;
  const caller = async (number: number) => {
    while (left-- > 0) await run(chunks, number);
  };
  await Promise.all(Array.from({ length: CALLERS }, (_, number) => caller(number)));
}

/** What the node's process has used so far, in microseconds. */
function nodeCpu(node: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    node.once('message', (message) => resolve(message as number));
    node.send('cpu');
  });
}

async function measure(transport: string, address: Address): Promise<void> {
  const node = fork(child, [address, secret], { execArgv: ['--import=tsx'] });
  const bound = await new Promise<Address>((resolve) =>
    node.once('message', (text) => resolve(text as Address)),
  );
  const connection = connectNode({
    ...{ network: nodeNetwork, address: bound, credentials: { secret: Buffer.from(secret) }, node: 'bench' },
    ...{ clock: systemClock, random: systemRandom },
  });
  const chunks = connection.device(0);
  for (const { call, calls, bytes, run } of OPERATIONS) {
    await runAll(chunks, Math.ceil(calls / 5), run);
    const nodeBefore = await nodeCpu(node);
    const before = process.cpuUsage();
    const startedMs = performance.now();
    await runAll(chunks, calls, run);
    const elapsedMs = performance.now() - startedMs;
    const { user, system } = process.cpuUsage(before);
    const nodeAfter = await nodeCpu(node);
    const line = {
      ...{ bench: 'wire', transport, call, inFlight: CALLERS },
      perSecond: Math.round((calls / elapsedMs) * 1000),
      ...(bytes > 0 && { mibPerSecond: Math.round(((calls * bytes) / MIB / elapsedMs) * 1000) }),
      gatewayCpuMicroseconds: Number(((user + system) / calls).toFixed(2)),
      nodeCpuMicroseconds: Number(((nodeAfter - nodeBefore) / calls).toFixed(2)),
    };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  }
  await connection.close();
  node.disconnect();
  await new Promise((resolve) => node.once('exit', resolve));
}

const directory = mkdtempSync(join(tmpdir(), 'strata-'));
await measure('tcp', 'tcp:127.0.0.1:0');
await measure('unix', `unix:${join(directory, 'node.sock')}`);
rmSync(directory, { recursive: true });
