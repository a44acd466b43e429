// Owns the use cases of multipart uploads. The commit of a completed upload is the event of the object,
// guarded by the upload's revision: an upload that was aborted meanwhile cannot become an object, nor a part
// be lost from one.

import { bucketStream, nameOfBucket } from '#core/buckets/buckets.events.ts';
import { assert } from '#core/kernel/assert.ts';
import { isRejected, type Rejection } from '#core/kernel/decider.ts';
import { newId } from '#core/kernel/ids.ts';
import { limits } from '#core/kernel/limits.ts';
import type { StreamGuard } from '#core/log/event-log.ts';
import type { Segment } from '#core/objects/objects.events.ts';
import { objectStream } from '#core/objects/objects.events.ts';
import { partDecider, type UploadState, uploadDecider } from '#core/objects/uploads.decider.ts';
import {
  parts as partLifecycle,
  partStream,
  uploads as uploadLifecycle,
  uploadStream,
} from '#core/objects/uploads.events.ts';
import { runCommand, type View } from '#core/runtime/run-command.ts';
import type { StoredObject } from '#projections/objects-by-key/objects-by-key.query.ts';
import type {
  StoredPart,
  StoredUpload,
  UploadListPage,
  UploadListRequest,
} from '#projections/uploads-by-bucket/uploads-by-bucket.query.ts';
import { assertNameable } from './bucket-collection.ts';
import type { BucketAccessCheck } from './buckets.service.ts';
import type {
  Caller,
  CompleteUploadRequest,
  ObjectRejection,
  PutPartRequest,
  StartUploadRequest,
  UploadRejection,
  Uploads,
} from './cloud.ts';
import { actorOf, type ServiceContext, untilApplied, untilCaughtUp } from './context.ts';
import { endUpload } from './end-upload.ts';
import {
  describeOrDiscard,
  nameOrDiscard,
  type ObjectWriter,
  pendingWrite,
  refusalBeforeBody,
} from './objects.service.ts';
import type { Permission } from './permissions.ts';
import { isKeyOf, type SealedBlobs, sealingRefused } from './sealed-blobs.ts';
import type { PendingWrite } from './writes-in-flight.ts';

export function createUploads(
  context: ServiceContext,
  buckets: BucketAccessCheck,
  objects: ObjectWriter,
  sealed: SealedBlobs,
): Uploads {
  return new UploadUseCases(context, buckets, objects, sealed);
}

class UploadUseCases implements Uploads {
  readonly #context: ServiceContext;
  readonly #buckets: BucketAccessCheck;
  readonly #objects: ObjectWriter;
  readonly #sealed: SealedBlobs;

  constructor(
    context: ServiceContext,
    buckets: BucketAccessCheck,
    objects: ObjectWriter,
    sealed: SealedBlobs,
  ) {
    this.#context = context;
    this.#buckets = buckets;
    this.#objects = objects;
    this.#sealed = sealed;
  }

  async start(
    caller: Caller,
    request: StartUploadRequest,
  ): Promise<StoredUpload | Rejection<UploadRejection>> {
    const { bucket: name, encryption: wanted, ...described } = request;
    await this.#context.barrier();
    const bucket = this.#buckets.idOf(caller, name);
    const refused = refusalBeforeBody(this.#context, this.#buckets, caller, bucket, request.key, {});
    if (refused) return refused;
    const uploadId = newId(this.#context.random);
    const asked = wanted ?? this.#sealed.byDefault(bucket);
    const sealing = asked && (await this.#sealed.seal(caller, bucket, name, asked));
    if (sealing && isRejected(sealing)) return sealingRefused(sealing);
    const encryption = sealing && { encryption: sealing.encryption };
    const upload = { ...described, ...encryption, owner: caller.ownerId ?? caller.accountId };
    const outcome = await runCommand(this.#context.log, {
      decider: uploadDecider,
      lifecycle: uploadLifecycle,
      stream: uploadStream(bucket, uploadId),
      command: { type: 'StartUpload', upload },
      actor: actorOf(caller),
      view: (): View<UploadState> | Rejection<ObjectRejection> => {
        const found = this.#buckets.find(caller, bucket, 'write-objects');
        if (isRejected(found)) return found;
        if (found.status === 'closing') return { rejected: 'operation-in-progress' };
        const alsoAt = [{ stream: bucketStream(bucket), revision: found.revision }];
        return { state: uploadDecider.initial, expect: 'none', alsoAt };
      },
      refresh: async () => {
        await untilCaughtUp(this.#context);
        await this.#buckets.settle(caller, bucket);
      },
    });
    if (isRejected(outcome)) return outcome;
    assert(outcome, 'starting an upload has an event or a rejection');
    await untilApplied(this.#context, outcome);
    return { ...upload, bucket, uploadId, startedMs: outcome.timeMs, revision: outcome.revision };
  }

  async get(
    caller: Caller,
    name: string,
    key: string,
    uploadId: string,
  ): Promise<StoredUpload | Rejection<UploadRejection>> {
    const behind = this.#context.barrier();
    if (behind) await behind;
    const upload = this.#find(caller, this.#buckets.idOf(caller, name), uploadId, 'read-bucket');
    if (isRejected(upload)) return upload;
    return upload.key === key ? upload : { rejected: 'no-such-upload' };
  }

  putPart(caller: Caller, request: PutPartRequest): Promise<StoredPart | Rejection<UploadRejection>> {
    const write = pendingWrite(this.#context, request.upload.bucket);
    return this.#context.writes.track(() => this.#putPart(caller, request, write), write);
  }

  async #putPart(
    caller: Caller,
    request: PutPartRequest,
    write: PendingWrite,
  ): Promise<StoredPart | Rejection<UploadRejection>> {
    const { upload, partNumber, source, digests } = request;
    const { bucket, uploadId } = upload;
    const stream = partStream(bucket, uploadId, partNumber);
    const owner = `${objectStream(bucket, upload.key)}\n${stream}`;
    const sealing = await this.#sealPart(caller, request);
    if (sealing && isRejected(sealing)) return sealingRefused(sealing);
    const key = sealing && { key: sealing.key };
    const written = await this.#context.blobs.write({ source, owner, digests, blob: write.blob, ...key });
    const { blob, sizeBytes, chunkBytes } = written;
    const described = describeOrDiscard(this.#context, written, () => request.describe(written));
    const sealedKey = sealing && { sealedKey: sealing.sealedFor(blob) };
    const part = { blob, sizeBytes, chunkBytes, ...described, ...sealedKey };
    return nameOrDiscard(this.#context, written, async () => {
      const outcome = await runCommand(this.#context.log, {
        decider: partDecider,
        lifecycle: partLifecycle,
        stream,
        command: { type: 'PutPart', part },
        actor: actorOf(caller),
        view: () => {
          const found = this.#find(caller, bucket, uploadId, 'write-objects');
          if (isRejected(found)) return found;
          const target = this.#buckets.find(caller, bucket, 'write-objects');
          if (isRejected(target)) return target;
          assertNameable(target, write);
          const alsoAt = [
            { stream: uploadStream(bucket, uploadId), revision: upload.revision },
            { stream: bucketStream(bucket), revision: target.revision },
          ];
          return { state: partDecider.initial, expect: 'any', alsoAt };
        },
        refresh: () => untilCaughtUp(this.#context),
      });
      if (isRejected(outcome)) return outcome;
      assert(outcome, 'a part has an event or a rejection');
      await untilApplied(this.#context, outcome);
      return { partNumber, modifiedMs: outcome.timeMs, ...part };
    });
  }

  /** A promise only where the upload is encrypted. */
  #sealPart(
    caller: Caller,
    { upload, customerKey }: PutPartRequest,
  ): ReturnType<SealedBlobs['seal']> | undefined {
    const { bucket, encryption } = upload;
    if (!encryption) return undefined;
    if (encryption.by === 'cloud')
      return this.#sealed.seal(caller, bucket, nameOfBucket(bucket), { by: 'cloud' });
    assert(customerKey && isKeyOf(encryption, customerKey), 'a part is put with the key of its upload');
    return this.#sealed.seal(caller, bucket, nameOfBucket(bucket), { by: 'customer', key: customerKey });
  }

  parts(upload: StoredUpload, after: number, limit: number): Promise<readonly StoredPart[]> {
    return this.#context.uploads.parts(upload.bucket, upload.uploadId, after, limit);
  }

  async list(
    caller: Caller,
    request: UploadListRequest,
  ): Promise<UploadListPage | Rejection<ObjectRejection>> {
    const behind = this.#context.barrier();
    if (behind) await behind;
    const bucket = this.#buckets.idOf(caller, request.bucket);
    const found = this.#buckets.find(caller, bucket, 'read-bucket');
    return isRejected(found) ? found : this.#context.uploads.list({ ...request, bucket });
  }

  async complete(
    caller: Caller,
    request: CompleteUploadRequest,
  ): Promise<StoredObject | Rejection<UploadRejection>> {
    const { upload, condition } = request;
    const { bucket, key, uploadId, revision } = upload;
    const chosen = await chooseParts(this.#context, request);
    if (isRejected(chosen)) return chosen;
    const content = {
      ...request.describe(chosen),
      sizeBytes: chosen.reduce((sum, part) => sum + part.sizeBytes, 0),
      segments: chosen.map(segmentOf),
      ...(upload.encryption && { encryption: upload.encryption }),
      owner: upload.owner,
    };
    const guards = (): readonly StreamGuard[] | Rejection<UploadRejection> => {
      const found = this.#find(caller, bucket, uploadId, 'write-objects');
      if (isRejected(found)) return found;
      // A part that was replaced since it was chosen must not be named: its bytes may be collected.
      if (!chosen.every((part) => isCurrent(this.#context, upload, part)))
        return { rejected: 'invalid-part' };
      return [{ stream: uploadStream(bucket, uploadId), revision }];
    };
    const command = { type: 'CompleteObject', content, uploadId, condition } as const;
    const stored = await this.#objects.name<UploadRejection>(caller, bucket, key, command, guards);
    if (isRejected(stored)) return stored;
    await endUpload(this.#context, caller, upload, { type: 'CompleteUpload' });
    return { ...stored, uploadId };
  }

  async abort(caller: Caller, upload: StoredUpload): Promise<undefined | Rejection<UploadRejection>> {
    const found = this.#find(caller, upload.bucket, upload.uploadId, 'write-objects');
    return isRejected(found) ? found : endUpload(this.#context, caller, upload, { type: 'AbortUpload' });
  }

  /** The upload, as long as it is active and the caller may do that in its bucket. */
  #find(
    caller: Caller,
    bucket: string,
    uploadId: string,
    permission: Permission,
  ): StoredUpload | Rejection<'access-denied' | 'no-such-bucket' | 'no-such-upload'> {
    const found = this.#buckets.find(caller, bucket, permission);
    if (isRejected(found)) return found;
    return this.#context.uploads.get(bucket, uploadId) ?? { rejected: 'no-such-upload' };
  }
}

/** The stored parts that the client named, checked for order, presence, etag and size. */
async function chooseParts(
  context: ServiceContext,
  request: CompleteUploadRequest,
): Promise<readonly StoredPart[] | Rejection<UploadRejection>> {
  const { upload, parts } = request;
  const stored = await context.uploads.parts(upload.bucket, upload.uploadId, 0, limits.s3Parts);
  const byNumber = new Map(stored.map((part) => [part.partNumber, part]));
  const chosen: StoredPart[] = [];
  let last = 0;
  let sizeBytes = 0;
  for (const named of parts) {
    if (named.partNumber <= last) return { rejected: 'invalid-part-order' };
    last = named.partNumber;
  }
  for (const named of parts) {
    const part = byNumber.get(named.partNumber);
    if (!part || part.etag !== named.etag) return { rejected: 'invalid-part' };
    if (named.checksum !== undefined && named.checksum !== part.checksum) return { rejected: 'invalid-part' };
    sizeBytes += part.sizeBytes;
    chosen.push(part);
  }
  if (chosen.length === 0) return { rejected: 'invalid-part' };
  if (chosen.slice(0, -1).some((part) => part.sizeBytes < request.minPartBytes)) {
    return { rejected: 'part-too-small' };
  }
  return sizeBytes > request.maxObjectBytes ? { rejected: 'object-too-large' } : chosen;
}

function isCurrent(context: ServiceContext, upload: StoredUpload, part: StoredPart): boolean {
  return context.uploads.part(upload.bucket, upload.uploadId, part.partNumber)?.blob === part.blob;
}

function segmentOf(part: StoredPart): Segment {
  const { blob, sizeBytes, chunkBytes, partNumber, checksum, sealedKey } = part;
  const known = {
    ...(checksum !== undefined && { checksum }),
    ...(sealedKey !== undefined && { sealedKey }),
  };
  return { blob, sizeBytes, chunkBytes, partNumber, ...known };
}
