// Owns what every use case is given, and the two waits that make reads strong: for the log's tail before a
// read, and for one's own event after a write.

import type { Random } from '#core/kernel/random.ts';
import type { Actor, Appended, EventLog } from '#core/log/event-log.ts';
import type { ReadModels } from '#projections/all.ts';
import type { ProjectionRunner } from '#projections/store/projection.ts';
import type { BlobStream } from '#storage-nodes/stream/blob-stream.ts';
import type { Caller } from './cloud.ts';
import type { WritesInFlight } from './writes-in-flight.ts';

export interface ServiceContext extends Omit<ReadModels, 'namedBlobs'> {
  readonly log: EventLog;
  readonly runner: ProjectionRunner;
  readonly blobs: BlobStream;
  readonly writes: WritesInFlight;
  readonly random: Random;
  /**
   * Resolves when the read models have what was acknowledged anywhere before the call; undefined when they
   * already do. Where this process is the log's only writer it is always undefined: nothing is acknowledged
   * unapplied.
   */
  barrier(): Promise<void> | undefined;
}

/** After a write: the answer may be given once the read models show it. */
export async function untilApplied(
  context: Pick<ServiceContext, 'runner'>,
  appended: Appended,
): Promise<void> {
  const behind = context.runner.whenApplied(appended.position);
  if (behind) await behind;
}

/** After a lost race: the read models show what won it. */
export async function untilCaughtUp(context: Pick<ServiceContext, 'runner' | 'log'>): Promise<void> {
  const behind = context.runner.whenCaughtUp(await context.log.tail());
  if (behind) await behind;
}

export function actorOf(caller: Caller): Actor {
  return { user: caller.userId ?? caller.accountId, project: caller.accountId, requestId: caller.requestId };
}
