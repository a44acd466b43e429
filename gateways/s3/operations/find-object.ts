// Owns which object a request reads: what its key names, or the version that it asks for. Where that is a
// deletion the answer says so, as S3 does.

import { isRejected } from '#core/kernel/decider.ts';
import type { StoredDeletion, StoredVersion } from '#projections/object-versions/object-versions.query.ts';
import type { StoredObject } from '#projections/objects-by-key/objects-by-key.query.ts';
import { isOver } from '#services/expirer.ts';
import { NULL_VERSION } from '#services/versioning.ts';
import { accept, errorFor, living, type S3Call } from '../call.ts';
import { S3Error } from '../errors.ts';
import { httpDate } from '../reply.ts';

/** @throws S3Error NoSuchKey, NoSuchVersion, MethodNotAllowed */
export async function objectOf(call: S3Call): Promise<StoredObject> {
  const { query, gateway, caller, bucket, key } = call;
  const versionId = query.parameters.length > 0 ? query.get('versionId') : undefined;
  if (versionId === undefined) {
    const outcome = await gateway.cloud.objects.get(caller, bucket, key);
    if (isRejected(outcome) && outcome.rejected === 'no-such-key') await tellDeletion(call);
    return living(call, accept(call, outcome));
  }
  const { object, deletion } = await versionOf(call, versionId);
  if (object) return object;
  const { details } = errorFor(call, 'NoSuchVersion');
  const told = [
    'Last-Modified',
    httpDate(deletion.modifiedMs),
    'Allow',
    'DELETE',
    ...deletionHeaders(deletion),
  ];
  throw new S3Error('MethodNotAllowed', undefined, { ...details }, told);
}

/** @throws S3Error NoSuchVersion */
export async function versionOf(call: S3Call, versionId: string): Promise<StoredVersion> {
  const { objects } = call.gateway.cloud;
  const { bucket, key, caller } = call;
  const found = accept(call, await objects.version(caller, bucket, key, versionId));
  // Only what the key names comes to an end.
  if (!found.object || !isOver(found.object, call.gateway.clock.nowMs())) return found;
  const present = await objects.stored(caller, bucket, key);
  if (!isRejected(present) && (present.version ?? NULL_VERSION) === versionId) {
    throw errorFor(call, 'NoSuchVersion');
  }
  return found;
}

/** @throws S3Error NoSuchKey, if the newest version is why the key names nothing */
async function tellDeletion(call: S3Call): Promise<void> {
  const deletion = await call.gateway.cloud.objects.deletion(call.caller, call.bucket, call.key);
  if (!deletion) return;
  const { message, details } = errorFor(call, 'NoSuchKey');
  throw new S3Error('NoSuchKey', message, details, deletionHeaders(deletion));
}

function deletionHeaders({ version }: StoredDeletion): readonly string[] {
  return ['x-amz-delete-marker', 'true', 'x-amz-version-id', version];
}
