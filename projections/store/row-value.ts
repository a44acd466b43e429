// Owns the value of a row that keeps an event: a fixed header, then the event's payload as the log has it. So
// applying an event decodes nothing.

import type { RecordedEvent } from '#core/log/event-log.ts';

const KIND_AT = 0;
const REVISION_AT = 1;
const TIME_AT = 7;
/** Whole numbers to 2^48 are enough for revisions and, in milliseconds, for 8,900 years. */
const NUMBER_BYTES = 6;
export const HEADER_BYTES = TIME_AT + NUMBER_BYTES;

/** @param kind 0 to 255; what it means is the projection's. */
export function rowValue(kind: number, revision: number, timeMs: number, payload: Uint8Array): Uint8Array {
  const value = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  value[KIND_AT] = kind;
  value.writeUIntBE(revision, REVISION_AT, NUMBER_BYTES);
  value.writeUIntBE(timeMs, TIME_AT, NUMBER_BYTES);
  value.set(payload, HEADER_BYTES);
  return value;
}

/** The row of an event, as it is. */
export function eventRow(kind: number, event: RecordedEvent): Uint8Array {
  return rowValue(kind, event.revision, event.timeMs, event.payload);
}

/** The same row at a later revision of its stream. */
export function atRevision(value: Uint8Array, revision: number): Uint8Array {
  const later = Buffer.from(value);
  later.writeUIntBE(revision, REVISION_AT, NUMBER_BYTES);
  return later;
}

export const kindOf = (value: Uint8Array): number => value[KIND_AT] as number;
export const revisionOf = (value: Uint8Array): number =>
  asBuffer(value).readUIntBE(REVISION_AT, NUMBER_BYTES);
export const timeOf = (value: Uint8Array): number => asBuffer(value).readUIntBE(TIME_AT, NUMBER_BYTES);
export const payloadOf = (value: Uint8Array): Uint8Array => value.subarray(HEADER_BYTES);

/** The same bytes with a Buffer's methods. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
