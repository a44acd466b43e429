// Owns the read store's in-memory twin, for tests and the simulator: the port's guarantees, save durability.

import type { RowCursor, RowRange } from './projection.ts';
import type { Checkpoint, ReadStore, TableWrite } from './read-store.ts';
import { type RowChange, SortedRows, sortedChanges } from './sorted-rows.ts';

interface Table {
  rows: SortedRows;
  checkpoint: Checkpoint | undefined;
}

export function createMemoryStore(): ReadStore {
  const tables = new Map<string, Table>();
  return {
    get: (table, key) => tables.get(table)?.rows.get(key)?.value,
    scan: (table, range) => memoryCursor(tables.get(table)?.rows ?? SortedRows.empty, range),
    checkpoint: (table) => tables.get(table)?.checkpoint,
    write: async (writes: readonly TableWrite[]) => {
      for (const { table, checkpoint, rows } of writes) {
        const before = tables.get(table)?.rows ?? SortedRows.empty;
        tables.set(table, { rows: before.with(sortedChanges(rows), true), checkpoint });
      }
    },
    wipe: async (table) => {
      tables.delete(table);
    },
    close: async () => {},
  };
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
