// Owns the bytes of segment files: a segment header, then needles one behind the other. Guarantees that a
// needle is recognised only in the segment, in the life of that segment and at the offset for which it was
// written: the salt, drawn anew whenever a file is taken into use, and the offset are under the needle's
// checksum. So the stale bytes of a recycled file are never mistaken for needles.
//
// Segment header, one page, the same twice:
//   magic · CRC-32 · version · number · salt (8) · predecessor's number · its end
// Needle, 8-byte aligned:
//   magic · CRC-32 of the rest of the head · salt (8) · id (20) · kind · owner's length · data's length ·
//   created (float64) · replaces · offset · [CRC-32 per block] · [owner] · [data]
// All numbers are little-endian. `replaces` is the number of the segment with the older needle of the same
// id, or 0.

import { crc32 } from '@node-rs/crc32';
import { assert } from '#core/kernel/assert.ts';
import { DIRECT_BLOCK_BYTES } from '#core/kernel/direct-io.ts';
import { KIB, limits } from '#core/kernel/limits.ts';
import { CHUNK_ID_BYTES } from './chunk-store.ts';

export const SEGMENT_HEADER_BYTES = 4 * KIB;
export const SALT_BYTES = 8;
export const CHUNK_NEEDLE = 1;
export const TOMBSTONE_NEEDLE = 2;
/** Says nothing; it moves the data of the needle behind it to the border that a direct write wants. */
export const FILLER_NEEDLE = 3;

const SEGMENT_MAGIC = 0x47455353;
const NEEDLE_MAGIC = 0x4c444e53;
const FORMAT_VERSION = 1;
const FIXED_BYTES = 64;

const blockCount = (sizeBytes: number) => Math.ceil(sizeBytes / limits.blockBytes);
const aligned = (bytes: number) => (bytes + 7) & ~7;

/** Bytes of a needle before its data. */
export const headBytes = (sizeBytes: number, ownerBytes: number) =>
  FIXED_BYTES + aligned(4 * blockCount(sizeBytes)) + aligned(ownerBytes);
export const needleBytes = (sizeBytes: number, ownerBytes: number) =>
  headBytes(sizeBytes, ownerBytes) + aligned(sizeBytes);

/**
 * Bytes of the filler before a needle whose data is to begin on a border: 0 where it does anyway, and
 * otherwise as many as some needle has.
 */
export function fillerBytes(offset: number, head: number): number {
  const gap = -(offset + head) & (DIRECT_BLOCK_BYTES - 1);
  const isNeedle = gap === 0 || gap === FIXED_BYTES || gap >= needleBytes(1, 0);
  return isNeedle ? gap : gap + DIRECT_BLOCK_BYTES;
}

/** Data that fills a filler of so many bytes. */
export const fillerDataBytes = (bytes: number) => (bytes === FIXED_BYTES ? 0 : bytes - headBytes(1, 0));
export const FILLER_BYTES_MAX = DIRECT_BLOCK_BYTES + needleBytes(1, 0);

export const HEAD_BYTES_MAX = headBytes(limits.chunkBytes, limits.chunkOwnerBytes);
export const NEEDLE_BYTES_MAX = needleBytes(limits.chunkBytes, limits.chunkOwnerBytes);

export interface SegmentHeader {
  /** From 1 upwards; a file that is recycled gets a new number. */
  readonly number: number;
  readonly salt: Buffer;
  /** The segment written before this one, and where its trusted needles end. */
  readonly predecessor: number;
  readonly predecessorEnd: number;
}

const HEADER_COPIES = [0, SEGMENT_HEADER_BYTES / 2];
const HEADER_FIELD_BYTES = 32;

/** One page with the header twice, since a bad sector there would cost the whole segment. */
export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const page = Buffer.alloc(SEGMENT_HEADER_BYTES);
  for (const at of HEADER_COPIES) {
    page.writeUInt32LE(SEGMENT_MAGIC, at);
    page.writeUInt32LE(FORMAT_VERSION, at + 8);
    page.writeUInt32LE(header.number, at + 12);
    header.salt.copy(page, at + 16);
    page.writeUInt32LE(header.predecessor, at + 24);
    page.writeUInt32LE(header.predecessorEnd, at + 28);
    page.writeUInt32LE(crc32(page.subarray(at + 8, at + HEADER_FIELD_BYTES)), at + 4);
  }
  return page;
}

/** Undefined for a page that is no segment header, as of a file not in use. */
export function decodeSegmentHeader(page: Buffer): SegmentHeader | undefined {
  for (const at of HEADER_COPIES) {
    if (at + HEADER_FIELD_BYTES > page.length || page.readUInt32LE(at) !== SEGMENT_MAGIC) continue;
    if (page.readUInt32LE(at + 4) !== crc32(page.subarray(at + 8, at + HEADER_FIELD_BYTES))) continue;
    if (page.readUInt32LE(at + 8) !== FORMAT_VERSION) continue;
    return {
      number: page.readUInt32LE(at + 12),
      salt: Buffer.from(page.subarray(at + 16, at + 16 + SALT_BYTES)),
      predecessor: page.readUInt32LE(at + 24),
      predecessorEnd: page.readUInt32LE(at + 28),
    };
  }
  return undefined;
}

/** What a head says of its needle. */
export interface NeedleHead {
  readonly kind: number;
  readonly id: Uint8Array;
  readonly sizeBytes: number;
  readonly ownerBytes: number;
  readonly createdMs: number;
  readonly replaces: number;
}

export interface NeedleFields {
  readonly kind: number;
  readonly id: Uint8Array;
  readonly data: Uint8Array;
  readonly checksums: Uint32Array;
  readonly owner: string;
  readonly ownerBytes: number;
  readonly createdMs: number;
  readonly replaces: number;
}

/** Writes the head at `at` of `target`; returns its length. */
export function encodeHead(
  target: Buffer,
  at: number,
  fields: NeedleFields,
  salt: Buffer,
  offset: number,
): number {
  const { data, checksums, ownerBytes } = fields;
  target.writeUInt32LE(NEEDLE_MAGIC, at);
  salt.copy(target, at + 8);
  target.set(fields.id, at + 16);
  target.writeUInt16LE(fields.kind, at + 36);
  target.writeUInt16LE(ownerBytes, at + 38);
  target.writeUInt32LE(data.length, at + 40);
  target.writeDoubleLE(fields.createdMs, at + 44);
  target.writeUInt32LE(fields.replaces, at + 52);
  target.writeUInt32LE(offset, at + 56);
  target.writeUInt32LE(0, at + 60);
  let end = at + FIXED_BYTES;
  for (let block = 0; block < checksums.length; block++) {
    end = target.writeUInt32LE(checksums[block] as number, end);
  }
  if (checksums.length & 1) end = target.writeUInt32LE(0, end);
  if (ownerBytes > 0) {
    target.fill(0, end + (ownerBytes & ~7), end + aligned(ownerBytes));
    assert(target.write(fields.owner, end, 'utf8') === ownerBytes, 'the owner is as long as it was measured');
    end += aligned(ownerBytes);
  }
  target.writeUInt32LE(crc32(target.subarray(at + 8, end)), at + 4);
  return end - at;
}

/**
 * Reads and verifies the head at `at` of `source`. Undefined where there is none of this salt for this
 * offset. The id is a copy.
 */
export function decodeHead(source: Buffer, at: number, salt: Buffer, offset: number): NeedleHead | undefined {
  if (at + FIXED_BYTES > source.length || source.readUInt32LE(at) !== NEEDLE_MAGIC) return undefined;
  if (source.readUInt32LE(at + 56) !== offset) return undefined;
  if (source.compare(salt, 0, SALT_BYTES, at + 8, at + 8 + SALT_BYTES) !== 0) return undefined;
  const sizeBytes = source.readUInt32LE(at + 40);
  const ownerBytes = source.readUInt16LE(at + 38);
  if (sizeBytes > limits.chunkBytes || ownerBytes > limits.chunkOwnerBytes) return undefined;
  const end = at + headBytes(sizeBytes, ownerBytes);
  if (end > source.length || source.readUInt32LE(at + 4) !== crc32(source.subarray(at + 8, end)))
    return undefined;
  return {
    kind: source.readUInt16LE(at + 36),
    id: Buffer.from(source.subarray(at + 16, at + 16 + CHUNK_ID_BYTES)),
    sizeBytes,
    ownerBytes,
    createdMs: source.readDoubleLE(at + 44),
    replaces: source.readUInt32LE(at + 52),
  };
}

/** As {@link decodeHead}, for a reader who knows what must stand there: true when it does. */
export function headIsOf(
  source: Buffer,
  id: Uint8Array,
  salt: Buffer,
  offset: number,
  length: number,
): boolean {
  return (
    source.readUInt32LE(0) === NEEDLE_MAGIC &&
    source.readUInt32LE(56) === offset &&
    source.compare(salt, 0, SALT_BYTES, 8, 8 + SALT_BYTES) === 0 &&
    source.compare(id, 0, CHUNK_ID_BYTES, 16, 16 + CHUNK_ID_BYTES) === 0 &&
    source.readUInt32LE(4) === crc32(source.subarray(8, length))
  );
}

/** The checksum of one block, from a head that starts at 0 of `head`. */
const blockChecksum = (head: Buffer, block: number) => head.readUInt32LE(FIXED_BYTES + 4 * block);

export function ownerOf(source: Buffer, at: number, head: NeedleHead): string {
  const from = at + FIXED_BYTES + aligned(4 * blockCount(head.sizeBytes));
  return source.toString('utf8', from, from + head.ownerBytes);
}

export function checksumsOf(source: Buffer, at: number, head: NeedleHead): Uint32Array {
  const checksums = new Uint32Array(blockCount(head.sizeBytes));
  for (let block = 0; block < checksums.length; block++) {
    checksums[block] = source.readUInt32LE(at + FIXED_BYTES + 4 * block);
  }
  return checksums;
}

/**
 * Whether `blocks`, whole blocks (the last of a chunk may be short) from number `firstBlock` on, are as
 * written.
 */
export function blocksMatch(head: Buffer, firstBlock: number, blocks: Uint8Array): boolean {
  let block = firstBlock;
  for (let at = 0; at < blocks.length; at += limits.blockBytes) {
    if (crc32(blocks.subarray(at, at + limits.blockBytes)) !== blockChecksum(head, block)) return false;
    block += 1;
  }
  return true;
}
