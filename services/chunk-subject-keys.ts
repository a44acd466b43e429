// Owns the subject keys of a cluster: each a chunk on the storage nodes, sealed under a key that all gateways
// derive from the cluster's secret. So every gateway finds them, a stolen disk gives none away, and deleting
// the chunk erases whatever was sealed under the key.

import { SUBJECT_KEY_BYTES, type SubjectKeys, seal, unseal } from '#core/identity/subject-keys.ts';
import { isFault } from '#core/kernel/errors.ts';
import { newId } from '#core/kernel/ids.ts';
import type { Random } from '#core/kernel/random.ts';
import { blockChecksums } from '#storage-nodes/chunks/block-checksums.ts';
import { chunkIdOf } from '#storage-nodes/chunks/chunk-store.ts';
import type { ChunkClient } from '#storage-nodes/client/blob-client.ts';
import type { DeviceOutcome } from '#storage-nodes/client/device-health.ts';

export interface ChunkSubjectKeysParts {
  readonly chunks: ChunkClient;
  /** 32 bytes. */
  readonly wrappingKey: Uint8Array;
  readonly random: Random;
}

/** More than a wrapped key has. */
const WRAPPED_BYTES_MAX = 1_024;

export function chunkSubjectKeys({ chunks, wrappingKey, random }: ChunkSubjectKeysParts): SubjectKeys {
  return {
    async make(owner) {
      const blob = newId(random);
      const key = random.fill(Buffer.alloc(SUBJECT_KEY_BYTES));
      const data = seal(wrappingKey, key.toString('base64'), blob, random);
      await chunks.put({ id: chunkIdOf(blob, 0), data, checksums: blockChecksums(data), owner }).durable;
      return { blob, key };
    },

    async find(blob) {
      try {
        const wrapped = await chunks.read(chunkIdOf(blob, 0), 0, WRAPPED_BYTES_MAX);
        return Buffer.from(unseal(wrappingKey, wrapped, blob), 'base64');
      } catch (error) {
        if (isGone(error)) return undefined;
        throw error;
      }
    },

    destroy: (blob) => chunks.delete(chunkIdOf(blob, 0)),
  };
}

/** Every device answered, and none of them has it. */
function isGone(error: unknown): boolean {
  if (!isFault(error, 'chunk-unreadable')) return false;
  const outcomes = error.details as readonly DeviceOutcome[];
  return outcomes.length > 0 && outcomes.every(({ outcome }) => outcome === 'chunk-missing');
}
