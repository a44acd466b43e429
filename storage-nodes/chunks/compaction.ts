// Owns getting room back: the live needles of a segment are written anew and its file is recycled. Guarantees
// that nothing deleted comes back, even if the index is rebuilt from the segments: a tombstone, or any needle
// that took the place of another, leaves only after the segment with that other one.

import { Fault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import type { ChunkIndex } from './chunk-index.ts';
import { NEEDLE_BYTES_MAX, SEGMENT_HEADER_BYTES } from './needle.ts';
import { NeedleScan, type ScannedNeedle } from './needle-scan.ts';
import type { Segment } from './segment.ts';
import type { SegmentTable } from './segment-table.ts';

export interface CompactorOptions {
  readonly segments: SegmentTable;
  readonly index: ChunkIndex;
  /** Writes the needle anew if it is live in the segment, quarantines it if it is damaged. */
  readonly move: (needle: ScannedNeedle, segment: Segment) => Promise<void>;
  /**
   * The needle is dead but took the place of one in a segment that is still there. If the chunk is absent, a
   * new tombstone takes over; resolves to false when the chunk lives elsewhere, so that none may.
   */
  readonly bury: (needle: ScannedNeedle) => Promise<boolean>;
  /** An entry of the index for which the scan found no needle. */
  readonly dismiss: (id: Buffer, segment: Segment) => Promise<void>;
  readonly seal: () => Promise<void>;
  readonly stopped: () => boolean;
}

/** Below this share of dead bytes a rewrite costs more than it gives. */
const DEAD_SHARE_MIN = 0.1;
const DEAD_SHARE_MIN_ACTIVE = 0.25;
/** Smaller segments, as crashes may leave them, are merged though all in them may live. */
const TINY_BYTES = limits.chunkSmallestSegmentBytes / 8;

export class Compactor {
  readonly #options: CompactorOptions;

  constructor(options: CompactorOptions) {
    this.#options = options;
  }

  /** Resolves to how many segments were freed. */
  async run(limit: number): Promise<number> {
    const { segments, seal } = this.#options;
    const { active } = segments;
    if (limit > 0 && active !== undefined) {
      const deadBytes = active.endBytes - SEGMENT_HEADER_BYTES - active.liveBytes - active.tombstoneBytes;
      if (deadBytes >= active.capacityBytes * DEAD_SHARE_MIN_ACTIVE) await seal();
    }
    let freed = 0;
    for (const segment of this.#victims()) {
      if (freed >= limit || this.#options.stopped()) break;
      if (segments.get(segment.number) !== segment || segment.liveBytes > segments.upkeepBytes()) continue;
      freed += await this.#compact(segment);
    }
    return freed;
  }

  /** The sealed segments worth a rewrite, those with the lowest share of live bytes first. */
  #victims(): Segment[] {
    const shares = new Map<Segment, number>();
    let older = 0;
    for (const segment of this.#options.segments.all()) {
      // A tombstone is needed as long as the segment of what it deleted: about as many are as older segments
      // remain.
      const needed = segment.olderAtSealing === 0 ? 0 : Math.min(1, older / segment.olderAtSealing);
      older += 1;
      const share = deadShare(segment, segment.tombstoneBytes * needed);
      if (segment.sealed && share >= DEAD_SHARE_MIN) shares.set(segment, share);
    }
    return [...shares].sort(([, a], [, b]) => b - a).map(([segment]) => segment);
  }

  /** How many segments were freed: this one, and those that had to go before it. */
  async #compact(segment: Segment): Promise<number> {
    let freed = 0;
    const blocking = await this.#empty(segment);
    if (blocking === undefined || this.#options.stopped()) return 0;
    for (const other of blocking) {
      const before = this.#options.segments.get(other.number);
      if (before === undefined) continue;
      const gone = await this.#compact(before);
      if (gone === 0) return freed;
      freed += gone;
    }
    return freed + (await this.#free(segment));
  }

  /**
   * Moves out what is live. The older segments that must go first, or undefined when it could not be done.
   */
  async #empty(segment: Segment): Promise<Set<Segment> | undefined> {
    const { segments, stopped } = this.#options;
    const blocking = new Set<Segment>();
    segment.file.pin();
    try {
      const scan = new NeedleScan(segments.files, segment, {
        fromBytes: SEGMENT_HEADER_BYTES,
        toBytes: segment.endBytes,
        withData: true,
        searchBytes: Infinity,
      });
      for (let found = await scan.next(); found !== undefined; found = await scan.next()) {
        if (stopped()) return undefined;
        const outcomes = await Promise.allSettled(
          found.map((needle) => this.#rescue(needle, segment, blocking)),
        );
        const failure = outcomes.find((outcome) => outcome.status === 'rejected');
        if (failure !== undefined) {
          if (failure.reason instanceof Fault) return undefined;
          throw failure.reason;
        }
      }
    } finally {
      segment.file.unpin();
    }
    if (segment.liveChunks > 0 || segment.quarantined > 0) await this.#dismissUnseen(segment);
    return segment.liveChunks > 0 || segment.quarantined > 0 ? undefined : blocking;
  }

  async #rescue(needle: ScannedNeedle, segment: Segment, blocking: Set<Segment>): Promise<void> {
    const { segments, index, move, bury } = this.#options;
    if (index.mayBeAt(needle.id, segment, needle.offset)) await move(needle, segment);
    const older = needle.replaces === 0 ? undefined : segments.get(needle.replaces);
    // What it took the place of in its own segment goes with it.
    if (older === undefined || older === segment) return;
    if (!(await bury(needle))) blocking.add(older);
  }

  /** Entries whose needle's head is damaged. */
  async #dismissUnseen(segment: Segment): Promise<void> {
    for await (const id of this.#options.index.idsIn(segment)) await this.#options.dismiss(id, segment);
  }

  async #free(segment: Segment): Promise<number> {
    const { segments, index } = this.#options;
    // What the index still says of the segment must be gone before the file can hold another.
    await index.flush(true);
    if (segment.liveChunks > 0) return 0;
    index.forget(segment);
    await segments.free(segment);
    return 1;
  }
}

/**
 * What a rewrite would give back. Some room at the end, too little for the next needle, is in the nature of
 * it.
 */
function deadShare(segment: Segment, tombstoneBytes: number): number {
  const { sizeBytes } = segment.file;
  if (sizeBytes < TINY_BYTES) return 1;
  const deadBytes = segment.endBytes - SEGMENT_HEADER_BYTES - segment.liveBytes - tombstoneBytes;
  return (deadBytes + Math.max(0, sizeBytes - segment.endBytes - NEEDLE_BYTES_MAX)) / sizeBytes;
}
