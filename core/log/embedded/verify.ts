// Owns the audit of a whole log: every checksum, every link of the hash chain, every offset and time, across all
// segments. It changes nothing, and may run while another process writes: an unfinished tail is the end.

import { type Disk, type DiskFile, nodeDisk } from '#core/kernel/disk.ts';
import {
  type Frame,
  firstRecordAt,
  frameHash,
  HASH_BYTES,
  recomputeHash,
  recordAfter,
  SEGMENT_HEADER_BYTES,
} from './frame.ts';
import {
  isRecordSound,
  previousSegmentAt,
  recordOffsetAt,
  recordRevisionAt,
  recordTimeMsAt,
} from './record.ts';
import { lastFrames, sealedFrames } from './recovery.ts';
import { corruption, listSegments, type Segment } from './segments.ts';

export interface VerifyProgress {
  readonly events: number;
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export interface Verified {
  readonly events: number;
  readonly frames: number;
  readonly segments: number;
  readonly sizeBytes: number;
  /** The end of the chain, 64 hexadecimal digits; it stands for every event before it. */
  readonly lastHash: string;
}

/** What the chain has come to so far. */
interface Chain {
  events: number;
  frames: number;
  sizeBytes: number;
  timeMs: number;
  hash: Buffer;
}

/** @throws Fault `corruption`, naming file, byte and event, at the first thing that is wrong */
export async function verify(
  directory: string,
  onProgress?: (progress: VerifyProgress) => void,
  disk: Disk = nodeDisk,
): Promise<Verified> {
  const segments = listSegments(disk, directory);
  const totalBytes = sizesOf(disk, segments);
  const chain: Chain = { events: 0, frames: 0, sizeBytes: 0, timeMs: 0, hash: Buffer.alloc(HASH_BYTES) };
  let doneBytes = 0;
  for (const segment of segments) {
    const { header, path } = segment;
    if (!header.previousHash.equals(chain.hash) || header.firstOffset !== chain.events) {
      throw corruption(path, 0, header.firstOffset, 'it does not continue the segment before');
    }
    const file = disk.open(path, 'read');
    try {
      const frames = segment === segments.at(-1) ? lastFrames(file, segment) : sealedFrames(file, segment);
      for await (const frame of frames) {
        verifyFrame(path, frame, chain);
        onProgress?.({ events: chain.events, doneBytes: doneBytes + frame.position, totalBytes });
      }
    } finally {
      file.close();
    }
    doneBytes += segment.usedBytes;
  }
  onProgress?.({ events: chain.events, doneBytes: totalBytes, totalBytes });
  const { events, frames, sizeBytes, hash } = chain;
  return { events, frames, segments: segments.length, sizeBytes, lastHash: hash.toString('hex') };
}

function verifyFrame(path: string, frame: Frame, chain: Chain): void {
  const { buffer, position } = frame;
  for (let at = firstRecordAt(frame); at < frame.end; at = recordAfter(buffer, at)) {
    const place = position + at - frame.at;
    if (!isRecordSound(buffer, at, frame.end)) {
      throw corruption(path, place, chain.events, 'no sound record');
    }
    const timeMs = recordTimeMsAt(buffer, at);
    const isFirst = recordRevisionAt(buffer, at) === 0;
    if (recordOffsetAt(buffer, at) !== chain.events)
      throw corruption(path, place, chain.events, 'wrong offset');
    if (timeMs < chain.timeMs) throw corruption(path, place, chain.events, 'time goes back');
    if (isFirst !== (previousSegmentAt(buffer, at) === 0)) {
      throw corruption(path, place, chain.events, 'wrong revision');
    }
    chain.timeMs = timeMs;
    chain.events++;
  }
  if (chain.events !== frame.firstOffset + frame.records) {
    throw corruption(path, position, chain.events, 'wrong number of records');
  }
  const told = frameHash(frame);
  if (!recomputeHash(frame, chain.hash).equals(told)) {
    throw corruption(path, position, frame.firstOffset, 'the hash chain is broken');
  }
  chain.hash = told;
  chain.frames++;
  chain.sizeBytes += frame.end - frame.at;
}

/** About how much there is to read: the last segment is longer than what is used of it. */
function sizesOf(disk: Disk, segments: readonly Segment[]): number {
  let sum = 0;
  for (const segment of segments) {
    if (segment.usedBytes > 0) sum += segment.usedBytes;
    else sum += withFile(disk, segment.path, (file) => file.sizeBytes());
  }
  return sum - segments.length * SEGMENT_HEADER_BYTES;
}

function withFile<T>(disk: Disk, path: string, use: (file: DiskFile) => T): T {
  const file = disk.open(path, 'read');
  try {
    return use(file);
  } finally {
    file.close();
  }
}
