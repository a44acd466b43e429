// Owns the chunk index that outlives the process: what its keys and values say, in batches. Guarantees
// that one batch, entries and the checkpoint up to which they reflect the segments, is stored whole or not at
// all. It may be lost at any time: the segments are the truth, and the index is rebuilt from them.

import { CHUNK_ID_BYTES, type ListOptions } from './chunk-store.ts';
import type { IndexOperation, IndexRange, IndexStore } from './index-store.ts';
import { partitionRange, swapIdAndKey } from './placement-order.ts';

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
  readonly version: typeof INDEX_VERSION;
  /** Counts the batches, so that a reopened index can be told from another. */
  readonly sequence: number;
  readonly segment: number;
  readonly offset: number;
  /** The highest segment number ever given. */
  readonly lastNumber: number;
  /** Hexadecimal id after which the next audit begins; empty: at the first. */
  readonly auditAfter: string;
}

/** Of the keys and values below; an index of another version is rebuilt. 2: in order of placement. */
export const INDEX_VERSION = 2;

const CHUNK_PREFIX = 0x63;
const SEGMENT_PREFIX = 0x73;
const CHECKPOINT_KEY = Buffer.from('m');
const ENTRY_HEAD_BYTES = 20;
/** What comes after the prefix of an entry's key is the id in order of placement. */
const PREFIX_BYTES = 1;

function chunkKey(id: Uint8Array): Buffer {
  const key = Buffer.allocUnsafe(PREFIX_BYTES + CHUNK_ID_BYTES);
  key[0] = CHUNK_PREFIX;
  key.set(id, PREFIX_BYTES);
  swapIdAndKey(key, PREFIX_BYTES);
  return key;
}

function idOf(key: Buffer): Buffer {
  const id = Buffer.from(key.subarray(PREFIX_BYTES));
  swapIdAndKey(id);
  return id;
}

/** Of the entries that a list with these options gives. */
function entryRange({ after, partition }: ListOptions): IndexRange {
  const bounds = partition && partitionRange(partition.number, partition.power);
  const first = Buffer.from([CHUNK_PREFIX, ...(bounds?.first ?? [])]);
  const lt = bounds?.next ? Buffer.from([CHUNK_PREFIX, ...bounds.next]) : Buffer.from([CHUNK_PREFIX + 1]);
  if (after === undefined) return { gte: first, lt };
  // The key that follows next, whether there is such a chunk or not.
  const next = Buffer.concat([chunkKey(after), Buffer.alloc(1)]);
  return { gte: Buffer.compare(first, next) < 0 ? next : first, lt };
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

/** The changes of one batch. */
export class IndexBatch {
  readonly operations: IndexOperation[] = [];

  put(id: Uint8Array, entry: Omit<IndexEntry, 'id'>): void {
    this.operations.push({ type: 'put', key: chunkKey(id), value: encodeEntry(entry) });
  }

  remove(id: Uint8Array): void {
    this.operations.push({ type: 'del', key: chunkKey(id) });
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

  /** A snapshot, as of the first `next`, of the entries in order of placement, some at a time. */
  async *entries(options: ListOptions = {}): AsyncGenerator<IndexEntry[]> {
    for await (const pairs of this.#store.pairs(entryRange(options))) {
      yield pairs.map(([key, value]) => decodeEntry(idOf(key), value));
    }
  }

  write(batch: IndexBatch, sync: boolean): Promise<void> {
    return this.#store.write(batch.operations, sync);
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
