// Owns the decoded values of a table whose rows are read at each request and change seldom. Guarantee: a
// value is never older than its row, because any change of the table empties it all.

import { limits } from '#core/kernel/limits.ts';
import type { RowReader } from './projection.ts';

export class DecodedRows<Value> {
  readonly #rows: RowReader;
  readonly #read: (key: string) => Value | undefined;
  readonly #values = new Map<string, Value>();
  #changes = -1;

  /** @param read what is asked of the table; it depends on nothing else. */
  constructor(rows: RowReader, read: (key: string) => Value | undefined) {
    this.#rows = rows;
    this.#read = read;
  }

  get(key: string): Value | undefined {
    if (this.#changes !== this.#rows.changes || this.#values.size >= limits.readModelDecodedRows) {
      this.#values.clear();
      this.#changes = this.#rows.changes;
    }
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    const value = this.#read(key);
    // What is not there is not kept: whoever asks for it could name anything.
    if (value !== undefined) this.#values.set(key, value);
    return value;
  }
}
