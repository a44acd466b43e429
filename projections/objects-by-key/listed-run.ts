// Owns a run: all objects of a bucket between two keys, in key order. And the runs of one bucket, in order of
// their keys, which never overlap.

import { compareKeys } from '../store/key-order.ts';
import type { ListedObject } from './objects-by-key.query.ts';

// What V8 takes for a run with its list, and for an object with its two texts and its place in the list.
const RUN_OVERHEAD_BYTES = 512;
const OBJECT_OVERHEAD_BYTES = 160;

/** A run that grows beyond it is split. */
const RUN_OBJECTS_MAX = 1_024;

/** An end that is undefined lies behind every key. */
export function isBelow(key: string, end: string | undefined): boolean {
  return end === undefined || compareKeys(key, end) < 0;
}

function objectBytes({ key, etag }: ListedObject): number {
  return OBJECT_OVERHEAD_BYTES + 2 * key.length + etag.length;
}

export class Run {
  readonly bucket: string;
  /** Inclusive. */
  readonly from: string;
  /** Of all that it holds, in memory. */
  bytes: number;
  #to: string | undefined;
  #objects: ListedObject[];

  constructor(bucket: string, from: string, to: string | undefined, objects: ListedObject[]) {
    this.bucket = bucket;
    this.from = from;
    this.bytes = RUN_OVERHEAD_BYTES + 2 * (from.length + (to?.length ?? 0));
    for (const object of objects) this.bytes += objectBytes(object);
    this.#to = to;
    this.#objects = objects;
  }

  /** Exclusive. */
  get to(): string | undefined {
    return this.#to;
  }

  /** From `gte` up to `lt`, at most `limit`. */
  slice(gte: string, lt: string | undefined, limit: number): ListedObject[] {
    const objects = this.#objects;
    const start = this.#lowerBound(gte, 0);
    const last = objects.at(-1);
    const end =
      last === undefined || isBelow(last.key, lt) ? objects.length : this.#lowerBound(lt as string, start);
    return objects.slice(start, Math.min(end, start + limit));
  }

  /** Takes in what follows it, if it is little enough. */
  takeIn(next: Run): boolean {
    if (next.from !== this.#to || this.#objects.length + next.#objects.length > RUN_OBJECTS_MAX) return false;
    for (const object of next.#objects) this.#objects.push(object);
    this.#to = next.#to;
    this.bytes += next.bytes - RUN_OVERHEAD_BYTES;
    return true;
  }

  /** @param object undefined where there is none of the key any more. */
  change(key: string, object: ListedObject | undefined): void {
    const at = this.#lowerBound(key, 0);
    const old = this.#objects[at];
    const isThere = old?.key === key;
    if (isThere) this.bytes -= objectBytes(old);
    if (object) {
      this.bytes += objectBytes(object);
      if (isThere) this.#objects[at] = object;
      else this.#objects.splice(at, 0, object);
    } else if (isThere) this.#objects.splice(at, 1);
  }

  /** Gives away its upper half, if it is too long. */
  split(): Run | undefined {
    if (this.#objects.length <= RUN_OBJECTS_MAX) return undefined;
    const half = this.#objects.splice(RUN_OBJECTS_MAX / 2);
    const upper = new Run(this.bucket, (half[0] as ListedObject).key, this.#to, half);
    this.#to = upper.from;
    this.bytes -= upper.bytes - RUN_OVERHEAD_BYTES;
    return upper;
  }

  #lowerBound(key: string, from: number): number {
    let low = from;
    let high = this.#objects.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareKeys((this.#objects[middle] as ListedObject).key, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export class BucketRuns {
  readonly #runs: Run[] = [];

  get isEmpty(): boolean {
    return this.#runs.length === 0;
  }

  /** The run in whose range the key lies. */
  around(key: string): Run | undefined {
    const run = this.#runs[this.#upTo(key)];
    return run && isBelow(key, run.to) ? run : undefined;
  }

  /** The run that ends where the key begins, or before. */
  before(key: string): Run | undefined {
    return this.#runs[this.#upTo(key)];
  }

  /** Where the first run above the key begins. */
  nextFrom(key: string): string | undefined {
    return this.#runs[this.#upTo(key) + 1]?.from;
  }

  insert(run: Run): void {
    this.#runs.splice(this.#upTo(run.from) + 1, 0, run);
  }

  remove(run: Run): void {
    this.#runs.splice(this.#upTo(run.from), 1);
  }

  /** The place of the last run that begins at or below the key. */
  #upTo(key: string): number {
    let low = 0;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareKeys((this.#runs[middle] as Run).from, key) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
