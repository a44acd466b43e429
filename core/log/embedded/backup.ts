// Owns the copy of a log to another directory, while another process may be writing it. Guarantees: what is
// copied is a beginning of the log that ends with a whole frame, and no file of it has its name before its
// bytes are durable and their checksums and chain have been read again from the copy. So an older copy stays
// as it was when anything is wrong. A second copy into the same directory copies what is new.

import { join } from 'node:path';
import { type Disk, type DiskFile, nodeDisk } from '#core/kernel/disk.ts';
import { Fault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import { encodeSegmentHeader } from './frame.ts';
import { lastFrames, writeCloseMark } from './recovery.ts';
import { corruption, listSegments, type Segment, segmentPath } from './segments.ts';
import { verifySegments } from './verify.ts';

export interface BackUpOptions {
  /** Of the log. */
  readonly from: string;
  /** Made where it is not; or one with an older copy of the same log. */
  readonly to: string;
  /** Default: the disk of this machine. */
  readonly disk?: Disk;
  /** Told in bytes, of the copying and of the reading again. */
  readonly report?: (done: number, total: number) => void;
}

export interface BackedUp {
  /** Of the whole copy. */
  readonly events: number;
  readonly segments: number;
  /** What was not in the directory before. */
  readonly copiedBytes: number;
  /** The end of the chain, 64 hexadecimal digits; `verifyLog` of the copy comes to the same. */
  readonly lastHash: string;
}

const PART = '.part';

/** @throws Fault `corruption` when the log is damaged, or the directory holds a copy of another one */
export async function backUpLog(options: BackUpOptions): Promise<BackedUp> {
  const { from, to, disk = nodeDisk, report = () => {} } = options;
  const segments = listSegments(disk, from);
  const last = segments.at(-1);
  if (!last) throw new Fault('closed', `there is no log in ${from}`);
  const untilOffset = await findEnd(disk, last);
  disk.makeDirectory(to);
  for (const name of disk.list(to)) if (name.endsWith(PART)) disk.remove(join(to, name));
  const missing = segments.slice(wholeCopies(disk, to, segments));
  const copiedBytes = missing.reduce((sum, { usedBytes }) => sum + usedBytes, 0);
  let done = 0;
  const parts: Segment[] = [];
  for (const segment of missing) {
    const path = `${segmentPath(to, segment.header.number)}${PART}`;
    await copySegment(disk, segment, path, (bytes) => {
      done += bytes;
      report(done, 2 * copiedBytes);
    });
    parts.push({ ...segment, path });
  }
  const start = (missing[0] as Segment).header;
  const { events, lastHash } = await verifySegments(disk, to, parts, start, {
    untilOffset,
    report: (read, total) => report(copiedBytes + read, copiedBytes + total),
  });
  for (const { path, header } of parts) {
    disk.rename(path, segmentPath(to, header.number));
    await disk.syncDirectory(to);
  }
  // A copy that loses its end would otherwise open as a shorter log.
  await writeCloseMark(disk, to, { offset: events, timeMs: 0, hash: Buffer.from(lastHash, 'hex') });
  return { events, segments: segments.length, copiedBytes, lastHash };
}

/** Notes where the frames of the last segment end; resolves to the offset of the event after them. */
async function findEnd(disk: Disk, last: Segment): Promise<number> {
  const file = disk.open(last.path, 'read');
  let offset = last.header.firstOffset;
  try {
    const frames = lastFrames(file, last);
    for (;;) {
      const step = await frames.next();
      if (step.done) {
        last.usedBytes = step.value;
        return offset;
      }
      offset = step.value.firstOffset + step.value.records;
    }
  } finally {
    file.close();
  }
}

/** How many segments need not be copied: those that were complete when the copy before was made. */
function wholeCopies(disk: Disk, to: string, segments: readonly Segment[]): number {
  const copies = listSegments(disk, to);
  for (const [index, copy] of copies.entries()) {
    const segment = segments[index];
    const isSame = segment && encodeSegmentHeader(segment.header).equals(encodeSegmentHeader(copy.header));
    if (!isSame) throw new Fault('corruption', `${to} holds a copy of another log, or of one that went on`);
  }
  return Math.max(0, copies.length - 1);
}

async function copySegment(
  disk: Disk,
  { path, usedBytes }: Segment,
  to: string,
  copied: (bytes: number) => void,
): Promise<void> {
  const source = disk.open(path, 'read');
  let target: DiskFile | undefined;
  try {
    target = disk.open(to, 'create');
    const block = Buffer.allocUnsafe(limits.logReadBytes);
    for (let at = 0; at < usedBytes; ) {
      const bytes = block.subarray(0, Math.min(block.length, usedBytes - at));
      const length = await source.read(bytes, at);
      if (length < bytes.length) throw corruption(path, at + length, 0, 'the file ends too early');
      await target.write(bytes, at);
      at += length;
      copied(length);
    }
    await target.sync();
  } finally {
    source.close();
    target?.close();
  }
}
