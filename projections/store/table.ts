// Owns one projection's table as the runner keeps it: pending rows over stored rows, and where it resumed.

import type { Cursor, RecordedEvent } from '#core/log/event-log.ts';
import { MergedCursor } from './merged-cursor.ts';
import { Overlay } from './overlay.ts';
import type { Projection, RowCursor, RowRange, RowWatcher, RowWriter } from './projection.ts';
import type { ReadStore, TableWrite } from './read-store.ts';

export class Table implements RowWriter {
  readonly projection: Projection;
  readonly overlay = new Overlay();
  readonly resumeAt: Cursor;
  changes = 0;
  readonly #store: ReadStore;
  readonly #name: string;
  readonly #watchers: RowWatcher[] = [];

  constructor(projection: Projection, store: ReadStore, resumeAt: Cursor) {
    this.projection = projection;
    this.resumeAt = resumeAt;
    this.#store = store;
    this.#name = projection.name;
  }

  get(key: string): Uint8Array | undefined {
    const pending = this.overlay.get(key);
    return pending ?? (this.overlay.has(key) ? undefined : this.#store.get(this.#name, key));
  }

  scan(range: RowRange): RowCursor {
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

  /** The tables share one cursor; an event that this one had before the restart is not applied again. */
  apply(event: RecordedEvent, rows: RowWriter = this): void {
    const { partition, offset } = event.position;
    if (offset >= (this.resumeAt[partition] ?? 0)) this.projection.apply(event, rows);
  }

  /** After the last of some events. */
  settle(): void {
    this.projection.settle?.(this);
  }

  /** Hands the pending rows over to be written, with the checkpoint that they bring about. */
  freeze(applied: Cursor): TableWrite {
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
