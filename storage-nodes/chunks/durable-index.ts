// Owns the chunk index that outlives the process: what its keys and values say, written in batches. Guarantees
// that one batch, entries and the checkpoint up to which they reflect the segments, is stored whole or not at
// all. It may be lost at any time: the segments are the truth, and the index is rebuilt from them.

import { CHUNK_ID_BYTES } from './chunk-store.ts';
import type { IndexOperation, IndexStore } from './index-store.ts';

export interface IndexEntry {
  readonly id: Buffer;
  readonly segment: number;
  readonly offset: number;
  /** See `pack` in hot-index.ts. */
  readonly packed: number;
  readonly createdMs: number;
  readonly owner: string;
}

export interface SegmentRecord {
  readonly number: number;
  readonly endBytes: number;
  readonly liveBytes: number;
  readonly liveChunks: number;
  readonly liveDataBytes: number;
  readonly tombstoneBytes: number;
  readonly quarantined: number;
  readonly olderAtSealing: number;
}

/** How far the index reflects the segments: all before `offset` of segment number `segment`. */
export interface Checkpoint {
  readonly version: 1;
  /** Counts the batches, so that a reopened index can be told from another. */
  readonly sequence: number;
  readonly segment: number;
  readonly offset: number;
  /** The highest segment number ever given. */
  readonly lastNumber: number;
  /** Hexadecimal id where the next audit begins. */
  readonly auditFrom: string;
}

const CHUNK_PREFIX = 0x63;
const SEGMENT_PREFIX = 0x73;
const CHECKPOINT_KEY = Buffer.from('m');
const ENTRY_HEAD_BYTES = 20;
const NO_BYTES = new Uint8Array(0);

function chunkKey(id: Uint8Array): Buffer {
  const key = Buffer.allocUnsafe(1 + CHUNK_ID_BYTES);
  key[0] = CHUNK_PREFIX;
  key.set(id, 1);
  return key;
}

function segmentKey(number: number): Buffer {
  const key = Buffer.allocUnsafe(5);
  key[0] = SEGMENT_PREFIX;
  key.writeUInt32BE(number, 1);
  return key;
}

function encodeEntry(entry: Omit<IndexEntry, 'id'>): Buffer {
  const value = Buffer.allocUnsafe(ENTRY_HEAD_BYTES + Buffer.byteLength(entry.owner));
  value.writeUInt32LE(entry.segment, 0);
  value.writeUInt32LE(entry.offset, 4);
  value.writeUInt32LE(entry.packed, 8);
  value.writeDoubleLE(entry.createdMs, 12);
  value.write(entry.owner, ENTRY_HEAD_BYTES, 'utf8');
  return value;
}

function decodeEntry(id: Buffer, value: Buffer): IndexEntry {
  return {
    id,
    segment: value.readUInt32LE(0),
    offset: value.readUInt32LE(4),
    packed: value.readUInt32LE(8),
    createdMs: value.readDoubleLE(12),
    owner: value.toString('utf8', ENTRY_HEAD_BYTES),
  };
}

/** Where the id begins in an {@link entryKey}. */
export const ENTRY_KEY_ID_AT = 1;

/** @param id the chunk's id as a Latin-1 string. */
export function entryKey(id: string): Buffer {
  const key = Buffer.allocUnsafe(ENTRY_KEY_ID_AT + CHUNK_ID_BYTES);
  key[0] = CHUNK_PREFIX;
  key.write(id, ENTRY_KEY_ID_AT, 'latin1');
  return key;
}

/** The changes of one batch. */
export class IndexBatch {
  readonly operations: IndexOperation[] = [];

  put(key: Buffer, entry: Omit<IndexEntry, 'id'>): void {
    this.operations.push({ type: 'put', key, value: encodeEntry(entry) });
  }

  remove(key: Buffer): void {
    this.operations.push({ type: 'del', key });
  }

  putSegment(record: SegmentRecord): void {
    const value = Buffer.from(JSON.stringify(record));
    this.operations.push({ type: 'put', key: segmentKey(record.number), value });
  }

  removeSegment(number: number): void {
    this.operations.push({ type: 'del', key: segmentKey(number) });
  }

  putCheckpoint(checkpoint: Checkpoint): void {
    const value = Buffer.from(JSON.stringify(checkpoint));
    this.operations.push({ type: 'put', key: CHECKPOINT_KEY, value });
  }
}

export class DurableIndex {
  readonly #store: IndexStore;

  constructor(store: IndexStore) {
    this.#store = store;
  }

  /** As IndexStore.reopen. */
  reopen(): Promise<void> {
    return this.#store.reopen();
  }

  async get(id: Uint8Array): Promise<IndexEntry | undefined> {
    const value = await this.#store.get(chunkKey(id));
    return value && decodeEntry(Buffer.from(id), value);
  }

  async checkpoint(): Promise<Checkpoint | undefined> {
    const value = await this.#store.get(CHECKPOINT_KEY);
    return value && (JSON.parse(value.toString()) as Checkpoint);
  }

  async segmentRecords(): Promise<SegmentRecord[]> {
    const records: SegmentRecord[] = [];
    const range = { gte: Buffer.from([SEGMENT_PREFIX]), lt: Buffer.from([SEGMENT_PREFIX + 1]) };
    for await (const pairs of this.#store.pairs(range)) {
      for (const [, value] of pairs) records.push(JSON.parse(value.toString()));
    }
    return records;
  }

  /** A snapshot of the entries in order of id, from the first id not below `from`, some at a time. */
  async *entries(from: Uint8Array = NO_BYTES): AsyncGenerator<IndexEntry[]> {
    const gte = Buffer.concat([Buffer.from([CHUNK_PREFIX]), from]);
    for await (const pairs of this.#store.pairs({ gte, lt: Buffer.from([CHUNK_PREFIX + 1]) })) {
      yield pairs.map(([key, value]) => decodeEntry(key.subarray(ENTRY_KEY_ID_AT), value));
    }
  }

  write(batch: IndexBatch, sync: boolean): Promise<void> {
    return this.#store.write(batch.operations, sync);
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
