// Owns the collector: deletes the chunks that the log names no more, or never named.
//
// Guarantee: a chunk that a write is about to name is never deleted, however slow the write, however many
// gateways and collectors there are, and whatever their clocks say. It rests on the order of one stream, the
// bucket's, alone:
//
//   writer     W1  notes the bucket's revision before it makes a blob and puts its first chunk (`since`).
//              W2  appends the event that names the blob under a guard of the bucket's revision, and only if
//                  `since` is not below the announcement before the last one at that revision
//                  (`writesSince`; assertNameable).
//              W3  may prolong the write: an event in the bucket's stream, appended under the conditions of
//                  W2; its revision is the new `since`.
//   collector  C1  lists a chunk that has no name, then reaches the log's tail, then notes the bucket's
//                  revision (`mark`).
//              C2  deletes it once the read models, applied up to some revision R, show `writesSince` above
//                  `mark`, no name, and no prolongation at or above `writesSince`.
//
// Claim: after C2 the blob is not named any more. Let A be the announcement at `writesSince`, so
// mark < A <= R. The chunk was listed, hence put, hence its blob begun, before the tail of C1 was reached, so
// before A was appended. Suppose the blob is named while the bucket is at revision N.
//   N < R     The name stands before R on the log, so C2 would have seen it: contradiction. (Or it had been
//             taken away again; a blob is named by its one write, once.)
//   N >= R    By W2 `since` is at least the `writesSince` of N, which never falls, so at least A. Either
//             `since` is that of W1: then the write began when A was there already, contradiction. Or it is
//             a prolongation at P >= A: if P <= R, C2 would have seen it, contradiction; if P > R, then W3
//             demands of P what W2 demands of N, and the same argument applies to the `since` before it;
//             there are finitely many.
// A bucket that is deleted and made again counts as announced twice at its making, so no write from before
// names anything in the new one; and while there is no bucket nothing can be named. What a part of an upload
// names is named. Reads: a chunk is deleted no sooner than the grace period after it was found unnamed.
// Chunks whose owner is no stream of a bucket are left alone.

import type { Clock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import type { ChunkInfo } from '#storage-nodes/chunks/chunk-store.ts';
import { throwBug } from '#storage-nodes/client/device-health.ts';
import type { BucketCollection } from './bucket-collection.ts';

/** QuorumClient. */
export interface CollectedChunks {
  readonly partitions: number;
  chunksOf(partition: number): AsyncIterable<ChunkInfo>;
  delete(id: Uint8Array): Promise<void>;
}

export interface CollectorParts {
  readonly clock: Clock;
  readonly chunks: CollectedChunks;
  /** Whether the log, as applied, names the blob under one of the owner's streams. */
  isNamed(owner: string, blob: string): boolean;
  readonly buckets: Pick<BucketCollection, 'caughtUp' | 'revision' | 'state' | 'announce'>;
  readonly graceMs: number;
}

export interface CollectorReport {
  /** Chunks looked at. */
  readonly seen: number;
  /** Unnamed chunks that wait until they may be deleted. */
  readonly waiting: number;
  readonly deleted: number;
  readonly failed: number;
  readonly partitions: number;
  readonly partitionsTotal: number;
}

interface Candidate {
  readonly id: Uint8Array;
  readonly owner: string;
}

/** Candidates of one bucket that were found in one pass. */
interface Batch {
  readonly bucket: string;
  readonly candidates: Map<string, Candidate>;
  mark: number;
  markedMs: number;
}

type Tally = { -readonly [K in keyof CollectorReport]: number };

export class Collector {
  /** Of all passes; only ever grow. */
  readonly counters = { seen: 0, deleted: 0, failed: 0 };
  readonly #parts: CollectorParts;
  #batches: Batch[] = [];
  /** Ids in hexadecimal of all that wait. */
  readonly #waiting = new Set<string>();
  /** Where the pass before had to end, because too many wait. */
  #nextPartition = 0;
  #pass: Promise<CollectorReport> | undefined;

  constructor(parts: CollectorParts) {
    this.#parts = parts;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * One pass: looks for candidates, announces the collection of their buckets, deletes what is due. While one
   * is under way another call is told of that one.
   */
  runOnce(signal?: AbortSignal, onProgress?: (soFar: CollectorReport) => void): Promise<CollectorReport> {
    this.#pass ??= this.#run(signal, onProgress).finally(() => {
      this.#pass = undefined;
    });
    return this.#pass;
  }

  async #run(signal?: AbortSignal, onProgress?: (soFar: CollectorReport) => void): Promise<CollectorReport> {
    const { buckets, chunks, clock } = this.#parts;
    const partitionsTotal = chunks.partitions;
    const tally = { seen: 0, waiting: 0, deleted: 0, failed: 0, partitions: 0, partitionsTotal };
    const tell = () => onProgress?.({ ...tally, waiting: this.#waiting.size });
    const found = new Map<string, Batch>();
    try {
      await this.#gather(found, tally, tell, signal);
      await buckets.caughtUp();
    } catch (error) {
      // Without a mark they do not wait: the next pass finds them again.
      for (const { candidates } of found.values())
        for (const key of candidates.keys()) this.#waiting.delete(key);
      throw error;
    }
    for (const batch of found.values()) {
      batch.mark = buckets.revision(batch.bucket) ?? Number.NEGATIVE_INFINITY;
      batch.markedMs = clock.monotonicMs();
      this.#batches.push(batch);
    }
    for (const bucket of new Set(this.#batches.map((batch) => batch.bucket))) await buckets.announce(bucket);
    const waiting: Batch[] = [];
    for (const batch of this.#batches) {
      if (!signal?.aborted && this.#isDue(batch)) await this.#collect(batch, tally, signal);
      if (batch.candidates.size > 0) waiting.push(batch);
    }
    this.#batches = waiting;
    tally.waiting = this.#waiting.size;
    this.counters.seen += tally.seen;
    this.counters.deleted += tally.deleted;
    this.counters.failed += tally.failed;
    return tally;
  }

  #isDue({ bucket, mark, markedMs }: Batch): boolean {
    const { buckets, clock, graceMs } = this.#parts;
    if (clock.monotonicMs() - markedMs < graceMs) return false;
    const row = buckets.state(bucket);
    return row === undefined || row.writesSince > mark;
  }

  async #collect(batch: Batch, tally: Tally, signal?: AbortSignal): Promise<void> {
    const { buckets, chunks } = this.#parts;
    const row = buckets.state(batch.bucket);
    for (const [key, { id, owner }] of batch.candidates) {
      if (signal?.aborted) return;
      batch.candidates.delete(key);
      this.#waiting.delete(key);
      const blob = key.slice(0, 32);
      // One prolonged again and again is looked at anew by a later pass.
      const prolongedAt = row?.prolonged.get(blob) ?? Number.NEGATIVE_INFINITY;
      if (row !== undefined && prolongedAt >= row.writesSince) continue;
      if (this.#parts.isNamed(owner, blob)) continue;
      try {
        await chunks.delete(id);
        tally.deleted++;
      } catch (error) {
        throwBug(error);
        // A device that cannot be reached keeps its replica; a later pass finds it again.
        tally.failed++;
      }
    }
  }

  async #gather(
    found: Map<string, Batch>,
    tally: Tally,
    tell: () => void,
    signal?: AbortSignal,
  ): Promise<void> {
    const { clock, chunks } = this.#parts;
    for (let step = 0; step < tally.partitionsTotal; step++) {
      if (signal?.aborted) return;
      const partition = this.#nextPartition % tally.partitionsTotal;
      for await (const chunk of chunks.chunksOf(partition)) {
        if (this.#waiting.size >= limits.collectorCandidates) return;
        // Requests come first: a pass over millions of chunks lets them in between.
        if (++tally.seen % limits.collectorSliceChunks === 0) {
          tell();
          await clock.sleep(limits.collectorSlicePauseMs, signal);
          if (signal?.aborted) return;
        }
        this.#consider(chunk, found);
      }
      this.#nextPartition = (partition + 1) % tally.partitionsTotal;
      tally.partitions++;
    }
    tell();
  }

  #consider(chunk: ChunkInfo, found: Map<string, Batch>): void {
    const { clock, graceMs, isNamed } = this.#parts;
    // Saves the trouble with bodies on their way; nothing hangs on whose clock is right.
    if (chunk.createdMs > clock.nowMs() - graceMs) return;
    const bucket = bucketOf(chunk.owner);
    if (bucket === undefined) return;
    const id = Uint8Array.prototype.slice.call(chunk.id);
    const key = Buffer.from(id).toString('hex');
    if (this.#waiting.has(key) || isNamed(chunk.owner, key.slice(0, 32))) return;
    const batch = found.get(bucket) ?? { bucket, candidates: new Map(), mark: 0, markedMs: 0 };
    found.set(bucket, batch);
    batch.candidates.set(key, { id, owner: chunk.owner });
    this.#waiting.add(key);
  }
}

/** All streams that an owner names are of one bucket, and the first line says which. */
function bucketOf(owner: string): string | undefined {
  return /^objects\/([^/]+)\//u.exec(owner)?.[1];
}
