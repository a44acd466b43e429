// Owns the audit of a whole log: every checksum, every link of the hash chain, every offset and time, across
// all segments. It changes nothing, and may run while another process writes: an unfinished tail is the end.

import { type Disk, type DiskFile, nodeDisk } from '#core/kernel/disk.ts';
import {
  type Frame,
  firstRecordAt,
  frameHash,
  HASH_BYTES,
  recomputeHash,
  recordAfter,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
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

export interface VerifyOptions {
  readonly directory: string;
  /** Default: the disk of this machine. */
  readonly disk?: Disk;
  /** All before it must be there, nothing behind it is looked at; default: as far as there are frames. */
  readonly untilOffset?: number;
  /** Told of each frame, in bytes. */
  readonly report?: (done: number, total: number) => void;
}

export interface VerifiedLog {
  /** Before the end. */
  readonly events: number;
  readonly frames: number;
  /** Of the frames. */
  readonly bytes: number;
  readonly segments: number;
  /** The end of the chain, 64 hexadecimal digits; it stands for every event before it. */
  readonly lastHash: string;
}

/** What the chain has come to so far. */
interface Chain {
  events: number;
  frames: number;
  bytes: number;
  segments: number;
  timeMs: number;
  hash: Buffer;
}

/** @throws Fault `corruption`, naming file, byte and event, at the first thing that is wrong */
export async function verifyLog(options: VerifyOptions): Promise<VerifiedLog> {
  const { directory, disk = nodeDisk } = options;
  const start = { firstOffset: 0, lastTimeMs: 0, previousHash: Buffer.alloc(HASH_BYTES) };
  return verifySegments(disk, directory, listSegments(disk, directory), start, options);
}

/** As {@link verifyLog}, of the segments that continue what ended as `start` says. */
export async function verifySegments(
  disk: Disk,
  directory: string,
  segments: readonly Segment[],
  start: Pick<SegmentHeader, 'firstOffset' | 'lastTimeMs' | 'previousHash'>,
  { untilOffset = Number.POSITIVE_INFINITY, report }: Pick<VerifyOptions, 'untilOffset' | 'report'>,
): Promise<VerifiedLog> {
  const total = sizesOf(disk, segments);
  const chain: Chain = {
    ...{ events: start.firstOffset, frames: 0, bytes: 0, segments: 0 },
    ...{ timeMs: start.lastTimeMs, hash: start.previousHash },
  };
  for (const segment of segments) {
    if (chain.events >= untilOffset) break;
    const { header, path } = segment;
    if (!header.previousHash.equals(chain.hash) || header.firstOffset !== chain.events) {
      throw corruption(path, 0, header.firstOffset, 'it does not continue the segment before');
    }
    const isLast = segment === segments.at(-1);
    await verifySegment(disk, segment, isLast, untilOffset, chain, () => report?.(chain.bytes, total));
    chain.segments++;
  }
  if (untilOffset < Number.POSITIVE_INFINITY && chain.events < untilOffset) {
    const path = segments.at(-1)?.path ?? directory;
    throw corruption(path, 0, chain.events, `no sound frame, and the log goes on to event ${untilOffset}`);
  }
  report?.(total, total);
  const { events, frames, bytes, hash } = chain;
  return { events, frames, bytes, segments: chain.segments, lastHash: hash.toString('hex') };
}

async function verifySegment(
  disk: Disk,
  segment: Segment,
  isLast: boolean,
  untilOffset: number,
  chain: Chain,
  report: () => void,
): Promise<void> {
  const file = disk.open(segment.path, 'read');
  try {
    const frames = isLast ? lastFrames(file, segment) : sealedFrames(file, segment);
    for await (const frame of frames) {
      verifyFrame(segment.path, frame, chain);
      report();
      if (chain.events >= untilOffset) break;
    }
  } finally {
    file.close();
  }
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
  chain.bytes += frame.end - frame.at;
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
