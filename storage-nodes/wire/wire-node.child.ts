// Owns the node of wire.bench.ts: one device that keeps nothing and reads the same bytes for ever. Tells its
// address, then its processor time whenever it is asked; ends with its parent.

import { systemClock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Address } from '#core/kernel/network.ts';
import { nodeNetwork } from '#core/kernel/node-network.ts';
import { systemRandom } from '#core/kernel/random.ts';
import type { ChunkInfo } from '#storage-nodes/chunks/chunk-store.ts';
import type { NodeChunks } from '#storage-nodes/client/device-port.ts';
import { serveNode } from './node-server.ts';

const [address, secret = ''] = process.argv.slice(2);
const bytes = systemRandom.fill(Buffer.alloc(limits.chunkBytes));
const done = Promise.resolve();
const status = { chunks: 0, liveBytes: 0, fileBytes: 0, quarantined: 0, full: false };

const device: NodeChunks = {
  put: () => done,
  read: (_id, offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
  stat: (id) => Promise.resolve({ id, sizeBytes: 4096, createdMs: 0, owner: 'objects/b/k' }),
  delete: () => done,
  async *list(): AsyncIterable<ChunkInfo> {},
  digests: () => Promise.resolve(new Uint32Array(0)),
  probe: () => done,
  status: () => status,
};

const server = await serveNode({
  ...{ network: nodeNetwork, address: address as Address, credentials: { secret: Buffer.from(secret) } },
  ...{ clock: systemClock, random: systemRandom, node: 'bench', device: () => device },
});
process.send?.(server.address);
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.(user + system);
});
process.on('disconnect', () => void server.close());
