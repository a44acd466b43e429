// Owns following: one follower's way through the log, first through the files, then through the latest frames
// in memory, then waiting. The guarantee: every event from the cursor on that is of a wanted family, once, in
// order. Budget: one object an event; no promise but the batch's own while it keeps up.

import { assert } from '#core/kernel/assert.ts';
import type { Disk, DiskFile } from '#core/kernel/disk.ts';
import { limits } from '#core/kernel/limits.ts';
import { familyOf, type RecordedEvent } from '../event-log.ts';
import { type Frame, firstRecordAt, recordAfter } from './frame.ts';
import { FrameReader, placeBefore } from './frame-reader.ts';
import { recordEventsAfterAt, recordFamilyAt, recordOffsetAt, StoredEvent } from './record.ts';
import { corruption, type Segment } from './segments.ts';
import { familyHash } from './stream-hash.ts';

/** What followers see of a log; the segments hold all events before `endOffset`. */
export interface FollowedLog {
  readonly disk: Disk;
  readonly partition: number;
  /** Those at the end of the log; woken when it moves. */
  readonly waiting: ReadonlySet<Follower>;
  readonly live: Set<Follower>;
  /** The offset behind the last event that may be shown. */
  endOffset(): number;
  segmentHolding(offset: number): Segment;
  /** A frame in memory that holds the event. */
  recentFrame(offset: number): Frame | undefined;
  isClosed(): boolean;
  wait(follower: Follower): void;
  waitNoMore(follower: Follower): void;
}

export interface FollowerOptions {
  readonly fromOffset: number;
  readonly categories?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Ends the iteration before this offset; it goes on for ever without. */
  readonly untilOffset?: number;
}

type Batch = readonly RecordedEvent[];
type Result = IteratorResult<Batch, undefined>;
const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

export class Follower implements AsyncIterableIterator<Batch> {
  readonly #log: FollowedLog;
  readonly #families: FamilyFilter | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #until: number;
  #offset: number;
  #isDone = false;
  #isReading = false;
  /** Answers the call of next() that waits at the end of the log. */
  #answer: ((result: Result | Promise<Result>) => void) | undefined;
  readonly #onAbort = () => this.wake();
  /** The frame that is being delivered in parts, and the next record in it. */
  #frame: Frame | undefined;
  #recordAt = 0;
  #file: DiskFile | undefined;
  #segment: Segment | undefined;
  #reader: FrameReader | undefined;

  constructor(log: FollowedLog, options: FollowerOptions) {
    this.#log = log;
    this.#offset = options.fromOffset;
    this.#families = options.categories && new FamilyFilter(options.categories);
    this.#signal = options.signal;
    this.#until = options.untilOffset ?? Number.POSITIVE_INFINITY;
    this.#signal?.addEventListener('abort', this.#onAbort);
    log.live.add(this);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Result> {
    assert(!this.#answer && !this.#isReading, 'a follower is asked for one batch at a time');
    const result = this.#inMemory();
    if (result) return Promise.resolve(result);
    if (this.#offset < this.#log.endOffset()) return this.#fromFiles();
    this.#closeFile();
    this.#log.wait(this);
    return new Promise((resolve) => {
      this.#answer = resolve;
    });
  }

  /** Answers at once, so that a follower goes on before the appenders of what it sees. */
  wake(): void {
    const answer = this.#answer;
    if (!answer) return;
    const result = this.#inMemory() ?? (this.#offset < this.#log.endOffset() ? this.#fromFiles() : undefined);
    if (!result) return;
    this.#answer = undefined;
    this.#log.waitNoMore(this);
    answer(result);
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    return this.#end();
  }

  #end(): IteratorReturnResult<undefined> {
    this.#isDone = true;
    this.#frame = undefined;
    // A read under way closes the file itself.
    if (!this.#isReading) this.#closeFile();
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#log.live.delete(this);
    this.#log.waitNoMore(this);
    this.#answer?.(DONE);
    this.#answer = undefined;
    return DONE;
  }

  get #isEnded(): boolean {
    return this.#isDone || this.#signal?.aborted || this.#offset >= this.#until || this.#log.isClosed();
  }

  /** The next batch as far as memory has it, or the end. */
  #inMemory(): Result | undefined {
    for (;;) {
      if (this.#isEnded) return this.#end();
      if (!this.#frame) {
        if (this.#offset >= this.#log.endOffset()) return undefined;
        this.#frame = this.#log.recentFrame(this.#offset);
        if (!this.#frame) return undefined;
        this.#closeFile();
      }
      const batch = this.#takeBatch();
      if (batch.length > 0) return { done: false, value: batch };
    }
  }

  async #fromFiles(): Promise<Result> {
    this.#isReading = true;
    try {
      while (!this.#isEnded && this.#offset < this.#log.endOffset()) {
        await this.#readFrame();
        const batch = this.#takeBatch();
        if (batch.length > 0) return { done: false, value: batch };
      }
    } catch (error) {
      this.#isDone = true;
      throw error;
    } finally {
      this.#isReading = false;
      if (this.#isDone) this.#end();
    }
    return this.next();
  }

  /** Up to the limit of events of the frame, without dividing an append; and moves on behind them. */
  #takeBatch(): Batch {
    const batch: RecordedEvent[] = [];
    while (this.#frame && batch.length < limits.followBatchEvents) {
      this.#takeRecords(this.#frame, batch);
      if (!this.#frame && this.#offset < Math.min(this.#until, this.#log.endOffset())) this.#nextInMemory();
    }
    return batch;
  }

  /** Goes on in memory only: what must be read waits for the next call. */
  #nextInMemory(): void {
    if (this.#reader) {
      const frame = this.#reader.take(this.#readLimit());
      if (typeof frame !== 'string') this.#frame = frame;
    } else {
      this.#frame = this.#log.recentFrame(this.#offset);
    }
  }

  #takeRecords(frame: Frame, into: RecordedEvent[]): void {
    const { buffer, end } = frame;
    if (frame.firstOffset + frame.records <= this.#offset) {
      this.#frame = undefined;
      return;
    }
    let at = this.#recordAt > 0 ? this.#recordAt : firstRecordAt(frame);
    this.#recordAt = 0;
    while (at < end) {
      const offset = recordOffsetAt(buffer, at);
      if (offset >= this.#until) break;
      const wanted = offset >= this.#offset && (this.#families?.accepts(buffer, at) ?? true);
      if (wanted) into.push(new StoredEvent(buffer, at, this.#log.partition));
      const endsAppend = recordEventsAfterAt(buffer, at) === 0;
      at = recordAfter(buffer, at);
      if (endsAppend && into.length >= limits.followBatchEvents && at < end) {
        this.#recordAt = at;
        this.#offset = Math.max(this.#offset, offset + 1);
        return;
      }
    }
    this.#frame = undefined;
    this.#offset = Math.min(this.#until, Math.max(this.#offset, frame.firstOffset + frame.records));
  }

  /** Sets the frame that holds the next event, or one before it, from the files. */
  async #readFrame(): Promise<void> {
    const segment = this.#log.segmentHolding(this.#offset);
    if (this.#segment !== segment) await this.#openSegment(segment);
    const reader = this.#reader as FrameReader;
    const frame = await reader.next(this.#readLimit());
    if (typeof frame === 'string') {
      throw corruption(segment.path, reader.position, this.#offset, 'no sound frame where one was written');
    }
    assert(frame.firstOffset <= this.#offset, 'a follower skips nothing');
    this.#frame = frame;
  }

  #readLimit(): number {
    return (this.#segment as Segment).usedBytes;
  }

  async #openSegment(segment: Segment): Promise<void> {
    this.#closeFile();
    const file = this.#log.disk.open(segment.path, 'read');
    this.#file = file;
    const place = await placeBefore(file, segment.header, this.#offset, segment.usedBytes);
    this.#reader = new FrameReader(file, segment.header, place);
    this.#segment = segment;
  }

  #closeFile(): void {
    this.#file?.close();
    this.#file = undefined;
    this.#segment = undefined;
    this.#reader = undefined;
  }
}

/** Which families are wanted: by hash first, then by name, which decodes only what is nearly sure. */
class FamilyFilter {
  readonly #hashes: ReadonlySet<number>;
  readonly #names: ReadonlySet<string>;

  constructor(families: readonly string[]) {
    this.#names = new Set(families);
    this.#hashes = new Set(families.map(familyHash));
  }

  accepts(buffer: Buffer, at: number): boolean {
    if (!this.#hashes.has(recordFamilyAt(buffer, at))) return false;
    return this.#names.has(familyOf(new StoredEvent(buffer, at).stream));
  }
}
