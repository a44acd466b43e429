// Owns the layout of frames and of segment headers. A frame is what one write and one sync made durable: a
// header and the records of all appends that waited. Only one frame is ever unsynced, so a frame is torn only
// if no sound frame follows it. Each frame's SHA-256 covers the hash of the frame before it and all its
// bytes: a chain over all records, across segments, at the price of one hash a sync. (A hash a record costs 2
// µs each and proves no more.)
//
// Frame: 0 marker of the segment, 8 bytes   8 u32 bytes of the frame   12 u32 records   16 u64 first offset
//       24 u32 position in the file        28 u32 CRC-32 of the records 32 SHA-256       64 zero
//       68 u32 CRC-32 of 0–67              72 records, each at a multiple of eight
// The marker is random for each segment and the position is part of the header, so neither bytes left over in
// a file nor a payload that imitates a frame is taken for one.
//
// Segment: 0 'STRATLOG'   8 u32 version   12 u32 number   16 u64 offset of the first event
//         24 u64 time of the last event before   32 u32 bytes used of the segment before   36 zero
//         40 marker   48 key of stream hashes   64 SHA-256 of the last frame before   96 u32 CRC-32 of 0–95

import { hash } from 'node:crypto';
import { crc32 } from '@node-rs/crc32';
import { padded, readUint64, recordBytesAt, writeUint64 } from './record.ts';
import { STREAM_KEY_BYTES } from './stream-hash.ts';

export const FRAME_HEADER_BYTES = 72;
export const MARKER_BYTES = 8;
export const HASH_BYTES = 32;
/** Frames begin on a page of their own, so that no write of a frame touches the header. */
export const SEGMENT_HEADER_BYTES = 4096;
const SEGMENT_CRC_AT = 96;
const HASH_AT = 32;
const ZERO_AT = 64;
const CRC_AT = 68;
const MAGIC = Buffer.from('STRATLOG');
const VERSION = 1;

export interface SegmentHeader {
  /** The first is 1. */
  readonly number: number;
  readonly firstOffset: number;
  /** Time of the last event before this segment. */
  readonly lastTimeMs: number;
  /** Where the frames of the segment before end. */
  readonly previousBytes: number;
  readonly marker: Buffer;
  readonly streamKey: Buffer;
  /** Hash of the last frame before this segment; zeros in the first. */
  readonly previousHash: Buffer;
}

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  MAGIC.copy(bytes);
  bytes.writeUInt32LE(VERSION, 8);
  bytes.writeUInt32LE(header.number, 12);
  writeUint64(bytes, header.firstOffset, 16);
  writeUint64(bytes, header.lastTimeMs, 24);
  bytes.writeUInt32LE(header.previousBytes, 32);
  header.marker.copy(bytes, 40);
  header.streamKey.copy(bytes, 48);
  header.previousHash.copy(bytes, 64);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, SEGMENT_CRC_AT)), SEGMENT_CRC_AT);
  return bytes;
}

/** Undefined where the bytes are no sound header of this version. */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader | undefined {
  if (bytes.length < SEGMENT_CRC_AT + 4 || bytes.compare(MAGIC, 0, MAGIC.length, 0, MAGIC.length) !== 0) {
    return undefined;
  }
  if (bytes.readUInt32LE(SEGMENT_CRC_AT) !== crc32(bytes.subarray(0, SEGMENT_CRC_AT))) return undefined;
  if (bytes.readUInt32LE(8) !== VERSION) return undefined;
  return {
    number: bytes.readUInt32LE(12),
    firstOffset: readUint64(bytes, 16),
    lastTimeMs: readUint64(bytes, 24),
    previousBytes: bytes.readUInt32LE(32),
    marker: Buffer.from(bytes.subarray(40, 40 + MARKER_BYTES)),
    streamKey: Buffer.from(bytes.subarray(48, 48 + STREAM_KEY_BYTES)),
    previousHash: Buffer.from(bytes.subarray(64, 64 + HASH_BYTES)),
  };
}

/** A frame in memory: `bytes` from `at`; its records end at `end`. */
export interface Frame {
  readonly buffer: Buffer;
  readonly at: number;
  readonly end: number;
  readonly firstOffset: number;
  readonly records: number;
  /** Where it stands in its segment. */
  readonly position: number;
}

/** Completes a frame whose records stand behind room for the header; returns its hash. */
export function sealFrame(
  buffer: Buffer,
  end: number,
  facts: { marker: Buffer; records: number; firstOffset: number; position: number; previousHash: Buffer },
): Buffer {
  facts.marker.copy(buffer, 0);
  buffer.writeUInt32LE(end, 8);
  buffer.writeUInt32LE(facts.records, 12);
  writeUint64(buffer, facts.firstOffset, 16);
  buffer.writeUInt32LE(facts.position, 24);
  buffer.writeUInt32LE(crc32(buffer.subarray(FRAME_HEADER_BYTES, end)), 28);
  const chained = chainHash(buffer, 0, end, facts.previousHash);
  chained.copy(buffer, HASH_AT);
  buffer.writeUInt32LE(crc32(buffer.subarray(0, CRC_AT)), CRC_AT);
  return chained;
}

/** SHA-256 of the frame with the previous hash in place of its own. Leaves the frame without hash and CRC. */
function chainHash(buffer: Buffer, at: number, end: number, previousHash: Buffer): Buffer {
  previousHash.copy(buffer, at + HASH_AT);
  buffer.writeUInt32LE(0, at + ZERO_AT);
  buffer.writeUInt32LE(0, at + CRC_AT);
  return hash('sha256', buffer.subarray(at, end), 'buffer');
}

/** The hash a sound frame ought to carry behind `previousHash`. Spoils the frame's header in memory. */
export function recomputeHash(frame: Frame, previousHash: Buffer): Buffer {
  return chainHash(frame.buffer, frame.at, frame.end, previousHash);
}

export function frameHash(frame: Frame): Buffer {
  return Buffer.from(frame.buffer.subarray(frame.at + HASH_AT, frame.at + HASH_AT + HASH_BYTES));
}

/** The length that a frame's header tells, or 0 where no sound header stands at `at`. */
export function frameBytesAt(buffer: Buffer, at: number, marker: Buffer, position: number): number {
  if (buffer.compare(marker, 0, MARKER_BYTES, at, at + MARKER_BYTES) !== 0) return 0;
  if (buffer.readUInt32LE(at + CRC_AT) !== crc32(buffer.subarray(at, at + CRC_AT))) return 0;
  if (buffer.readUInt32LE(at + 24) !== position) return 0;
  const bytes = buffer.readUInt32LE(at + 8);
  return bytes > FRAME_HEADER_BYTES ? bytes : 0;
}

export function firstOffsetAt(buffer: Buffer, at: number): number {
  return readUint64(buffer, at + 16);
}

/** The frame whose sound header stands at `at`, or undefined when its records do not match their checksum. */
export function decodeFrame(buffer: Buffer, at: number, position: number): Frame | undefined {
  const end = at + buffer.readUInt32LE(at + 8);
  const sum = crc32(buffer.subarray(at + FRAME_HEADER_BYTES, end));
  if (sum !== buffer.readUInt32LE(at + 28)) return undefined;
  const records = buffer.readUInt32LE(at + 12);
  return { buffer, at, end, firstOffset: firstOffsetAt(buffer, at), records, position };
}

export function firstRecordAt(frame: Frame): number {
  return frame.at + FRAME_HEADER_BYTES;
}

export function recordAfter(buffer: Buffer, at: number): number {
  return at + padded(recordBytesAt(buffer, at));
}
