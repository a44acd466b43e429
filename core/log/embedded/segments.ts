// Owns the segment files: which there are, where each ends, and the making of the next one. A segment is
// filled with zeros and synced before its first frame, so that a sync of the log has no block allocation to
// journal. No segment is ever given back, so the next one is filled in the background, while the one before
// is in use.

import { join } from 'node:path';
import { assert } from '#core/kernel/assert.ts';
import type { Disk, DiskFile } from '#core/kernel/disk.ts';
import { Fault } from '#core/kernel/errors.ts';
import { KIB, limits } from '#core/kernel/limits.ts';
import type { Random } from '#core/kernel/random.ts';
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  HASH_BYTES,
  MARKER_BYTES,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
} from './frame.ts';
import { STREAM_KEY_BYTES } from './stream-hash.ts';

const NAME = /^(\d{10})\.segment$/;
const SPARE = 'spare.segment';
/** Larger writes leave large folios in the page cache, on which small overwrites are slow. */
const FILL_BYTES = 64 * KIB;
const zeros = Buffer.alloc(FILL_BYTES);

export interface Segment {
  readonly path: string;
  readonly header: SegmentHeader;
  /** Where its frames end. Fixed, but for the last segment. */
  usedBytes: number;
}

/** What a new segment continues. */
export interface Continuation {
  readonly firstOffset: number;
  readonly lastTimeMs: number;
  readonly previousHash: Buffer;
}

export function corruption(path: string, position: number, offset: number, what: string): Fault {
  return new Fault('corruption', `${path} is damaged at byte ${position} (event ${offset}): ${what}`, {
    details: { file: path, position, offset },
  });
}

/**
 * The segments of a directory, in order; the last with `usedBytes` 0, for only its frames tell where it ends.
 * @throws Fault `corruption` when a header is damaged or a segment is missing
 */
export function listSegments(disk: Disk, directory: string): Segment[] {
  const segments: Segment[] = [];
  for (const name of disk.list(directory)) {
    const match = NAME.exec(name);
    if (!match) continue;
    const segment = readSegment(disk, join(directory, name));
    const before = segments.at(-1);
    const expected = before ? before.header.number + 1 : 1;
    if (Number(match[1]) !== expected || segment.header.number !== expected) {
      throw corruption(
        segment.path,
        0,
        segment.header.firstOffset,
        `expected segment ${expected} of the log`,
      );
    }
    if (before) before.usedBytes = segment.header.previousBytes;
    segments.push(segment);
  }
  return segments;
}

export function readSegment(disk: Disk, path: string): Segment {
  const file = disk.open(path, 'read');
  try {
    const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
    file.readSync(bytes, 0);
    const header = decodeSegmentHeader(bytes);
    if (!header) throw corruption(path, 0, 0, 'no sound header');
    return { path, header, usedBytes: 0 };
  } finally {
    file.close();
  }
}

/** The segment that holds the event, or would, of those given in order. */
export function segmentIn(segments: readonly Segment[], offset: number): Segment {
  let low = 0;
  let high = segments.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if ((segments[middle] as Segment).header.firstOffset <= offset) low = middle;
    else high = middle - 1;
  }
  return segments[low] as Segment;
}

export function segmentPath(directory: string, number: number): string {
  return join(directory, `${String(number).padStart(10, '0')}.segment`);
}

export class Segments {
  readonly all: Segment[];
  /** The file of the last segment. */
  active: DiskFile;
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #random: Random;
  readonly #bytesMax: number;
  #spare: Promise<DiskFile> | undefined;

  private constructor(options: SegmentsOptions, all: Segment[], active: DiskFile) {
    this.#disk = options.disk;
    this.#directory = options.directory;
    this.#random = options.random;
    this.#bytesMax = options.bytesMax;
    this.all = all;
    this.active = active;
  }

  /** Opens the segments of a directory for writing; makes the first where there is none. */
  static async open(options: SegmentsOptions): Promise<Segments> {
    const { disk, directory, random } = options;
    disk.makeDirectory(directory);
    disk.remove(join(directory, SPARE));
    const all = listSegments(disk, directory);
    const last = all.at(-1);
    if (last) return new Segments(options, all, disk.open(last.path, 'update'));
    const file = await makeFilled(disk, join(directory, SPARE), firstBytes(options.bytesMax));
    const header = {
      number: 1,
      firstOffset: 0,
      lastTimeMs: 0,
      previousBytes: 0,
      marker: random.fill(Buffer.alloc(MARKER_BYTES)),
      streamKey: random.fill(Buffer.alloc(STREAM_KEY_BYTES)),
      previousHash: Buffer.alloc(HASH_BYTES),
    };
    const segments = new Segments(options, all, file);
    await segments.#adopt(file, header);
    return segments;
  }

  get last(): Segment {
    const last = this.all.at(-1);
    assert(last, 'a log has a segment');
    return last;
  }

  /** A frame that would begin here belongs to the next segment. */
  capacityBytes(segment: number): number {
    return capacityBytes(segment, this.#bytesMax);
  }

  /** The segment that holds the event, or would. */
  holding(offset: number): Segment {
    return segmentIn(this.all, offset);
  }

  numbered(number: number): Segment | undefined {
    return this.all[number - 1];
  }

  /** Begins to fill the next segment, unless that was done. Its failure is told by {@link roll}. */
  prepare(): void {
    if (this.#spare) return;
    const bytes = this.capacityBytes(this.last.header.number + 1);
    this.#spare = makeFilled(this.#disk, join(this.#directory, SPARE), bytes);
    this.#spare.catch(() => {});
  }

  /**
   * Makes the next segment the last one, durably.
   * @throws Fault `no-space`; the call may be repeated
   */
  async roll(continuation: Continuation): Promise<void> {
    const file = await this.#takeSpare();
    const before = this.last;
    try {
      await this.#adopt(file, {
        ...continuation,
        number: before.header.number + 1,
        previousBytes: before.usedBytes,
        marker: this.#random.fill(Buffer.alloc(MARKER_BYTES)),
        streamKey: before.header.streamKey,
      });
    } catch (error) {
      file.close();
      throw error;
    }
    this.active.close();
    this.active = file;
  }

  async close(): Promise<void> {
    this.active.close();
    const spare = await this.#spare?.catch(() => undefined);
    if (!spare) return;
    spare.close();
    this.#disk.remove(join(this.#directory, SPARE));
  }

  async #takeSpare(): Promise<DiskFile> {
    const prepared = await this.#spare?.catch(() => undefined);
    this.#spare = undefined;
    if (prepared) return prepared;
    // None was prepared, or when it was there was no space; now there may be.
    this.prepare();
    const spare = this.#spare as unknown as Promise<DiskFile>;
    this.#spare = undefined;
    return spare;
  }

  /** Gives a filled file its header and, once that is durable, its name. */
  async #adopt(file: DiskFile, header: SegmentHeader): Promise<void> {
    const path = segmentPath(this.#directory, header.number);
    file.writeSync(encodeSegmentHeader(header), 0);
    await file.sync();
    this.#disk.rename(join(this.#directory, SPARE), path);
    await this.#disk.syncDirectory(this.#directory);
    this.all.push({ path, header, usedBytes: SEGMENT_HEADER_BYTES });
  }
}

export interface SegmentsOptions {
  readonly disk: Disk;
  readonly directory: string;
  readonly random: Random;
  /** Segments grow up to this size, each twice as large as the one before. */
  readonly bytesMax: number;
}

const firstBytes = (bytesMax: number) => Math.min(bytesMax, limits.logFirstSegmentBytes);

function capacityBytes(number: number, bytesMax: number): number {
  return Math.min(bytesMax, firstBytes(bytesMax) * 2 ** Math.min(number - 1, 20));
}

async function makeFilled(disk: Disk, path: string, bytes: number): Promise<DiskFile> {
  const file = disk.open(path, 'create');
  try {
    for (let at = 0; at < bytes; at += FILL_BYTES) {
      await file.write(zeros.subarray(0, Math.min(FILL_BYTES, bytes - at)), at);
    }
    await file.sync();
    return file;
  } catch (error) {
    file.close();
    disk.remove(path);
    throw error;
  }
}

/** Makes all from `position` on zeros and the file at least `bytes` long; writes only what differs. */
export async function clearFrom(file: DiskFile, position: number, bytes: number): Promise<void> {
  const end = Math.max(file.sizeBytes(), bytes);
  const chunk = Buffer.alloc(FILL_BYTES);
  let changed = false;
  for (let at = position; at < end; at += FILL_BYTES) {
    const length = Math.min(FILL_BYTES, end - at);
    const done = await file.read(chunk.subarray(0, length), at);
    if (done === length && chunk.compare(zeros, 0, length, 0, length) === 0) continue;
    await file.write(zeros.subarray(0, length), at);
    changed = true;
  }
  if (changed) await file.sync();
}
