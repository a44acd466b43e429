// Owns the proof that a device keeps the promises of a chunk store over the wire too: the store's whole
// suite, by TCP, Unix socket and TLS.

import test from 'ava';
import { MIB } from '#core/kernel/limits.ts';
import { type ChunkStoreFactory, chunkStoreSuite } from '#storage-nodes/chunks/chunk-store.suite.ts';
import type { ChunkStore } from '#storage-nodes/chunks/chunk-store.ts';
import { MemoryChunkStore } from '#storage-nodes/chunks/memory-chunk-store.ts';
import type { NodeChunks } from '#storage-nodes/client/device-port.ts';
import { serveDevice, WIRE_TRANSPORTS, type WireTransport } from '#tests/support/wire-transports.ts';

/** All of the suite runs at once, on whatever else the machine has to do. */
const PATIENCE_MS = 120_000;

const factoryOf = (transport: WireTransport): ChunkStoreFactory => ({
  name: `over ${transport}`,
  supports: { reopen: false },
  open: async (clock, options) => {
    const memory = new MemoryChunkStore({ clock, ...(options?.small && { capacityBytes: 12 * MIB }) });
    const { chunks, close } = await serveDevice(memory, { transport, callMs: PATIENCE_MS });
    return {
      store: overWire(memory, chunks),
      reopen: () => Promise.reject(new Error('memory is not kept')),
      corrupt: async (id, at) => memory.corrupt(id, at),
      destroy: async () => {
        await close();
        await memory.close();
      },
    };
  },
});

/** What is the node's own affair stays there. */
function overWire(memory: ChunkStore, chunks: NodeChunks): ChunkStore {
  return {
    put: (chunk) => chunks.put(chunk),
    read: (id, offset, length, target) => chunks.read(id, offset, length, target),
    stat: (id) => chunks.stat(id),
    delete: (id) => chunks.delete(id),
    list: (options) => chunks.list(options),
    digests: (power, partitions) => chunks.digests(power, partitions),
    probe: () => chunks.probe(),
    audit: (limit) => memory.audit(limit),
    compact: (limit) => memory.compact(limit),
    status: () => memory.status(),
    // What was called before has arrived when the probe has.
    close: () =>
      chunks.probe().then(
        () => memory.close(),
        () => memory.close(),
      ),
  };
}

for (const transport of WIRE_TRANSPORTS) chunkStoreSuite(test, factoryOf(transport));
