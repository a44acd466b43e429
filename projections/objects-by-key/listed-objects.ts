// Owns what listings show of objects, in memory and in key order, so that the table's rows are read once and
// not for each page. Guarantees: a run follows each change of the table at once, also what changed while it
// was read, so no listing misses or shows what the table does not; all runs together keep to a budget of
// bytes. Budget of a page in memory: one search, one slice a run, nothing decoded.

import { limits } from '#core/kernel/limits.ts';
import { compareKeys, endOfPrefix, keyAfter } from '../store/key-order.ts';
import type { RowCursor, RowRange, RowReader, ScanCursor } from '../store/projection.ts';
import { BucketRuns, isBelow, Run } from './listed-run.ts';
import { listedObject } from './object-row.ts';
import { objectRowKey, splitObjectRowKey } from './objects-by-key.projection.ts';
import type { ListedObject } from './objects-by-key.query.ts';
import { RunBudget } from './run-budget.ts';

/** A range that is being read, in one piece or in several. */
interface Reading {
  readonly bucket: string;
  readonly from: string;
  readonly to: string | undefined;
  /** What was said of its keys since it began, in turn. */
  readonly changes: { readonly key: string; readonly object: ListedObject | undefined }[];
}

interface Found {
  readonly objects: ListedObject[];
  /** Nothing else stands below it. */
  readonly to: string | undefined;
}

export class ListedObjects {
  readonly #rows: RowReader;
  readonly #budget: RunBudget;
  readonly #buckets = new Map<string, BucketRuns>();
  readonly #readings = new Set<Reading>();

  constructor(rows: RowReader, budgetBytes: number) {
    this.#rows = rows;
    this.#budget = new RunBudget(budgetBytes);
    rows.watch({
      changed: (rowKey, value) => this.#changed(rowKey, value),
      allChanged: () => this.#forget(),
    });
  }

  /**
   * Keys are the objects' own. Each is shown as it is when the cursor comes to it: a scan sees all that was
   * applied when it began, and perhaps what came later.
   */
  scan(bucket: string, range: RowRange): ScanCursor<ListedObject> {
    return new ListedCursor(this, bucket, range);
  }

  /** What is in memory from `gte` on; undefined where the table is to be read. */
  inMemory(bucket: string, gte: string, lt: string | undefined, limit: number): Found | undefined {
    const runs = this.#buckets.get(bucket);
    let run = runs?.around(gte);
    if (!runs || !run) return undefined;
    let objects: ListedObject[] = [];
    for (;;) {
      this.#budget.use(run);
      const some = run.slice(gte, lt, limit - objects.length);
      objects = objects.length === 0 ? some : objects.concat(some);
      if (objects.length === limit)
        return { objects, to: keyAfter((objects[limit - 1] as ListedObject).key) };
      const { to } = run;
      if (to === undefined || !isBelow(to, lt)) return { objects, to: lt };
      run = runs.around(to);
      if (!run) return { objects, to };
    }
  }

  /** Whatever is in memory behind `from` already ends what is to be read. */
  open(bucket: string, from: string, lt: string | undefined): TableReading {
    const next = this.#buckets.get(bucket)?.nextFrom(from);
    const reading: Reading = {
      bucket,
      to: next !== undefined && isBelow(next, lt) ? next : lt,
      from,
      changes: [],
    };
    // Before the rows are scanned, so that no change falls between.
    this.#readings.add(reading);
    return new TableReading(this.#rows, reading, {
      read: (start, found) => this.#keep(reading, start, found),
      isCurrent: () => this.#readings.has(reading),
      closed: () => this.#readings.delete(reading),
    });
  }

  #keep(reading: Reading, from: string, { objects, to }: Found): void {
    const { bucket, changes } = reading;
    if (!this.#readings.has(reading) || changes.length > limits.listedChangesWhileRead) return;
    let runs = this.#buckets.get(bucket);
    const next = runs?.nextFrom(from);
    // Somebody else read some of it in the meantime.
    if (runs?.around(from) || (next !== undefined && isBelow(next, to))) return;
    if (!runs) {
      runs = new BucketRuns();
      this.#buckets.set(bucket, runs);
    }
    const run = new Run(bucket, from, to, [...objects]);
    for (const { key, object } of changes) {
      if (compareKeys(key, from) >= 0 && isBelow(key, to)) run.change(key, object);
    }
    const before = runs.before(from);
    if (before && this.#budget.isYoung(before) && before.takeIn(run)) this.#budget.addTo(before);
    else {
      runs.insert(run);
      this.#budget.add(run);
    }
    this.#dropOverdue();
  }

  #changed(rowKey: string, value: Uint8Array | undefined): void {
    if (this.#buckets.size === 0 && this.#readings.size === 0) return;
    const name = splitObjectRowKey(rowKey);
    if (!name) return;
    const runs = this.#buckets.get(name.bucket);
    const run = runs?.around(name.key);
    let object: ListedObject | undefined;
    if (value && (run || this.#readings.size > 0)) object = listedObject(ownText(name.key, 0), value);
    for (const { bucket, from, to, changes } of this.#readings) {
      const isRead = bucket === name.bucket && compareKeys(name.key, from) >= 0 && isBelow(name.key, to);
      if (isRead && changes.length <= limits.listedChangesWhileRead) changes.push({ key: name.key, object });
    }
    if (!runs || !run) return;
    run.change(name.key, object);
    const upper = run.split();
    if (upper) {
      runs.insert(upper);
      this.#budget.addHalf(upper, run);
    } else this.#budget.resize(run);
    this.#dropOverdue();
  }

  #forget(): void {
    this.#buckets.clear();
    this.#budget.clear();
    // What is being read may be of before: it is shown, and not kept.
    this.#readings.clear();
  }

  #dropOverdue(): void {
    for (let run = this.#budget.next(); run; run = this.#budget.next()) {
      const runs = this.#buckets.get(run.bucket) as BucketRuns;
      runs.remove(run);
      if (runs.isEmpty) this.#buckets.delete(run.bucket);
    }
  }
}

const lastOf = (objects: readonly ListedObject[]) => objects[objects.length - 1] as ListedObject;

/** The text from a byte on, so that it does not keep the longer one alive that it is cut from. */
function ownText(text: string, fromByte: number): string {
  return Buffer.from(text).toString('utf8', fromByte);
}

interface ReadingOwner {
  read(from: string, found: Found): void;
  /** Whether what it still reads may be kept. */
  isCurrent(): boolean;
  closed(): void;
}

/**
 * One scan of the table for as many pieces as a listing needs: a piece behind a jump costs a seek, and not a
 * scan of its own.
 */
class TableReading {
  readonly #reading: Reading;
  readonly #owner: ReadingOwner;
  readonly #cursor: RowCursor;
  /** Where the bucket's own keys begin in a row's. */
  readonly #keyAt: number;
  /** Where the cursor stands; undefined at the end. */
  #at: string | undefined;

  constructor(rows: RowReader, reading: Reading, owner: ReadingOwner) {
    const { bucket, from, to } = reading;
    const base = objectRowKey(bucket, '');
    this.#reading = reading;
    this.#owner = owner;
    this.#keyAt = Buffer.byteLength(base);
    this.#at = from;
    const lt = to === undefined ? endOfPrefix(base) : objectRowKey(bucket, to);
    this.#cursor = rows.scan({ gte: objectRowKey(bucket, from), lt });
  }

  /** Whether it can read on from there, which is never before where it stands. */
  reaches(from: string): boolean {
    return this.#at !== undefined && isBelow(from, this.#reading.to) && this.#owner.isCurrent();
  }

  async next(from: string, limit: number): Promise<Found> {
    const { bucket, to } = this.#reading;
    if (from !== this.#at) this.#cursor.seek(objectRowKey(bucket, from));
    const objects: ListedObject[] = [];
    let ended = false;
    while (objects.length < limit && !ended) {
      const rows = await this.#cursor.next(limit - objects.length);
      ended = rows.length === 0;
      for (const { key, value } of rows) objects.push(listedObject(ownText(key, this.#keyAt), value));
    }
    const found = { objects, to: ended ? to : keyAfter(lastOf(objects).key) };
    this.#at = ended ? undefined : found.to;
    this.#owner.read(from, found);
    return found;
  }

  async close(): Promise<void> {
    this.#owner.closed();
    await this.#cursor.close();
  }
}

class ListedCursor implements ScanCursor<ListedObject> {
  readonly #listed: ListedObjects;
  readonly #bucket: string;
  readonly #lt: string | undefined;
  /** Undefined at the end. */
  #at: string | undefined;
  #reading: TableReading | undefined;

  constructor(listed: ListedObjects, bucket: string, range: RowRange) {
    this.#listed = listed;
    this.#bucket = bucket;
    this.#lt = range.lt;
    this.#goTo(range.gte);
  }

  async next(limit: number): Promise<readonly ListedObject[]> {
    while (this.#at !== undefined) {
      const found =
        this.#listed.inMemory(this.#bucket, this.#at, this.#lt, limit) ?? (await this.#read(this.#at, limit));
      this.#goTo(found.to);
      if (found.objects.length > 0) return found.objects;
    }
    return [];
  }

  seek(key: string): void {
    if (this.#at !== undefined && compareKeys(key, this.#at) > 0) this.#goTo(key);
  }

  async close(): Promise<void> {
    await this.#reading?.close();
  }

  async #read(from: string, limit: number): Promise<Found> {
    if (!this.#reading?.reaches(from)) {
      await this.#reading?.close();
      this.#reading = this.#listed.open(this.#bucket, from, this.#lt);
    }
    return this.#reading.next(from, limit);
  }

  #goTo(key: string | undefined): void {
    this.#at = key !== undefined && isBelow(key, this.#lt) ? key : undefined;
  }
}
