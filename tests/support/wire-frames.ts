// Owns frames as the other side would send them, made apart from the code that sends them.

import { crc32 } from '@node-rs/crc32';
import { limits } from '#core/kernel/limits.ts';
import type { Random } from '#core/kernel/random.ts';
import type { WireCall } from '#storage-nodes/wire/calls.ts';
import { FieldWriter } from '#storage-nodes/wire/fields.ts';
import { FRAME, HEADER_BYTES } from '#storage-nodes/wire/frame.ts';
import { newHello, writeHello } from '#storage-nodes/wire/handshake.ts';
import { type Payload, writePayloadHead } from '#storage-nodes/wire/payload.ts';
import { credentialsOf, WIRE_DEVICE, WIRE_NODE } from './wire-transports.ts';

/** A frame from its parts, with a checksum that fits. */
export function frameOf(
  kind: number,
  number: number,
  call: number,
  fields: Uint8Array,
  dataBytes: number,
): Buffer {
  const frame = Buffer.alloc(HEADER_BYTES + fields.length);
  frame.writeUInt16LE(fields.length, 4);
  frame[6] = kind;
  frame[7] = number;
  frame.writeUInt32LE(call, 8);
  frame.writeUInt32LE(dataBytes, 12);
  frame.set(fields, HEADER_BYTES);
  return seal(frame);
}

export function seal(frame: Buffer): Buffer {
  const end = Math.min(frame.length, HEADER_BYTES + frame.readUInt16LE(4));
  frame.writeUInt32LE(crc32(frame.subarray(4, end)), 0);
  return frame;
}

/** With TLS the proofs are empty, so that a handshake costs nothing here. */
const credentials = credentialsOf('tls');

export function fieldsOf(write: (fields: FieldWriter) => void): Buffer {
  const buffer = Buffer.alloc(limits.wireFieldsBytes);
  const fields = new FieldWriter();
  fields.begin(buffer, 0);
  write(fields);
  return buffer.subarray(0, fields.end);
}

export function helloFrame(random: Random): Buffer {
  const hello = newHello(credentials, random, WIRE_NODE);
  return frameOf(
    FRAME.hello,
    0,
    0,
    fieldsOf((fields) => writeHello(fields, hello)),
    0,
  );
}

export const proofFrame = frameOf(
  FRAME.proof,
  0,
  0,
  fieldsOf((fields) => fields.bytes(Buffer.alloc(0))),
  0,
);

export function callFrame<Arguments>(
  row: WireCall<Arguments, unknown>,
  id: number,
  given: Arguments,
  payload?: Payload,
): Buffer {
  const fields = fieldsOf((writer) => {
    writePayloadHead(writer, payload);
    writer.uint32(WIRE_DEVICE);
    row.writeArguments(writer, given);
  });
  const data = payload?.bytes ?? Buffer.alloc(0);
  return Buffer.concat([frameOf(FRAME.call, row.number, id, fields, data.length), data]);
}
