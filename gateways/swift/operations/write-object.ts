// Owns PUT, POST and DELETE of objects. A PUT that says what it is made from is a copy; one with a manifest
// makes an object of others.

import { isRejected } from '#core/kernel/decider.ts';
import type { Assembly } from '#core/objects/objects.events.ts';
import type { StoredObject } from '#projections/objects-by-key/objects-by-key.query.ts';
import type { Caller } from '#services/cloud.ts';
import { NULL_VERSION, versioningOf } from '#services/versioning.ts';
import type { ByteSource } from '#storage-nodes/stream/blob-stream.ts';
import {
  accept,
  acceptBucket,
  type GatewayContext,
  header,
  isTrue,
  objectBody,
  type SwiftCall,
} from '../call.ts';
import { unquoted, writeConditionOf } from '../conditions.ts';
import { SwiftError } from '../errors.ts';
import { guessedType, isLarge, type ObjectHeaders, objectHeadersOf } from '../headers.ts';
import { type Address, checkNames, namedPath, pathOf } from '../paths.ts';
import {
  answerHeaders,
  HTML,
  httpDate,
  lastModifiedMs,
  replyDone,
  replyEmpty,
  replyText,
  TEXT,
} from '../reply.ts';
import { keepDeleted, keepReplaced } from './archives.ts';
import { putCopy } from './copy-object.ts';
import { living, targetOf } from './find-object.ts';
import { deleteWithSegments, putManifest } from './manifests.ts';
import { putSymlink } from './symlinks.ts';
import { addVersion, askedVersion, deleteVersion, putVersion } from './versions.ts';

/** Standard storage: what an object of S3 has that says nothing else. */
export const STORAGE_CLASS = 'STANDARD';

export async function putObject(call: SwiftCall): Promise<void> {
  checkNames(call);
  const version = await askedVersion(call);
  if (version !== undefined) return putVersion(call, version);
  const asksManifest = call.query.get('multipart-manifest') === 'put';
  if (call.request.headers['x-symlink-target'] !== undefined && !asksManifest) return putSymlink(call);
  if (call.request.headers['x-copy-from'] !== undefined) return putCopy(call);
  if (asksManifest) return putManifest(call);
  const { headers } = call.request;
  const described = objectHeadersOf(headers, call.gateway.clock.nowMs());
  const assembly = joinOf(call);
  const source = objectBody(call);
  await keepReplaced(call.gateway, call.caller, call);
  const outcome = await call.gateway.cloud.objects.put(call.caller, {
    bucket: call.container,
    key: call.object,
    source,
    digests: ['md5'],
    condition: writeConditionOf(headers),
    describe: ({ digests }) => {
      const etag = Buffer.from(digests.md5 ?? []).toString('hex');
      const wanted = header(call, 'etag');
      if (wanted !== undefined && unquoted(wanted).toLowerCase() !== etag) throw new SwiftError(422);
      const contentType = typeOf(call, described.contentType);
      return { ...described, contentType, etag, storageClass: STORAGE_CLASS, ...(assembly && { assembly }) };
    },
  });
  const object = accept(outcome);
  const answer = answerHeaders(call);
  answer.push('Etag', object.etag, 'Last-Modified', httpDate(lastModifiedMs(object.modifiedMs)));
  addVersion(answer, object);
  replyDone(call, 201, answer);
}

/** Stores bytes that do not come as the body of a PUT. */
export async function storeBytes(
  gateway: GatewayContext,
  caller: Caller,
  to: Address,
  source: ByteSource,
  described: ObjectHeaders,
): Promise<StoredObject> {
  if (to.object.includes('\0')) throw new SwiftError(412, 'Invalid UTF8 or contains NULL');
  checkNames(to);
  await keepReplaced(gateway, caller, to);
  const outcome = await gateway.cloud.objects.put(caller, {
    bucket: to.container,
    key: to.object,
    source,
    digests: ['md5'],
    condition: {},
    describe: ({ digests }) => ({
      ...described,
      contentType: described.contentType || guessedType(to.object),
      etag: Buffer.from(digests.md5 ?? []).toString('hex'),
      storageClass: STORAGE_CLASS,
    }),
  });
  return accept(outcome);
}

export function typeOf(call: SwiftCall, said: string | undefined): string {
  const detects = isTrue(header(call, 'x-detect-content-type'));
  return said === undefined || said === '' || detects ? guessedType(call.object) : said;
}

/** `X-Object-Manifest: container/prefix`: the object reads as all below it. @throws SwiftError 400 */
function joinOf(call: SwiftCall): Assembly | undefined {
  const value = header(call, 'x-object-manifest');
  if (value === undefined || value === '') return undefined;
  const isWrong = /[?&]/.test(value) || value.startsWith('/');
  if (isWrong || !/^[^/]+\/.+$/.test(value)) {
    throw new SwiftError(400, 'X-Object-Manifest must be in the format container/prefix');
  }
  const { container, object } = namedPath('X-Object-Manifest', value);
  return { parts: [], bucket: container, prefix: object };
}

export async function updateObject(call: SwiftCall): Promise<void> {
  if (call.query.has('version-id')) throw new SwiftError(400, 'POST to a specific version is not allowed');
  const { objects } = call.gateway.cloud;
  const { contentType, ...described } = objectHeadersOf(call.request.headers, call.gateway.clock.nowMs());
  const outcome = await objects.describe(call.caller, call.container, call.object, (object) => ({
    ...described,
    contentType: contentType ?? living(call, object).contentType,
  }));
  const object = accept(outcome);
  if (!object.assembly?.link) return replyDone(call, 202);
  const text = 'The requested POST was applied to a symlink. POST directly to the target to apply it there.';
  const headers = [...answerHeaders(call), 'Location', pathOf(targetOf({ call, object }))];
  replyText(call, 307, TEXT, text, headers);
}

export async function deleteObject(call: SwiftCall): Promise<void> {
  const { buckets, objects } = call.gateway.cloud;
  const { caller, container } = call;
  const version = await askedVersion(call);
  if (version !== undefined) return deleteVersion(call, version);
  if (await keepDeleted(call.gateway, caller, call)) {
    return replyEmpty(call, 204, [...answerHeaders(call), 'Content-Type', HTML]);
  }
  const found = await objects.stored(caller, container, call.object);
  if (isRejected(found) && found.rejected === 'no-such-key') {
    // What is not there is said to be gone, where that is kept.
    const { properties } = acceptBucket(await buckets.get(caller, container));
    if (versioningOf(properties) !== 'enabled') throw new SwiftError(404);
    const deletion = accept(await objects.delete(caller, container, call.object, {}));
    throw new SwiftError(404, undefined, ['X-Object-Version-Id', deletion.version ?? NULL_VERSION]);
  }
  const object = living(call, accept(found));
  if (call.query.get('multipart-manifest') === 'delete' && isLarge(object)) {
    return deleteWithSegments(call, object);
  }
  const answer = [...answerHeaders(call), 'Content-Type', HTML];
  addVersion(answer, accept(await objects.delete(caller, container, call.object, {})));
  replyEmpty(call, 204, answer);
}
