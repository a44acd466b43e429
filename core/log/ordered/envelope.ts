// Owns how a proposal stands on an ordered log: one record for one append, with its guards, so that its
// events are judged together and become visible together. The proposer names itself and counts its
// proposals; from both come the ids of the events, so that every reader gives them the same ones.
//
//   0 u8 format   1 u8 kind   2 u16 events (genesis: partitions)   4 u32 CRC-32 of all that follows
//   genesis:   8 id of the log, 16 bytes                 24 u32 window
//   append:    8 proposer, 8 bytes   16 u48 sequence     22 u8 guards   23 u8 flags   24 u64 base offset
//             32 u64 time in milliseconds                40 u32 expectation
//             44 stream, user, project, request id, then if flagged correlation and causation id;
//                the guards as stream and u32 revision; the events as type, u32 bytes of payload, payload.
//                Each text is a u16 of its bytes and the bytes.

import { crc32 } from '@node-rs/crc32';
import { Fault } from '#core/kernel/errors.ts';
import { ID_BYTES } from '#core/kernel/ids.ts';
import { readUint64, writeUint64 } from '../embedded/record.ts';
import {
  type AppendRequest,
  type Expectation,
  type NewEvent,
  partitionKeyOf,
  type Revision,
  type StreamGuard,
  type StreamName,
} from '../event-log.ts';

const FORMAT = 1;
const KIND_GENESIS = 0;
const KIND_APPEND = 1;
const CHECKED_FROM = 8;
const GENESIS_BYTES = 28;
const TEXTS_AT = 44;
const OWN_CORRELATION = 1;
const OWN_CAUSATION = 2;
const ANY = 0xffff_ffff;
const NONE = 0xffff_fffe;
export const PROPOSER_BYTES = 8;

/** The first record of partition 0; what it says holds for the whole log, for ever. */
export interface Genesis {
  readonly kind: 'genesis';
  /** 32 hexadecimal digits. */
  readonly logId: string;
  /** Streams are spread over so many, whatever the broker has. */
  readonly partitions: number;
  /** {@link ProposalWindow} */
  readonly window: number;
}

export interface Proposal {
  readonly kind: 'proposal';
  /** Who proposes: 16 hexadecimal digits, new at each opening of a log. */
  readonly proposer: string;
  /** Rises with each of the proposer's proposals. */
  readonly sequence: number;
  /** No proposal stands before this offset of its partition. */
  readonly base: number;
  readonly timeMs: number;
  readonly request: AppendRequest;
}

/** The id of one event of a proposal: 32 hexadecimal digits. */
export function eventIdOf(proposal: Proposal, index: number): string {
  return eventIdBytes(proposal, index).toString('hex');
}

export function eventIdBytes(proposal: Proposal, index: number): Buffer {
  const id = Buffer.alloc(ID_BYTES);
  id.write(proposal.proposer, 'hex');
  id.writeUIntBE(proposal.sequence, PROPOSER_BYTES, 6);
  id.writeUInt16BE(index, PROPOSER_BYTES + 6);
  return id;
}

/**
 * FNV-1a over the partition key, mixed as MurmurHash3 ends. Never to be changed: it says where the streams of
 * every log lie.
 */
export function partitionOf(stream: StreamName, partitions: number): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(partitionKeyOf(stream))) hash = Math.imul(hash ^ byte, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % partitions;
}

export function encodeGenesis(genesis: Omit<Genesis, 'kind'>): Buffer {
  const bytes = Buffer.alloc(GENESIS_BYTES);
  bytes.writeUInt16LE(genesis.partitions, 2);
  bytes.write(genesis.logId, 8, 'hex');
  bytes.writeUInt32LE(genesis.window, 24);
  return seal(bytes, KIND_GENESIS);
}

export function encodeProposal(proposal: Omit<Proposal, 'kind'>): Buffer {
  const { request } = proposal;
  const { actor, correlationId, causationId, alsoAt = [] } = request;
  const texts = [request.stream, actor.user, actor.project, actor.requestId];
  if (correlationId !== undefined) texts.push(correlationId);
  if (causationId !== undefined) texts.push(causationId);
  const writer = new Writer(bytesMax(request, texts));
  for (const text of texts) writer.text(text);
  for (const { stream, revision } of alsoAt) {
    writer.text(stream);
    writer.uint32(expectationNumber(revision));
  }
  for (const { type, payload } of request.events) {
    writer.text(type);
    writer.uint32(payload.length);
    writer.bytes(payload);
  }
  const bytes = writer.taken();
  bytes.writeUInt16LE(request.events.length, 2);
  bytes.write(proposal.proposer, 8, 'hex');
  bytes.writeUIntLE(proposal.sequence, 16, 6);
  bytes[22] = alsoAt.length;
  bytes[23] =
    (correlationId === undefined ? 0 : OWN_CORRELATION) + (causationId === undefined ? 0 : OWN_CAUSATION);
  writeUint64(bytes, proposal.base, 24);
  writeUint64(bytes, proposal.timeMs, 32);
  bytes.writeUInt32LE(expectationNumber(request.expect), 40);
  return seal(bytes, KIND_APPEND);
}

/** @throws Fault `corruption` when it is damaged, or was written by another program or a later version */
export function decodeRecord(bytes: Buffer): Genesis | Proposal {
  const isSound =
    bytes.length >= GENESIS_BYTES && crc32(bytes.subarray(CHECKED_FROM)) === bytes.readUInt32LE(4);
  if (!isSound) throw new Fault('corruption', 'a record of the log is damaged, or not of this program');
  if (bytes[0] !== FORMAT || (bytes[1] as number) > KIND_APPEND) {
    const format = `a record of format ${bytes[0]}, kind ${bytes[1]}`;
    throw new Fault('corruption', `${format}: written by a later version of this program`);
  }
  return bytes[1] === KIND_GENESIS ? decodeGenesis(bytes) : decodeProposal(bytes);
}

function decodeGenesis(bytes: Buffer): Genesis {
  return {
    kind: 'genesis',
    logId: bytes.toString('hex', 8, 24),
    partitions: bytes.readUInt16LE(2),
    window: bytes.readUInt32LE(24),
  };
}

function decodeProposal(bytes: Buffer): Proposal {
  const reader = new Reader(bytes);
  const flags = bytes[23] as number;
  const stream = reader.text();
  const actor = { user: reader.text(), project: reader.text(), requestId: reader.text() };
  const correlationId = flags & OWN_CORRELATION ? reader.text() : undefined;
  const causationId = flags & OWN_CAUSATION ? reader.text() : undefined;
  const alsoAt: StreamGuard[] = [];
  for (let left = bytes[22] as number; left > 0; left--) {
    alsoAt.push({ stream: reader.text(), revision: expectationOf(reader.uint32()) as Revision | 'none' });
  }
  const events: NewEvent[] = [];
  for (let left = bytes.readUInt16LE(2); left > 0; left--) {
    events.push({ type: reader.text(), payload: reader.bytes(reader.uint32()) });
  }
  return {
    kind: 'proposal',
    proposer: bytes.toString('hex', 8, 8 + PROPOSER_BYTES),
    sequence: bytes.readUIntLE(16, 6),
    base: readUint64(bytes, 24),
    timeMs: readUint64(bytes, 32),
    request: {
      ...{ stream, events, actor, alsoAt, expect: expectationOf(bytes.readUInt32LE(40)) },
      ...(correlationId !== undefined && { correlationId }),
      ...(causationId !== undefined && { causationId }),
    },
  };
}

function seal(bytes: Buffer, kind: number): Buffer {
  bytes[0] = FORMAT;
  bytes[1] = kind;
  bytes.writeUInt32LE(crc32(bytes.subarray(CHECKED_FROM)), 4);
  return bytes;
}

function expectationNumber(expect: Expectation): number {
  if (expect === 'any') return ANY;
  return expect === 'none' ? NONE : expect;
}

function expectationOf(number: number): Expectation {
  if (number === ANY) return 'any';
  return number === NONE ? 'none' : number;
}

function bytesMax(request: AppendRequest, texts: readonly string[]): number {
  let bytes = TEXTS_AT;
  for (const text of texts) bytes += 2 + text.length * 3;
  for (const { stream } of request.alsoAt ?? []) bytes += 6 + stream.length * 3;
  for (const { type, payload } of request.events) bytes += 6 + type.length * 3 + payload.length;
  return bytes;
}

class Writer {
  readonly #buffer: Buffer;
  #at = TEXTS_AT;

  constructor(sizeBytes: number) {
    this.#buffer = Buffer.alloc(sizeBytes);
  }

  text(text: string): void {
    const bytes = this.#buffer.write(text, this.#at + 2);
    this.#buffer.writeUInt16LE(bytes, this.#at);
    this.#at += 2 + bytes;
  }

  uint32(value: number): void {
    this.#at = this.#buffer.writeUInt32LE(value, this.#at);
  }

  bytes(bytes: Uint8Array): void {
    this.#buffer.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  taken(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }
}

class Reader {
  readonly #buffer: Buffer;
  #at = TEXTS_AT;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  text(): string {
    const start = this.#at + 2;
    this.#at = start + this.#buffer.readUInt16LE(this.#at);
    return this.#buffer.toString('utf8', start, this.#at);
  }

  uint32(): number {
    const value = this.#buffer.readUInt32LE(this.#at);
    this.#at += 4;
    return value;
  }

  bytes(length: number): Buffer {
    const bytes = this.#buffer.subarray(this.#at, this.#at + length);
    this.#at += length;
    return bytes;
  }
}
