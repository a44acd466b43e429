// Owns the changing of the keys of buckets: a new key for what is put from now on, and the keys of the
// objects that are there sealed anew under it, while their bytes, etags and times stay. Guarantees: an object
// stays readable at each step; a pass that was stopped is begun again by the next one and does nothing twice;
// several processes at once do no harm. Holds one page at a time.

import { setImmediate as untilOthersRan } from 'node:timers/promises';
import { isRejected, type Rejection } from '#core/kernel/decider.ts';
import { limits } from '#core/kernel/limits.ts';
import { type ObjectState, objectDecider } from '#core/objects/objects.decider.ts';
import { objects as objectLifecycle, objectStream } from '#core/objects/objects.events.ts';
import { runCommand, type View } from '#core/runtime/run-command.ts';
import type { StoredBucket } from '#projections/buckets-by-name/buckets-by-name.query.ts';
import type { StoredObject } from '#projections/objects-by-key/objects-by-key.query.ts';
import type { BucketRejection, Caller } from './cloud.ts';
import { actorOf, type ServiceContext, untilApplied, untilCaughtUp } from './context.ts';
import { contentOf } from './objects.service.ts';
import { RESEALING, type SealedBlobs } from './sealed-blobs.ts';

export interface ResealReport {
  /** Keys that were looked at. */
  scanned: number;
  resealed: number;
}

export class KeyKeeper {
  readonly #context: ServiceContext;
  readonly #sealed: SealedBlobs;

  constructor(context: ServiceContext, sealed: SealedBlobs) {
    this.#context = context;
    this.#sealed = sealed;
  }

  /** A new key for the bucket of that id. What is there follows by `runOnce`. */
  async rotate(id: string): Promise<undefined | Rejection<BucketRejection>> {
    await this.#context.barrier();
    const bucket = this.#context.buckets.get(id);
    if (!bucket) return { rejected: 'no-such-bucket' };
    return this.#sealed.rotate(callerFor(bucket), bucket.name, true);
  }

  /** One pass over the buckets whose key was changed. */
  async runOnce(signal?: AbortSignal): Promise<ResealReport> {
    const report = { scanned: 0, resealed: 0 };
    for (let after = ''; ; ) {
      const page = await this.#context.buckets.having(RESEALING, after, limits.lifecyclePageBuckets);
      if (page.length === 0) return report;
      for (const bucket of page) {
        if (signal?.aborted) return report;
        await this.#keep(bucket, report, signal);
        after = bucket.id;
      }
    }
  }

  async #keep(bucket: StoredBucket, report: ResealReport, signal: AbortSignal | undefined): Promise<void> {
    // Parts keep the key that they were sealed under: what they become is looked at by a later pass.
    const everything = { bucket: bucket.id, prefix: '', delimiter: '' };
    const markers = { keyMarker: '', uploadIdMarker: '' };
    const { uploads } = await this.#context.uploads.list({ ...everything, ...markers, limit: 1 });
    const before = report.resealed;
    for (let after = ''; ; ) {
      if (signal?.aborted) return;
      const asked = { ...everything, after, limit: limits.s3PageKeys };
      const { objects, truncated, last } = await this.#context.objects.list(asked);
      report.scanned += objects.length;
      for (const { key } of objects) if (await this.#reseal(bucket, key)) report.resealed++;
      if (!truncated) break;
      after = last;
      await untilOthersRan();
    }
    // What was under way while this pass ran may still come to be under the key before.
    if (uploads.length > 0 || report.resealed > before) return;
    await this.#sealed.endResealing(callerFor(bucket), bucket);
  }

  /** Resolves to whether there was something to do. */
  async #reseal({ id, owner }: StoredBucket, key: string): Promise<boolean> {
    const { log, objects } = this.#context;
    const object = objects.get(id, key);
    const segments = object && (await this.#sealed.resealed(object));
    if (!object || !segments) return false;
    const content = { ...contentOf(object), segments, modifiedMs: object.modifiedMs };
    const outcome = await runCommand(log, {
      decider: objectDecider,
      lifecycle: objectLifecycle,
      stream: objectStream(id, key),
      command: { type: 'TagObject', content, condition: {} },
      actor: actorOf(callerFor({ owner })),
      view: (): View<ObjectState> | Rejection<'no-such-key'> => {
        // Whatever else was done to it meanwhile must not be undone; the next pass sees it again.
        const now: StoredObject | undefined = objects.get(id, key);
        if (now?.revision !== object.revision) return { rejected: 'no-such-key' };
        return { state: { status: 'present', etag: object.etag }, expect: object.revision };
      },
      refresh: () => untilCaughtUp(this.#context),
    });
    if (outcome && !isRejected(outcome)) await untilApplied(this.#context, outcome);
    return true;
  }
}

const callerFor = ({ owner }: Pick<StoredBucket, 'owner'>): Caller => ({
  ...{ accountId: owner, userId: 'system', role: 'admin', requestId: 'keys' },
});
