// Owns the proof of the whole log: every frame's checksum, the chain of hashes from the first frame on, and that no
// event is missing. Reads beside the writer, up to an event that is durable, and changes nothing.

import type { Disk } from '#core/kernel/disk.ts';
import { frameHash, HASH_BYTES, recomputeHash } from './frame.ts';
import { FrameReader } from './frame-reader.ts';
import { corruption, listSegments, type Segment } from './segments.ts';

export interface VerifyOptions {
  readonly disk: Disk;
  readonly directory: string;
  /** All events before it are durable: `EventLog.tail`. */
  readonly untilOffset: number;
  /** Told, a frame each, how many events were found sound. */
  report(done: number, total: number): void;
}

export interface VerifiedLog {
  readonly events: number;
  /** Of the frames that hold them. */
  readonly bytes: number;
  readonly segments: number;
}

/** @throws Fault `corruption`, naming file, byte and event, at the first thing that is not as it was written */
export async function verifyLog(options: VerifyOptions): Promise<VerifiedLog> {
  const { disk, directory, untilOffset, report } = options;
  const end = { offset: 0, hash: Buffer.alloc(HASH_BYTES) as Buffer };
  let bytes = 0;
  let segments = 0;
  for (const segment of listSegments(disk, directory)) {
    if (end.offset >= untilOffset) break;
    const { firstOffset, previousHash } = segment.header;
    if (firstOffset !== end.offset || !previousHash.equals(end.hash)) {
      throw corruption(segment.path, 0, end.offset, 'it does not continue the segment before');
    }
    bytes += await verifySegment(disk, segment, untilOffset, end, (done) => report(done, untilOffset));
    segments++;
  }
  if (end.offset < untilOffset) {
    throw corruption(directory, 0, end.offset, `no event, and the log goes on to event ${untilOffset}`);
  }
  return { events: end.offset, bytes, segments };
}

/** Moves `end` on to the end of the segment, or of the frame that holds the last event; returns the bytes of frames. */
async function verifySegment(
  disk: Disk,
  segment: Segment,
  untilOffset: number,
  end: { offset: number; hash: Buffer },
  report: (done: number) => void,
): Promise<number> {
  const file = disk.open(segment.path, 'read');
  try {
    const reader = new FrameReader(file, segment.header);
    const begin = reader.position;
    // Only a segment that has a successor knows where it ends.
    const limit = segment.usedBytes || file.sizeBytes();
    while (end.offset < untilOffset && reader.position < limit) {
      const { position } = reader;
      const frame = await reader.next(limit);
      if (typeof frame === 'string' || frame.firstOffset !== end.offset) {
        throw corruption(segment.path, position, end.offset, 'no sound frame');
      }
      const hash = frameHash(frame);
      if (!recomputeHash(frame, end.hash).equals(hash)) {
        throw corruption(segment.path, position, end.offset, 'the chain of hashes is broken');
      }
      end.hash = hash;
      end.offset += frame.records;
      report(Math.min(end.offset, untilOffset));
    }
    return reader.position - begin;
  } finally {
    file.close();
  }
}
