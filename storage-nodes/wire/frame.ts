// Owns the layout of a frame: 16 bytes of header, the fields, then data. Guarantees that a frame whose header
// or fields were changed on the way is not taken for another. Data has checksums of its own (payload.ts).
//
//   0 uint32  CRC-32 (IEEE) of all from byte 4 to the end of the fields
//   4 uint16  bytes of the fields
//   6 uint8   kind
//   7 uint8   number of the call (calls.ts) in a frame of the kind `call`; else 0
//   8 uint32  id of the call that the frame belongs to; 0 for none
//  12 uint32  bytes of data

import { crc32 } from '@node-rs/crc32';
import { limits } from '#core/kernel/limits.ts';
import { FieldReader, WireError } from './fields.ts';

export const FRAME = {
  /** The first of each side: who it is, and which versions it speaks. */
  hello: 1,
  /** That it holds the secret. */
  proof: 2,
  call: 3,
  answer: 4,
  fault: 5,
  /** More data of a call or of its answer. */
  data: 6,
  /** Why the connection is closed; nothing follows. */
  goodbye: 7,
} as const;

export type FrameKind = (typeof FRAME)[keyof typeof FRAME];

export const HEADER_BYTES = 16;

/** As it was received; one object for all frames of a connection. */
export class Frame {
  kind = 0;
  number = 0;
  call = 0;
  fieldsBytes = 0;
  dataBytes = 0;
  readonly fields = new FieldReader();
}

/** Fills the header before fields that are written already. */
export function writeHeader(
  buffer: Buffer,
  at: number,
  kind: FrameKind,
  number: number,
  call: number,
  fieldsBytes: number,
  dataBytes: number,
): void {
  buffer.writeUInt16LE(fieldsBytes, at + 4);
  buffer[at + 6] = kind;
  buffer[at + 7] = number;
  buffer.writeUInt32LE(call, at + 8);
  buffer.writeUInt32LE(dataBytes, at + 12);
  buffer.writeUInt32LE(checksumOf(buffer, at + 4, at + HEADER_BYTES + fieldsBytes), at);
}

/**
 * Reads header and fields, if all of them are there.
 * @returns false when more bytes are needed.
 * @throws WireError
 */
export function readFrame(frame: Frame, buffer: Buffer, at: number, end: number): boolean {
  if (end - at < HEADER_BYTES) return false;
  const fieldsBytes = buffer.readUInt16LE(at + 4);
  const dataBytes = buffer.readUInt32LE(at + 12);
  if (fieldsBytes > limits.wireFieldsBytes || dataBytes > limits.wireFrameBytes)
    throw new WireError('a frame beyond the limits');
  const fieldsAt = at + HEADER_BYTES;
  if (end - fieldsAt < fieldsBytes) return false;
  if (checksumOf(buffer, at + 4, fieldsAt + fieldsBytes) !== buffer.readUInt32LE(at))
    throw new WireError('a frame that does not match its checksum');
  frame.kind = buffer[at + 6] as number;
  frame.number = buffer[at + 7] as number;
  frame.call = buffer.readUInt32LE(at + 8);
  frame.fieldsBytes = fieldsBytes;
  frame.dataBytes = dataBytes;
  frame.fields.begin(buffer, fieldsAt, fieldsAt + fieldsBytes);
  return true;
}

/** Up to this length a loop is quicker than the call into the library. */
const LOOP_BYTES_MAX = 128;

function checksumOf(buffer: Buffer, from: number, to: number): number {
  if (to - from > LOOP_BYTES_MAX) return crc32(buffer.subarray(from, to));
  let crc = -1;
  for (let at = from; at < to; at++) {
    crc = (CRC_TABLE[(crc ^ (buffer[at] as number)) & 0xff] as number) ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}

/** Of the reflected polynomial of CRC-32 (IEEE 802.3). */
const CRC_TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});
