// Owns the end of a bucket's deletion, which has two steps (core/buckets): whoever meets a bucket between
// them settles it, one way or the other, so a crash between them needs no recovery of its own.

import { type BucketCommand, type BucketState, bucketDecider } from '#core/buckets/buckets.decider.ts';
import { buckets as bucketLifecycle, bucketStream } from '#core/buckets/buckets.events.ts';
import { isRejected } from '#core/kernel/decider.ts';
import { runCommand, type View } from '#core/runtime/run-command.ts';
import type { StoredBucket } from '#projections/buckets-by-name/buckets-by-name.query.ts';
import type { Caller } from './cloud.ts';
import { actorOf, type ServiceContext, untilApplied, untilCaughtUp } from './context.ts';
import { endUpload } from './end-upload.ts';

/** That the bucket is seen as closing means that all which was named in it before is seen too. */
export async function settleBucket(context: ServiceContext, caller: Caller, name: string): Promise<void> {
  if (context.buckets.get(name)?.status !== 'closing') return;
  const empty = await context.objects.isEmpty(name);
  if (empty) await abortUploads(context, caller, name);
  await runBucketCommand(context, caller, name, { type: empty ? 'DeleteBucket' : 'ReopenBucket' });
}

export async function runBucketCommand(
  context: ServiceContext,
  caller: Caller,
  name: string,
  command: BucketCommand,
  /** Told of each state that it is decided on: at the end, of the one that it changed. */
  looked: (bucket: StoredBucket | undefined) => void = () => undefined,
) {
  const { buckets, log } = context;
  const outcome = await runCommand(log, {
    decider: bucketDecider,
    lifecycle: bucketLifecycle,
    stream: bucketStream(name),
    command,
    actor: actorOf(caller),
    view: (): View<BucketState> => {
      const bucket = buckets.get(name);
      looked(bucket);
      return { state: bucket ?? { status: 'absent' }, expect: buckets.revision(name) ?? 'none' };
    },
    refresh: () => untilCaughtUp(context),
  });
  if (outcome && !isRejected(outcome)) await untilApplied(context, outcome);
  return outcome;
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
