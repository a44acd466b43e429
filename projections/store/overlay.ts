// Owns the rows of one table that are applied but not yet durable: what is being gathered over what is being
// written. Budget: a put is one look-up in a hash; order is made only when a scan asks for it, and only of what changed since.

import { assert } from '#core/kernel/assert.ts';
import { compareKeys } from './key-order.ts';
import { type RowChange, SortedRows } from './sorted-rows.ts';

interface PendingRow {
  readonly key: string;
  value: Uint8Array | undefined;
  /** Whether a scan may hold it: then it must not change any more. */
  shared: boolean;
}

/** What one row costs beside its key and value. */
const ROW_OVERHEAD_BYTES = 100;

/** The changes between two flushes; the last one of each key. */
export class Generation {
  readonly #rows = new Map<string, PendingRow>();
  #unsorted: PendingRow[] = [];
  #sorted = SortedRows.empty;
  bytes = 0;

  get size(): number {
    return this.#rows.size;
  }

  get(key: string): RowChange | undefined {
    return this.#rows.get(key);
  }

  set(key: string, value: Uint8Array | undefined): void {
    const row = this.#rows.get(key);
    this.bytes += value?.length ?? 0;
    if (row !== undefined && !row.shared) {
      this.bytes -= row.value?.length ?? 0;
      row.value = value;
      return;
    }
    const fresh = { key, value, shared: false };
    this.bytes += key.length + ROW_OVERHEAD_BYTES;
    this.#rows.set(key, fresh);
    this.#unsorted.push(fresh);
  }

  rows(): Iterable<RowChange> {
    return this.#rows.values();
  }

  /** The rows in order, as they are now. */
  sorted(): SortedRows {
    if (this.#unsorted.length > 0) {
      for (const row of this.#unsorted) row.shared = true;
      this.#unsorted.sort((a, b) => compareKeys(a.key, b.key));
      this.#sorted = this.#sorted.with(this.#unsorted, false);
      this.#unsorted = [];
    }
    return this.#sorted;
  }
}

export class Overlay {
  #gathering = new Generation();
  #writing: Generation | undefined;

  get pendingRows(): number {
    return this.#gathering.size;
  }

  get pendingBytes(): number {
    return this.#gathering.bytes;
  }

  /** What is known of the key; undefined: ask the store. */
  get(key: string): RowChange | undefined {
    return this.#gathering.get(key) ?? this.#writing?.get(key);
  }

  set(key: string, value: Uint8Array | undefined): void {
    this.#gathering.set(key, value);
  }

  /** From the newest to the oldest. */
  sorted(): readonly SortedRows[] {
    const gathering = this.#gathering.sorted();
    return this.#writing ? [gathering, this.#writing.sorted()] : [gathering];
  }

  /** What was gathered goes to be written; readers see it until `written`. */
  freeze(): Iterable<RowChange> {
    assert(this.#writing === undefined, 'rows that are not yet durable are never let go');
    const frozen = this.#gathering;
    this.#writing = frozen;
    this.#gathering = new Generation();
    return frozen.rows();
  }

  written(): void {
    this.#writing = undefined;
  }
}
