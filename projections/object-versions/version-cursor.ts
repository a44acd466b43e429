// Owns the order of all versions in a bucket: by key, of each the newest first. What keys name now and what
// they named before are two ranges of rows, read side by side. Places are those of version-rows.ts; what a
// key names now stands where its versions begin.

import { objectRowKey } from '../objects-by-key/objects-by-key.projection.ts';
import {
  keyAtPlace,
  keyOfPlace,
  OBJECT_MARKED,
  placeOfKey,
  versionsRowKey,
} from '../objects-by-key/version-rows.ts';
import { compareKeys, endOfPrefix } from '../store/key-order.ts';
import type { RowCursor, RowRange, RowReader, ScanCursor } from '../store/projection.ts';
import { kindOf } from '../store/row-value.ts';

export interface FoundVersion {
  readonly key: string;
  readonly row: Uint8Array;
  readonly isLatest: boolean;
}

export class VersionCursor implements ScanCursor<FoundVersion> {
  readonly #present: Side;
  readonly #before: Side;
  readonly #isNewest: (key: string, row: Uint8Array) => boolean;
  /** Of the last version that was given. */
  #lastKey: string | undefined;

  /** @param isNewest whether nothing newer than this deletion is known of its key */
  constructor(
    rows: RowReader,
    bucket: string,
    { gte, lt }: RowRange,
    isNewest: (key: string, row: Uint8Array) => boolean,
  ) {
    const asIs = (place: string) => place;
    this.#present = new Side(rows, objectRowKey(bucket, ''), keyAtPlace, placeOfKey, { gte, lt });
    this.#before = new Side(rows, versionsRowKey(bucket, ''), asIs, asIs, { gte, lt });
    this.#isNewest = isNewest;
  }

  async next(limit: number): Promise<readonly FoundVersion[]> {
    const found: FoundVersion[] = [];
    while (found.length < limit) {
      const present = this.#present.head(limit);
      const before = this.#before.head(limit);
      const presentRow = present instanceof Promise ? await present : present;
      const beforeRow = before instanceof Promise ? await before : before;
      if (!presentRow && !beforeRow) break;
      const isPresent = presentRow && (!beforeRow || compareKeys(presentRow.place, beforeRow.place) < 0);
      const { place, value: row } = (isPresent ? this.#present : this.#before).take();
      const key = keyOfPlace(place);
      found.push({ key, row, isLatest: isPresent === true || this.#isLatest(key, row) });
      this.#lastKey = key;
    }
    return found;
  }

  seek(place: string): void {
    this.#present.seek(place);
    this.#before.seek(place);
  }

  async close(): Promise<void> {
    await Promise.all([this.#present.close(), this.#before.close()]);
  }

  /** Something newer may stand before where the reading began, so the first of a key is looked at. */
  #isLatest(key: string, row: Uint8Array): boolean {
    return kindOf(row) === OBJECT_MARKED && key !== this.#lastKey && this.#isNewest(key, row);
  }
}

interface Placed {
  readonly place: string;
  readonly value: Uint8Array;
}

/** One of the two ranges of rows. */
class Side {
  readonly #cursor: RowCursor;
  /** Of the keys of its rows. */
  readonly #base: string;
  readonly #nameAt: (place: string) => string;
  readonly #placeOf: (name: string) => string;
  #rows: readonly Placed[] = [];
  #at = 0;
  #hasEnded = false;

  /**
   * @param nameAt where in the range a place lies
   * @param placeOf its reverse
   */
  constructor(
    rows: RowReader,
    base: string,
    nameAt: (place: string) => string,
    placeOf: (name: string) => string,
    { gte, lt }: RowRange,
  ) {
    this.#base = base;
    this.#nameAt = nameAt;
    this.#placeOf = placeOf;
    this.#cursor = rows.scan({
      gte: base + nameAt(gte),
      lt: lt === undefined ? endOfPrefix(base) : base + nameAt(lt),
    });
  }

  /** A promise only where rows have to be read. */
  head(limit: number): Placed | undefined | Promise<Placed | undefined> {
    if (this.#at < this.#rows.length || this.#hasEnded) return this.#rows[this.#at];
    return this.#read(limit);
  }

  take(): Placed {
    return this.#rows[this.#at++] as Placed;
  }

  seek(place: string): void {
    while (this.#at < this.#rows.length) {
      if (compareKeys((this.#rows[this.#at] as Placed).place, place) >= 0) return;
      this.#at++;
    }
    if (!this.#hasEnded) this.#cursor.seek(this.#base + this.#nameAt(place));
  }

  close(): Promise<void> {
    return this.#cursor.close();
  }

  async #read(limit: number): Promise<Placed | undefined> {
    const rows = await this.#cursor.next(limit);
    const placed = rows.map(({ key, value }) => ({
      place: this.#placeOf(key.slice(this.#base.length)),
      value,
    }));
    this.#rows = placed;
    this.#at = 0;
    this.#hasEnded = placed.length === 0;
    return placed[0];
  }
}
