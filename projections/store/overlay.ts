// Owns the rows of one table that are applied but not yet durable: what is being gathered over what is being
// written. Budget: a put is one look-up in a hash; order is made only when a scan asks for it, and only of
// what changed since.

import { assert } from '#core/kernel/assert.ts';
import { SortedRows, sortedChanges } from './sorted-rows.ts';

/** By key; a key without a value is known to have no row. */
type Changes = Map<string, Uint8Array | undefined>;

/** What one row costs beside its key and value. */
const ROW_OVERHEAD_BYTES = 100;

/** The changes between two flushes; the last one of each key. */
class Generation {
  readonly rows: Changes = new Map();
  /** Of all that was put, also where it was put again. */
  bytes = 0;
  #sorted = SortedRows.empty;
  /** What changed since a scan last asked for the order; while none has, that is everything. */
  #unsorted = this.rows;

  set(key: string, value: Uint8Array | undefined): void {
    this.rows.set(key, value);
    if (this.#unsorted !== this.rows) this.#unsorted.set(key, value);
    this.bytes += key.length + (value?.length ?? 0) + ROW_OVERHEAD_BYTES;
  }

  /** The rows in order, as they are now. */
  sorted(): SortedRows {
    if (this.#unsorted.size > 0) {
      this.#sorted = this.#sorted.with(sortedChanges(this.#unsorted), false);
      this.#unsorted = new Map();
    }
    return this.#sorted;
  }
}

export class Overlay {
  #gathering = new Generation();
  #writing: Generation | undefined;

  get pendingRows(): number {
    return this.#gathering.rows.size;
  }

  get pendingBytes(): number {
    return this.#gathering.bytes;
  }

  /** Whether anything is known of the key; if not, the store is to be asked. */
  has(key: string): boolean {
    return this.#gathering.rows.has(key) || this.#writing?.rows.has(key) === true;
  }

  /** The pending value; undefined where `has` is false, and where the row is taken away. */
  get(key: string): Uint8Array | undefined {
    const { rows } = this.#gathering;
    return rows.get(key) ?? (rows.has(key) ? undefined : this.#writing?.rows.get(key));
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
  freeze(): ReadonlyMap<string, Uint8Array | undefined> {
    assert(this.#writing === undefined, 'rows that are not yet durable are never let go');
    const frozen = this.#gathering;
    this.#writing = frozen;
    this.#gathering = new Generation();
    return frozen.rows;
  }

  written(): void {
    this.#writing = undefined;
  }
}
