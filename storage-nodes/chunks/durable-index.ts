// Owns the chunk index that outlives the process: RocksDB, written in batches. Guarantees that one batch,
// entries and the checkpoint up to which they reflect the segments, is stored whole or not at all. It may be
// lost at any time: the segments are the truth, and the index is rebuilt from them.

import { rmSync } from 'node:fs';
import rocksdb from 'rocksdb';
import { Fault } from '#core/kernel/errors.ts';
import { KIB, MIB } from '#core/kernel/limits.ts';
import { CHUNK_ID_BYTES } from './chunk-store.ts';

// The package is CommonJS and its declaration says "default": what is imported is the constructor itself.
const RocksDB = rocksdb as unknown as new (location: string) => RocksHandle;

type Callback<T = void> = (error: Error | null | undefined, value: T) => void;
interface RocksHandle {
  open(options: object, done: Callback): void;
  close(done: Callback): void;
  get(key: Buffer, done: Callback<Buffer>): void;
  batch(operations: readonly Operation[], options: { sync: boolean }, done: Callback): void;
  iterator(options: object): RocksIterator;
}
interface RocksIterator {
  next(done: (error: Error | null | undefined, key?: Buffer, value?: Buffer) => void): void;
  end(done: Callback): void;
}
type Pair = readonly [key: Buffer, value: Buffer];
type Operation = { type: 'put'; key: Buffer; value: Buffer } | { type: 'del'; key: Buffer };

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
const READ_AHEAD_BYTES = 64 * KIB;
const PAIRS_AT_A_TIME = 256;
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
  readonly operations: Operation[] = [];

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

const promised = <T>(start: (done: Callback<T>) => void): Promise<T> =>
  new Promise((resolve, reject) => start((error, value) => (error ? reject(error) : resolve(value))));

export class DurableIndex {
  readonly #directory: string;
  #db: RocksHandle;
  /** RocksDB must not be called while it opens or closes, nor closed under a call. */
  #open = false;
  #calls = 0;
  #idle: (() => void) | undefined;

  private constructor(directory: string) {
    this.#directory = directory;
    this.#db = new RocksDB(directory);
  }

  /**
   * Opens the index, an empty one where it is lost or damaged.
   * @throws Fault `locked` when another process, or another store of this one, holds it.
   */
  static async open(directory: string): Promise<DurableIndex> {
    const index = new DurableIndex(directory);
    try {
      await index.#start();
    } catch (error) {
      if (isLockError(error)) throw new Fault('locked', `${directory} is in use`, { cause: error });
      if (!isDamage(error)) throw error;
      rmSync(directory, { recursive: true, force: true });
      index.#db = new RocksDB(directory);
      await index.#start();
    }
    return index;
  }

  /** Closes and opens again: RocksDB refuses all writes after a failed one until then. */
  async reopen(): Promise<void> {
    if (this.#open) await this.close();
    this.#db = new RocksDB(this.#directory);
    await this.#start();
  }

  async get(id: Uint8Array): Promise<IndexEntry | undefined> {
    const value = await this.#getOrNothing(chunkKey(id));
    return value && decodeEntry(Buffer.from(id), value);
  }

  async checkpoint(): Promise<Checkpoint | undefined> {
    const value = await this.#getOrNothing(CHECKPOINT_KEY);
    return value && (JSON.parse(value.toString()) as Checkpoint);
  }

  async segmentRecords(): Promise<SegmentRecord[]> {
    const records: SegmentRecord[] = [];
    const range = { gte: Buffer.from([SEGMENT_PREFIX]), lt: Buffer.from([SEGMENT_PREFIX + 1]) };
    for await (const pairs of this.#iterate(range)) {
      for (const [, value] of pairs) records.push(JSON.parse(value.toString()));
    }
    return records;
  }

  /** A snapshot of the entries in order of id, from the first id not below `from`, some at a time. */
  async *entries(from: Uint8Array = NO_BYTES): AsyncGenerator<IndexEntry[]> {
    const gte = Buffer.concat([Buffer.from([CHUNK_PREFIX]), from]);
    for await (const pairs of this.#iterate({ gte, lt: Buffer.from([CHUNK_PREFIX + 1]) })) {
      yield pairs.map(([key, value]) => decodeEntry(key.subarray(ENTRY_KEY_ID_AT), value));
    }
  }

  write(batch: IndexBatch, sync: boolean): Promise<void> {
    return this.#call((db) => promised<void>((done) => db.batch(batch.operations, { sync }, done)));
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    if (this.#calls > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
    await promised<void>((done) => this.#db.close(done));
  }

  async #start(): Promise<void> {
    const options = { compression: false, cacheSize: 8 * MIB, writeBufferSize: 4 * MIB, maxOpenFiles: 200 };
    await promised<void>((done) => this.#db.open(options, done));
    this.#open = true;
  }

  async #getOrNothing(key: Buffer): Promise<Buffer | undefined> {
    try {
      return await this.#call((db) => promised<Buffer>((done) => db.get(key, done)));
    } catch (error) {
      if (error instanceof Error && /notfound/i.test(error.message)) return undefined;
      throw error;
    }
  }

  async *#iterate(range: { gte: Buffer; lt: Buffer }): AsyncGenerator<Pair[]> {
    if (!this.#open) throw closedFault();
    const db = this.#db;
    const iterator = db.iterator({ ...range, highWaterMark: READ_AHEAD_BYTES });
    try {
      for (;;) {
        if (db !== this.#db) throw closedFault();
        const pairs = await this.#call(() => nextPairs(iterator));
        if (pairs.length > 0) yield pairs;
        if (pairs.length < PAIRS_AT_A_TIME) return;
      }
    } finally {
      // After a close the database has ended it.
      if (this.#open && db === this.#db) await this.#call(() => promised<void>((done) => iterator.end(done)));
    }
  }

  async #call<T>(run: (db: RocksHandle) => Promise<T>): Promise<T> {
    if (!this.#open) throw closedFault();
    this.#calls += 1;
    try {
      return await run(this.#db);
    } finally {
      this.#calls -= 1;
      if (this.#calls === 0) this.#idle?.();
    }
  }
}

const closedFault = () => new Fault('closed', 'the chunk index is closed');

/** One promise for many pairs: they come in calls of their own, most of them at once. */
const nextPairs = (iterator: RocksIterator) =>
  new Promise<Pair[]>((resolve, reject) => {
    const pairs: Pair[] = [];
    const take = () => {
      iterator.next((error, key, value) => {
        if (error) return reject(error);
        if (key !== undefined && value !== undefined) pairs.push([key, value]);
        if (key === undefined || pairs.length === PAIRS_AT_A_TIME) return resolve(pairs);
        return take();
      });
    };
    take();
  });

const isLockError = (error: unknown) =>
  error instanceof Error && /lock (file|hold)|\/LOCK/i.test(error.message);

const isDamage = (error: unknown) =>
  error instanceof Error &&
  /corruption|no such file|not ?found|invalid argument|does not exist/i.test(error.message);
