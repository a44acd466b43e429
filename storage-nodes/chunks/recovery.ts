// Owns bringing a store up from its directory: the durable index as of its checkpoint, then every needle
// written since. Guarantees that each acknowledged put and delete is seen again, and no needle that a crash
// tore; a lost, damaged or foreign index is rebuilt from the segments alone.

import { join } from 'node:path';
import { limits } from '#core/kernel/limits.ts';
import { ChunkIndex, keyOf } from './chunk-index.ts';
import { type Checkpoint, DurableIndex, INDEX_VERSION } from './durable-index.ts';
import { pack } from './hot-index.ts';
import type { IndexEngine } from './index-store.ts';
import { NEEDLE_BYTES_MAX, needleBytes, SEGMENT_HEADER_BYTES, TOMBSTONE_NEEDLE } from './needle.ts';
import { NeedleScan, type ScannedNeedle } from './needle-scan.ts';
import type { Segment } from './segment.ts';
import { SegmentTable, type SegmentTableOptions } from './segment-table.ts';

export interface RecoveryOptions extends Omit<SegmentTableOptions, 'directory'> {
  readonly directory: string;
  readonly hotEntries: number;
  readonly indexEngine: IndexEngine;
  readonly indexLost: (error: unknown) => void;
}

// One batch at most is written and not yet durable: a needle of it may stand behind a gap that a crash left.
const LOST_BATCH_BYTES = limits.chunkBatchBytes + NEEDLE_BYTES_MAX;

/** @throws Fault `locked` */
export async function recover(
  options: RecoveryOptions,
): Promise<{ segments: SegmentTable; index: ChunkIndex }> {
  const segmentsAt = join(options.directory, 'segments');
  const indexAt = join(options.directory, 'index');
  options.disk.makeDirectory(segmentsAt);
  options.disk.makeDirectory(indexAt);
  const { indexEngine } = options;
  let durable = new DurableIndex(await indexEngine.open(indexAt));
  try {
    const segments = SegmentTable.load({ ...options, directory: segmentsAt });
    const checkpoint = await restore(segments, durable);
    if (checkpoint === undefined) {
      await durable.close();
      indexEngine.remove(indexAt);
      durable = new DurableIndex(await indexEngine.open(indexAt));
    }
    const index = new ChunkIndex(segments, durable, {
      hotEntries: options.hotEntries,
      checkpoint,
      lost: options.indexLost,
    });
    for (const segment of segments.all()) index.restore(segment);
    await replay(segments, index, checkpoint);
    return { segments, index };
  } catch (error) {
    await durable.close();
    throw error;
  }
}

/** Takes the segments' counters from the index. Undefined when index and segments are not of one store. */
async function restore(segments: SegmentTable, durable: DurableIndex): Promise<Checkpoint | undefined> {
  const checkpoint = await durable.checkpoint();
  if (checkpoint === undefined || checkpoint.version !== INDEX_VERSION) return undefined;
  segments.lastNumber = Math.max(segments.lastNumber, checkpoint.lastNumber);
  const records = new Map((await durable.segmentRecords()).map((record) => [record.number, record]));
  for (const segment of segments.all()) {
    const record = records.get(segment.number);
    if (record === undefined && segment.number < checkpoint.segment) return undefined;
  }
  for (const segment of segments.all()) {
    const record = segment.number <= checkpoint.segment ? records.get(segment.number) : undefined;
    if (record !== undefined) segment.restore(record);
  }
  return checkpoint;
}

async function replay(
  segments: SegmentTable,
  index: ChunkIndex,
  checkpoint: Checkpoint | undefined,
): Promise<void> {
  const all = [...segments.all()];
  for (const [at, segment] of all.entries()) {
    if (segment.number < (checkpoint?.segment ?? 0)) continue;
    const fromBytes =
      segment.number === checkpoint?.segment
        ? Math.max(checkpoint.offset, SEGMENT_HEADER_BYTES)
        : SEGMENT_HEADER_BYTES;
    const next = all[at + 1];
    const last = next === undefined;
    const endBytes = next?.predecessor === segment.number ? next.predecessorEnd : segment.file.sizeBytes;
    const scan = new NeedleScan(segments.files, segment, {
      fromBytes,
      toBytes: endBytes,
      // A segment is begun only after all of the one before is durable, so only the last may hold torn
      // needles.
      withData: last,
      searchBytes: last ? LOST_BATCH_BYTES : Infinity,
    });
    const clean = await replaySegment(segment, scan, index, last);
    if (last && clean) segments.resume(segment);
  }
}

/** Whether the segment's needles follow each other without gap or torn data. */
async function replaySegment(
  segment: Segment,
  scan: NeedleScan,
  index: ChunkIndex,
  verify: boolean,
): Promise<boolean> {
  let clean = true;
  let before = scan.endBytes;
  for (let found = await scan.next(); found !== undefined; found = await scan.next()) {
    for (const needle of found) {
      if (!verify || needle.intact) await apply(segment, needle, index);
      else clean = false;
    }
    segment.endBytes = Math.min(scan.endBytes, segment.file.sizeBytes);
    index.reached(segment, scan.endBytes - before);
    before = scan.endBytes;
    if (index.lags) await index.flush(false);
  }
  segment.endBytes = Math.min(scan.endBytes, segment.file.sizeBytes);
  return clean && !scan.sawGap;
}

async function apply(segment: Segment, needle: ScannedNeedle, index: ChunkIndex): Promise<void> {
  const { id, createdMs, owner } = needle;
  const previous = await index.look(id);
  if (needle.kind === TOMBSTONE_NEEDLE) {
    segment.tombstoneBytes += needleBytes(0, 0);
    if (previous !== undefined) index.remove(id, segment, previous);
    return;
  }
  const packed = pack(needle.sizeBytes, needle.ownerBytes);
  const place = { segment, offset: needle.offset, packed };
  index.put({ id, key: keyOf(id), createdMs, owner }, place, previous);
}
