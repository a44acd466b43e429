// Owns the storing of an object once more, as it is: under another name, or as a version of its own. The
// bytes that it has itself stream from the storage nodes back to them; what it is made of is named again.

import type { Rejection } from '#core/kernel/decider.ts';
import type { StoredObject } from '#projections/objects-by-key/objects-by-key.query.ts';
import type { Caller, ContentDraft, ObjectRejection, Objects } from '#services/cloud.ts';
import { checkOpen } from './read-object.ts';

export function putAgain(
  objects: Objects,
  caller: Caller,
  object: StoredObject,
  to: { readonly container: string; readonly object: string },
): Promise<StoredObject | Rejection<ObjectRejection>> {
  checkOpen(object);
  const { segments, bucket, encryption } = object;
  const ownBytes = segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return objects.put(caller, {
    bucket: to.container,
    key: to.object,
    source: objects.source({ segments, bucket, ...(encryption && { encryption }) }, 0, ownBytes),
    ...(encryption && { encryption: { by: 'cloud' } }),
    digests: [],
    condition: {},
    describe: () => draftOf(object),
  });
}

/** What is known of it. The parts below a prefix are found anew. */
function draftOf(object: StoredObject): ContentDraft {
  const { etag, contentType, headers, metadata, storageClass, assembly, expiresMs } = object;
  const { checksumAlgorithm, checksum, checksumType, tags } = object;
  return {
    ...{ etag, contentType, headers, metadata, storageClass },
    ...(assembly && { assembly: assembly.bucket === '' ? assembly : { ...assembly, parts: [] } }),
    ...(expiresMs !== undefined && { expiresMs }),
    ...(tags && { tags }),
    ...(checksumAlgorithm !== undefined && { checksumAlgorithm }),
    ...(checksum !== undefined && { checksum }),
    ...(checksumType !== undefined && { checksumType }),
  };
}
