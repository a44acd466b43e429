// Owns the ReadStore port: durable tables of sorted rows, each with the checkpoint up to which it has applied
// the log. Guarantee, proven by read-store.suite.ts: rows and checkpoints of one write become durable
// together or not at all.

import type { Cursor } from '#core/log/event-log.ts';
import type { RowCursor, RowRange } from './projection.ts';

export interface Checkpoint {
  /** Of the projection that wrote the rows. */
  readonly version: number;
  readonly cursor: Cursor;
}

export interface TableWrite {
  readonly table: string;
  readonly checkpoint: Checkpoint;
  /** A key without a value is taken away. Must not change until the write has settled. */
  readonly rows: ReadonlyMap<string, Uint8Array | undefined>;
}

/** Rows on their way to the store; nobody reads them before they are committed. */
export interface RowBatch {
  /** Of what was put, about. */
  readonly bytes: number;
  put(table: string, key: string, value: Uint8Array): void;
  delete(table: string, key: string): void;
  /**
   * Resolves when all of it is durable; then the batch is the store's again. One commit or write of a store
   * at a time.
   * @throws Fault `no-space` (nothing was written; it may be tried again) or `closed`.
   */
  commit(checkpoints: ReadonlyMap<string, Checkpoint>): Promise<void>;
}

export interface ReadStore {
  /** The value must not be changed by the caller. */
  get(table: string, key: string): Uint8Array | undefined;
  /** A view fixed at the call: no later write is seen through it. */
  scan(table: string, range: RowRange): RowCursor;
  /** Undefined where the table was never written, or wiped. */
  checkpoint(table: string): Checkpoint | undefined;
  /**
   * Resolves when all of it is durable. One at a time.
   * @throws Fault `no-space` (nothing was written; it may be tried again) or `closed`.
   */
  write(writes: readonly TableWrite[]): Promise<void>;
  /** An empty batch: cheaper than `write` for whoever need not read what it holds. */
  batch(): RowBatch;
  /** Takes away a table's checkpoint, then its rows. */
  wipe(table: string): Promise<void>;
  close(): Promise<void>;
}
