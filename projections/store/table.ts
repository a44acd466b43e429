// Owns one projection's table as the runner keeps it: pending rows over stored rows, and where it resumed.

import type { Cursor, RecordedEvent } from '#core/log/event-log.ts';
import { MergedCursor } from './merged-cursor.ts';
import { Overlay } from './overlay.ts';
import type { Projection, RowCursor, RowRange, RowWatcher, RowWriter } from './projection.ts';
import type { ReadStore, TableWrite } from './read-store.ts';
import { sumRow, sumsOf } from './sum-row.ts';

export class Table implements RowWriter {
  readonly projection: Projection;
  readonly overlay = new Overlay();
  readonly resumeAt: Cursor;
  changes = 0;
  readonly #store: ReadStore;
  readonly #name: string;
  readonly #watchers: RowWatcher[] = [];
  /** What was added to rows of sums since anybody last looked. */
  readonly #added = new Map<string, number[]>();

  constructor(projection: Projection, store: ReadStore, resumeAt: Cursor) {
    this.projection = projection;
    this.resumeAt = resumeAt;
    this.#store = store;
    this.#name = projection.name;
  }

  get(key: string): Uint8Array | undefined {
    if (this.#added.size > 0) this.#settle();
    return this.#get(key);
  }

  #get(key: string): Uint8Array | undefined {
    const pending = this.overlay.get(key);
    return pending ?? (this.overlay.has(key) ? undefined : this.#store.get(this.#name, key));
  }

  scan(range: RowRange): RowCursor {
    this.#settle();
    const pending = this.overlay.sorted().map((rows) => rows.cursor(range.gte, range.lt));
    return new MergedCursor(pending, this.#store.scan(this.#name, range));
  }

  watch(watcher: RowWatcher): void {
    this.#watchers.push(watcher);
  }

  put(key: string, value: Uint8Array): void {
    this.#set(key, value);
  }

  delete(key: string): void {
    this.#set(key, undefined);
  }

  add(key: string, numbers: readonly number[]): void {
    this.changes++;
    const added = this.#added.get(key);
    if (!added) this.#added.set(key, [...numbers]);
    else for (const [at, number] of numbers.entries()) added[at] = (added[at] ?? 0) + number;
  }

  #settle(): void {
    for (const [key, numbers] of this.#added) {
      const before = sumsOf(this.#get(key));
      const after = numbers.map((number, at) => number + (before[at] ?? 0));
      if (after.some((number) => number !== 0)) this.put(key, sumRow(after));
      else if (before.length > 0) this.delete(key);
    }
    this.#added.clear();
  }

  /** The tables share one cursor; an event that this one had before the restart is not applied again. */
  apply(event: RecordedEvent, rows: RowWriter = this): void {
    const { partition, offset } = event.position;
    if (offset >= (this.resumeAt[partition] ?? 0)) this.projection.apply(event, rows);
  }

  /** Hands the pending rows over to be written, with the checkpoint that they bring about. */
  freeze(applied: Cursor): TableWrite {
    this.#settle();
    const { name, version } = this.projection;
    const partitions = Math.max(applied.length, this.resumeAt.length);
    const at = (partition: number) => Math.max(applied[partition] ?? 0, this.resumeAt[partition] ?? 0);
    const cursor = Array.from({ length: partitions }, (_, partition) => at(partition));
    return { table: name, checkpoint: { version, cursor }, rows: this.overlay.freeze() };
  }

  /** Rows reached the store without passing here. */
  changedUnseen(): void {
    this.changes++;
    for (const watcher of this.#watchers) watcher.allChanged();
  }

  #set(key: string, value: Uint8Array | undefined): void {
    this.changes++;
    this.overlay.set(key, value);
    for (const watcher of this.#watchers) watcher.changed(key, value);
  }
}
