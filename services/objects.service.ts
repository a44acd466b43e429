// Owns the use cases of objects. The order is the guarantee: bytes durable on a quorum, then one event that
// names them, then the read model, then the answer. A crash in between leaves garbage for the collector,
// never a dangling name.

import { bucketStream } from '#core/buckets/buckets.events.ts';
import { assert } from '#core/kernel/assert.ts';
import type { Rejection } from '#core/kernel/decider.ts';
import { isFault } from '#core/kernel/errors.ts';
import type { StreamGuard } from '#core/log/event-log.ts';
import {
  isConditional,
  judgeCondition,
  type ObjectCommand,
  type ObjectState,
  objectDecider,
} from '#core/objects/objects.decider.ts';
import { type Content, objects as objectLifecycle, objectStream } from '#core/objects/objects.events.ts';
import { runCommand, type View } from '#core/runtime/run-command.ts';
import type { StoredObject } from '#projections/objects-by-key/objects-by-key.query.ts';
import type { WrittenBlob } from '#storage-nodes/stream/blob-stream.ts';
import type { BucketAccessCheck } from './buckets.service.ts';
import type { Caller, ObjectRejection, Objects, PutObjectRequest, WriteCondition } from './cloud.ts';
import { actorOf, isRejected, type ServiceContext, untilApplied, untilCaughtUp } from './context.ts';

type NamingCommand = Exclude<ObjectCommand, { type: 'DeleteObject' }>;

/** A write of a key, for whatever makes objects: puts here, completed uploads in uploads.service.ts. */
export interface ObjectWriter {
  /**
   * @param guards further streams that must stand still, or a rejection; asked again after a lost race.
   */
  name<Refused extends string>(
    caller: Caller,
    bucket: string,
    key: string,
    command: NamingCommand,
    guards: () => readonly StreamGuard[] | Rejection<Refused>,
  ): Promise<StoredObject | Rejection<ObjectRejection | Refused>>;
}

export function createObjects(context: ServiceContext, buckets: BucketAccessCheck): Objects & ObjectWriter {
  const stateOf = (bucket: string, key: string): ObjectState => {
    const object = context.objects.get(bucket, key);
    return object ? { status: 'present', etag: object.etag } : { status: 'absent' };
  };
  const expectationOf = (bucket: string, key: string) => context.objects.revision(bucket, key) ?? 'none';

  const name = async <Refused extends string>(
    caller: Caller,
    bucket: string,
    key: string,
    command: NamingCommand,
    guards: () => readonly StreamGuard[] | Rejection<Refused>,
  ): Promise<StoredObject | Rejection<ObjectRejection | Refused>> => {
    const conditional = isConditional(command.condition);
    const outcome = await runCommand(context.log, {
      decider: objectDecider,
      lifecycle: objectLifecycle,
      stream: objectStream(bucket, key),
      command,
      actor: actorOf(caller),
      view: (): View<ObjectState> | Rejection<ObjectRejection | Refused> => {
        const found = buckets.find(caller, bucket);
        if (isRejected(found)) return found;
        if (found.status === 'closing') return { rejected: 'operation-in-progress' };
        const more = guards();
        if (isRejected(more)) return more;
        return {
          state: conditional ? stateOf(bucket, key) : objectDecider.initial,
          expect: conditional ? expectationOf(bucket, key) : 'any',
          alsoAt: [{ stream: bucketStream(bucket), revision: found.revision }, ...more],
        };
      },
      refresh: async () => {
        await untilCaughtUp(context);
        await buckets.settle(caller, bucket);
      },
    });
    if (isRejected(outcome)) return outcome;
    assert(outcome, 'a put has an event or a rejection');
    await untilApplied(context, outcome);
    return { ...command.content, bucket, key, revision: outcome.revision, modifiedMs: outcome.timeMs };
  };

  const put = async (caller: Caller, request: PutObjectRequest) => {
    await context.barrier();
    const refused = refusalBeforeBody(
      context,
      buckets,
      caller,
      request.bucket,
      request.key,
      request.condition,
    );
    if (refused) return refused;
    return context.writes.track(() => putAllowed(caller, request));
  };

  const putAllowed = async (caller: Caller, request: PutObjectRequest) => {
    const written = await context.blobs.write({
      source: request.source,
      owner: objectStream(request.bucket, request.key),
      digests: request.digests,
    });
    const content = describeOrDiscard(context, written, () => ({
      ...request.describe(written),
      sizeBytes: written.sizeBytes,
      segments:
        written.sizeBytes === 0
          ? []
          : [
              {
                blob: written.blob,
                sizeBytes: written.sizeBytes,
                chunkBytes: written.chunkBytes,
                partNumber: 0,
              },
            ],
      owner: caller.accountId,
    }));
    return nameOrDiscard(context, written, () =>
      name<never>(
        caller,
        request.bucket,
        request.key,
        { type: 'PutObject', content: content satisfies Content, condition: request.condition },
        () => [],
      ),
    );
  };

  return {
    name,
    put,

    async get(caller, bucket, key) {
      const behind = context.barrier();
      if (behind) await behind;
      const found = buckets.find(caller, bucket);
      if (isRejected(found)) return found;
      return context.objects.get(bucket, key) ?? { rejected: 'no-such-key' };
    },

    read: (object, offset, length, target) => context.blobs.read(object.segments, offset, length, target),

    source: (object, offset, length) => context.blobs.source(object.segments, offset, length),

    async list(caller, request) {
      const behind = context.barrier();
      if (behind) await behind;
      const found = buckets.find(caller, request.bucket);
      if (isRejected(found)) return found;
      return context.objects.list(request);
    },

    async delete(caller, bucket, key, condition) {
      const behind = context.barrier();
      if (behind) await behind;
      const outcome = await runCommand(context.log, {
        decider: objectDecider,
        lifecycle: objectLifecycle,
        stream: objectStream(bucket, key),
        command: { type: 'DeleteObject', condition },
        actor: actorOf(caller),
        view: () => {
          const found = buckets.find(caller, bucket);
          if (isRejected(found)) return found;
          return { state: stateOf(bucket, key), expect: expectationOf(bucket, key) };
        },
        refresh: () => untilCaughtUp(context),
      });
      if (isRejected(outcome)) return outcome;
      if (outcome) await untilApplied(context, outcome);
      return undefined;
    },
  };
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
  const found = buckets.find(caller, bucket);
  if (isRejected(found)) return found;
  if (!isConditional(condition)) return undefined;
  const object = context.objects.get(bucket, key);
  return judgeCondition(object ? { status: 'present', etag: object.etag } : { status: 'absent' }, condition);
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
