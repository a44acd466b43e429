// Owns the port that gateways and daemons use to reach the chunks of the whole cluster: quorum put and get
// by ring.

import type { Chunk, ChunkId } from '#storage-nodes/chunks/chunk-store.ts';

export interface QuorumPut {
  /**
   * Resolves when the chunk is durable on a quorum; rejects with Fault `quorum-not-reached` or `no-space`.
   */
  readonly durable: Promise<void>;
  /** Resolves (never rejects) when the slowest replica has let go of the buffer, or was given up. */
  readonly released: Promise<void>;
  /** Once released: a device that was given up may still read the buffer, which must not be used again. */
  readonly kept: boolean;
}

export interface ChunkClient {
  put(chunk: Chunk): QuorumPut;
  /**
   * Bytes of a chunk from whichever replica has them whole; a replica that lacks them or holds damaged ones
   * is repaired afterwards. `target` as in ChunkStore.read.
   * @throws Fault `chunk-unreadable` with each node's outcome in `details`.
   */
  read(id: ChunkId, offset: number, length: number, target?: Uint8Array): Promise<Uint8Array>;
  /** Deletes on every reachable device of the partition, primaries and handoffs. */
  delete(id: ChunkId): Promise<void>;
}
