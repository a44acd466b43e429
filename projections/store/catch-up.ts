// Owns the way from a checkpoint far behind to where the log ended at the start: a rebuild above all. Rows go
// straight into batches of the store, for nobody waits for them. Guarantees: rows and the cursor up to which
// they are applied become durable together, so whatever ends it, a restart goes on from there; an event
// counts as applied only when it is durable. Memory: one batch that is gathered, one that is written.

import { assert } from '#core/kernel/assert.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Cursor, RecordedEvent } from '#core/log/event-log.ts';
import { familyOf } from '#core/log/event-log.ts';
import type { RowCursor, RowWriter } from './projection.ts';
import type { Checkpoint, ReadStore, RowBatch } from './read-store.ts';
import type { Table } from './table.ts';

export interface CatchUpOptions {
  readonly store: Pick<ReadStore, 'batch'>;
  readonly tables: readonly Table[];
  /** What is applied already. */
  readonly from: Cursor;
  /** Runs a commit, again and again while there is no space. */
  readonly commit: (run: () => Promise<void>) => Promise<void>;
  readonly onDurable: (cursor: Cursor) => void;
}

interface Target {
  readonly table: Table;
  readonly rows: RowWriter;
}

export class CatchUp {
  readonly #options: CatchUpOptions;
  readonly #byFamily = new Map<string, Target[]>();
  readonly #straight: StraightRows[] = [];
  readonly #cursor: number[];
  #batch: RowBatch;
  #committing: Promise<void> | undefined;
  #failed: { readonly error: unknown } | undefined;

  constructor(options: CatchUpOptions) {
    this.#options = options;
    this.#cursor = [...options.from];
    this.#batch = options.store.batch();
    for (const table of options.tables) {
      // What a projection reads back again and again must stay at hand.
      const rows = table.projection.writesMostly ? this.#straightRows(table) : table;
      for (const family of table.projection.families) {
        const others = this.#byFamily.get(family);
        if (others) others.push({ table, rows });
        else this.#byFamily.set(family, [{ table, rows }]);
      }
    }
  }

  #straightRows(table: Table): StraightRows {
    const rows = new StraightRows(table, () => this.#batch);
    this.#straight.push(rows);
    return rows;
  }

  /** What is applied, durable or not. */
  get cursor(): Cursor {
    return this.#cursor;
  }

  /** Resolves when it may go on. @throws what a commit threw. */
  async apply(events: readonly RecordedEvent[]): Promise<void> {
    for (const event of events) this.#apply(event);
    if (!this.#isFull()) return;
    await this.#committed();
    this.#beginCommit();
  }

  /** Makes all of it durable. @throws what a commit threw. */
  async finish(): Promise<undefined> {
    await this.#committed();
    this.#beginCommit();
    await this.#committed();
  }

  /** Resolves when nothing is being written any more, whatever came of it. */
  async settled(): Promise<void> {
    await this.#committing;
  }

  #apply(event: RecordedEvent): void {
    const { partition, offset } = event.position;
    const cursor = this.#cursor;
    assert(offset >= (cursor[partition] ?? 0), 'the log never goes back');
    const targets = this.#byFamily.get(familyOf(event.stream));
    if (targets) for (const { table, rows } of targets) table.apply(event, rows);
    while (cursor.length < partition) cursor.push(0);
    cursor[partition] = offset + 1;
  }

  #isFull(): boolean {
    let bytes = this.#batch.bytes;
    for (const { overlay } of this.#options.tables) bytes += overlay.pendingBytes;
    return bytes >= limits.readModelBatchBytes;
  }

  async #committed(): Promise<void> {
    await this.#committing;
    if (this.#failed) throw this.#failed.error;
  }

  #beginCommit(): void {
    const { store, tables, commit, onDurable } = this.#options;
    const cursor = [...this.#cursor];
    const batch = this.#batch;
    this.#batch = store.batch();
    for (const rows of this.#straight) rows.turn();
    const checkpoints = new Map<string, Checkpoint>();
    for (const table of tables) {
      const { table: name, rows, checkpoint } = table.freeze(cursor);
      checkpoints.set(name, checkpoint);
      for (const [key, value] of rows) {
        if (value === undefined) batch.delete(name, key);
        else batch.put(name, key, value);
      }
    }
    this.#committing = commit(() => batch.commit(checkpoints)).then(
      () => {
        for (const table of tables) {
          table.overlay.written();
          table.changedUnseen();
        }
        onDurable(cursor);
      },
      (error: unknown) => {
        this.#failed = { error };
      },
    );
  }
}

/** The rows of a table whose projection hardly ever reads them back. */
class StraightRows implements RowWriter {
  readonly #table: Table;
  readonly #name: string;
  readonly #batch: () => RowBatch;
  /** What is in the batch that gathers, and in the one that is written. */
  #gathered = new GatheredRows();
  #written = new GatheredRows();

  constructor(table: Table, batch: () => RowBatch) {
    this.#table = table;
    this.#name = table.projection.name;
    this.#batch = batch;
  }

  /** A batch goes to be written: the one before it is durable. */
  turn(): void {
    this.#written = this.#gathered;
    this.#gathered = new GatheredRows();
  }

  get changes(): number {
    return this.#table.changes;
  }

  put(key: string, value: Uint8Array): void {
    this.#batch().put(this.#name, key, value);
    this.#gathered.set(key, value);
  }

  delete(key: string): void {
    this.#batch().delete(this.#name, key);
    this.#gathered.set(key, null);
  }

  add(key: string, numbers: readonly number[]): void {
    this.#table.add(key, numbers);
  }

  get(key: string): Uint8Array | undefined {
    for (const rows of [this.#gathered, this.#written]) {
      const row = rows.get(key);
      if (row !== undefined) return row ?? undefined;
    }
    return this.#table.get(key);
  }

  scan(): RowCursor {
    return this.#neverAsked();
  }

  watch(): void {
    this.#neverAsked();
  }

  #neverAsked(): never {
    assert(false, `${this.#name} hardly ever reads a row back, and never scans`);
  }
}

/** The rows of a batch, by key as soon as one is asked for: most batches are never asked. */
class GatheredRows {
  readonly #keys: string[] = [];
  /** Null: taken away. */
  readonly #values: (Uint8Array | null)[] = [];
  readonly #byKey = new Map<string, Uint8Array | null>();

  set(key: string, value: Uint8Array | null): void {
    this.#keys.push(key);
    this.#values.push(value);
  }

  /** Undefined: it is not in the batch. */
  get(key: string): Uint8Array | null | undefined {
    const values = this.#values;
    for (const [at, each] of this.#keys.entries()) this.#byKey.set(each, values[at] as Uint8Array | null);
    this.#keys.length = 0;
    values.length = 0;
    return this.#byKey.get(key);
  }
}
