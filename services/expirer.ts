// Owns the end of objects whose time is over: until it has come to them they are still there, and count, but
// nobody reads them any more (isOver). Guarantee: an object is deleted only while what is said of its end is
// what was looked at; several processes at once do no harm. In a bucket that keeps versions it is deleted as
// by a user: it stays as a version, which does not end, and is read by its name.

import type { Clock } from '#core/kernel/clock.ts';
import { isRejected, type Rejection } from '#core/kernel/decider.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Actor } from '#core/log/event-log.ts';
import { type ObjectState, objectDecider } from '#core/objects/objects.decider.ts';
import { objects as objectLifecycle, objectStream } from '#core/objects/objects.events.ts';
import { runCommand, type View } from '#core/runtime/run-command.ts';
import type { StoredObject } from '#projections/objects-by-key/objects-by-key.query.ts';
import { type ServiceContext, untilApplied, untilCaughtUp } from './context.ts';
import { giveVersion, viewOf } from './object-versions.ts';

/** Whether it counts as deleted. */
export const isOver = ({ expiresMs }: Pick<StoredObject, 'expiresMs'>, nowMs: number): boolean =>
  expiresMs !== undefined && expiresMs <= nowMs;

export const EXPIRER = { user: 'system', project: 'system', requestId: 'expiry' } as const;

type ExpirerContext = Pick<ServiceContext, 'log' | 'runner' | 'buckets' | 'objects' | 'usage' | 'random'>;

export class Expirer {
  readonly #context: ExpirerContext;
  readonly #clock: Clock;

  constructor(context: ExpirerContext, clock: Clock) {
    this.#context = context;
    this.#clock = clock;
  }

  /** One pass over all whose time is over. Resolves to how many were deleted. */
  async runOnce(signal?: AbortSignal): Promise<{ readonly deleted: number }> {
    let deleted = 0;
    for (;;) {
      const due = await this.#context.usage.ended(this.#clock.nowMs(), limits.expirerStepObjects);
      const before = deleted;
      for (const { bucket, key } of due) {
        if (signal?.aborted) return { deleted };
        if (await this.#delete(bucket, key)) deleted++;
      }
      // Where nothing could be done the next pass looks again.
      if (due.length < limits.expirerStepObjects || deleted === before) return { deleted };
    }
  }

  #delete(bucket: string, key: string): Promise<boolean> {
    return deleteWhile(this.#context, { bucket, key }, EXPIRER, (object) =>
      isOver(object, this.#clock.nowMs()),
    );
  }
}

/** Deletes the object, at the revision that was found to be due. Resolves to whether it did. */
export async function deleteWhile(
  context: ExpirerContext,
  { bucket, key }: { readonly bucket: string; readonly key: string },
  actor: Actor,
  isDue: (object: StoredObject) => boolean,
): Promise<boolean> {
  const { log, buckets, objects, random } = context;
  const owner = buckets.get(bucket)?.owner ?? actor.project;
  const command = { type: 'DeleteObject' as const, owner, condition: {}, version: '' };
  const outcome = await runCommand(log, {
    decider: objectDecider,
    lifecycle: objectLifecycle,
    stream: objectStream(bucket, key),
    command,
    actor,
    view: (): View<ObjectState> | Rejection<'no-such-key'> => {
      const object = objects.get(bucket, key);
      const found = buckets.get(bucket);
      if (!found || found.status === 'closing' || !object || !isDue(object)) {
        return { rejected: 'no-such-key' };
      }
      const view = viewOf(context, found, key);
      giveVersion(command, view.state.versioning, random);
      return view;
    },
    refresh: () => untilCaughtUp(context),
  });
  if (!outcome || isRejected(outcome)) return false;
  await untilApplied(context, outcome);
  return true;
}
