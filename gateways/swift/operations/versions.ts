// Owns what requests say of versions of objects (https://docs.openstack.org/swift/latest/middleware.html,
// "Object Versioning"): which one they mean, how one is there again, and how one goes.

import { isRejected } from '#core/kernel/decider.ts';
import { announcedBytes } from '#gateways/edge/request-body.ts';
import type { StoredObject } from '#projections/objects-by-key/objects-by-key.query.ts';
import { isOver } from '#services/expirer.ts';
import { isVersion, NULL_VERSION, versioningOf } from '#services/versioning.ts';
import { accept, acceptBucket, type SwiftCall } from '../call.ts';
import { SwiftError } from '../errors.ts';
import { answerHeaders, HTML, httpDate, lastModifiedMs, replyDone, replyEmpty } from '../reply.ts';
import { putAgain } from './put-again.ts';

/** The version that the request means; undefined: what is there. @throws SwiftError 400 */
export async function askedVersion(call: SwiftCall): Promise<string | undefined> {
  const version = call.query.get('version-id');
  if (version === undefined) return undefined;
  if (!isVersion(version)) throw new SwiftError(400, 'Invalid version parameter');
  if (version === NULL_VERSION) return version;
  const bucket = acceptBucket(await call.gateway.cloud.buckets.get(call.caller, call.container));
  if (versioningOf(bucket.properties) !== undefined) return version;
  throw new SwiftError(400, 'version-aware operations require that the container is versioned');
}

/** @throws SwiftError 404, also for a version that says that there is nothing */
export async function versionThere(call: SwiftCall, version: string): Promise<StoredObject> {
  const { objects } = call.gateway.cloud;
  const { caller, container, object: name } = call;
  const { object, deletion } = accept(await objects.version(caller, container, name, version, 'keep'));
  if (deletion) throw new SwiftError(404, undefined, ['X-Object-Version-Id', deletion.version]);
  // Only what is there under the name comes to an end.
  if (!isOver(object, call.gateway.clock.nowMs())) return object;
  const present = await objects.stored(caller, container, name);
  if (!isRejected(present) && (present.version ?? NULL_VERSION) === version) throw new SwiftError(404);
  return object;
}

export function addVersion(headers: string[], { version }: { readonly version?: string }): void {
  if (version !== undefined) headers.push('X-Object-Version-Id', version);
}

/** `PUT` with `version-id`: it is what is there again, as a version of its own. */
export async function putVersion(call: SwiftCall, version: string): Promise<void> {
  const { headers } = call.request;
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) {
    throw new SwiftError(411, 'Missing Content-Length header.');
  }
  if (announcedBytes(call.request) !== 0) {
    throw new SwiftError(400, 'PUT version-id requests require a zero byte body');
  }
  const { objects } = call.gateway.cloud;
  const object = accept(await putAgain(objects, call.caller, await versionThere(call, version), call));
  const answer = answerHeaders(call);
  answer.push('Etag', object.etag, 'Last-Modified', httpDate(lastModifiedMs(object.modifiedMs)));
  addVersion(answer, object);
  replyDone(call, 201, answer);
}

/** `DELETE` with `version-id`. */
export async function deleteVersion(call: SwiftCall, version: string): Promise<void> {
  const { objects } = call.gateway.cloud;
  const { caller, container, object } = call;
  accept(await objects.version(caller, container, object, version, 'keep'));
  accept(await objects.deleteVersion(caller, container, object, version, {}));
  const present = await objects.stored(caller, container, object);
  const current = isRejected(present) ? NULL_VERSION : (present.version ?? NULL_VERSION);
  const answer = [...answerHeaders(call), 'Content-Type', HTML, 'X-Object-Version-Id', version];
  replyEmpty(call, 204, [...answer, 'X-Object-Current-Version-Id', current]);
}
