// Owns the layout of one event on disk, and the lazily decoded view of it. A fixed header comes first, so
// that a reader passes from record to record, filters by family and orders streams without decoding any text;
// names, actor and payload are decoded when asked for. Each record carries its own CRC-32, and where the
// event before it in its stream stands.
//
//   0 u32 bytes of the record       4 u32 CRC-32 of all that follows     8 u64 offset in the log
//  16 u64 time in milliseconds     24 u32 revision                      28 u32 hash of the family
//  32 u32 segment and 36 u32 position of the stream's event before (0: none)
//  40 event id, 16 bytes           56 seven u16 lengths in bytes: stream, type, user, project, request id,
//     correlation id, causation id (65535: as the request id)   70 u16 events that follow in the append
//  72 the seven texts in that order, then the payload

import { crc32 } from '@node-rs/crc32';
import { assert } from '#core/kernel/assert.ts';
import { ID_BYTES } from '#core/kernel/ids.ts';
import { KIB, limits } from '#core/kernel/limits.ts';
import type { Random } from '#core/kernel/random.ts';
import {
  type Actor,
  type AppendRequest,
  familyOf,
  type NewEvent,
  type Position,
  type RecordedEvent,
} from '../event-log.ts';
import { familyHash } from './stream-hash.ts';

export const RECORD_HEADER_BYTES = 72;
const CHECKED_FROM = 8;
const TEXTS = 7;
const LENGTHS_AT = 56;
const AS_REQUEST = 0xffff;
const U32 = 2 ** 32;
/** Of the records in one frame. */
const FRAME_BYTES_MAX = limits.logBatchBytes - KIB;

/** What the log adds to an event; one object is reused for all records of a log. */
export interface RecordFacts {
  offset: number;
  timeMs: number;
  revision: number;
  previousSegment: number;
  previousPosition: number;
  eventsAfter: number;
}

export function writeUint64(buffer: Buffer, value: number, at: number): void {
  buffer.writeUInt32LE(value % U32, at);
  buffer.writeUInt32LE(Math.floor(value / U32), at + 4);
}

export function readUint64(buffer: Buffer, at: number): number {
  return buffer.readUInt32LE(at) + buffer.readUInt32LE(at + 4) * U32;
}

/** Records stand at multiples of eight. */
export function padded(bytes: number): number {
  return (bytes + 7) & ~7;
}

/**
 * Stops what no adapter could keep. Callers validate their input; here a limit passed is a bug.
 * @throws Bug
 */
export function assertWithinLimits(request: AppendRequest): void {
  const { stream, events, actor, alsoAt } = request;
  assertStreamName(stream);
  assert(events.length > 0, `append to ${stream}: no events`);
  assert(
    events.length <= limits.eventsPerAppend,
    `append to ${stream}: ${events.length} events, the limit is ${limits.eventsPerAppend}`,
  );
  for (const event of events) assertEvent(stream, event);
  assertText('user', actor.user);
  assertText('project', actor.project);
  assertText('request id', actor.requestId);
  if (request.correlationId !== undefined) assertText('correlation id', request.correlationId);
  if (request.causationId !== undefined) assertText('causation id', request.causationId);
  if (alsoAt === undefined) return;
  assert(
    alsoAt.length <= limits.guardsPerAppend,
    `append to ${stream}: ${alsoAt.length} guards, the limit is ${limits.guardsPerAppend}`,
  );
}

function assertEvent(stream: string, event: NewEvent): void {
  assert(event.type !== '', `append to ${stream}: an event without type`);
  assertText('type', event.type);
  assert(
    event.payload.length <= limits.eventPayloadBytes,
    `append to ${stream}: payload of ${event.payload.length} bytes, limit ${limits.eventPayloadBytes}`,
  );
}

const SURROGATE = /\p{Surrogate}/u;

function assertStreamName(stream: string): void {
  const slash = stream.indexOf('/');
  assert(slash > 0 && slash < stream.length - 1, `stream name without family or partition key: ${stream}`);
  assertBytes('stream name', stream, limits.streamNameBytes);
  assert(!SURROGATE.test(stream), 'stream name with half a surrogate pair');
}

function assertText(what: string, text: string): void {
  assertBytes(what, text, limits.eventTextBytes);
}

function assertBytes(what: string, text: string, limit: number): void {
  if (text.length * 3 <= limit) return;
  const bytes = Buffer.byteLength(text);
  assert(bytes <= limit, `${what} of ${bytes} bytes, the limit is ${limit}`);
}

/** Gives each event its id, in the order in which they are appended. */
export interface EventIdSource {
  /** Writes the 16 bytes of the next id. */
  writeNext(target: Buffer, at: number): void;
}

/** Event ids cut from a block of random bytes: no view, no object for each. */
export class EventIds implements EventIdSource {
  readonly #random: Random;
  readonly #block = Buffer.alloc(4 * KIB);
  #used = this.#block.length;

  constructor(random: Random) {
    this.#random = random;
  }

  writeNext(target: Buffer, at: number): void {
    if (this.#used === this.#block.length) {
      this.#random.fill(this.#block);
      this.#used = 0;
    }
    this.#block.copy(target, at, this.#used, this.#used + ID_BYTES);
    this.#used += ID_BYTES;
  }
}

/**
 * No append of the request takes more bytes of a frame than this.
 * @throws Bug when it passes the limit of one frame
 */
export function appendBytesMax(request: AppendRequest): number {
  let bytesMax = 0;
  for (const event of request.events) bytesMax += recordBytesMax(request, event);
  assert(
    bytesMax <= FRAME_BYTES_MAX,
    `append to ${request.stream} of up to ${bytesMax} bytes, the limit is ${FRAME_BYTES_MAX}`,
  );
  return bytesMax;
}

/** No record of the request is longer than this. */
function recordBytesMax(request: AppendRequest, event: NewEvent): number {
  const { actor } = request;
  const characters =
    request.stream.length +
    event.type.length +
    actor.user.length +
    actor.project.length +
    actor.requestId.length +
    (request.correlationId?.length ?? 0) +
    (request.causationId?.length ?? 0);
  return RECORD_HEADER_BYTES + characters * 3 + event.payload.length + 8;
}

/** Writes one record at `at`, padded, and returns where the next one stands. */
export function encodeRecord(
  buffer: Buffer,
  at: number,
  request: AppendRequest,
  event: NewEvent,
  facts: RecordFacts,
  ids: EventIdSource,
): number {
  const { actor } = request;
  writeUint64(buffer, facts.offset, at + 8);
  writeUint64(buffer, facts.timeMs, at + 16);
  buffer.writeUInt32LE(facts.revision, at + 24);
  buffer.writeUInt32LE(familyHash(familyOf(request.stream)), at + 28);
  buffer.writeUInt32LE(facts.previousSegment, at + 32);
  buffer.writeUInt32LE(facts.previousPosition, at + 36);
  ids.writeNext(buffer, at + 40);
  let end = at + RECORD_HEADER_BYTES;
  end = encodeText(buffer, at + 56, end, request.stream);
  end = encodeText(buffer, at + 58, end, event.type);
  end = encodeText(buffer, at + 60, end, actor.user);
  end = encodeText(buffer, at + 62, end, actor.project);
  end = encodeText(buffer, at + 64, end, actor.requestId);
  end = encodeOrigin(buffer, at + 66, end, request.correlationId, actor.requestId);
  end = encodeOrigin(buffer, at + 68, end, request.causationId, actor.requestId);
  buffer.writeUInt16LE(facts.eventsAfter, at + 70);
  buffer.set(event.payload, end);
  end += event.payload.length;
  buffer.writeUInt32LE(end - at, at);
  buffer.writeUInt32LE(crc32(buffer.subarray(at + CHECKED_FROM, end)), at + 4);
  const next = padded(end);
  while (end < next) buffer[end++] = 0;
  return next;
}

function encodeText(buffer: Buffer, lengthAt: number, at: number, text: string): number {
  const bytes = buffer.write(text, at);
  buffer.writeUInt16LE(bytes, lengthAt);
  return at + bytes;
}

function encodeOrigin(
  buffer: Buffer,
  lengthAt: number,
  at: number,
  origin: string | undefined,
  requestId: string,
): number {
  if (origin !== undefined && origin !== requestId) return encodeText(buffer, lengthAt, at, origin);
  buffer.writeUInt16LE(AS_REQUEST, lengthAt);
  return at;
}

export const recordBytesAt = (buffer: Buffer, at: number) => buffer.readUInt32LE(at);
export const recordOffsetAt = (buffer: Buffer, at: number) => readUint64(buffer, at + 8);
export const recordTimeMsAt = (buffer: Buffer, at: number) => readUint64(buffer, at + 16);
export const recordRevisionAt = (buffer: Buffer, at: number) => buffer.readUInt32LE(at + 24);
export const recordFamilyAt = (buffer: Buffer, at: number) => buffer.readUInt32LE(at + 28);
export const recordEventsAfterAt = (buffer: Buffer, at: number) => buffer.readUInt16LE(at + 70);
export const previousSegmentAt = (buffer: Buffer, at: number) => buffer.readUInt32LE(at + 32);
export const previousPositionAt = (buffer: Buffer, at: number) => buffer.readUInt32LE(at + 36);
export const streamEndAt = (buffer: Buffer, at: number) =>
  at + RECORD_HEADER_BYTES + buffer.readUInt16LE(at + LENGTHS_AT);

/** Whether a whole record whose checksum holds stands at `at`, before `end`. */
export function isRecordSound(buffer: Buffer, at: number, end: number): boolean {
  if (at + RECORD_HEADER_BYTES > end) return false;
  const bytes = recordBytesAt(buffer, at);
  if (bytes < RECORD_HEADER_BYTES || at + bytes > end) return false;
  return crc32(buffer.subarray(at + CHECKED_FROM, at + bytes)) === buffer.readUInt32LE(at + 4);
}

/** The type that was decoded last; all types are ASCII, or they are decoded each time. */
let lastType = '';

/**
 * One event as it stands in memory that was read from the log; its texts decoded when asked for. The memory
 * is never written again. Text and payload are copies, so that who keeps one does not keep the whole block.
 */
export class StoredEvent implements RecordedEvent {
  readonly #buffer: Buffer;
  readonly #at: number;
  #stream: string | undefined;
  #type: string | undefined;
  #payload: Uint8Array | undefined;
  readonly position: Position;
  readonly revision: number;
  readonly timeMs: number;

  constructor(buffer: Buffer, at: number, partition = 0) {
    this.#buffer = buffer;
    this.#at = at;
    this.position = { partition, offset: recordOffsetAt(buffer, at) };
    this.revision = recordRevisionAt(buffer, at);
    this.timeMs = recordTimeMsAt(buffer, at);
  }

  get id(): string {
    return this.#buffer.toString('hex', this.#at + 40, this.#at + 56);
  }

  get stream(): string {
    this.#stream ??= this.#text(0);
    return this.#stream;
  }

  get type(): string {
    this.#type ??= this.#typeText();
    return this.#type;
  }

  get actor(): Actor {
    return { user: this.#text(2), project: this.#text(3), requestId: this.#text(4) };
  }

  get correlationId(): string {
    return this.#origin(5);
  }

  get causationId(): string {
    return this.#origin(6);
  }

  get payload(): Uint8Array {
    this.#payload ??= this.#copyPayload();
    return this.#payload;
  }

  /** All fields, for printing and for comparing. */
  toJSON(): RecordedEvent {
    const { id, stream, revision, position, timeMs, type, actor, correlationId, causationId, payload } = this;
    return { id, stream, revision, position, timeMs, type, actor, correlationId, causationId, payload };
  }

  #copyPayload(): Buffer {
    const start = this.#textStart(TEXTS);
    const end = this.#at + recordBytesAt(this.#buffer, this.#at);
    const payload = Buffer.allocUnsafe(end - start);
    this.#buffer.copy(payload, 0, start, end);
    return payload;
  }

  /** Mostly that of the record before: comparing costs a third of decoding. */
  #typeText(): string {
    const start = this.#textStart(1);
    const length = this.#lengthOf(1);
    let same = length === lastType.length;
    for (let at = 0; same && at < length; at++) same = this.#buffer[start + at] === lastType.charCodeAt(at);
    if (!same) lastType = this.#text(1);
    return lastType;
  }

  #lengthOf(text: number): number {
    return this.#buffer.readUInt16LE(this.#at + LENGTHS_AT + 2 * text);
  }

  #textStart(text: number): number {
    let start = this.#at + RECORD_HEADER_BYTES;
    for (let before = 0; before < text; before++) {
      const length = this.#lengthOf(before);
      if (length !== AS_REQUEST) start += length;
    }
    return start;
  }

  #text(text: number): string {
    const start = this.#textStart(text);
    return this.#buffer.toString('utf8', start, start + this.#lengthOf(text));
  }

  #origin(text: number): string {
    return this.#text(this.#lengthOf(text) === AS_REQUEST ? 4 : text);
  }
}
