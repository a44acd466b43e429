// Owns the proof that the disk store keeps the port's promises; recovery and faults are in the tests beside
// this.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { MIB } from '#core/kernel/limits.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { corruptChunk } from '#tests/support/segment-files.ts';
import { type ChunkStoreFactory, chunkStoreSuite } from './chunk-store.suite.ts';
import { DiskChunkStore } from './disk-chunk-store.ts';

const factory: ChunkStoreFactory = {
  name: 'disk',
  supports: { reopen: true },
  open: async (clock, options) => {
    const directory = mkdtempSync(join(tmpdir(), 'strata-'));
    const small = options?.small === true && { capacityBytes: 12 * MIB };
    const open = () => DiskChunkStore.open({ directory, clock, random: systemRandom, ...small });
    let store = await open();
    return {
      store,
      reopen: async () => {
        await store.close();
        store = await open();
        return store;
      },
      corrupt: async (id, at) => corruptChunk(directory, id, at),
      destroy: async () => {
        await store.close();
        rmSync(directory, { recursive: true, force: true });
      },
    };
  },
};

chunkStoreSuite(test, factory);
