// Owns the deleting of chunks that nothing names, a few at a time. Best effort: what cannot be reached is
// left to the collector.

import { isFault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import { chunkIdOf } from '#storage-nodes/chunks/chunk-store.ts';
import type { ChunkClient } from '#storage-nodes/client/blob-client.ts';

/** Deletes the chunks (blob, 0) to (blob, count - 1). Rejects only with what is not a fault. */
export async function discardChunks(chunks: ChunkClient, blob: string, count: number): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) {
      try {
        await chunks.delete(chunkIdOf(blob, next++));
      } catch (error) {
        if (!isFault(error)) throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(count, limits.streamDeletesInFlight) }, lane));
}
