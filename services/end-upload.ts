// Owns the end of a multipart upload: at the revision that the caller saw, or not at all.

import { isRejected, type Rejection } from '#core/kernel/decider.ts';
import { type UploadCommand, uploadDecider } from '#core/objects/uploads.decider.ts';
import { uploadStream, uploads } from '#core/objects/uploads.events.ts';
import { runCommand, type View } from '#core/runtime/run-command.ts';
import type { StoredUpload } from '#projections/uploads-by-bucket/uploads-by-bucket.query.ts';
import type { Caller } from './cloud.ts';
import { actorOf, type ServiceContext, untilApplied, untilCaughtUp } from './context.ts';

type NoUpload = Rejection<'no-such-upload'>;

export async function endUpload(
  context: ServiceContext,
  caller: Caller,
  upload: StoredUpload,
  command: UploadCommand,
): Promise<undefined | NoUpload> {
  let tried = false;
  const view = (): View<{ status: 'active' }> | NoUpload => {
    // After its start an upload has one event more, its end: whoever lost the race came too late.
    if (tried) return { rejected: 'no-such-upload' };
    tried = true;
    return { state: { status: 'active' }, expect: upload.revision };
  };
  const outcome = await runCommand(context.log, {
    decider: uploadDecider,
    lifecycle: uploads,
    stream: uploadStream(upload.bucket, upload.uploadId),
    command,
    actor: actorOf(caller),
    view,
    refresh: () => untilCaughtUp(context),
  });
  if (isRejected(outcome)) return outcome;
  if (outcome) await untilApplied(context, outcome);
  return undefined;
}
