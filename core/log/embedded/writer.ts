// Owns the one writer of the log: judges guards against what is proposed (durable or not), gathers appends
// into a batch, and makes each batch durable by one write and one sync, while the next one gathers. The
// guarantee: an append resolves only after its frame was synced; if a frame fails, its appends and all
// proposed after it reject, and what guards see goes back to what is durable. Budget of an append: one
// promise, one record encoded in place, no copy; of a batch: one SHA-256, one write, one sync.

import { assert } from '#core/kernel/assert.ts';
import type { Clock } from '#core/kernel/clock.ts';
import { Fault, isFault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Random } from '#core/kernel/random.ts';
import type { Appended, AppendRequest, ConflictDetails, Expectation } from '../event-log.ts';
import { Batch, type PendingAppend } from './batch.ts';
import { FRAME_HEADER_BYTES, SEGMENT_HEADER_BYTES, sealFrame } from './frame.ts';
import {
  appendBytesMax,
  assertWithinLimits,
  type EventIdSource,
  EventIds,
  encodeRecord,
  type RecordFacts,
} from './record.ts';
import type { Segments } from './segments.ts';
import type { StreamHasher } from './stream-hash.ts';
import type { StreamIndex } from './stream-index.ts';
import type { StreamEntry } from './stream-table.ts';

/** What is durable; the writer moves it on, readers look at it. */
export interface DurableEnd {
  /** The offset of the next event. */
  offset: number;
  timeMs: number;
  hash: Buffer;
}

export interface WriterParts {
  readonly clock: Clock;
  readonly random: Random;
  /** Told to whoever appends. */
  readonly partition: number;
  /** Default: random ids. */
  readonly ids: EventIdSource | undefined;
  readonly segments: Segments;
  readonly index: StreamIndex;
  readonly hasher: StreamHasher;
  readonly durable: DurableEnd;
  /** Told of each durable batch, before its appends resolve. `frame` is valid only during the call. */
  readonly onDurable: (frame: Buffer, firstOffset: number, records: number) => void;
}

export class LogWriter {
  readonly #parts: WriterParts;
  /** For each stream its last append under way. */
  readonly #pending = new Map<string, PendingAppend>();
  readonly #found: StreamEntry = { revision: 0, segment: 0, position: 0 };
  readonly #facts: RecordFacts;
  readonly #ids: EventIdSource;
  /** Batches that wait; the last one gathers. */
  #batches: Batch[] = [new Batch()];
  #free: Batch[] = [];
  #waiting = 0;
  #waitingBytes = 0;
  #nextOffset: number;
  #lastTimeMs: number;
  /** Where the next batch begins: behind the last one that gathers no more. */
  #planSegment: number;
  #planPosition: number;
  #isScheduled = false;
  #flushing: Promise<void> | undefined;
  /** Set when no more is taken: closed, or a disk that failed in a way that leaves its state unknown. */
  #stopped: Fault | undefined;

  constructor(parts: WriterParts) {
    this.#parts = parts;
    this.#ids = parts.ids ?? new EventIds(parts.random);
    this.#nextOffset = parts.durable.offset;
    this.#lastTimeMs = parts.durable.timeMs;
    this.#planSegment = parts.segments.last.header.number;
    this.#planPosition = parts.segments.last.usedBytes;
    this.#facts = {
      offset: 0,
      timeMs: 0,
      revision: 0,
      previousSegment: 0,
      previousPosition: 0,
      eventsAfter: 0,
    };
  }

  append(request: AppendRequest): Promise<Appended> {
    let pending: PendingAppend;
    try {
      pending = this.#propose(request);
    } catch (error) {
      return this.#refuse(error);
    }
    const appended = new Promise<Appended>((resolve, reject) => {
      pending.resolve = resolve;
      pending.reject = reject;
    });
    this.#flushSoon();
    return appended;
  }

  /**
   * Takes no more, and resolves when all that was taken is durable or rejected.
   * @returns whether the end of the log on disk is known
   */
  async close(): Promise<boolean> {
    const closed = new Fault('closed', 'the log is closed');
    this.#stopped ??= closed;
    while (this.#flushing || !(this.#batches[0] as Batch).isEmpty) {
      this.#flush();
      await this.#flushing;
    }
    return this.#stopped === closed;
  }

  /** A conflict is told when what won is durable: whoever then looks again sees it. */
  #refuse(error: unknown): Promise<never> {
    const rival = isFault(error, 'conflict')
      ? this.#pending.get((error.details as ConflictDetails).stream)
      : undefined;
    if (!rival) return Promise.reject(error);
    return new Promise((_, reject) => {
      rival.losers ??= [];
      rival.losers.push((failure) => reject(failure ?? error));
    });
  }

  #propose(request: AppendRequest): PendingAppend {
    if (this.#stopped) throw this.#stopped;
    assertWithinLimits(request);
    if (this.#waiting >= limits.logAppendsWaiting || this.#waitingBytes >= limits.logWaitingBytes) {
      throw new Fault('busy', `${this.#waiting} appends (${this.#waitingBytes} bytes) wait for the disk`);
    }
    for (const guard of request.alsoAt ?? []) {
      expectAt(guard.stream, guard.revision, this.#lookUp(guard.stream));
    }
    const revision = this.#lookUp(request.stream);
    expectAt(request.stream, request.expect, revision);
    const batch = this.#batchFor(request);
    const pending = this.#encode(request, batch, revision);
    this.#pending.set(request.stream, pending);
    batch.appends.push(pending);
    this.#waiting++;
    return pending;
  }

  /** The last revision of a stream, proposed ones included, or -1; the place of that event in `#found`. */
  #lookUp(stream: string): number {
    const pending = this.#pending.get(stream);
    if (pending) {
      this.#found.segment = pending.segment;
      this.#found.position = pending.position;
      this.#parts.hasher.words[0] = pending.h0;
      this.#parts.hasher.words[1] = pending.h1;
      this.#parts.hasher.words[2] = pending.h2;
      this.#parts.hasher.words[3] = pending.h3;
      return pending.revision;
    }
    if (this.#parts.index.find(this.#parts.hasher.hashText(stream), this.#found)) return this.#found.revision;
    this.#found.segment = 0;
    this.#found.position = 0;
    return -1;
  }

  /** The batch that gathers, or a new one behind it when the append does not fit. */
  #batchFor(request: AppendRequest): Batch {
    const bytesMax = appendBytesMax(request);
    let batch = this.#batches[this.#batches.length - 1] as Batch;
    if (!batch.reserve(bytesMax)) {
      this.#planBehind(batch);
      batch = this.#free.pop() ?? new Batch();
      batch.reserve(bytesMax);
      this.#batches.push(batch);
    }
    if (batch.isEmpty) this.#place(batch);
    return batch;
  }

  #planBehind(batch: Batch): void {
    this.#planSegment = batch.place.segment;
    this.#planPosition = batch.place.position + batch.endBytes;
  }

  #place(batch: Batch): void {
    const rolls = this.#planPosition >= this.#parts.segments.capacityBytes(this.#planSegment);
    batch.place = {
      segment: rolls ? this.#planSegment + 1 : this.#planSegment,
      position: rolls ? SEGMENT_HEADER_BYTES : this.#planPosition,
      firstOffset: this.#nextOffset,
      rolls,
    };
  }

  #encode(request: AppendRequest, batch: Batch, lastRevision: number): PendingAppend {
    const words = this.#parts.hasher.words;
    const facts = this.#facts;
    const { segment, position: base } = batch.place;
    const startBytes = batch.endBytes;
    this.#lastTimeMs = Math.max(this.#lastTimeMs, Math.floor(this.#parts.clock.nowMs()));
    facts.timeMs = this.#lastTimeMs;
    facts.previousSegment = this.#found.segment;
    facts.previousPosition = this.#found.position;
    facts.revision = lastRevision;
    facts.eventsAfter = request.events.length;
    for (const event of request.events) {
      facts.offset = this.#nextOffset++;
      facts.revision++;
      facts.eventsAfter--;
      const at = batch.endBytes;
      batch.endBytes = encodeRecord(batch.buffer, at, request, event, facts, this.#ids);
      facts.previousSegment = segment;
      facts.previousPosition = base + at;
    }
    batch.records += request.events.length;
    this.#waitingBytes += batch.endBytes - startBytes;
    return {
      revision: facts.revision,
      segment,
      position: facts.previousPosition,
      stream: request.stream,
      h0: words[0] as number,
      h1: words[1] as number,
      h2: words[2] as number,
      h3: words[3] as number,
      appended: {
        revision: facts.revision,
        position: { partition: this.#parts.partition, offset: facts.offset },
        timeMs: facts.timeMs,
      },
      resolve: ignore,
      reject: ignore,
      losers: undefined,
    };
  }

  /** Enough for a batch is written at once; less waits for who else appends in this turn of the loop. */
  #flushSoon(): void {
    if (this.#flushing) return;
    if ((this.#batches[0] as Batch).appends.length >= limits.logFlushAppends) this.#flush();
    else if (!this.#isScheduled) {
      this.#isScheduled = true;
      setImmediate(() => {
        this.#isScheduled = false;
        this.#flush();
      });
    }
  }

  /** Begins to make the next batch durable, unless one is under way: never are two frames unsynced. */
  #flush(): void {
    const batch = this.#batches[0] as Batch;
    if (this.#flushing || batch.isEmpty) return;
    this.#batches.shift();
    if (this.#batches.length === 0) {
      this.#planBehind(batch);
      this.#batches.push(this.#free.pop() ?? new Batch());
    }
    this.#flushing = this.#write(batch).then(
      (hash) => this.#settle(batch, hash),
      (error: unknown) => this.#fail(batch, error),
    );
  }

  /** Resolves with the hash of the frame when it is durable. */
  async #write(batch: Batch): Promise<Buffer> {
    const { segments, durable } = this.#parts;
    const { place } = batch;
    if (place.rolls) await this.#roll(place.firstOffset);
    assert(segments.last.usedBytes === place.position, 'a batch continues the log');
    const hash = sealFrame(batch.buffer, batch.endBytes, {
      marker: segments.last.header.marker,
      records: batch.records,
      firstOffset: place.firstOffset,
      position: place.position,
      previousHash: durable.hash,
    });
    segments.active.writeSync(batch.buffer.subarray(0, batch.endBytes), place.position);
    await segments.active.sync();
    return hash;
  }

  async #roll(firstOffset: number): Promise<void> {
    const { segments, index, durable } = this.#parts;
    const full = segments.last.header.number;
    await index.waitForRoom();
    await segments.roll({ firstOffset, lastTimeMs: durable.timeMs, previousHash: durable.hash });
    index.freeze(full);
  }

  #settle(batch: Batch, hash: Buffer): void {
    const { segments, index, durable, onDurable } = this.#parts;
    const { appends } = batch;
    const last = appends[appends.length - 1] as PendingAppend;
    segments.last.usedBytes = batch.place.position + batch.endBytes;
    if (segments.last.usedBytes * 2 > segments.capacityBytes(segments.last.header.number)) segments.prepare();
    durable.offset = last.appended.position.offset + 1;
    durable.timeMs = last.appended.timeMs;
    durable.hash = hash;
    for (const append of appends) {
      index.set(append.h0, append.h1, append.h2, append.h3, append);
      if (this.#pending.get(append.stream) === append) this.#pending.delete(append.stream);
    }
    this.#flushing = undefined;
    this.#waiting -= appends.length;
    this.#waitingBytes -= batch.endBytes - FRAME_HEADER_BYTES;
    // The disk works on the next batch while this one is told.
    if (!(this.#batches[0] as Batch).isEmpty) this.#flushSoon();
    onDurable(batch.buffer.subarray(0, batch.endBytes), batch.place.firstOffset, batch.records);
    for (const append of appends) {
      append.resolve(append.appended);
      if (append.losers) for (const lose of append.losers) lose(undefined);
    }
    batch.clear();
    if (this.#free.length < 2) this.#free.push(batch);
  }

  /** Rejects the batch and all proposed behind it, for that may have been judged by what is now void. */
  async #fail(batch: Batch, error: unknown): Promise<void> {
    const { durable, segments } = this.#parts;
    const isErased = isFault(error, 'no-space') && (await this.#erase(batch));
    const fault = isErased ? error : this.#stop(error);
    const failed = [batch, ...this.#batches];
    this.#batches = [new Batch()];
    this.#pending.clear();
    this.#waiting = 0;
    this.#waitingBytes = 0;
    this.#nextOffset = durable.offset;
    this.#lastTimeMs = durable.timeMs;
    this.#planSegment = segments.last.header.number;
    this.#planPosition = segments.last.usedBytes;
    this.#flushing = undefined;
    for (const append of failed.flatMap(({ appends }) => appends)) {
      append.reject(fault);
      if (append.losers) for (const lose of append.losers) lose(fault);
    }
  }

  /** Sees to it that a frame whose appends are rejected is not found after a crash; false when it cannot. */
  async #erase(batch: Batch): Promise<boolean> {
    const { active, last } = this.#parts.segments;
    const { segment, position } = batch.place;
    const foundBytes = active.sizeBytes() - position;
    if (last.header.number !== segment || foundBytes <= 0) return true;
    try {
      // What is no whole header is no frame, and a full disk has no room to make it one.
      active.writeSync(Buffer.alloc(Math.min(FRAME_HEADER_BYTES, foundBytes)), position);
      await active.sync();
      return true;
    } catch {
      return false;
    }
  }

  #stop(cause: unknown): Fault {
    this.#stopped = new Fault('closed', 'the log stopped, since its disk failed; start again', { cause });
    return this.#stopped;
  }
}

const ignore = (): void => {};

function expectAt(stream: string, expected: Expectation, revision: number): void {
  if (expected === 'any') return;
  if (expected === 'none' ? revision === -1 : revision === expected) return;
  const actual = revision === -1 ? 'none' : revision;
  const details: ConflictDetails = { stream, expected, actual };
  throw new Fault('conflict', `${stream} is at revision ${actual}, not ${expected}`, { details });
}
