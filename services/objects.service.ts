// Owns the use cases of objects. The order is the guarantee: bytes durable on a quorum, then one event that
// names them, then the read model, then the answer. A crash in between leaves garbage for the collector,
// never a dangling name.

import { bucketStream } from '#core/buckets/buckets.events.ts';
import { versioningOf } from '#core/buckets/properties.ts';
import { assert } from '#core/kernel/assert.ts';
import { isRejected, type Rejection } from '#core/kernel/decider.ts';
import { isFault } from '#core/kernel/errors.ts';
import { newId } from '#core/kernel/ids.ts';
import type { StreamGuard } from '#core/log/event-log.ts';
import {
  isConditional,
  judgeCondition,
  type ObjectCommand,
  type ObjectState,
  objectDecider,
} from '#core/objects/objects.decider.ts';
import {
  type Assembly,
  type Content,
  NULL_VERSION,
  objects as objectLifecycle,
  objectStream,
  type Tags,
} from '#core/objects/objects.events.ts';
import { runCommand, type View } from '#core/runtime/run-command.ts';
import type { StoredBucket } from '#projections/buckets-by-name/buckets-by-name.query.ts';
import type {
  StoredDeletion,
  StoredVersion,
  VersionListPage,
  VersionListRequest,
} from '#projections/object-versions/object-versions.query.ts';
import type {
  ListPage,
  ListRequest,
  StoredObject,
} from '#projections/objects-by-key/objects-by-key.query.ts';
import type { BlobTarget, ByteSource, WrittenBlob } from '#storage-nodes/stream/blob-stream.ts';
import { AssembledObjects, type Readable } from './assembled-objects.ts';
import { assertNameable } from './bucket-collection.ts';
import type { BucketAccessCheck } from './buckets.service.ts';
import type {
  Caller,
  DeleteCondition,
  Deletion,
  Links,
  ObjectDescription,
  ObjectRejection,
  Objects,
  PutObjectRequest,
  WriteCondition,
} from './cloud.ts';
import { actorOf, type ServiceContext, untilApplied, untilCaughtUp } from './context.ts';
import {
  blindView,
  deleteObject,
  deleteVersion,
  giveVersion,
  madeVersion,
  stateOf,
  viewOf,
} from './object-versions.ts';
import { overQuota } from './quotas.ts';
import { type NewSeal, type SealedBlobs, sealingRefused } from './sealed-blobs.ts';
import type { PendingWrite } from './writes-in-flight.ts';

type Unversioned<Command> = Command extends unknown ? Omit<Command, 'version'> : never;
type NamingCommand = Unversioned<Extract<ObjectCommand, { type: 'PutObject' | 'CompleteObject' }>>;

/** A write of a key, for whatever makes objects: puts here, completed uploads in uploads.service.ts. */
export interface ObjectWriter {
  /**
   * @param guards further streams that must stand still, or a rejection; asked again after a lost race. It
   * throws where the bytes must not be named in the bucket as it is now.
   */
  name<Refused extends string>(
    caller: Caller,
    bucket: string,
    key: string,
    command: NamingCommand,
    guards: (bucket: StoredBucket) => readonly StreamGuard[] | Rejection<Refused>,
  ): Promise<StoredObject | Rejection<ObjectRejection | Refused>>;
}

export function createObjects(
  context: ServiceContext,
  buckets: BucketAccessCheck,
  sealed: SealedBlobs,
): Objects & ObjectWriter {
  return new ObjectUseCases(context, buckets, sealed);
}

class ObjectUseCases implements Objects, ObjectWriter {
  readonly #context: ServiceContext;
  readonly #buckets: BucketAccessCheck;
  readonly #sealed: SealedBlobs;
  readonly #assembled: AssembledObjects;

  constructor(context: ServiceContext, buckets: BucketAccessCheck, sealed: SealedBlobs) {
    this.#context = context;
    this.#buckets = buckets;
    this.#sealed = sealed;
    this.#assembled = new AssembledObjects(context, sealed);
  }

  async name<Refused extends string>(
    caller: Caller,
    bucket: string,
    key: string,
    command: NamingCommand,
    guards: (bucket: StoredBucket) => readonly StreamGuard[] | Rejection<Refused>,
  ): Promise<StoredObject | Rejection<ObjectRejection | Refused>> {
    const conditional = isConditional(command.condition);
    const over = this.#overQuota(bucket, ownBytes(command.content));
    const refused = over && (await over);
    if (refused) return refused;
    let versioning: ObjectState['versioning'];
    const naming = { ...command, version: '' };
    const outcome = await runCommand(this.#context.log, {
      decider: objectDecider,
      lifecycle: objectLifecycle,
      stream: objectStream(bucket, key),
      command: naming,
      actor: actorOf(caller),
      view: (): View<ObjectState> | Rejection<ObjectRejection | Refused> => {
        const found = this.#buckets.find(caller, bucket, 'write-objects');
        if (isRejected(found)) return found;
        if (found.status === 'closing') return { rejected: 'operation-in-progress' };
        const more = guards(found);
        if (isRejected(more)) return more;
        versioning = versioningOf(found.properties);
        giveVersion(naming, versioning, this.#context.random);
        const { state, expect } = conditional ? viewOf(this.#context, found, key) : blindView(versioning);
        const alsoAt = [{ stream: bucketStream(bucket), revision: found.revision }, ...more];
        return { state, expect, alsoAt };
      },
      refresh: async () => {
        await untilCaughtUp(this.#context);
        await this.#buckets.settle(caller, bucket);
      },
    });
    if (isRejected(outcome)) return outcome;
    assert(outcome, 'a put has an event or a rejection');
    await untilApplied(this.#context, outcome);
    const { revision, timeMs: modifiedMs } = outcome;
    const version = madeVersion(versioning, revision, naming);
    const named = { ...command.content, bucket, key, revision, modifiedMs };
    return version === undefined ? named : { ...named, version };
  }

  async put(caller: Caller, request: PutObjectRequest): Promise<StoredObject | Rejection<ObjectRejection>> {
    const { key, condition } = request;
    const behind = this.#context.barrier();
    if (behind) await behind;
    const bucket = this.#buckets.idOf(caller, request.bucket);
    const { sizeBytes = 0 } = request.source;
    const refused = refusalBeforeBody(this.#context, this.#buckets, caller, bucket, key, condition);
    if (refused) return refused;
    const over = this.#overQuota(bucket, sizeBytes);
    const tooMuch = over && (await over);
    if (tooMuch) return tooMuch;
    const asked = request.encryption ?? this.#sealed.byDefault(bucket);
    const sealing = asked && (await this.#sealed.seal(caller, bucket, request.bucket, asked));
    if (sealing && isRejected(sealing)) return sealingRefused(sealing);
    const write = pendingWrite(this.#context, bucket);
    return this.#context.writes.track(() => this.#putAllowed(caller, bucket, request, write, sealing), write);
  }

  #overQuota(id: string, sizeBytes: number): ReturnType<typeof overQuota> {
    const bucket = this.#context.buckets.get(id);
    return bucket && overQuota(this.#context, bucket, sizeBytes);
  }

  async #putAllowed(
    caller: Caller,
    bucket: string,
    request: PutObjectRequest,
    write: PendingWrite,
    sealing: NewSeal | undefined,
  ): Promise<StoredObject | Rejection<ObjectRejection>> {
    const { source, digests, key, condition } = request;
    const owner = objectStream(bucket, key);
    const sealed = sealing && { key: sealing.key };
    const written = await this.#context.blobs.write({ source, owner, digests, blob: write.blob, ...sealed });
    const draft = describeOrDiscard(this.#context, written, () => request.describe(written));
    const { blob, sizeBytes, chunkBytes } = written;
    const sealedKey = sealing && { sealedKey: sealing.sealedFor(blob) };
    const segments = sizeBytes === 0 ? [] : [{ blob, sizeBytes, chunkBytes, partNumber: 0, ...sealedKey }];
    const content: Content = {
      ...draft,
      sizeBytes: draft.assembly ? assembledBytes(draft.assembly) : sizeBytes,
      segments,
      ...(sealing && { encryption: sealing.encryption }),
      owner: caller.ownerId ?? caller.accountId,
    };
    const command = { type: 'PutObject', content, condition } as const;
    return nameOrDiscard(this.#context, written, () =>
      this.name<never>(caller, bucket, key, command, (found) => {
        assertNameable(found, write);
        return NO_GUARDS;
      }),
    );
  }

  async stored(
    caller: Caller,
    name: string,
    key: string,
  ): Promise<StoredObject | Rejection<ObjectRejection>> {
    const behind = this.#context.barrier();
    if (behind) await behind;
    const bucket = this.#buckets.idOf(caller, name);
    const found = this.#buckets.find(caller, bucket, 'read-objects');
    if (isRejected(found)) return found;
    const object = this.#context.objects.get(bucket, key);
    if (!object) return { rejected: 'no-such-key' };
    const isNull = object.version === undefined && versioningOf(found.properties) !== undefined;
    return isNull ? { ...object, version: NULL_VERSION } : object;
  }

  async get(
    caller: Caller,
    name: string,
    key: string,
    links: Links = 'follow',
  ): Promise<StoredObject | Rejection<ObjectRejection>> {
    const object = await this.stored(caller, name, key);
    return isRejected(object) || !object.assembly ? object : this.#asItReads(object, links);
  }

  async #asItReads(object: StoredObject, links: Links): Promise<StoredObject | Rejection<'no-such-key'>> {
    if (links === 'keep' || !object.assembly?.link) return this.#assembled.whole(object);
    return (await this.#assembled.followed(object)) ?? { rejected: 'no-such-key' };
  }

  async version(
    caller: Caller,
    name: string,
    key: string,
    version: string,
    links: Links = 'follow',
  ): Promise<StoredVersion | Rejection<ObjectRejection>> {
    const behind = this.#context.barrier();
    if (behind) await behind;
    const bucket = this.#buckets.idOf(caller, name);
    const found = this.#buckets.find(caller, bucket, 'read-objects');
    if (isRejected(found)) return found;
    const stored = this.#context.versions.get(bucket, key, version);
    if (!stored) return { rejected: 'no-such-version' };
    if (!stored.object?.assembly) return stored;
    const object = await this.#asItReads(stored.object, links);
    return isRejected(object) ? object : { object };
  }

  async deletion(caller: Caller, name: string, key: string): Promise<StoredDeletion | undefined> {
    const bucket = this.#buckets.idOf(caller, name);
    const found = this.#buckets.find(caller, bucket, 'read-objects');
    if (isRejected(found) || versioningOf(found.properties) === undefined) return undefined;
    return this.#context.versions.deletion(bucket, key);
  }

  async listVersions(
    caller: Caller,
    request: VersionListRequest,
  ): Promise<VersionListPage | Rejection<ObjectRejection>> {
    const behind = this.#context.barrier();
    if (behind) await behind;
    const bucket = this.#buckets.idOf(caller, request.bucket);
    const found = this.#buckets.find(caller, bucket, 'read-bucket');
    return isRejected(found) ? found : this.#context.versions.list({ ...request, bucket });
  }

  read(object: Readable, offset: number, length: number, target: BlobTarget): Promise<void> {
    if (object.assembly) return this.#assembled.read(object, offset, length, target);
    const extents = this.#sealed.extents(object);
    if (!(extents instanceof Promise)) return this.#context.blobs.read(extents, offset, length, target);
    return extents.then((opened) => this.#context.blobs.read(opened, offset, length, target));
  }

  source(object: Readable, offset: number, length: number): ByteSource {
    // What is encrypted is opened when the source is started.
    if (object.assembly || object.encryption) return this.#assembled.source(object, offset, length);
    assert(object.segments[0]?.sealedKey === undefined, 'what is sealed is not read as if it were plain');
    return this.#context.blobs.source(object.segments, offset, length);
  }

  describe(
    caller: Caller,
    name: string,
    key: string,
    change: (object: StoredObject) => ObjectDescription,
  ): Promise<StoredObject | Rejection<ObjectRejection>> {
    return this.#change(caller, name, key, 'DescribeObject', (object) => {
      const { expiresMs: _expiresMs, ...kept } = contentOf(object);
      return { ...kept, ...change(object) };
    });
  }

  tag(
    caller: Caller,
    name: string,
    key: string,
    tags: Tags | undefined,
  ): Promise<StoredObject | Rejection<ObjectRejection>> {
    return this.#change(caller, name, key, 'TagObject', (object) => {
      const { tags: _tags, ...kept } = contentOf(object);
      return tags ? { ...kept, tags } : kept;
    });
  }

  grant(
    caller: Caller,
    name: string,
    key: string,
    grants: string,
  ): Promise<StoredObject | Rejection<ObjectRejection>> {
    return this.#change(caller, name, key, 'TagObject', (object) => ({ ...contentOf(object), grants }));
  }

  /** The same bytes, of which something else is known. */
  async #change(
    caller: Caller,
    name: string,
    key: string,
    type: 'DescribeObject' | 'TagObject',
    change: (object: StoredObject) => Content,
  ): Promise<StoredObject | Rejection<ObjectRejection>> {
    const behind = this.#context.barrier();
    if (behind) await behind;
    const bucket = this.#buckets.idOf(caller, name);
    let content: (Content & { modifiedMs: number }) | undefined;
    const outcome = await runCommand(this.#context.log, {
      decider: objectDecider,
      lifecycle: objectLifecycle,
      stream: objectStream(bucket, key),
      command: {
        type,
        condition: {},
        /** Of what is there at each attempt: the bytes must be those that the key names. */
        get content(): Content & { modifiedMs: number } {
          assert(content, 'the view was looked at before the decision');
          return content;
        },
      },
      actor: actorOf(caller),
      view: (): View<ObjectState> | Rejection<ObjectRejection> => {
        const found = this.#buckets.find(caller, bucket, 'write-objects');
        if (isRejected(found)) return found;
        const object = this.#context.objects.get(bucket, key);
        if (!object) return { rejected: 'no-such-key' };
        content = { ...change(object), modifiedMs: object.modifiedMs };
        return { state: stateOf(object), expect: object.revision };
      },
      refresh: () => untilCaughtUp(this.#context),
    });
    if (isRejected(outcome)) return outcome;
    assert(outcome && content, 'a change has an event or a rejection');
    await untilApplied(this.#context, outcome);
    const modifiedMs = type === 'TagObject' ? content.modifiedMs : outcome.timeMs;
    return { ...content, bucket, key, revision: outcome.revision, modifiedMs };
  }

  async list(caller: Caller, request: ListRequest): Promise<ListPage | Rejection<ObjectRejection>> {
    const behind = this.#context.barrier();
    if (behind) await behind;
    const bucket = this.#buckets.idOf(caller, request.bucket);
    const found = this.#buckets.find(caller, bucket, 'read-bucket');
    return isRejected(found) ? found : this.#context.objects.list({ ...request, bucket });
  }

  async delete(
    caller: Caller,
    name: string,
    key: string,
    condition: DeleteCondition,
  ): Promise<Deletion | Rejection<ObjectRejection>> {
    const behind = this.#context.barrier();
    if (behind) await behind;
    const bucket = this.#buckets.idOf(caller, name);
    return deleteObject(this.#context, this.#buckets, caller, bucket, key, condition);
  }

  async deleteVersion(
    caller: Caller,
    name: string,
    key: string,
    version: string,
    condition: WriteCondition,
  ): Promise<Deletion | Rejection<ObjectRejection>> {
    const behind = this.#context.barrier();
    if (behind) await behind;
    const bucket = this.#buckets.idOf(caller, name);
    return deleteVersion(this.#context, this.#buckets, caller, bucket, key, version, condition);
  }
}

/** What its event says of it. */
export function contentOf(object: StoredObject): Content {
  const { bucket: _bucket, key: _key, revision: _revision, modifiedMs: _modifiedMs, ...content } = object;
  return content;
}

const NO_GUARDS: readonly StreamGuard[] = [];
/** What is made of others holds no bytes but theirs. */
const ownBytes = ({ assembly, sizeBytes }: Content): number => (assembly ? 0 : sizeBytes);

function assembledBytes({ parts }: Assembly): number {
  return parts.reduce((sum, part) => sum + part.sizeBytes, 0);
}

/**
 * What can be refused before the client has sent gigabytes; everything is judged again when the bytes are
 * named.
 */
export function refusalBeforeBody(
  context: ServiceContext,
  buckets: BucketAccessCheck,
  caller: Caller,
  bucket: string,
  key: string,
  condition: WriteCondition,
): Rejection<ObjectRejection> | undefined {
  const found = buckets.find(caller, bucket, 'write-objects');
  if (isRejected(found)) return found;
  if (!isConditional(condition)) return undefined;
  return judgeCondition(stateOf(context.objects.get(bucket, key)), condition);
}

/** To be made before the write begins: its bytes are younger than what the bucket's revision says. */
export function pendingWrite({ buckets, random }: ServiceContext, bucket: string): PendingWrite {
  const since = buckets.get(bucket)?.revision;
  assert(since !== undefined, 'a write goes to a bucket that is there');
  return { bucket, blob: newId(random), since };
}

/** Bytes that failed their check are named by nobody: they go at once. */
export function describeOrDiscard<Described>(
  context: ServiceContext,
  written: WrittenBlob,
  describe: () => Described,
): Described {
  try {
    return describe();
  } catch (error) {
    discard(context, written);
    throw error;
  }
}

/** Discards the bytes only where it is certain that no event names them; otherwise the collector decides. */
export async function nameOrDiscard<Named, Code extends string>(
  context: ServiceContext,
  written: WrittenBlob,
  naming: () => Promise<Named | Rejection<Code>>,
): Promise<Named | Rejection<Code>> {
  try {
    const outcome = await naming();
    if (isRejected(outcome)) discard(context, written);
    return outcome;
  } catch (error) {
    if (isFault(error, 'conflict')) discard(context, written);
    throw error;
  }
}

function discard(context: ServiceContext, written: WrittenBlob): void {
  // The answer need not wait for the deletion, and a chunk that could not be reached is the collector's.
  context.blobs.discard(written).catch(() => undefined);
}
