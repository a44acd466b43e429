// Owns the copying of one whole chunk between devices. Guarantee: only bytes that the source verified are
// stored.

import { Fault } from '#core/kernel/errors.ts';
import { blockChecksums } from '#storage-nodes/chunks/block-checksums.ts';
import type { ChunkId } from '#storage-nodes/chunks/chunk-store.ts';
import type { NodeChunks } from './device-port.ts';

/** @throws Fault `chunk-missing` or `chunk-corrupt` of the source; or what the target's put throws. */
export async function copyChunk(id: ChunkId, from: NodeChunks, to: NodeChunks): Promise<void> {
  const info = await from.stat(id);
  if (!info) throw new Fault('chunk-missing', 'the source has no such chunk any more');
  const data = await from.read(id, 0, info.sizeBytes);
  await to.put({ id, data, checksums: blockChecksums(data), owner: info.owner });
}
