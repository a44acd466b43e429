// Owns what stands on the log between writers and the collector: announcements of collection, and writes that
// are prolonged because they take longer than the time between two of them. Why no chunk is ever collected
// that a write is about to name is told and proven in collector.ts.

import type { BucketCommand, BucketState } from '#core/buckets/buckets.decider.ts';
import { bucketDecider } from '#core/buckets/buckets.decider.ts';
import { buckets as bucketLifecycle, bucketStream } from '#core/buckets/buckets.events.ts';
import type { Clock } from '#core/kernel/clock.ts';
import { isRejected, type Rejection } from '#core/kernel/decider.ts';
import { Fault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import { runCommand, type View } from '#core/runtime/run-command.ts';
import type { StoredBucket } from '#projections/buckets-by-name/buckets-by-name.query.ts';
import type { CollectionRow } from '#projections/buckets-by-name/collection-row.ts';
import { actorOf, type ServiceContext, untilApplied, untilCaughtUp } from './context.ts';
import { settleBucket } from './settle-bucket.ts';
import type { PendingWrite } from './writes-in-flight.ts';

const COLLECTOR = { accountId: 'system', role: 'admin', requestId: 'collection' } as const;

/**
 * Called for each attempt to append an event that names the blob, under a guard of the bucket's revision.
 * @throws Fault `conflict`: the write took so long, without being prolonged, that its bytes may be gone.
 */
export function assertNameable(bucket: StoredBucket, write: PendingWrite): void {
  if (write.since >= bucket.writesSince) return;
  throw new Fault('conflict', `the write to ${bucket.name} was given up: it was not prolonged in time`);
}

export class BucketCollection {
  readonly #context: ServiceContext;
  readonly #clock: Clock;
  readonly #graceMs: number;

  constructor(context: ServiceContext, clock: Clock, graceMs: number) {
    this.#context = context;
    this.#clock = clock;
    this.#graceMs = graceMs;
  }

  /** Resolves when the read models show all that was acknowledged anywhere before the call. */
  caughtUp(): Promise<void> {
    return untilCaughtUp(this.#context);
  }

  /** Revision of the bucket's stream, as applied. */
  revision(bucket: string): number | undefined {
    return this.#context.buckets.revision(bucket);
  }

  /** As applied; undefined: there is no such bucket. */
  state(bucket: string): CollectionRow | undefined {
    return this.#context.buckets.collection(bucket);
  }

  /**
   * Announces a collection, unless the last announcement, whoever made it, is younger than the grace period.
   * Only how often long writes have to be prolonged hangs on the clock. Nothing can be announced in a bucket
   * whose deletion was left half done, so that is settled first: nobody else may ever ask for it again.
   */
  async announce(bucket: string): Promise<void> {
    await settleBucket(this.#context, COLLECTOR, bucket);
    const isDue = () => {
      const row = this.state(bucket);
      return row !== undefined && this.#clock.nowMs() - row.announcedMs >= this.#graceMs;
    };
    if (isDue()) await this.#run(bucket, { type: 'AnnounceCollection' }, isDue);
  }

  /**
   * One pass over the writes under way in this process: those that an announcement has overtaken are
   * prolonged. Resolves to how many were.
   */
  async runOnce(): Promise<{ readonly prolonged: number }> {
    const overtaken = new Map<string, PendingWrite[]>();
    for (const write of this.#context.writes.pending()) {
      const row = this.state(write.bucket);
      if (row === undefined || write.since >= row.announcedAt || write.since < row.writesSince) continue;
      const others = overtaken.get(write.bucket);
      if (!others) overtaken.set(write.bucket, [write]);
      else if (others.length < limits.eventsPerAppend) others.push(write);
    }
    let prolonged = 0;
    for (const [bucket, writes] of overtaken)
      if (await this.#prolong(bucket, writes)) prolonged += writes.length;
    return { prolonged };
  }

  async #prolong(bucket: string, writes: readonly PendingWrite[]): Promise<boolean> {
    const inTime = () => {
      const since = this.state(bucket)?.writesSince ?? Number.POSITIVE_INFINITY;
      return writes.every((write) => write.since >= since);
    };
    const blobs = writes.map(({ blob }) => blob);
    const revision = await this.#run(bucket, { type: 'ProlongWrites', blobs }, inTime);
    if (revision === undefined) return false;
    for (const write of writes) write.since = revision - writes.length + 1;
    return true;
  }

  /** The revision of the last event; undefined when nothing was appended. */
  async #run(bucket: string, command: BucketCommand, holds: () => boolean): Promise<number | undefined> {
    const { buckets, log } = this.#context;
    const outcome = await runCommand(log, {
      decider: bucketDecider,
      lifecycle: bucketLifecycle,
      stream: bucketStream(bucket),
      command,
      actor: actorOf(COLLECTOR),
      view: (): View<BucketState> | Rejection<'operation-in-progress'> => {
        const expect = buckets.revision(bucket);
        if (expect === undefined || !holds()) return { rejected: 'operation-in-progress' };
        return { state: buckets.get(bucket) ?? { status: 'absent' }, expect };
      },
      refresh: () => untilCaughtUp(this.#context),
    });
    if (!outcome || isRejected(outcome)) return undefined;
    await untilApplied(this.#context, outcome);
    return outcome.revision;
  }
}
