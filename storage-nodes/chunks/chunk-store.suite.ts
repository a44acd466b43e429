// Owns the conformance suite of the ChunkStore port: every promise of chunk-store.ts as a case, so that an
// adapter's test is a factory and a list of what it supports. Cases say what must hold, never how an adapter
// does it.

import type { TestFn } from 'ava';
import type { Clock } from '#core/kernel/clock.ts';
import type { ChunkId, ChunkStore } from './chunk-store.ts';
import { damageCases } from './suite/damage-cases.ts';
import { digestCases } from './suite/digest-cases.ts';
import { lifeCases } from './suite/life-cases.ts';
import { listCases } from './suite/list-cases.ts';
import { putCases } from './suite/put-cases.ts';
import { readCases } from './suite/read-cases.ts';
import { roomCases } from './suite/room-cases.ts';

export interface ChunkStoreSupports {
  /** `reopen` gives a store with all that was acknowledged. */
  readonly reopen: boolean;
}

export interface OpenChunkStore {
  readonly store: ChunkStore;
  /** Closes the store and opens it again on the same data; for adapters that support it. */
  reopen(): Promise<ChunkStore>;
  /** Flips the byte at `at` of the stored data. */
  corrupt(id: ChunkId, at: number): Promise<void>;
  /** Closes it if it is open, and removes its data. */
  destroy(): Promise<void>;
}

export interface ChunkStoreFactory {
  readonly name: string;
  readonly supports: ChunkStoreSupports;
  /** A store without chunks, with room for some 10 MiB where `small`. */
  open(clock: Clock, options?: { readonly small?: boolean }): Promise<OpenChunkStore>;
}

/** Declares all cases that the adapter supports as tests. */
export function chunkStoreSuite(test: TestFn, factory: ChunkStoreFactory): void {
  const all = [putCases, readCases, listCases, digestCases, damageCases, roomCases, lifeCases];
  for (const cases of all) cases(test, factory);
}
