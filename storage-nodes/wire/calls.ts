// Owns the table of calls that a gateway makes to a node: one row each, with what goes there and what comes
// back. A new call is a new row here and a method in remote-chunks.ts. Numbers are never reused.

import { limits } from '#core/kernel/limits.ts';
import type { ChunkStoreStatus, ListOptions } from '#storage-nodes/chunks/chunk-store.ts';
import { CHUNK_ID_BYTES, type ChunkId, type ChunkInfo } from '#storage-nodes/chunks/chunk-store.ts';
import { DIGEST_WORDS } from '#storage-nodes/chunks/digest-table.ts';
import type { NodeChunks } from '#storage-nodes/client/device-port.ts';
import { type FieldReader, type FieldWriter, WireError } from './fields.ts';
import { type ListPage, pageOf, readPage } from './list-page.ts';
import type { Payload } from './payload.ts';

/**
 * What is read from the wire is judged before it is run: a device asserts what it is called with.
 * Every method that reads throws WireError.
 */
export interface WireCall<Arguments, Result> {
  readonly number: number;
  readonly name: string;
  writeArguments(fields: FieldWriter, given: Arguments): void;
  /** What it gives must not refer to the memory of the fields. */
  readArguments(fields: FieldReader): Arguments;
  /** How many bytes the answer has at most, besides its fields. */
  answerBytes(given: Arguments): number;
  /**
   * @param payload the bytes that came with the call, until it has settled.
   * @param target where a large answer may be placed, as in ChunkStore.read.
   */
  run(
    chunks: NodeChunks,
    given: Arguments,
    payload: Payload,
    target: Uint8Array | undefined,
  ): Promise<Result>;
  /** A result goes as fields or as bytes. */
  writeResult(fields: FieldWriter, result: Result): void;
  bytesOf(result: Result): Uint8Array | undefined;
  /** @param bytes in memory of the caller's; where there are some, the fields are gone. */
  readResult(fields: FieldReader, bytes: Uint8Array): Result;
}

const nothing = () => undefined;
const none = () => 0;

const writeId = (fields: FieldWriter, id: ChunkId) => fields.exactly(id);
const readId = (fields: FieldReader): ChunkId => fields.exactly(CHUNK_ID_BYTES);

/** Of the node, not of a device: the time on its clock. */
export const pingCall: WireCall<void, number> = {
  number: 1,
  name: 'ping',
  writeArguments: nothing,
  readArguments: nothing,
  answerBytes: none,
  run: () => Promise.reject(new WireError('a ping is of the node')),
  writeResult: (fields, nowMs) => fields.float64(nowMs),
  bytesOf: nothing,
  readResult: (fields) => fields.float64(),
};

interface PutArguments {
  readonly id: ChunkId;
  readonly owner: string;
}

export const putCall: WireCall<PutArguments, void> = {
  number: 2,
  name: 'put',
  writeArguments: (fields, { id, owner }) => {
    fields.exactly(id);
    fields.text(owner);
  },
  readArguments: (fields) => {
    const given = { id: readId(fields), owner: fields.text() };
    // What was no UTF-8 became longer.
    if (Buffer.byteLength(given.owner) > limits.chunkOwnerBytes) throw new WireError('too long an owner');
    return given;
  },
  answerBytes: none,
  run: (chunks, { id, owner }, { bytes, checksums }) => chunks.put({ id, owner, data: bytes, checksums }),
  writeResult: nothing,
  bytesOf: nothing,
  readResult: nothing,
};

interface ReadArguments {
  readonly id: ChunkId;
  readonly offset: number;
  readonly length: number;
}

export const readCall: WireCall<ReadArguments, Uint8Array> = {
  number: 3,
  name: 'read',
  writeArguments: (fields, { id, offset, length }) => {
    fields.exactly(id);
    // There is nothing beyond.
    fields.uint32(Math.min(offset, limits.chunkBytes));
    fields.uint32(Math.min(length, limits.chunkBytes));
  },
  readArguments: (fields) => ({ id: readId(fields), offset: fields.uint32(), length: fields.uint32() }),
  answerBytes: ({ length }) => Math.min(length, limits.chunkBytes),
  run: (chunks, { id, offset, length }, _payload, target) => chunks.read(id, offset, length, target),
  writeResult: nothing,
  bytesOf: (bytes) => bytes,
  readResult: (_fields, bytes) => bytes,
};

export const statCall: WireCall<ChunkId, ChunkInfo | undefined> = {
  number: 4,
  name: 'stat',
  writeArguments: writeId,
  readArguments: readId,
  answerBytes: none,
  run: (chunks, id) => chunks.stat(id),
  writeResult: (fields, info) => {
    fields.uint8(info === undefined ? 0 : 1);
    if (info === undefined) return;
    fields.exactly(info.id);
    fields.uint32(info.sizeBytes);
    fields.float64(info.createdMs);
    fields.text(info.owner);
  },
  bytesOf: nothing,
  readResult: (fields) =>
    fields.uint8() === 0
      ? undefined
      : {
          id: readId(fields),
          sizeBytes: fields.uint32(),
          createdMs: fields.float64(),
          owner: fields.text(),
        },
};

export const deleteCall: WireCall<ChunkId, void> = {
  number: 5,
  name: 'delete',
  writeArguments: writeId,
  readArguments: readId,
  answerBytes: none,
  run: (chunks, id) => chunks.delete(id),
  writeResult: nothing,
  bytesOf: nothing,
  readResult: nothing,
};

const LIST_AFTER = 1;
const LIST_PARTITION = 2;

/** One page of a list; the next one is another call. */
export const listCall: WireCall<ListOptions, ListPage> = {
  number: 6,
  name: 'list',
  writeArguments: (fields, { after, partition }) => {
    fields.uint8((after === undefined ? 0 : LIST_AFTER) | (partition === undefined ? 0 : LIST_PARTITION));
    if (after !== undefined) fields.exactly(after);
    if (partition === undefined) return;
    fields.uint8(partition.power);
    fields.uint32(partition.number);
  },
  readArguments: (fields) => {
    const parts = fields.uint8();
    const after = parts & LIST_AFTER ? { after: readId(fields) } : undefined;
    if ((parts & LIST_PARTITION) === 0) return { ...after };
    const power = readPower(fields);
    const partition = { power, number: partitionIn(power, fields.uint32()) };
    return { ...after, partition };
  },
  answerBytes: () => limits.wireListBytes,
  run: (chunks, options) => pageOf(chunks.list(options)),
  writeResult: nothing,
  bytesOf: ({ bytes }) => bytes,
  readResult: (_fields, bytes) => readPage(bytes),
};

export interface DigestArguments {
  readonly partitionPower: number;
  /** How many partitions the payload names. */
  readonly partitions: number;
}

export const digestsCall: WireCall<DigestArguments, Uint8Array> = {
  number: 7,
  name: 'digests',
  writeArguments: (fields, { partitionPower, partitions }) => {
    fields.uint8(partitionPower);
    fields.uint32(partitions);
  },
  readArguments: (fields) => {
    const given = { partitionPower: readPower(fields), partitions: fields.uint32() };
    if (given.partitionPower === 0 || given.partitions > limits.digestPartitions)
      throw new WireError('digests of more or fewer partitions than there can be');
    return given;
  },
  answerBytes: ({ partitions }) => partitions * DIGEST_WORDS * Uint32Array.BYTES_PER_ELEMENT,
  run: async (chunks, { partitionPower, partitions }, { bytes }) => {
    const numbers = wordsOf(bytes);
    if (numbers.length !== partitions) throw new WireError('not as many partitions as announced');
    for (const number of numbers) partitionIn(partitionPower, number);
    return bytesOfWords(await chunks.digests(partitionPower, numbers));
  },
  writeResult: nothing,
  bytesOf: (bytes) => bytes,
  readResult: (_fields, bytes) => bytes,
};

export const probeCall: WireCall<void, void> = {
  number: 8,
  name: 'probe',
  writeArguments: nothing,
  readArguments: nothing,
  answerBytes: none,
  run: (chunks) => chunks.probe(),
  writeResult: nothing,
  bytesOf: nothing,
  readResult: nothing,
};

export const statusCall: WireCall<void, ChunkStoreStatus> = {
  number: 9,
  name: 'status',
  writeArguments: nothing,
  readArguments: nothing,
  answerBytes: none,
  run: async (chunks) => chunks.status(),
  writeResult: (fields, { chunks, liveBytes, fileBytes, quarantined, full }) => {
    for (const number of [chunks, liveBytes, fileBytes, quarantined]) fields.float64(number);
    fields.uint8(full ? 1 : 0);
  },
  bytesOf: nothing,
  readResult: (fields) => ({
    chunks: fields.whole(),
    liveBytes: fields.whole(),
    fileBytes: fields.whole(),
    quarantined: fields.whole(),
    full: fields.uint8() === 1,
  }),
};

const CALLS: readonly WireCall<unknown, unknown>[] = [
  pingCall,
  putCall,
  readCall,
  statCall,
  deleteCall,
  listCall,
  digestsCall,
  probeCall,
  statusCall,
] as WireCall<unknown, unknown>[];

const BY_NUMBER: (WireCall<unknown, unknown> | undefined)[] = [];
for (const call of CALLS) BY_NUMBER[call.number] = call;

/** @throws WireError where there is no such call. */
export function callOf(number: number): WireCall<unknown, unknown> {
  const call = BY_NUMBER[number];
  if (call === undefined) throw new WireError(`no call has the number ${number}`);
  return call;
}

export function wordsOf(bytes: Uint8Array): Uint32Array {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const words = new Uint32Array(Math.floor(bytes.length / Uint32Array.BYTES_PER_ELEMENT));
  for (let at = 0; at < words.length; at++) words[at] = buffer.readUInt32LE(at * 4);
  return words;
}

export function bytesOfWords(words: Uint32Array): Buffer {
  const bytes = Buffer.allocUnsafe(words.length * Uint32Array.BYTES_PER_ELEMENT);
  for (let at = 0; at < words.length; at++) bytes.writeUInt32LE(words[at] as number, at * 4);
  return bytes;
}

function readPower(fields: FieldReader): number {
  const power = fields.uint8();
  if (power > limits.ringPartitionPower) throw new WireError('more partitions than there can be');
  return power;
}

function partitionIn(power: number, number: number): number {
  if (number >= 2 ** power) throw new WireError('a partition beyond the last');
  return number;
}
