// Owns the scan over pending rows and stored rows: one view, fixed when it was opened, in key order, where
// newer rows hide older ones.

import { assert } from '#core/kernel/assert.ts';
import { compareKeys } from './key-order.ts';
import type { Row, RowCursor } from './projection.ts';
import type { RowChange, SortedCursor } from './sorted-rows.ts';

export class MergedCursor implements RowCursor {
  /** From the newest to the oldest; those that are at their end are taken out. */
  #pending: SortedCursor[];
  readonly #stored: RowCursor;
  #batch: readonly Row[] = [];
  #at = 0;
  #ended = false;

  constructor(pending: readonly SortedCursor[], stored: RowCursor) {
    this.#pending = pending.filter((cursor) => cursor.head !== undefined);
    this.#stored = stored;
  }

  async next(limit: number): Promise<readonly Row[]> {
    assert(limit > 0, 'a scan asks for rows');
    for (;;) {
      if (this.#at === this.#batch.length && !this.#ended) {
        this.#batch = await this.#stored.next(limit);
        this.#at = 0;
        this.#ended = this.#batch.length === 0;
      }
      const rows = this.#pending.length === 0 ? this.#passOn(limit) : this.#merge(limit);
      const done = this.#ended && this.#pending.length === 0;
      if (rows.length > 0 || done) return rows;
    }
  }

  seek(key: string): void {
    for (const cursor of this.#pending) cursor.seek(key);
    this.#dropEnded();
    while (this.#at < this.#batch.length) {
      if (compareKeys((this.#batch[this.#at] as Row).key, key) >= 0) return;
      this.#at++;
    }
    if (!this.#ended) this.#stored.seek(key);
  }

  close(): Promise<void> {
    return this.#stored.close();
  }

  #passOn(limit: number): readonly Row[] {
    const whole = this.#at === 0 && this.#batch.length <= limit;
    const rows = whole ? this.#batch : this.#batch.slice(this.#at, this.#at + limit);
    this.#at += rows.length;
    return rows;
  }

  #merge(limit: number): readonly Row[] {
    const rows: Row[] = [];
    while (rows.length < limit) {
      const stored = this.#batch[this.#at];
      if (stored === undefined && !this.#ended) break;
      const pending = this.#lowestPending();
      if (pending === undefined && stored === undefined) break;
      const order = orderOf(pending, stored);
      if (order >= 0) this.#at++;
      if (order > 0) {
        rows.push(stored as Row);
        continue;
      }
      this.#passPending((pending as RowChange).key);
      if (pending?.value !== undefined) rows.push({ key: pending.key, value: pending.value });
    }
    this.#dropEnded();
    return rows;
  }

  #lowestPending(): RowChange | undefined {
    let lowest: RowChange | undefined;
    for (const { head } of this.#pending) {
      if (head && (lowest === undefined || compareKeys(head.key, lowest.key) < 0)) lowest = head;
    }
    return lowest;
  }

  #passPending(key: string): void {
    for (const cursor of this.#pending) if (cursor.head?.key === key) cursor.advance();
  }

  #dropEnded(): void {
    if (this.#pending.some((cursor) => cursor.head === undefined)) {
      this.#pending = this.#pending.filter((cursor) => cursor.head !== undefined);
    }
  }
}

/**
 * Negative: the pending row comes first; positive: the stored one; zero: the pending one hides the stored
 * one.
 */
function orderOf(pending: RowChange | undefined, stored: Row | undefined): number {
  if (pending === undefined) return 1;
  if (stored === undefined) return -1;
  return compareKeys(pending.key, stored.key);
}
