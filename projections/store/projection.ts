// Owns the shape of a projection: a fold of the log into sorted rows that can be thrown away and rebuilt.
// Guarantee: rows depend on nothing but the events in order, so a rebuilt table equals the running one byte
// for byte.

import type { Cursor, Position, RecordedEvent } from '#core/log/event-log.ts';

export interface Row {
  readonly key: string;
  readonly value: Uint8Array;
}

/**
 * Reads see every event applied so far, whether or not it has reached the disk. Keys sort by their UTF-8
 * bytes.
 */
export interface RowReader {
  /** Grows with each change of the table. */
  readonly changes: number;
  get(key: string): Uint8Array | undefined;
  /** A consistent view, opened at the call; close it. */
  scan(range: RowRange): RowCursor;
  /** Tells of all changes from now on. */
  watch(watcher: RowWatcher): void;
}

/** Told of changes at once, in order, before anybody who waits for them. */
export interface RowWatcher {
  /** @param value absent where the row is taken away. */
  changed(key: string, value: Uint8Array | undefined): void;
  /** Any row may be another than before. */
  allChanged(): void;
}

export interface RowRange {
  /** First key, inclusive. */
  readonly gte: string;
  /** End, exclusive; absent: to the end of the table. */
  readonly lt?: string | undefined;
}

export interface ScanCursor<Found> {
  /** One or more, up to `limit` (fewer where rows are large); none only at the end of the range. */
  next(limit: number): Promise<readonly Found[]>;
  /** Goes forward to the first key not below `key`, without reading what lies between. */
  seek(key: string): void;
  close(): Promise<void>;
}

export type RowCursor = ScanCursor<Row>;

export interface RowWriter extends RowReader {
  put(key: string, value: Uint8Array): void;
  delete(key: string): void;
  /**
   * Adds to the numbers of a row of sums (sum-row.ts). What many events add to is written once. Where all
   * numbers are 0 there is no row.
   */
  add(key: string, numbers: readonly number[]): void;
}

export interface Projection {
  /** kebab-case, named for the question it answers; the name of its table. */
  readonly name: string;
  /** A higher number than the stored one makes the runner rebuild the table. */
  readonly version: number;
  /** The families whose events it is shown. */
  readonly families: readonly string[];
  /** Its `apply` hardly ever reads a row back, so a rebuild writes them at once. */
  readonly writesMostly?: true;
  /** Pure but for `rows`. */
  apply(event: RecordedEvent, rows: RowWriter): void;
}

/** Follows the log and keeps the tables of all its projections. */
export interface ProjectionRunner {
  /** The table of a projection that was registered. */
  table(name: string): RowReader;
  /** Resolves when everything up to and including `position` is applied; undefined when it already is. */
  whenApplied(position: Position): Promise<void> | undefined;
  /** As whenApplied for a cursor of EventLog.tail. */
  whenCaughtUp(cursor: Cursor): Promise<void> | undefined;
  /** What is applied. */
  applied(): Cursor;
  /** What is durable in the store, and so where a restart resumes. */
  checkpoint(): Cursor;
  /** Writes what is pending and the checkpoint. */
  flush(): Promise<void>;
  close(): Promise<void>;
}
