// Owns looking at a log that another process may be writing: nothing is changed, nothing locked, and an
// unfinished tail is the end for now. New frames are found by looking again, in steps given by the Clock.

import type { Clock } from '#core/kernel/clock.ts';
import { type Disk, type DiskFile, nodeDisk } from '#core/kernel/disk.ts';
import { Fault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import {
  type Cursor,
  type EventLog,
  type FollowOptions,
  familyOf,
  type RecordedEvent,
  type Revision,
  type StreamName,
} from '../event-log.ts';
import { type FollowedLog, Follower, type FollowerOptions } from './follower.ts';
import { FrameReader } from './frame-reader.ts';
import { listSegments, readSegment, type Segment, segmentIn, segmentPath } from './segments.ts';

/** Opens a directory's log for inspection. @throws Fault `corruption` when a segment's header is damaged */
export async function openForReading(
  directory: string,
  clock: Clock,
  disk: Disk = nodeDisk,
): Promise<ReadOnlyLog> {
  const log = new ReadOnlyLog(directory, clock, disk);
  await log.tail();
  return log;
}

class ReadOnlyLog implements Omit<EventLog, 'append'> {
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #disk: Disk;
  readonly #segments: Segment[];
  readonly #followed: FollowedLog;
  readonly #waiting = new Set<Follower>();
  readonly #closing = new AbortController();
  #file: DiskFile | undefined;
  #reader: FrameReader | undefined;
  #endOffset = 0;
  #looking: Promise<void> | undefined;
  #polling: Promise<void> | undefined;

  constructor(directory: string, clock: Clock, disk: Disk) {
    this.#directory = directory;
    this.#clock = clock;
    this.#disk = disk;
    this.#segments = listSegments(disk, directory);
    this.#followed = {
      disk,
      partition: 0,
      waiting: this.#waiting,
      live: new Set(),
      endOffset: () => this.#endOffset,
      segmentHolding: (offset) => segmentIn(this.#segments, offset),
      recentFrame: () => undefined,
      isClosed: () => this.#closing.signal.aborted,
      wait: (follower) => this.#wait(follower),
      waitNoMore: (follower) => this.#waiting.delete(follower),
    };
  }

  /** Number of events seen. */
  get count(): number {
    return this.#endOffset;
  }

  /** Reads the whole log, for the index of streams is the writer's. */
  async *read(stream: StreamName, options?: { readonly from?: Revision }): AsyncGenerator<RecordedEvent> {
    const from = options?.from ?? 0;
    for await (const batch of this.replay({ from: [], categories: [familyOf(stream)] })) {
      for (const event of batch) if (event.revision >= from && event.stream === stream) yield event;
    }
  }

  follow(options: FollowOptions): AsyncIterableIterator<readonly RecordedEvent[]> {
    return this.#follower(options, Number.POSITIVE_INFINITY);
  }

  /** As {@link follow}, and ends behind the last event that was seen at the call. */
  replay(options: FollowOptions): AsyncIterableIterator<readonly RecordedEvent[]> {
    return this.#follower(options, this.#endOffset);
  }

  async tail(): Promise<Cursor> {
    this.#assertOpen();
    await this.#look();
    return [this.#endOffset];
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const follower of [...this.#followed.live]) await follower.return();
    await this.#looking;
    await this.#polling;
    this.#file?.close();
    this.#file = undefined;
  }

  #follower(options: FollowOptions, untilOffset: number): Follower {
    this.#assertOpen();
    const { from, categories, signal } = options;
    const wanted: FollowerOptions = { fromOffset: from[0] ?? 0, categories, signal, untilOffset };
    return new Follower(this.#followed, wanted);
  }

  #assertOpen(): void {
    if (this.#closing.signal.aborted) throw new Fault('closed', 'the log is closed');
  }

  #wait(follower: Follower): void {
    this.#waiting.add(follower);
    this.#polling ??= this.#poll().finally(() => {
      this.#polling = undefined;
    });
  }

  async #poll(): Promise<void> {
    while (this.#waiting.size > 0 && !this.#closing.signal.aborted) {
      await this.#clock.sleep(limits.logPollMs, this.#closing.signal);
      await this.#look();
      for (const follower of this.#waiting) follower.wake();
    }
  }

  /** Moves the end on to the last whole frame; looks that meet are one. */
  #look(): Promise<void> {
    this.#looking ??= this.#moveEnd().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #moveEnd(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      const segment = this.#segments.at(-1);
      if (segment && !this.#reader) await this.#openLast(segment);
      if (segment && (await this.#takeFrame(segment))) continue;
      const next = this.#segments.length + 1;
      const path = segmentPath(this.#directory, next);
      if (!this.#disk.list(this.#directory).some((name) => path.endsWith(name))) return;
      const found = readSegment(this.#disk, path);
      if (segment && found.header.previousBytes > segment.usedBytes) {
        // It was completed while we looked away.
        if (await this.#takeFrame(segment)) continue;
        return;
      }
      this.#segments.push(found);
      this.#file?.close();
      this.#reader = undefined;
    }
  }

  async #openLast(segment: Segment): Promise<void> {
    this.#file = this.#disk.open(segment.path, 'read');
    this.#reader = new FrameReader(this.#file, segment.header);
    this.#endOffset = segment.header.firstOffset;
    segment.usedBytes = this.#reader.position;
  }

  /** Whether there was one more whole frame. */
  async #takeFrame(segment: Segment): Promise<boolean> {
    const reader = this.#reader as FrameReader;
    const frame = await reader.next((this.#file as DiskFile).sizeBytes());
    if (typeof frame === 'string') {
      reader.forget();
      return false;
    }
    segment.usedBytes = reader.position;
    this.#endOffset = frame.firstOffset + frame.records;
    return true;
  }
}
