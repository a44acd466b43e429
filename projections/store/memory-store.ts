// Owns the read store's in-memory twin, for tests and the simulator: the port's guarantees, save durability.

import type { RowCursor, RowRange } from './projection.ts';
import type { Checkpoint, ReadStore, RowBatch, TableWrite } from './read-store.ts';
import { type RowChange, SortedRows, sortedChanges } from './sorted-rows.ts';

interface Table {
  rows: SortedRows;
  checkpoint: Checkpoint | undefined;
}

export function createMemoryStore(): ReadStore {
  const tables = new Map<string, Table>();
  const write = async (writes: readonly TableWrite[]) => {
    for (const { table, checkpoint, rows } of writes) {
      const before = tables.get(table)?.rows ?? SortedRows.empty;
      tables.set(table, { rows: before.with(sortedChanges(rows), true), checkpoint });
    }
  };
  return {
    get: (table, key) => tables.get(table)?.rows.get(key)?.value,
    scan: (table, range) => memoryCursor(tables.get(table)?.rows ?? SortedRows.empty, range),
    checkpoint: (table) => tables.get(table)?.checkpoint,
    write,
    batch: () => new MemoryBatch(write),
    wipe: async (table) => {
      tables.delete(table);
    },
    close: async () => {},
  };
}

/** Gathers in memory what is then written in one. */
export class MemoryBatch implements RowBatch {
  bytes = 0;
  readonly #write: ReadStore['write'];
  readonly #rows = new Map<string, Map<string, Uint8Array | undefined>>();

  constructor(write: ReadStore['write']) {
    this.#write = write;
  }

  put(table: string, key: string, value: Uint8Array): void {
    this.#set(table, key, value);
  }

  delete(table: string, key: string): void {
    this.#set(table, key, undefined);
  }

  commit(checkpoints: ReadonlyMap<string, Checkpoint>): Promise<void> {
    const rowsOf = (table: string) => this.#rows.get(table) ?? new Map();
    return this.#write(
      [...checkpoints].map(([table, checkpoint]) => ({ table, checkpoint, rows: rowsOf(table) })),
    );
  }

  #set(table: string, key: string, value: Uint8Array | undefined): void {
    const rows = this.#rows.get(table);
    if (rows) rows.set(key, value);
    else this.#rows.set(table, new Map([[key, value]]));
    this.bytes += key.length + (value?.length ?? 0);
  }
}

function memoryCursor(rows: SortedRows, range: RowRange): RowCursor {
  const cursor = rows.cursor(range.gte, range.lt);
  return {
    next: async (limit) => {
      const found: { key: string; value: Uint8Array }[] = [];
      while (cursor.head && found.length < limit) {
        const { key, value } = cursor.head as RowChange & { value: Uint8Array };
        found.push({ key, value });
        cursor.advance();
      }
      return found;
    },
    seek: (key) => cursor.seek(key),
    close: async () => {},
  };
}
