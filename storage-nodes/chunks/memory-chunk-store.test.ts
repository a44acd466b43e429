// Owns the proof that the in-memory twin keeps the port's promises.

import test from 'ava';
import { MIB } from '#core/kernel/limits.ts';
import { type ChunkStoreFactory, chunkStoreSuite } from './chunk-store.suite.ts';
import { MemoryChunkStore } from './memory-chunk-store.ts';

const factory: ChunkStoreFactory = {
  name: 'memory',
  supports: { reopen: false },
  open: async (clock, options) => {
    const store = new MemoryChunkStore({ clock, ...(options?.small && { capacityBytes: 12 * MIB }) });
    return {
      store,
      reopen: () => Promise.reject(new Error('memory is not kept')),
      corrupt: async (id, at) => store.corrupt(id, at),
      destroy: () => store.close(),
    };
  },
};

chunkStoreSuite(test, factory);
