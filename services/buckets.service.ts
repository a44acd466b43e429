// Owns the use cases of buckets. A bucket is deleted in two steps (see core/buckets); whoever meets one
// between the steps settles it, so a crash between them needs no recovery of its own.

import { type BucketCommand, type BucketState, bucketDecider } from '#core/buckets/buckets.decider.ts';
import { buckets as bucketLifecycle, bucketStream } from '#core/buckets/buckets.events.ts';
import { assert } from '#core/kernel/assert.ts';
import type { Rejection } from '#core/kernel/decider.ts';
import { limits } from '#core/kernel/limits.ts';
import { runCommand } from '#core/runtime/run-command.ts';
import type { StoredBucket } from '#projections/buckets-by-name/buckets-by-name.query.ts';
import type { BucketRejection, Buckets, Caller } from './cloud.ts';
import { actorOf, isRejected, type ServiceContext, untilApplied, untilCaughtUp } from './context.ts';
import { endUpload } from './end-upload.ts';

type BucketAccess = StoredBucket | Rejection<'access-denied' | 'no-such-bucket'>;

/** What the other use cases need of buckets. */
export interface BucketAccessCheck {
  /** The bucket as the read model shows it now, if the caller may use it. A closing one is shown as it is. */
  find(caller: Caller, name: string): BucketAccess;
  /** Ends a deletion that is under way, one way or the other. */
  settle(caller: Caller, name: string): Promise<void>;
}

export function createBuckets(context: ServiceContext): Buckets & BucketAccessCheck {
  const run = async (caller: Caller, name: string, command: BucketCommand) => {
    const outcome = await runCommand(context.log, {
      decider: bucketDecider,
      lifecycle: bucketLifecycle,
      stream: bucketStream(name),
      command,
      actor: actorOf(caller),
      view: () => ({ state: stateOf(name), expect: context.buckets.revision(name) ?? 'none' }),
      refresh: () => untilCaughtUp(context),
    });
    if (outcome && !('rejected' in outcome)) await untilApplied(context, outcome);
    return outcome;
  };

  const stateOf = (name: string): BucketState => context.buckets.get(name) ?? { status: 'absent' };

  const find = (caller: Caller, name: string): BucketAccess => {
    const bucket = context.buckets.get(name);
    if (!bucket) return { rejected: 'no-such-bucket' };
    return bucket.owner === caller.accountId ? bucket : { rejected: 'access-denied' };
  };

  const settle = async (caller: Caller, name: string): Promise<void> => {
    if (context.buckets.get(name)?.status !== 'closing') return;
    const empty = await context.objects.isEmpty(name);
    if (empty) await abortUploads(context, caller, name);
    await run(caller, name, { type: empty ? 'DeleteBucket' : 'ReopenBucket' });
  };

  return {
    find,
    settle,

    async get(caller, name) {
      await context.barrier();
      await settle(caller, name);
      return find(caller, name);
    },

    async list(caller, after, limit) {
      await context.barrier();
      return context.buckets.ofOwner(caller.accountId, after, limit);
    },

    async create(caller, name, region): Promise<StoredBucket | Rejection<BucketRejection>> {
      await context.barrier();
      await settle(caller, name);
      const owned = await context.buckets.ofOwner(caller.accountId, '', limits.s3BucketsPerAccount);
      if (owned.length >= limits.s3BucketsPerAccount && !context.buckets.get(name)) {
        return { rejected: 'too-many-buckets' };
      }
      const outcome = await run(caller, name, { type: 'CreateBucket', owner: caller.accountId, region });
      if (isRejected(outcome)) return outcome;
      assert(outcome, 'creating a bucket has an event or a rejection');
      return {
        name,
        owner: caller.accountId,
        region,
        createdMs: outcome.timeMs,
        status: 'open',
        revision: outcome.revision,
      };
    },

    async delete(caller, name) {
      await context.barrier();
      await settle(caller, name);
      const bucket = find(caller, name);
      if (isRejected(bucket)) return bucket;
      // Most refusals need no event: closing is only for a bucket that looks empty.
      if (!(await context.objects.isEmpty(name))) return { rejected: 'bucket-not-empty' };
      const closed = await run(caller, name, { type: 'CloseBucket' });
      if (isRejected(closed)) return closed;
      await settle(caller, name);
      return context.buckets.get(name) ? { rejected: 'bucket-not-empty' } : undefined;
    },
  };
}

/**
 * A bucket takes the uploads under way with it: none may come to light in a later bucket of the same name.
 */
async function abortUploads(context: ServiceContext, caller: Caller, bucket: string): Promise<void> {
  const everything = { bucket, prefix: '', delimiter: '', keyMarker: '', uploadIdMarker: '', limit: 1_000 };
  for (;;) {
    const { uploads } = await context.uploads.list(everything);
    if (uploads.length === 0) return;
    for (const upload of uploads) await endUpload(context, caller, upload, { type: 'AbortUpload' });
  }
}
