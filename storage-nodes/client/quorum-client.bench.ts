// Measures what the quorum client adds to a chunk: puts and reads over devices that do nothing, 64 in flight.

import { systemClock } from '#core/kernel/clock.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { rebalance } from '#core/ring/ring-builder.ts';
import { blockChecksums } from '#storage-nodes/chunks/block-checksums.ts';
import type { ChunkInfo } from '#storage-nodes/chunks/chunk-store.ts';
import type { NodeChunks } from './device-port.ts';
import { createChunkClient } from './quorum-client.ts';

const CALLERS = 64;
const OPERATIONS = 600_000;
const data = systemRandom.fill(new Uint8Array(4096));
const done = Promise.resolve();

const idle: NodeChunks = {
  put: () => done,
  read: (_id, offset, length) => Promise.resolve(data.subarray(offset, offset + length)),
  stat: () => Promise.resolve(undefined),
  delete: () => done,
  async *list(): AsyncIterable<ChunkInfo> {},
  digests: () => Promise.resolve(new Uint32Array(0)),
  probe: () => done,
  status: () => ({ chunks: 0, liveBytes: 0, fileBytes: 0, quarantined: 0, full: false }),
};

const devices = ['a', 'b', 'c'].map((zone, id) => ({ id, node: `node-${zone}`, zone, weight: 1 }));
const shape = { partitionPower: 10, replicas: 3, minMoveIntervalMs: 0, seed: 1 };
const { ring } = rebalance({ shape, devices, nowMs: 0 });
const client = createChunkClient({ ring: () => ring, node: () => idle, clock: systemClock });
const ids = Array.from({ length: 4096 }, () => systemRandom.fill(new Uint8Array(20)));
const checksums = blockChecksums(data);

/** Processor time: on a machine that does other work too, the clock on the wall says little. */
async function run(operate: (id: Uint8Array) => Promise<unknown>): Promise<number> {
  let next = 0;
  const caller = async () => {
    while (next < OPERATIONS) await operate(ids[next++ % ids.length] as Uint8Array);
  };
  const before = process.cpuUsage();
  await Promise.all(Array.from({ length: CALLERS }, caller));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

async function measure(call: string, operate: (id: Uint8Array) => Promise<unknown>): Promise<void> {
  await run(operate);
  const elapsedMs = await run(operate);
  const perSecond = Math.round((OPERATIONS / elapsedMs) * 1000);
  const microsecondsEach = Number(((elapsedMs / OPERATIONS) * 1000).toFixed(2));
  const line = { bench: 'quorum-client', call, callers: CALLERS, replicas: 3, perSecond, microsecondsEach };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const put = (id: Uint8Array) => {
  const { durable, released } = client.put({ id, data, checksums, owner: 'objects/bucket/key' });
  return Promise.all([durable, released]);
};

await measure('put', put);
await measure('read', (id) => client.read(id, 0, 4096));
await measure('delete', (id) => client.delete(id));
