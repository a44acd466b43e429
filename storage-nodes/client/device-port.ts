// Owns the port of one device as the quorum client and the replicator see it: the chunk store itself by
// direct call in one process, a connection to another process otherwise.

import type { ChunkStore, ChunkStoreStatus } from '#storage-nodes/chunks/chunk-store.ts';

/**
 * Each promise settles in bounded time: a transport gives up by itself. What it rejects with, other than
 * the faults named in ChunkStore, counts against the device's health.
 */
export interface NodeChunks
  extends Pick<ChunkStore, 'put' | 'read' | 'stat' | 'delete' | 'list' | 'digests' | 'probe'> {
  status(): ChunkStoreStatus | Promise<ChunkStoreStatus>;
}

/** Undefined: no such device can be reached from here. */
export type NodeOf = (deviceId: number) => NodeChunks | undefined;
