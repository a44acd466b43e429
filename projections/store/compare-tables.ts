// Owns the comparison of a rebuilt table with the running one, row by row and byte for byte.

import { compareKeys } from './key-order.ts';
import type { Row, RowCursor } from './projection.ts';

export interface TableDifference {
  readonly key: string;
  /** As against the rebuilt table. */
  readonly running: 'missing' | 'surplus' | 'different';
}

export interface Comparison {
  /** Rows that are equal, up to the first difference. */
  readonly rows: number;
  readonly equal: boolean;
  readonly firstDifference?: TableDifference;
}

/** Goes on to the first difference. Both cursors stay the caller's. */
export async function compareTables(rebuilt: RowCursor, running: RowCursor): Promise<Comparison> {
  const left = new Heads(rebuilt);
  const right = new Heads(running);
  for (let rows = 0; ; rows++) {
    const expected = left.head ?? (await left.load());
    const actual = right.head ?? (await right.load());
    if (expected === undefined && actual === undefined) return { rows, equal: true };
    const firstDifference = differenceOf(expected, actual);
    if (firstDifference) return { rows, equal: false, firstDifference };
    left.advance();
    right.advance();
  }
}

function differenceOf(expected: Row | undefined, actual: Row | undefined): TableDifference | undefined {
  const order = orderOf(expected, actual);
  if (order < 0) return { key: (expected as Row).key, running: 'missing' };
  if (order > 0) return { key: (actual as Row).key, running: 'surplus' };
  const same = Buffer.compare((expected as Row).value, (actual as Row).value) === 0;
  return same ? undefined : { key: (expected as Row).key, running: 'different' };
}

function orderOf(expected: Row | undefined, actual: Row | undefined): number {
  if (expected === undefined) return 1;
  return actual === undefined ? -1 : compareKeys(expected.key, actual.key);
}

const ROWS_AT_ONCE = 1_000;

/** One row after another, without a promise for each. */
class Heads {
  readonly #cursor: RowCursor;
  #rows: readonly Row[] = [];
  #at = 0;

  constructor(cursor: RowCursor) {
    this.#cursor = cursor;
  }

  get head(): Row | undefined {
    return this.#rows[this.#at];
  }

  async load(): Promise<Row | undefined> {
    this.#rows = await this.#cursor.next(ROWS_AT_ONCE);
    this.#at = 0;
    return this.head;
  }

  advance(): void {
    this.#at++;
  }
}
