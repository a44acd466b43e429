// Owns the proof that a device is the same to its callers by direct call and over each transport.

import test from 'ava';
import { serveDevice, WIRE_TRANSPORTS } from '#tests/support/wire-transports.ts';
import { nodeChunksSuite } from './node-chunks.suite.ts';

const PATIENCE_MS = 120_000;

nodeChunksSuite(test, {
  name: 'in one process',
  reach: async (device) => ({ chunks: device, destroy: async () => undefined }),
});

for (const transport of WIRE_TRANSPORTS) {
  nodeChunksSuite(test, {
    name: `over ${transport}`,
    reach: async (device) => {
      const { chunks, close } = await serveDevice(device, { transport, callMs: PATIENCE_MS });
      return { chunks, destroy: close };
    },
  });
}
