// Owns what the cases of the suite share: chunks with telling bytes, and a store that is destroyed with its
// test.

import type { ExecutionContext } from 'ava';
import { ManualClock } from '#core/kernel/clock.ts';
import { type FaultCode, isFault } from '#core/kernel/errors.ts';
import { seededRandom } from '#core/kernel/random.ts';
import { blockChecksums } from '../block-checksums.ts';
import type { ChunkStoreFactory, OpenChunkStore } from '../chunk-store.suite.ts';
import { type Chunk, type ChunkId, type ChunkInfo, type ChunkStore, chunkIdOf } from '../chunk-store.ts';

export const START_MS = Date.UTC(2026, 0, 1);

/** Blob number to id: far from the order of numbers, so that nothing is in order by chance. */
export function idOf(number: number, index = 0): ChunkId {
  const blob = seededRandom(number).fill(Buffer.alloc(16)).toString('hex');
  return chunkIdOf(blob, index);
}

// A prime, so that no two blocks of a chunk are alike.
const PATTERN_BYTES = 251;

/** Bytes that differ from one chunk and from one place to the next. */
export function bytesOf(number: number, sizeBytes: number): Buffer {
  const pattern = Buffer.alloc(PATTERN_BYTES);
  for (let at = 0; at < PATTERN_BYTES; at++) pattern[at] = number * 31 + at * 7;
  pattern.writeUInt32LE(number >>> 0, 1);
  return Buffer.alloc(sizeBytes, pattern);
}

export function chunkOf(number: number, sizeBytes: number, owner = `objects/${number}`): Chunk {
  const data = bytesOf(number, sizeBytes);
  return { id: idOf(number), data, checksums: blockChecksums(data), owner };
}

export async function all(infos: AsyncIterable<ChunkInfo>): Promise<ChunkInfo[]> {
  const list: ChunkInfo[] = [];
  for await (const info of infos) list.push(info);
  return list;
}

export const hexOf = (id: ChunkId) => Buffer.from(id).toString('hex');

export async function faults(t: ExecutionContext, code: FaultCode, attempt: Promise<unknown>): Promise<void> {
  const error = await t.throwsAsync(attempt);
  t.true(isFault(error, code), `${error} is the fault ${code}`);
}

export async function reads(t: ExecutionContext, store: ChunkStore, chunk: Chunk): Promise<void> {
  const found = await store.read(chunk.id, 0, chunk.data.length);
  t.true(Buffer.from(chunk.data).equals(found), `chunk ${hexOf(chunk.id)} is what was put`);
}

export interface SuiteStore extends OpenChunkStore {
  readonly clock: ManualClock;
}

export async function opened(
  t: ExecutionContext,
  factory: ChunkStoreFactory,
  options?: { readonly small?: boolean },
): Promise<SuiteStore> {
  const clock = new ManualClock(START_MS);
  const open = await factory.open(clock, options);
  t.teardown(() => open.destroy());
  return { ...open, clock };
}
