// Owns the log of one process: segment files in one directory, written by one writer, read by anyone. The
// guarantees of the port, and: it opens in a moment however long it is, its memory does not grow with it, and
// a second process is refused. Everything is in one partition.

import type { Clock } from '#core/kernel/clock.ts';
import { type Disk, nodeDisk } from '#core/kernel/disk.ts';
import { Fault, isFault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Random } from '#core/kernel/random.ts';
import type {
  Appended,
  AppendRequest,
  Cursor,
  EventLog,
  FollowOptions,
  RecordedEvent,
  Revision,
  StreamName,
} from '../event-log.ts';
import { type DirectoryLock, lockDirectory } from './directory-lock.ts';
import { type FollowedLog, Follower } from './follower.ts';
import { HASH_BYTES } from './frame.ts';
import { RecentFrames } from './recent-frames.ts';
import type { EventIdSource } from './record.ts';
import { RecordReader } from './record-reader.ts';
import { checkCloseMark, removeCloseMark, replayTail, writeCloseMark } from './recovery.ts';
import { clearFrom, Segments } from './segments.ts';
import { StreamHasher } from './stream-hash.ts';
import { StreamIndex } from './stream-index.ts';
import { readBackward } from './stream-reader.ts';
import type { StreamEntry } from './stream-table.ts';
import { type DurableEnd, LogWriter } from './writer.ts';

export interface EmbeddedLogOptions {
  readonly directory: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Default: the disk of this machine. */
  readonly disk?: Disk;
  /** Which partition this log is, for positions and cursors; default 0. */
  readonly partition?: number;
  /** Default: random ids. */
  readonly ids?: EventIdSource;
  /** Default: {@link lockDirectory}. */
  readonly lock?: (directory: string) => DirectoryLock;
  /** Size up to which segments grow; default `limits.logSegmentBytes`. */
  readonly segmentBytes?: number;
}

interface Parts {
  readonly disk: Disk;
  readonly directory: string;
  readonly lock: DirectoryLock;
  readonly segments: Segments;
  readonly index: StreamIndex;
  readonly hasher: StreamHasher;
  readonly durable: DurableEnd;
}

export class EmbeddedLog implements EventLog {
  readonly #parts: Parts;
  readonly #partition: number;
  readonly #writer: LogWriter;
  readonly #records: RecordReader;
  readonly #recent = new RecentFrames();
  readonly #followed: FollowedLog;
  #isClosed = false;
  #closing: Promise<void> | undefined;

  /**
   * Opens the log of a directory, made when absent.
   * @throws Fault `locked` when another process has it open
   * @throws Fault `corruption`, naming file, byte and event, when events that were acknowledged are damaged
   */
  static async open(options: EmbeddedLogOptions): Promise<EmbeddedLog> {
    const lock = (options.lock ?? lockDirectory)(options.directory);
    try {
      return await openParts(options, lock).then((parts) => new EmbeddedLog(parts, options));
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  private constructor(parts: Parts, options: EmbeddedLogOptions) {
    const { disk, segments, durable } = parts;
    this.#parts = parts;
    this.#partition = options.partition ?? 0;
    this.#records = new RecordReader(disk, segments);
    const waiting = new Set<Follower>();
    this.#followed = {
      disk,
      partition: this.#partition,
      waiting,
      wait: (follower) => waiting.add(follower),
      waitNoMore: (follower) => waiting.delete(follower),
      live: new Set(),
      endOffset: () => durable.offset,
      segmentHolding: (offset) => segments.holding(offset),
      recentFrame: (offset) => this.#recent.holding(offset),
      isClosed: () => this.#isClosed,
    };
    this.#writer = new LogWriter({
      ...parts,
      clock: options.clock,
      random: options.random,
      partition: this.#partition,
      ids: options.ids,
      onDurable: (frame, firstOffset, records) => this.#publish(frame, firstOffset, records),
    });
  }

  /** Number of events. */
  get count(): number {
    return this.#parts.durable.offset;
  }

  /** Bytes of all frames. */
  get sizeBytes(): number {
    return this.#parts.segments.all.reduce((sum, segment) => sum + segment.usedBytes, 0);
  }

  append(request: AppendRequest): Promise<Appended> {
    return this.#writer.append(request);
  }

  /** The last durable revision of a stream. */
  lastRevision(stream: StreamName): Revision | 'none' {
    const { revision } = this.#lastEntry(stream);
    return revision < 0 ? 'none' : revision;
  }

  read(stream: StreamName, options?: { readonly from?: Revision }): AsyncIterable<RecordedEvent> {
    this.#assertOpen();
    const last = this.#lastEntry(stream);
    return readBackward(this.#records, stream, last, options?.from ?? 0, this.#partition);
  }

  follow(options: FollowOptions): AsyncIterableIterator<readonly RecordedEvent[]> {
    this.#assertOpen();
    const fromOffset = options.from[this.#partition] ?? 0;
    return new Follower(this.#followed, {
      fromOffset,
      categories: options.categories,
      signal: options.signal,
    });
  }

  /** As {@link follow}, and ends behind the last event that is durable at the call. */
  replay(options: FollowOptions): AsyncIterableIterator<readonly RecordedEvent[]> {
    this.#assertOpen();
    return new Follower(this.#followed, {
      fromOffset: options.from[this.#partition] ?? 0,
      categories: options.categories,
      signal: options.signal,
      untilOffset: this.#parts.durable.offset,
    });
  }

  async tail(): Promise<Cursor> {
    this.#assertOpen();
    const cursor: number[] = Array(this.#partition).fill(0);
    return [...cursor, this.#parts.durable.offset];
  }

  /** Resolves when what was appended before is durable, followers have ended, and the lock is released. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { disk, directory, lock, segments, index, durable } = this.#parts;
    try {
      const isOrderly = await this.#writer.close();
      this.#isClosed = true;
      for (const follower of [...this.#followed.live]) await follower.return();
      await index.close();
      await segments.close();
      this.#records.close();
      if (isOrderly) await writeCloseMark(disk, directory, durable).catch(unlessFull);
    } finally {
      lock.release();
    }
  }

  #publish(frame: Buffer, firstOffset: number, records: number): void {
    const { live, waiting } = this.#followed;
    if (live.size === 0) {
      this.#recent.clear();
      return;
    }
    this.#recent.add(frame, firstOffset, records);
    for (const follower of waiting) follower.wake();
  }

  #lastEntry(stream: StreamName): StreamEntry {
    const last: StreamEntry = { revision: -1, segment: 0, position: 0 };
    this.#parts.index.find(this.#parts.hasher.hashText(stream), last);
    return last;
  }

  #assertOpen(): void {
    if (this.#closing) throw new Fault('closed', 'the log is closed');
  }
}

/** Without its mark a log is read as after a crash. */
function unlessFull(error: unknown): void {
  if (!isFault(error, 'no-space')) throw error;
}

async function openParts(options: EmbeddedLogOptions, lock: DirectoryLock): Promise<Parts> {
  const { directory, random, disk = nodeDisk, segmentBytes: bytesMax = limits.logSegmentBytes } = options;
  const segments = await Segments.open({ disk, directory, random, bytesMax });
  let index: StreamIndex | undefined;
  try {
    index = await StreamIndex.open(disk, directory, segments.all.length - 1);
    const hasher = new StreamHasher(segments.last.header.streamKey);
    const durable: DurableEnd = { offset: 0, timeMs: 0, hash: Buffer.alloc(HASH_BYTES) };
    const { last } = segments;
    last.usedBytes = await replayTail(disk, segments.all, index, hasher, durable);
    checkCloseMark(disk, directory, durable, last);
    await removeCloseMark(disk, directory);
    await clearFrom(segments.active, last.usedBytes, segments.capacityBytes(last.header.number));
    return { disk, directory, lock, segments, index, hasher, durable };
  } catch (error) {
    await index?.close();
    await segments.close();
    throw error;
  }
}
