// Owns the port of what keeps the chunk index: sorted pairs of bytes that outlive the process. RocksDB stands
// behind it (rocks-index-store.ts), and in the simulator a twin that loses what was not synced.

export type IndexPair = readonly [key: Buffer, value: Buffer];

export type IndexOperation =
  | { readonly type: 'put'; readonly key: Buffer; readonly value: Buffer }
  | { readonly type: 'del'; readonly key: Buffer };

export interface IndexRange {
  /** First key, inclusive. */
  readonly gte: Buffer;
  /** End, exclusive. */
  readonly lt: Buffer;
}

export interface IndexStore {
  get(key: Buffer): Promise<Buffer | undefined>;
  /** A snapshot, as of the first `next`, in order of key, some pairs at a time. */
  pairs(range: IndexRange): AsyncGenerator<readonly IndexPair[]>;
  /**
   * All operations or none. What was written is seen at once; `sync` makes it, and all before it, outlive the
   * power.
   */
  write(operations: readonly IndexOperation[], sync: boolean): Promise<void>;
  /** Closes and opens again: after a failed write none other succeeds until then. */
  reopen(): Promise<void>;
  close(): Promise<void>;
}

export interface IndexEngine {
  /**
   * Opens the store of a directory, an empty one where it is lost or damaged.
   * @throws Fault `locked` when another process, or another store of this one, holds it.
   */
  open(directory: string): Promise<IndexStore>;
  /** Removes a closed store. */
  remove(directory: string): void;
}
