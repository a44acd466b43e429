// Owns RocksDB as the store of the chunk index. Guarantees that RocksDB is never called while it opens or
// closes, nor closed under a call.

import { rmSync } from 'node:fs';
import rocksdb from 'rocksdb';
import { Fault } from '#core/kernel/errors.ts';
import { KIB, MIB } from '#core/kernel/limits.ts';
import type { IndexEngine, IndexOperation, IndexPair, IndexRange, IndexStore } from './index-store.ts';

// The package is CommonJS and its declaration says "default": what is imported is the constructor itself.
const RocksDB = rocksdb as unknown as new (location: string) => RocksHandle;

type Callback<T = void> = (error: Error | null | undefined, value: T) => void;
interface RocksHandle {
  open(options: object, done: Callback): void;
  close(done: Callback): void;
  get(key: Buffer, done: Callback<Buffer>): void;
  batch(operations: readonly IndexOperation[], options: { sync: boolean }, done: Callback): void;
  iterator(options: object): RocksIterator;
}
interface RocksIterator {
  next(done: (error: Error | null | undefined, key?: Buffer, value?: Buffer) => void): void;
  end(done: Callback): void;
}

const READ_AHEAD_BYTES = 64 * KIB;
const PAIRS_AT_A_TIME = 256;

export const rocksIndexEngine: IndexEngine = {
  open: (directory) => RocksIndexStore.open(directory),
  remove: (directory) => rmSync(directory, { recursive: true, force: true }),
};

const promised = <T>(start: (done: Callback<T>) => void): Promise<T> =>
  new Promise((resolve, reject) => start((error, value) => (error ? reject(error) : resolve(value))));

class RocksIndexStore implements IndexStore {
  readonly #directory: string;
  #db: RocksHandle;
  #open = false;
  #calls = 0;
  #idle: (() => void) | undefined;

  private constructor(directory: string) {
    this.#directory = directory;
    this.#db = new RocksDB(directory);
  }

  static async open(directory: string): Promise<RocksIndexStore> {
    const store = new RocksIndexStore(directory);
    try {
      await store.#start();
    } catch (error) {
      if (isLockError(error)) throw new Fault('locked', `${directory} is in use`, { cause: error });
      if (!isDamage(error)) throw error;
      rmSync(directory, { recursive: true, force: true });
      store.#db = new RocksDB(directory);
      await store.#start();
    }
    return store;
  }

  async reopen(): Promise<void> {
    if (this.#open) await this.close();
    this.#db = new RocksDB(this.#directory);
    await this.#start();
  }

  async get(key: Buffer): Promise<Buffer | undefined> {
    try {
      return await this.#call((db) => promised<Buffer>((done) => db.get(key, done)));
    } catch (error) {
      if (error instanceof Error && /notfound/i.test(error.message)) return undefined;
      throw error;
    }
  }

  async *pairs(range: IndexRange): AsyncGenerator<readonly IndexPair[]> {
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

  write(operations: readonly IndexOperation[], sync: boolean): Promise<void> {
    return this.#call((db) => promised<void>((done) => db.batch(operations, { sync }, done)));
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
  new Promise<IndexPair[]>((resolve, reject) => {
    const pairs: IndexPair[] = [];
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
