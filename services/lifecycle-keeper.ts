// Owns the ends that the rules of buckets give to objects and to uploads that nobody completes. Guarantees:
// what is deleted is due at that moment, by the rules as they are then, and is what was looked at; a pass
// that was stopped goes on where it was; several processes at once do no harm. Holds one page at a time.
// Budget per key that is not due: a few comparisons, nothing decoded.

import { setImmediate as untilOthersRan } from 'node:timers/promises';
import type { Clock } from '#core/kernel/clock.ts';
import { isRejected } from '#core/kernel/decider.ts';
import { limits } from '#core/kernel/limits.ts';
import type { StoredBucket } from '#projections/buckets-by-name/buckets-by-name.query.ts';
import type { ListedObject } from '#projections/objects-by-key/objects-by-key.query.ts';
import type { Caller } from './cloud.ts';
import type { ServiceContext } from './context.ts';
import { endUpload } from './end-upload.ts';
import { deleteWhile } from './expirer.ts';
import { abortOf, DueObjects, LIFECYCLE_PROPERTY, type LifecycleRule } from './lifecycle-rules.ts';

export const LIFECYCLE_ACTOR = { user: 'system', project: 'system', requestId: 'lifecycle' } as const;
const CALLER: Caller = { accountId: 'system', userId: 'system', role: 'admin', requestId: 'lifecycle' };

export interface LifecycleReport {
  /** Keys that were looked at. */
  scanned: number;
  deleted: number;
  aborted: number;
}

/** What the rules say, and the rules themselves: others may have come since. */
interface Judging {
  readonly due: DueObjects;
  readonly text: string | undefined;
}

export class LifecycleKeeper {
  readonly #context: ServiceContext;
  readonly #clock: Clock;
  #pass: Promise<LifecycleReport> | undefined;
  /** Where the pass before was stopped: the bucket, and the last key that was looked at. */
  #stopped: { readonly bucket: string; readonly after: string } | undefined;

  constructor(context: ServiceContext, clock: Clock) {
    this.#context = context;
    this.#clock = clock;
  }

  /** One pass over all buckets that have rules. While one is under way another call is told of that one. */
  runOnce(signal?: AbortSignal): Promise<LifecycleReport> {
    this.#pass ??= this.#run(signal).finally(() => {
      this.#pass = undefined;
    });
    return this.#pass;
  }

  async #run(signal: AbortSignal | undefined): Promise<LifecycleReport> {
    const report = { scanned: 0, deleted: 0, aborted: 0 };
    const { buckets } = this.#context;
    const from = this.#stopped;
    this.#stopped = undefined;
    // The bucket where it was stopped is looked at again, from there.
    let isFirst = from !== undefined;
    for (let after = from?.bucket ?? ''; ; isFirst = false) {
      const page = isFirst
        ? [buckets.get(after)].filter((bucket) => bucket !== undefined)
        : await buckets.having(LIFECYCLE_PROPERTY, after, limits.lifecyclePageBuckets);
      if (page.length === 0 && !isFirst) return report;
      for (const bucket of page) {
        const begin = isFirst ? (from?.after ?? '') : '';
        const stoppedAt = await this.#keep(bucket, begin, report, signal);
        if (stoppedAt !== undefined) {
          this.#stopped = { bucket: bucket.id, after: stoppedAt };
          return report;
        }
        after = bucket.id;
      }
    }
  }

  /** Resolves to the key where it was stopped; undefined: it was not. */
  async #keep(
    bucket: StoredBucket,
    begin: string,
    report: LifecycleReport,
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> {
    const rules = rulesOf(bucket);
    await this.#abortUploads(bucket.id, rules, report, signal);
    const due = new DueObjects(rules, this.#clock.nowMs());
    const text = bucket.properties[LIFECYCLE_PROPERTY];
    // Nothing in a bucket is older than the bucket.
    if (due.youngestMs < bucket.createdMs) return signal?.aborted ? begin : undefined;
    for (let after = begin; ; ) {
      if (signal?.aborted) return after;
      const { prefix } = due;
      const asked = { bucket: bucket.id, prefix, delimiter: '', after, limit: limits.s3PageKeys };
      const { objects, truncated, last } = await this.#context.objects.list(asked);
      report.scanned += objects.length;
      await this.#deleteDue(bucket.id, objects, { due, text }, report);
      if (!truncated) return undefined;
      after = last;
      await untilOthersRan();
    }
  }

  async #deleteDue(
    bucket: string,
    objects: readonly ListedObject[],
    judging: Judging,
    report: LifecycleReport,
  ): Promise<void> {
    const candidates = objects.filter((object) => judging.due.mayBeDue(object));
    for (let at = 0; at < candidates.length; at += limits.lifecycleDeletionsAtOnce) {
      const some = candidates.slice(at, at + limits.lifecycleDeletionsAtOnce);
      const outcomes = await Promise.all(some.map(({ key }) => this.#delete(bucket, key, judging)));
      report.deleted += outcomes.filter(Boolean).length;
    }
  }

  #delete(bucket: string, key: string, { due, text }: Judging): Promise<boolean> {
    return deleteWhile(this.#context, { bucket, key }, LIFECYCLE_ACTOR, (object) => {
      const now = this.#context.buckets.get(bucket);
      if (now?.properties[LIFECYCLE_PROPERTY] === text) return due.isDue(object);
      return new DueObjects(rulesOf(now), this.#clock.nowMs()).isDue(object);
    });
  }

  async #abortUploads(
    bucket: string,
    rules: readonly LifecycleRule[],
    report: LifecycleReport,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (!rules.some((rule) => rule.isEnabled && rule.abortsDays !== undefined)) return;
    const markers = { keyMarker: '', uploadIdMarker: '' };
    while (!signal?.aborted) {
      const asked = { bucket, prefix: '', delimiter: '', ...markers, limit: limits.s3PageKeys };
      const page = await this.#context.uploads.list(asked);
      for (const upload of page.uploads) {
        const end = abortOf(rules, upload);
        if (!end || end.atMs > this.#clock.nowMs()) continue;
        const outcome = await endUpload(this.#context, CALLER, upload, { type: 'AbortUpload' });
        if (!isRejected(outcome)) report.aborted++;
      }
      if (!page.truncated) return;
      markers.keyMarker = page.nextKeyMarker;
      markers.uploadIdMarker = page.nextUploadIdMarker;
    }
  }
}

function rulesOf(bucket: StoredBucket | undefined): readonly LifecycleRule[] {
  const text = bucket?.properties[LIFECYCLE_PROPERTY];
  return text === undefined ? [] : JSON.parse(text);
}
