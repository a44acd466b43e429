// Owns static large objects (https://docs.openstack.org/swift/latest/middleware.html, "Static Large
// Objects"): the reading and showing of manifests, and the deletion of what they name. How such an object is
// read is services/assembled-objects.ts.

import { createHash } from 'node:crypto';
import { isRejected } from '#core/kernel/decider.ts';
import { limits } from '#core/kernel/limits.ts';
import type { AssembledPart } from '#core/objects/objects.events.ts';
import type { StoredObject } from '#projections/objects-by-key/objects-by-key.query.ts';
import type { ByteSource } from '#storage-nodes/stream/blob-stream.ts';
import { authoriseToo } from '../authorise.ts';
import { accept, acceptBucket, documentBody, header, type SwiftCall } from '../call.ts';
import { unquoted, writeConditionOf } from '../conditions.ts';
import { SwiftError } from '../errors.ts';
import { isLarge, objectAnswer, objectHeadersOf } from '../headers.ts';
import {
  answerHeaders,
  httpDate,
  isoDate,
  JSON_TYPE,
  lastModifiedMs,
  replyDone,
  replyHead,
  replyText,
} from '../reply.ts';
import { keepReplaced } from './archives.ts';
import { deletePaths, replyDeletions } from './delete-many.ts';
import { judgeParts } from './find-object.ts';
import { type ManifestEntry, manifestOf } from './manifest-document.ts';
import { STORAGE_CLASS, typeOf } from './write-object.ts';

export async function putManifest(call: SwiftCall): Promise<void> {
  const { headers } = call.request;
  if (headers['x-symlink-target'] !== undefined) {
    throw new SwiftError(400, 'X-Symlink-Target goes with no manifest');
  }
  const described = objectHeadersOf(headers, call.gateway.clock.nowMs());
  const entries = manifestOf(await documentBody(call, limits.swiftManifestBytes));
  acceptBucket(await call.gateway.cloud.buckets.get(call.caller, call.container));
  const { parts, etag, own } = await assemble(call, entries);
  const wanted = header(call, 'etag');
  if (wanted !== undefined && unquoted(wanted) !== etag) throw new SwiftError(422);
  await keepReplaced(call.gateway, call.caller, call);
  const outcome = await call.gateway.cloud.objects.put(call.caller, {
    bucket: call.container,
    key: call.object,
    source: bytesOf(own),
    digests: [],
    condition: writeConditionOf(headers),
    describe: () => ({
      ...{ ...described, contentType: typeOf(call, described.contentType), etag },
      ...{ storageClass: STORAGE_CLASS, assembly: { parts, bucket: '', prefix: '' } },
    }),
  });
  const object = accept(outcome);
  const answer = answerHeaders(call);
  answer.push('Etag', `"${etag}"`, 'Last-Modified', httpDate(lastModifiedMs(object.modifiedMs)));
  replyDone(call, 201, answer);
}

interface Assembled {
  readonly parts: readonly AssembledPart[];
  readonly etag: string;
  /** Bytes that stand in the manifest itself. */
  readonly own: Buffer;
}

/** @throws SwiftError 400 with all that is wrong */
async function assemble(call: SwiftCall, entries: readonly ManifestEntry[]): Promise<Assembled> {
  const parts: AssembledPart[] = [];
  const problems: string[] = [];
  const own: Buffer[] = [];
  let ownBytes = 0;
  const digest = createHash('md5');
  for (const entry of entries) {
    if ('data' in entry) {
      const { data } = entry;
      const etag = createHash('md5').update(data).digest('hex');
      const sizeBytes = data.length;
      parts.push({ bucket: '', key: '', etag, offset: ownBytes, sizeBytes, wholeBytes: sizeBytes });
      own.push(data);
      ownBytes += sizeBytes;
      digest.update(etag);
      continue;
    }
    const part = await partOf(call, entry);
    if (typeof part === 'string') {
      problems.push(`${entry.path}, ${part}`);
      continue;
    }
    parts.push(part);
    const { offset, sizeBytes } = part;
    digest.update(entry.range ? `${part.etag}:${offset}-${offset + sizeBytes - 1};` : part.etag);
  }
  if (problems.length > 0) throw new SwiftError(400, `Errors:\n${problems.join('\n')}\n`);
  return { parts, etag: digest.digest('hex'), own: Buffer.concat(own) };
}

/** The part, or what is wrong with it. */
async function partOf(
  call: SwiftCall,
  entry: Exclude<ManifestEntry, { data: Buffer }>,
): Promise<AssembledPart | string> {
  const { container, object, etag, sizeBytes, range } = entry;
  if (container === call.container && object === call.object) return 'manifest must not include itself';
  // What one may not read must not be read by way of an object that one may make.
  await authoriseToo(call, 'get_object', { project: call.project, container, object });
  const found = await call.gateway.cloud.objects.get(call.caller, container, object, 'keep');
  if (isRejected(found)) return '404 Not Found';
  if (found.assembly?.link) return 'a segment must not be a symlink';
  if (etag !== undefined && etag !== found.etag) return 'Etag Mismatch';
  if (sizeBytes !== undefined && sizeBytes !== found.sizeBytes) return 'Size Mismatch';
  if (found.sizeBytes === 0) return 'Too small; each segment must be at least 1 byte.';
  const { offset, length } = range?.(found.sizeBytes) ?? { offset: 0, length: found.sizeBytes };
  if (length <= 0) return 'Unsatisfiable Range';
  const wholeBytes = found.sizeBytes;
  return { bucket: container, key: object, etag: found.etag, offset, sizeBytes: length, wholeBytes };
}

function bytesOf(bytes: Buffer): ByteSource {
  let isCancelled = false;
  return {
    sizeBytes: bytes.length,
    start(sink) {
      queueMicrotask(() => {
        if (isCancelled) return;
        if (bytes.length > 0) sink.write(bytes);
        sink.end();
      });
    },
    pause: () => undefined,
    resume: () => undefined,
    cancel() {
      isCancelled = true;
    },
  };
}

/** Answers what the object is made of, if it is a static large object. */
export async function showManifest(call: SwiftCall, object: StoredObject): Promise<boolean> {
  if (!isLarge(object)) return false;
  await judgeParts(call, object);
  const parts = object.assembly?.parts ?? [];
  const isRaw = call.query.get('format') === 'raw';
  const shown = await Promise.all(
    parts.map((part) => (isRaw ? rawEntry(part) : entryOf(call, object, part))),
  );
  const body = JSON.stringify(shown);
  const headers = objectAnswer(call, object).filter((_, at, all) => {
    const name = all[at - (at % 2)] as string;
    return name !== 'Content-Type' && name !== 'Etag';
  });
  headers.push('Etag', createHash('md5').update(body).digest('hex'));
  if (call.request.method === 'HEAD') {
    headers.push('Content-Type', JSON_TYPE, 'Content-Length', String(Buffer.byteLength(body)));
    replyHead(call, 200, headers);
  } else replyText(call, 200, JSON_TYPE, body, headers);
  return true;
}

const rangeOf = ({ offset, sizeBytes, wholeBytes }: AssembledPart) =>
  sizeBytes === wholeBytes ? {} : { range: `${offset}-${offset + sizeBytes - 1}` };

/** As in a manifest that is put. */
function rawEntry(part: AssembledPart): object {
  const { bucket, key, etag, wholeBytes } = part;
  return { path: `/${bucket}/${key}`, etag, size_bytes: wholeBytes, ...rangeOf(part) };
}

async function entryOf(call: SwiftCall, object: StoredObject, part: AssembledPart): Promise<object> {
  const { bucket, key, etag, wholeBytes } = part;
  const found = bucket === '' ? object : await call.gateway.cloud.objects.stored(call.caller, bucket, key);
  const there = isRejected(found) ? undefined : found;
  return {
    ...{ name: bucket === '' ? '' : `/${bucket}/${key}`, hash: etag, bytes: wholeBytes, ...rangeOf(part) },
    content_type: there?.contentType ?? 'application/octet-stream',
    last_modified: isoDate((there ?? object).modifiedMs),
    ...(bucket !== '' && there && isLarge(there) && { sub_slo: true }),
  };
}

/** `DELETE` with `multipart-manifest=delete`: what it is made of first, itself last. */
export async function deleteWithSegments(call: SwiftCall, object: StoredObject): Promise<void> {
  const paths = new Set<string>();
  await collectPaths(call, object, paths, 0);
  paths.add(`/${call.container}/${call.object}`);
  await replyDeletions(call, await deletePaths(call, [...paths]));
}

async function collectPaths(
  call: SwiftCall,
  object: StoredObject,
  paths: Set<string>,
  depth: number,
): Promise<void> {
  if (depth > limits.assembledDepth) return;
  for (const { bucket, key } of object.assembly?.parts ?? []) {
    const path = `/${bucket}/${key}`;
    if (bucket === '' || paths.has(path)) continue;
    const found = await call.gateway.cloud.objects.stored(call.caller, bucket, key);
    if (!isRejected(found)) await collectPaths(call, found, paths, depth + 1);
    paths.add(path);
    if (paths.size > limits.swiftBulkDeletes) throw new SwiftError(409);
  }
}
