// Owns where each chunk is: the hot index in front, the durable one behind, and the changes on their way from
// one to the other. Guarantees that one state is seen throughout: a change counts from
// `put`/`remove`/`quarantine` on, and reaches the durable index in one batch with the segments' counters and
// the checkpoint that goes with it.
//
// An entry that names a segment which is not there says nothing: that is how chunks leave with a vanished
// file.

import { assert } from '#core/kernel/assert.ts';
import { Fault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import { CHUNK_ID_BYTES, type ChunkInfo, type ListOptions } from './chunk-store.ts';
import { DigestTable } from './digest-table.ts';
import {
  type Checkpoint,
  type DurableIndex,
  INDEX_VERSION,
  IndexBatch,
  type IndexEntry,
} from './durable-index.ts';
import { DELETED, HotIndex, isQuarantined, packedSize, QUARANTINED } from './hot-index.ts';
import type { Segment } from './segment.ts';
import type { SegmentTable } from './segment-table.ts';

/** Where a chunk is. */
export interface Place {
  readonly segment: Segment;
  readonly offset: number;
  readonly packed: number;
}

/** What the index keeps of a needle. */
export interface IndexedNeedle {
  readonly id: Uint8Array;
  readonly key: string;
  readonly createdMs: number;
  readonly owner: string;
}

/** The id as a Latin-1 string: a key of maps. */
export const keyOf = (id: Uint8Array): string =>
  Buffer.from(id.buffer, id.byteOffset, CHUNK_ID_BYTES).toString('latin1');

const scratch = Buffer.alloc(CHUNK_ID_BYTES);

/** Good until the next call. */
function idOfKey(key: string): Buffer {
  scratch.write(key, 'latin1');
  return scratch;
}

/** The store surely has no such chunk. */
export const ABSENT = Symbol('absent');

interface Change {
  /** The id as a Latin-1 string: many changes wait, and a string is the smallest copy of an id. */
  readonly key: string;
  readonly createdMs: number;
  readonly owner: string;
}

/** The state of an entry in a batch on its way. */
interface SentEntry {
  readonly key: string;
  readonly segment: number;
  readonly offset: number;
  readonly packed: number;
}

const FLUSH_CHANGES = 2_048;
const FLUSH_BYTES = limits.chunkSegmentBytes / 4;
const NO_OWNER = '';

export class ChunkIndex {
  chunks = 0;
  liveBytes = 0;
  quarantined = 0;
  /** The last chunk audited; undefined when the next audit begins at the first. */
  auditAfter: Uint8Array | undefined;
  readonly #segments: SegmentTable;
  readonly #durable: DurableIndex;
  readonly #hot: HotIndex;
  readonly #lost: (error: unknown) => void;
  #changes: Change[] = [];
  #touched = new Set<Segment>();
  #freed: number[] = [];
  #bytesSinceFlush = 0;
  #reachedSegment: number;
  #reachedOffset: number;
  /** Of the last batch tried, and of the last known to be stored. */
  #tried: number;
  #stored: number;
  #flushes = 0;
  #flushing: Promise<void> | undefined;
  #failure: unknown;
  /** Kept right from the moment on of which `#countInto` takes its snapshot. */
  #digests: DigestTable | undefined;
  #counting: { readonly partitionPower: number; readonly done: Promise<DigestTable> } | undefined;

  /**
   * @param options.checkpoint undefined when the durable index is empty.
   * @param options.lost called when the durable index turned out to be another than the one that was written.
   */
  constructor(
    segments: SegmentTable,
    durable: DurableIndex,
    options: {
      hotEntries: number;
      checkpoint: Checkpoint | undefined;
      lost: (error: unknown) => void;
    },
  ) {
    this.#segments = segments;
    this.#durable = durable;
    const { checkpoint } = options;
    this.#hot = new HotIndex(options.hotEntries, checkpoint === undefined);
    this.#tried = checkpoint?.sequence ?? 0;
    this.#stored = this.#tried;
    this.#reachedSegment = checkpoint?.segment ?? 0;
    this.#reachedOffset = checkpoint?.offset ?? 0;
    if (checkpoint?.auditAfter) this.auditAfter = Buffer.from(checkpoint.auditAfter, 'hex');
    this.#lost = options.lost;
  }

  /** The place, {@link ABSENT}, or undefined where only {@link look} can tell. */
  peek(id: Uint8Array): Place | typeof ABSENT | undefined {
    const slot = this.#hot.find(id);
    if (slot < 0) return this.#hot.complete ? ABSENT : undefined;
    const number = this.#hot.segmentAt(slot);
    if (number === DELETED) return ABSENT;
    const segment = this.#segments.get(number);
    if (segment === undefined) return ABSENT;
    return { segment, offset: this.#hot.offsetAt(slot), packed: this.#hot.packedAt(slot) };
  }

  /** False only when the chunk is surely not there, and so never will be again: a place is used once. */
  mayBeAt(id: Uint8Array, segment: Segment, offset: number): boolean {
    const place = this.peek(id);
    return place === undefined || (place !== ABSENT && place.segment === segment && place.offset === offset);
  }

  async look(id: Uint8Array): Promise<Place | undefined> {
    for (;;) {
      const known = this.peek(id);
      if (known !== undefined) return known === ABSENT ? undefined : known;
      const flushes = this.#flushes;
      const entry = await this.#durable.get(id);
      // Only while no batch was written in between is a miss above still a reason to believe what was read.
      if (flushes !== this.#flushes) continue;
      const news = this.peek(id);
      if (news !== undefined) return news === ABSENT ? undefined : news;
      const segment = entry && this.#segments.get(entry.segment);
      if (entry === undefined || segment === undefined) return undefined;
      this.#hot.remember(id, entry.segment, entry.offset, entry.packed);
      return { segment, offset: entry.offset, packed: entry.packed };
    }
  }

  /** A needle was made durable; it takes the place of `previous`. */
  put(needle: IndexedNeedle, place: Place, previous: Place | undefined): void {
    if (previous !== undefined) this.#leave(previous);
    if (previous === undefined || isQuarantined(previous.packed)) this.#digests?.count(needle.id, 1);
    const { segment, offset, packed } = place;
    this.#hot.change(needle.id, segment.number, offset, packed);
    segment.addLive(packed);
    this.chunks += 1;
    this.liveBytes += packedSize(packed);
    this.#changed(segment, { key: needle.key, createdMs: needle.createdMs, owner: needle.owner });
  }

  /** The chunk is gone from the index: by a tombstone in `segment`, or with its segment. */
  remove(id: Uint8Array, segment: Segment, previous: Place): void {
    this.#leave(previous);
    if (!isQuarantined(previous.packed)) this.#digests?.count(id, -1);
    this.#hot.change(id, DELETED, 0, 0);
    this.#changed(segment, { key: keyOf(id), createdMs: 0, owner: NO_OWNER });
  }

  quarantine(id: Uint8Array, place: Place): void {
    assert(!isQuarantined(place.packed), 'a chunk is quarantined once');
    this.#leave(place);
    this.#digests?.count(id, -1);
    this.#hot.change(id, place.segment.number, place.offset, place.packed | QUARANTINED);
    place.segment.quarantined += 1;
    this.quarantined += 1;
    this.#changed(place.segment, { key: keyOf(id), createdMs: 0, owner: NO_OWNER });
  }

  /** A segment was freed or lost its file. */
  forget(segment: Segment): void {
    this.#touched.delete(segment);
    this.#freed.push(segment.number);
    // Which chunks went with it is not known: whoever asks next has all counted again.
    if (segment.liveChunks > 0) this.#dropDigests();
    this.chunks -= segment.liveChunks;
    this.liveBytes -= segment.liveDataBytes;
    this.quarantined -= segment.quarantined;
  }

  /** Counts what the segment's record says is in it. */
  restore(segment: Segment): void {
    this.chunks += segment.liveChunks;
    this.liveBytes += segment.liveDataBytes;
    this.quarantined += segment.quarantined;
  }

  /** All before the end of the segment is reflected here now, `bytes` more than at the last call. */
  reached(segment: Segment, bytes: number): void {
    this.#touched.add(segment);
    this.#reachedSegment = segment.number;
    this.#reachedOffset = segment.endBytes;
    this.#bytesSinceFlush += bytes;
    if (this.#changes.length >= FLUSH_CHANGES || this.#bytesSinceFlush >= FLUSH_BYTES) this.flushSoon();
  }

  /** More changes wait than may. */
  get lags(): boolean {
    return this.#changes.length >= limits.chunkIndexLag;
  }

  /** Why changes do not reach the durable index, as far as the last attempt knew. */
  get failure(): unknown {
    return this.#failure;
  }

  flushSoon(): void {
    if (this.#flushing === undefined) this.flush(false).catch(() => undefined);
  }

  /**
   * Resolves when all changes made before the call are in the durable index; `sync` makes them outlive the
   * power.
   */
  async flush(sync: boolean): Promise<void> {
    // A batch under way may have been made before the latest change.
    while (this.#flushing !== undefined) await this.#flushing.catch(() => undefined);
    this.#flushing = this.#flush(sync).finally(() => {
      this.#flushing = undefined;
    });
    return this.#flushing;
  }

  /** All chunks that can be read, in order of placement. */
  async *list(options?: ListOptions): AsyncGenerator<ChunkInfo> {
    await this.flush(false);
    for await (const entries of this.#durable.entries(options)) {
      for (const { id, segment, packed, createdMs, owner } of entries) {
        if (isQuarantined(packed)) continue;
        // Its segment may have been compacted since, and the chunk be elsewhere now.
        if (this.#segments.get(segment) === undefined && (await this.look(id)) === undefined) continue;
        yield { id, sizeBytes: packedSize(packed), createdMs, owner };
      }
    }
  }

  /** The digests of all partitions, kept right from then on. */
  digests(partitionPower: number): Promise<DigestTable> {
    if (this.#counting?.partitionPower === partitionPower) return this.#counting.done;
    const counting = { partitionPower, done: this.#count(partitionPower) };
    this.#counting = counting;
    counting.done.catch(() => {
      if (this.#counting === counting) this.#dropDigests();
    });
    return counting.done;
  }

  #dropDigests(): void {
    this.#digests = undefined;
    this.#counting = undefined;
  }

  async #count(partitionPower: number): Promise<DigestTable> {
    for (;;) {
      const table = new DigestTable(partitionPower);
      if (await this.#countInto(table)) return table;
    }
  }

  /** Adds what a snapshot has while changes since then are counted as they come; false when in vain. */
  async #countInto(table: DigestTable): Promise<boolean> {
    let segments = new Set<number>();
    const pages = await this.#snapshot(() => {
      this.#digests = table;
      segments = new Set([...this.#segments.all()].map(({ number }) => number));
    });
    for await (const page of pages) {
      if (this.#digests !== table) return false;
      for (const { id, segment, packed } of page) {
        if (!isQuarantined(packed) && segments.has(segment)) table.count(id, 1);
      }
    }
    return this.#digests === table;
  }

  /** All entries as they are at the moment at which `taken` is called. */
  async #snapshot(taken: () => void): Promise<AsyncGenerator<IndexEntry[]>> {
    while (this.#flushing !== undefined) await this.#flushing.catch(() => undefined);
    const entries = this.#durable.entries();
    const begin = async () => {
      await this.#flush(false, taken);
      return entries.next();
    };
    // No batch may come between the one that makes the durable index up to date and the snapshot of it.
    const begun = begin();
    this.#flushing = begun
      .then(() => undefined)
      .finally(() => {
        this.#flushing = undefined;
      });
    await this.#flushing;
    return resumed(await begun, entries);
  }

  /** The ids of what is said to be in this segment. */
  async *idsIn(segment: Segment): AsyncGenerator<Buffer> {
    await this.flush(false);
    for await (const entries of this.#durable.entries()) {
      for (const entry of entries) if (entry.segment === segment.number) yield entry.id;
    }
  }

  /** Brings the entries of the durable index into memory, as long as there is room. */
  async load(stop: AbortSignal): Promise<void> {
    if (this.#hot.complete || this.chunks + this.quarantined > this.#hot.entriesMax) return;
    this.#hot.keepDeleted = true;
    try {
      for await (const entries of this.#durable.entries()) {
        for (const entry of entries) {
          // Once one was evicted, what the snapshot says of it may be older than what was forgotten.
          if (stop.aborted || this.#hot.evicted || this.#hot.isFull) return;
          this.#hot.remember(entry.id, entry.segment, entry.offset, entry.packed);
        }
      }
      this.#hot.complete = !this.#hot.evicted;
    } finally {
      this.#hot.dropDeleted();
    }
  }

  async close(): Promise<void> {
    // What could not be written is found in the segments by the next start.
    await this.flush(true).catch(() => undefined);
    await this.#durable.close();
  }

  #leave(place: Place): void {
    this.#touched.add(place.segment);
    if (isQuarantined(place.packed)) {
      place.segment.quarantined -= 1;
      this.quarantined -= 1;
      return;
    }
    place.segment.removeLive(place.packed);
    this.chunks -= 1;
    this.liveBytes -= packedSize(place.packed);
  }

  #changed(segment: Segment, change: Change): void {
    this.#touched.add(segment);
    this.#changes.push(change);
  }

  async #flush(sync: boolean, taken?: () => void): Promise<void> {
    if (this.#failure !== undefined) await this.#recover();
    const [changes, touched, freed] = [this.#changes, this.#touched, this.#freed];
    taken?.();
    if (changes.length === 0 && touched.size === 0 && freed.length === 0 && !sync) return;
    this.#changes = [];
    this.#touched = new Set();
    this.#freed = [];
    this.#bytesSinceFlush = 0;
    const batch = new IndexBatch();
    const entries = this.#entriesOf(changes, batch);
    for (const segment of touched) batch.putSegment(segment.record());
    for (const number of freed) batch.removeSegment(number);
    batch.putCheckpoint(this.#checkpoint());
    try {
      await this.#durable.write(batch, sync);
    } catch (error) {
      this.#failure = error;
      this.#changes = [...changes, ...this.#changes];
      for (const segment of touched) if (this.#segments.get(segment.number)) this.#touched.add(segment);
      this.#freed.push(...freed);
      throw error;
    }
    this.#stored = this.#tried;
    this.#flushes += 1;
    for (const { key, segment, offset, packed } of entries) {
      const slot = this.#hot.find(idOfKey(key));
      if (slot >= 0) this.#hot.settle(slot, segment, offset, packed);
    }
  }

  /** What the hot index says of each changed id now: dirty entries are never evicted, so it knows them. */
  #entriesOf(changes: readonly Change[], batch: IndexBatch): SentEntry[] {
    const entries: SentEntry[] = [];
    for (const change of changes) {
      const id = idOfKey(change.key);
      const slot = this.#hot.find(id);
      if (slot < 0) continue;
      const segment = this.#hot.segmentAt(slot);
      const offset = this.#hot.offsetAt(slot);
      const packed = this.#hot.packedAt(slot);
      entries.push({ key: change.key, segment, offset, packed });
      if (segment === DELETED) batch.remove(id);
      else batch.put(id, { segment, offset, packed, createdMs: change.createdMs, owner: change.owner });
    }
    return entries;
  }

  #checkpoint(): Checkpoint {
    this.#tried += 1;
    return {
      version: INDEX_VERSION,
      sequence: this.#tried,
      segment: this.#reachedSegment,
      offset: this.#reachedOffset,
      lastNumber: this.#segments.lastNumber,
      auditAfter: this.auditAfter === undefined ? '' : Buffer.from(this.auditAfter).toString('hex'),
    };
  }

  /**
   * After a failed write RocksDB takes no more until it is opened anew; it must still be the index we wrote.
   */
  async #recover(): Promise<void> {
    await this.#durable.reopen();
    const checkpoint = await this.#durable.checkpoint();
    const found = checkpoint?.sequence ?? 0;
    // A batch that failed may have been stored all the same; it is written again.
    if (found < this.#stored || found > this.#tried) {
      const fault = new Fault(
        'corruption',
        `the chunk index in the directory is not the one that was written`,
      );
      this.#lost(fault);
      throw fault;
    }
    this.#failure = undefined;
  }
}

/** A walk that was begun, as if it had not been. */
async function* resumed<T>(first: IteratorResult<T, void>, rest: AsyncGenerator<T>): AsyncGenerator<T> {
  if (!first.done) yield first.value;
  yield* rest;
}
