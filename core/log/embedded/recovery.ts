// Owns what happens before the first append: finding the end of the log. Frames behind the index are read
// again; at the end of the last segment whatever is no whole frame is cut off when nothing follows it, and
// refused as damage when a frame does. After an orderly close the log also knows where it ended, and less
// than that is damage too.

import { join } from 'node:path';
import { crc32 } from '@node-rs/crc32';
import type { Disk, DiskFile } from '#core/kernel/disk.ts';
import { type Frame, firstRecordAt, frameHash, HASH_BYTES, recordAfter } from './frame.ts';
import { FrameReader, findFrame } from './frame-reader.ts';
import {
  RECORD_HEADER_BYTES,
  readUint64,
  recordRevisionAt,
  recordTimeMsAt,
  streamEndAt,
  writeUint64,
} from './record.ts';
import { corruption, type Segment } from './segments.ts';
import type { StreamHasher } from './stream-hash.ts';
import type { StreamIndex } from './stream-index.ts';
import type { StreamEntry } from './stream-table.ts';
import type { DurableEnd } from './writer.ts';

/**
 * Reads the frames of a segment that is not the last.
 * @throws Fault `corruption` unless it is sound up to where the next one says that it ends
 */
export async function* sealedFrames(file: DiskFile, segment: Segment): AsyncGenerator<Frame> {
  const reader = new FrameReader(file, segment.header);
  let offset = segment.header.firstOffset;
  while (reader.position < segment.usedBytes) {
    const frame = await reader.next(segment.usedBytes);
    if (typeof frame === 'string' || frame.firstOffset !== offset) {
      throw corruption(
        segment.path,
        reader.position,
        offset,
        'no sound frame, and the log goes on behind it',
      );
    }
    offset += frame.records;
    yield frame;
  }
}

/**
 * Reads the frames of the last segment, which another process may be writing; returns where they end.
 * @throws Fault `corruption` when a frame follows one that is not sound
 */
export async function* lastFrames(file: DiskFile, segment: Segment): AsyncGenerator<Frame, number> {
  const reader = new FrameReader(file, segment.header);
  let offset = segment.header.firstOffset;
  for (;;) {
    const { position } = reader;
    let frame = await reader.next(file.sizeBytes());
    if (typeof frame === 'string') {
      const next = await findFrame(file, segment.header, position + 1, file.sizeBytes());
      if (!next) return position;
      // What stands before a frame is whole, though it may not have been when it was looked at.
      reader.forget();
      frame = await reader.next(file.sizeBytes());
      if (typeof frame === 'string') {
        const what = `no sound frame, and one follows at byte ${next.position}`;
        throw corruption(segment.path, position, offset, what);
      }
    }
    if (frame.firstOffset !== offset) {
      throw corruption(segment.path, position, offset, `a frame that begins with event ${frame.firstOffset}`);
    }
    offset += frame.records;
    yield frame;
  }
}

/** Brings index and end up to date with the segments the index lacks; returns where the last one ends. */
export async function replayTail(
  disk: Disk,
  segments: readonly Segment[],
  index: StreamIndex,
  hasher: StreamHasher,
  end: DurableEnd,
): Promise<number> {
  const first = Math.min(index.coveredSegments, segments.length - 1);
  const { header } = segments[first] as Segment;
  end.offset = header.firstOffset;
  end.timeMs = header.lastTimeMs;
  end.hash = header.previousHash;
  let usedBytes = 0;
  for (const segment of segments.slice(first)) {
    const isLast = segment === segments.at(-1);
    const file = disk.open(segment.path, 'read');
    try {
      const frames = isLast ? lastFrames(file, segment) : sealedFrames(file, segment);
      let step = await frames.next();
      for (; !step.done; step = await frames.next()) {
        indexFrame(step.value, segment.header.number, index, hasher, end);
      }
      if (isLast) usedBytes = step.value as number;
    } finally {
      file.close();
    }
    if (isLast) break;
    await index.waitForRoom();
    index.freeze(segment.header.number);
  }
  return usedBytes;
}

const entry: StreamEntry = { revision: 0, segment: 0, position: 0 };

function indexFrame(
  frame: Frame,
  segment: number,
  index: StreamIndex,
  hasher: StreamHasher,
  end: DurableEnd,
): void {
  const { buffer } = frame;
  entry.segment = segment;
  for (let at = firstRecordAt(frame); at < frame.end; at = recordAfter(buffer, at)) {
    const words = hasher.hashBytes(buffer, at + RECORD_HEADER_BYTES, streamEndAt(buffer, at));
    entry.revision = recordRevisionAt(buffer, at);
    entry.position = frame.position + at - frame.at;
    index.set(words[0] as number, words[1] as number, words[2] as number, words[3] as number, entry);
    end.timeMs = recordTimeMsAt(buffer, at);
  }
  end.offset = frame.firstOffset + frame.records;
  end.hash = frameHash(frame);
}

// The mark of an orderly close: 0 u64 offset of the next event, 8 SHA-256 of the last frame, 40 u32 CRC-32 of
// 0–39.
const MARK = 'closed';
const MARK_BYTES = 44;

export async function writeCloseMark(disk: Disk, directory: string, end: DurableEnd): Promise<void> {
  const bytes = Buffer.alloc(MARK_BYTES);
  writeUint64(bytes, end.offset, 0);
  end.hash.copy(bytes, 8);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, MARK_BYTES - 4)), MARK_BYTES - 4);
  const file = disk.open(join(directory, MARK), 'create');
  try {
    file.writeSync(bytes, 0);
    await file.sync();
  } finally {
    file.close();
  }
  await disk.syncDirectory(directory);
}

/**
 * Holds the end that was found against the mark of the last close, where there is a whole one.
 * @throws Fault `corruption` when events are missing that were there
 */
export function checkCloseMark(disk: Disk, directory: string, end: DurableEnd, last: Segment): void {
  if (!disk.list(directory).includes(MARK)) return;
  const file = disk.open(join(directory, MARK), 'read');
  const bytes = Buffer.alloc(MARK_BYTES);
  try {
    file.readSync(bytes, 0);
  } finally {
    file.close();
  }
  if (bytes.readUInt32LE(MARK_BYTES - 4) !== crc32(bytes.subarray(0, MARK_BYTES - 4))) return;
  const offset = readUint64(bytes, 0);
  const hash = bytes.subarray(8, 8 + HASH_BYTES);
  if (end.offset > offset || (end.offset === offset && end.hash.equals(hash))) return;
  const what = `no sound frame, and the log went on to event ${offset} when it was closed`;
  throw corruption(last.path, last.usedBytes, end.offset, what);
}

export async function removeCloseMark(disk: Disk, directory: string): Promise<void> {
  disk.remove(join(directory, MARK));
  await disk.syncDirectory(directory);
}
