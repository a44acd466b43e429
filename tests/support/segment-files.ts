// Owns looking into, and damaging, the segment files of a chunk store on disk.

import { closeSync, openSync, readdirSync, readFileSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { ChunkId } from '#storage-nodes/chunks/chunk-store.ts';
import {
  CHUNK_NEEDLE,
  decodeHead,
  decodeSegmentHeader,
  headBytes,
  type NeedleHead,
  needleBytes,
  SEGMENT_HEADER_BYTES,
} from '#storage-nodes/chunks/needle.ts';

export interface FoundNeedle extends NeedleHead {
  readonly path: string;
  readonly segment: number;
  readonly offset: number;
  readonly dataAt: number;
  readonly endsAt: number;
}

export function segmentPaths(directory: string): string[] {
  const segments = join(directory, 'segments');
  return readdirSync(segments).map((name) => join(segments, name));
}

/** The needles of all files, in the order in which they were written. */
export function needlesIn(directory: string): FoundNeedle[] {
  const found: FoundNeedle[] = [];
  for (const path of segmentPaths(directory)) {
    const bytes = readFileSync(path);
    const header = decodeSegmentHeader(bytes);
    if (header === undefined) continue;
    for (let offset = SEGMENT_HEADER_BYTES; ; ) {
      const head = decodeHead(bytes, offset, header.salt, offset);
      if (head === undefined) break;
      const endsAt = offset + needleBytes(head.sizeBytes, head.ownerBytes);
      const dataAt = offset + headBytes(head.sizeBytes, head.ownerBytes);
      found.push({ ...head, path, segment: header.number, offset, dataAt, endsAt });
      offset = endsAt;
    }
  }
  return found.sort((a, b) => a.segment - b.segment || a.offset - b.offset);
}

export function flipByte(path: string, at: number): void {
  const fd = openSync(path, 'r+');
  try {
    const byte = Buffer.alloc(1);
    readSync(fd, byte, 0, 1, at);
    byte[0] = (byte[0] ?? 0) ^ 0xff;
    writeSync(fd, byte, 0, 1, at);
  } finally {
    closeSync(fd);
  }
}

/** Flips the byte at `at` of the data of the latest needle with this id. */
export function corruptChunk(directory: string, id: ChunkId, at: number): void {
  const mine = needlesIn(directory).filter((needle) => {
    return needle.kind === CHUNK_NEEDLE && Buffer.compare(needle.id, id) === 0;
  });
  const last = mine.at(-1);
  if (last === undefined) throw new Error('no needle has this id');
  flipByte(last.path, last.dataAt + at);
}
