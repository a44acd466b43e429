// Owns an immutable set of rows in key order: a list of leaves. A change makes a new set that shares every
// leaf it did not touch, so whoever holds an old set keeps reading it unchanged, for free.

import { compareKeys } from './key-order.ts';

/** A row, or the knowledge that a key has none. */
export interface RowChange {
  readonly key: string;
  readonly value: Uint8Array | undefined;
}

/** The changes that `with` takes. */
export function sortedChanges(rows: ReadonlyMap<string, Uint8Array | undefined>): RowChange[] {
  const changes: RowChange[] = [];
  for (const [key, value] of rows) changes.push({ key, value });
  return changes.sort((a, b) => compareKeys(a.key, b.key));
}

type Leaf = readonly RowChange[];

const LEAF_ROWS_MAX = 256;
const LEAF_ROWS_SPLIT = 128;

/** The first index from `from` on whose key is not below `key`. */
function lowerBound(rows: Leaf, key: string, from = 0): number {
  let low = from;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareKeys((rows[middle] as RowChange).key, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

const firstKey = (leaf: Leaf): string => (leaf[0] as RowChange).key;

export class SortedRows {
  static readonly empty = new SortedRows([]);
  readonly #leaves: readonly Leaf[];

  private constructor(leaves: readonly Leaf[]) {
    this.#leaves = leaves;
  }

  /**
   * These rows changed by `changes`, which are in key order, each key once.
   * @param dropDeleted whether a change without a value takes the row away, or is kept as the knowledge that
   * it is gone.
   */
  with(changes: readonly RowChange[], dropDeleted: boolean): SortedRows {
    if (changes.length === 0) return this;
    const old = this.#leaves;
    const leaves: Leaf[] = [];
    let copied = 0;
    let next = 0;
    while (next < changes.length) {
      const at = this.#leafOf((changes[next] as RowChange).key);
      for (; copied < at; copied++) leaves.push(old[copied] as Leaf);
      const following = old[at + 1];
      const end = following ? lowerBound(changes, firstKey(following), next + 1) : changes.length;
      pushLeaves(leaves, mergeLeaf(old[at] ?? [], changes, next, end, dropDeleted));
      copied = at + 1;
      next = end;
    }
    for (; copied < old.length; copied++) leaves.push(old[copied] as Leaf);
    return new SortedRows(leaves);
  }

  get(key: string): RowChange | undefined {
    const leaf = this.#leaves[this.#leafOf(key)];
    const row = leaf?.[lowerBound(leaf, key)];
    return row?.key === key ? row : undefined;
  }

  cursor(gte: string, lt: string | undefined): SortedCursor {
    const cursor = new SortedCursor(this.#leaves, lt);
    cursor.seek(gte);
    return cursor;
  }

  /** The last leaf that begins at or below `key`; the first where none does. */
  #leafOf(key: string): number {
    return leafAtOrBelow(this.#leaves, key, 0);
  }
}

function leafAtOrBelow(leaves: readonly Leaf[], key: string, from: number): number {
  let low = from;
  let high = leaves.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareKeys(firstKey(leaves[middle] as Leaf), key) <= 0) low = middle + 1;
    else high = middle;
  }
  return Math.max(from, low - 1);
}

function mergeLeaf(
  leaf: Leaf,
  changes: readonly RowChange[],
  from: number,
  to: number,
  dropDeleted: boolean,
) {
  const merged: RowChange[] = [];
  let at = 0;
  for (let next = from; next < to; next++) {
    const change = changes[next] as RowChange;
    const upTo = lowerBound(leaf, change.key, at);
    while (at < upTo) merged.push(leaf[at++] as RowChange);
    if (leaf[at]?.key === change.key) at++;
    if (change.value !== undefined || !dropDeleted) merged.push(change);
  }
  while (at < leaf.length) merged.push(leaf[at++] as RowChange);
  return merged;
}

function pushLeaves(leaves: Leaf[], rows: readonly RowChange[]): void {
  if (rows.length === 0) return;
  if (rows.length <= LEAF_ROWS_MAX) {
    leaves.push(rows);
    return;
  }
  for (let at = 0; at < rows.length; at += LEAF_ROWS_SPLIT) leaves.push(rows.slice(at, at + LEAF_ROWS_SPLIT));
}

/** Goes through rows in key order, deletions among them. */
export class SortedCursor {
  readonly #leaves: readonly Leaf[];
  readonly #lt: string | undefined;
  #leaf = 0;
  #at = 0;
  /** Where the cursor stands; undefined at the end. */
  head: RowChange | undefined;

  constructor(leaves: readonly Leaf[], lt: string | undefined) {
    this.#leaves = leaves;
    this.#lt = lt;
    this.#settle();
  }

  advance(): void {
    this.#at++;
    this.#settle();
  }

  /** Forward to the first row not below `key`. */
  seek(key: string): void {
    if (this.head === undefined || compareKeys(key, this.head.key) <= 0) return;
    const leaf = leafAtOrBelow(this.#leaves, key, this.#leaf);
    this.#at = lowerBound(this.#leaves[leaf] as Leaf, key, leaf === this.#leaf ? this.#at : 0);
    this.#leaf = leaf;
    this.#settle();
  }

  #settle(): void {
    const leaf = this.#leaves[this.#leaf];
    if (leaf && this.#at >= leaf.length) {
      this.#leaf++;
      this.#at = 0;
    }
    const head = this.#leaves[this.#leaf]?.[this.#at];
    const inRange = head !== undefined && (this.#lt === undefined || compareKeys(head.key, this.#lt) < 0);
    this.head = inRange ? head : undefined;
  }
}
