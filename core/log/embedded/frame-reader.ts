// Owns reading a segment frame by frame, in large blocks, and the judgement of what is no sound frame: torn
// when no frame follows, damage when one does. Budget: one read and no copy a block; one CRC and one object a
// frame.

import type { DiskFile } from '#core/kernel/disk.ts';
import { limits } from '#core/kernel/limits.ts';
import {
  decodeFrame,
  FRAME_HEADER_BYTES,
  type Frame,
  firstOffsetAt,
  frameBytesAt,
  MARKER_BYTES,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
} from './frame.ts';

/** `more`: call {@link FrameReader.fill}. `end`: no room for a frame. `unsound`: no whole frame is here. */
export type NoFrame = 'more' | 'end' | 'unsound';

export class FrameReader {
  /** Where the next frame stands in the file. */
  position: number;
  readonly #file: DiskFile;
  readonly #marker: Buffer;
  #block = Buffer.alloc(0);
  #blockAt = 0;
  #neededBytes = 0;

  constructor(file: DiskFile, header: SegmentHeader, position = SEGMENT_HEADER_BYTES) {
    this.#file = file;
    this.#marker = header.marker;
    this.position = position;
  }

  /** The next frame, if it ends at or before `limit` and is in memory already. */
  take(limit: number): Frame | NoFrame {
    const left = limit - this.position;
    if (left < FRAME_HEADER_BYTES) return 'end';
    const at = this.position - this.#blockAt;
    const inMemory = this.#block.length - at;
    if (inMemory < FRAME_HEADER_BYTES) {
      this.#neededBytes = FRAME_HEADER_BYTES;
      return 'more';
    }
    const bytes = frameBytesAt(this.#block, at, this.#marker, this.position);
    if (bytes === 0 || bytes > left) return 'unsound';
    if (inMemory < bytes) {
      this.#neededBytes = bytes;
      return 'more';
    }
    const frame = decodeFrame(this.#block, at, this.position);
    if (!frame) return 'unsound';
    this.position += bytes;
    return frame;
  }

  /** Reads on, up to `limit`; false when the file does not have what the next frame needs. */
  async fill(limit: number): Promise<boolean> {
    const bytes = Math.min(limit - this.position, Math.max(this.#neededBytes, limits.logReadBytes));
    // Fresh memory each time: the events of the block before may still be looked at.
    const block = Buffer.allocUnsafeSlow(bytes);
    const done = await this.#file.read(block, this.position);
    this.#block = block.subarray(0, done);
    this.#blockAt = this.position;
    return done >= this.#neededBytes;
  }

  /** The next frame that ends at or before `limit`. */
  async next(limit: number): Promise<Frame | 'end' | 'unsound'> {
    for (;;) {
      const frame = this.take(limit);
      if (frame !== 'more') return frame;
      if (!(await this.fill(limit))) return 'unsound';
    }
  }

  /** Forgets what was read ahead, for another process may have written since. */
  forget(): void {
    this.#block = Buffer.alloc(0);
  }
}

export interface FramePlace {
  readonly position: number;
  readonly firstOffset: number;
}

/**
 * The first sound frame header at or behind `from`, and before `to`. A header there proves that all frames
 * before it were durable, for it was written after they were synced.
 */
export async function findFrame(
  file: DiskFile,
  header: SegmentHeader,
  from: number,
  to: number,
): Promise<FramePlace | undefined> {
  const block = Buffer.allocUnsafe(Math.min(limits.logReadBytes, Math.max(to - from, 0)));
  let start = from;
  while (start + FRAME_HEADER_BYTES <= to) {
    const length = await file.read(block.subarray(0, Math.min(block.length, to - start)), start);
    const bytes = block.subarray(0, length);
    let at = bytes.indexOf(header.marker);
    while (at >= 0 && at + FRAME_HEADER_BYTES <= length) {
      if (frameBytesAt(bytes, at, header.marker, start + at) > 0) {
        return { position: start + at, firstOffset: firstOffsetAt(bytes, at) };
      }
      at = bytes.indexOf(header.marker, at + 1);
    }
    if (length < block.length || start + length >= to) return undefined;
    // A header may lie across the border of two blocks.
    start += length - FRAME_HEADER_BYTES - MARKER_BYTES;
  }
  return undefined;
}

const SEARCH_UNTIL_BYTES = 256 * 1024;

/** Where to begin reading so as to meet the event at `offset` soon: at or before its frame. */
export async function placeBefore(
  file: DiskFile,
  header: SegmentHeader,
  offset: number,
  usedBytes: number,
): Promise<number> {
  let low = SEGMENT_HEADER_BYTES;
  let high = usedBytes;
  while (high - low > SEARCH_UNTIL_BYTES) {
    const middle = Math.floor((low + high) / 2);
    const frame = await findFrame(file, header, middle, high);
    if (frame && frame.firstOffset <= offset) low = frame.position;
    else high = middle;
  }
  return low;
}
