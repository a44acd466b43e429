// Owns rows on their way into the engine, in its own memory. Guarantee: the memory of a batch is used again
// for the next, so many batches need no more than a few. Budget of a row: one call of the engine's.

import type { Level } from 'level';
import { MIB } from '#core/kernel/limits.ts';
import type { Checkpoint, RowBatch } from './read-store.ts';

/**
 * What the engine has beneath its public batch. That one is of no more use once it is written, and its memory
 * waits for a garbage collector that does not know how much it is: a rebuild would hold 500 MB.
 */
export interface EngineBatch {
  _put(key: string, value: Uint8Array): void;
  _del(key: string): void;
  _clear(): void;
  _write(options: { readonly sync: boolean }): Promise<void>;
}

/** One is filled while another is written. */
const SPARE_BATCHES = 2;
/** The memory of a batch that grew larger is let go. */
const SPARE_BYTES_MAX = 8 * MIB;
/** What the engine adds to a row. */
const ROW_OVERHEAD_BYTES = 8;

export const rowPrefix = (table: string): string => `${table}/`;
// Lies below every table: their names begin with a letter.
export const checkpointKey = (table: string): string => `!${table}`;

/** Makes it durable; then the batch may be used again. */
export type WriteBatch = (batch: EngineBatch) => Promise<void>;

export class LevelBatches {
  readonly #database: Level<string, Uint8Array>;
  readonly #spare: EngineBatch[] = [];

  constructor(database: Level<string, Uint8Array>) {
    this.#database = database;
  }

  take(): EngineBatch {
    return this.#spare.pop() ?? (this.#database.batch() as unknown as EngineBatch);
  }

  giveBack(batch: EngineBatch, bytes: number): void {
    if (this.#spare.length === SPARE_BATCHES || bytes > SPARE_BYTES_MAX) return;
    batch._clear();
    this.#spare.push(batch);
  }
}

export interface LevelBatchOptions {
  readonly batches: LevelBatches;
  /** Told of each deletion, by the key as the engine has it. */
  readonly onDelete: (table: string, key: string) => void;
  readonly write: WriteBatch;
}

export class LevelBatch implements RowBatch {
  bytes = 0;
  readonly #options: LevelBatchOptions;
  readonly #engine: EngineBatch;
  #table = '';
  #prefix = '';

  constructor(options: LevelBatchOptions) {
    this.#options = options;
    this.#engine = options.batches.take();
  }

  put(table: string, key: string, value: Uint8Array): void {
    this.#engine._put(this.#prefixOf(table) + key, value);
    this.bytes += this.#prefix.length + key.length + value.length + ROW_OVERHEAD_BYTES;
  }

  delete(table: string, key: string): void {
    const engineKey = this.#prefixOf(table) + key;
    this.#engine._del(engineKey);
    this.bytes += engineKey.length + ROW_OVERHEAD_BYTES;
    this.#options.onDelete(table, engineKey);
  }

  async commit(checkpoints: ReadonlyMap<string, Checkpoint>): Promise<void> {
    for (const [table, checkpoint] of checkpoints) {
      this.#engine._put(checkpointKey(table), Buffer.from(JSON.stringify(checkpoint)));
    }
    await this.#options.write(this.#engine);
    this.#options.batches.giveBack(this.#engine, this.bytes);
  }

  #prefixOf(table: string): string {
    if (table !== this.#table) {
      this.#table = table;
      this.#prefix = rowPrefix(table);
    }
    return this.#prefix;
  }
}
