// Owns the questions "what does this key name?" and "which keys are in this bucket?".

import { limits } from '#core/kernel/limits.ts';
import type { Content } from '#core/objects/objects.events.ts';
import { foldedPage } from '../store/folded-page.ts';
import { endOfPrefix, keyAfter } from '../store/key-order.ts';
import type { RowReader } from '../store/projection.ts';
import { revisionOf } from '../store/row-value.ts';
import { ListedObjects } from './listed-objects.ts';
import { storedObject } from './object-row.ts';
import { deletedRowKey, objectRowKey } from './objects-by-key.projection.ts';
import { versionsRowKey } from './version-rows.ts';

export interface StoredObject extends Content {
  readonly bucket: string;
  readonly key: string;
  /** Revision of the event that put it. */
  readonly revision: number;
  readonly modifiedMs: number;
  /** Of a completed multipart upload. */
  readonly uploadId?: string;
}

export interface ListRequest {
  readonly bucket: string;
  readonly prefix: string;
  /** Empty: no folding. */
  readonly delimiter: string;
  /**
   * Only keys, and common prefixes, above it in UTF-8 order. A common prefix that `after` begins with is
   * skipped too.
   */
  readonly after: string;
  /** Keys and common prefixes together. */
  readonly limit: number;
}

/** What a listing shows of an object. */
export interface ListedObject {
  readonly key: string;
  readonly sizeBytes: number;
  readonly etag: string;
  readonly modifiedMs: number;
  readonly contentType: string;
  readonly storageClass: string;
  readonly owner: string;
  readonly checksumAlgorithm?: string;
  readonly checksumType?: string;
}

export interface ListPage {
  readonly objects: readonly ListedObject[];
  readonly commonPrefixes: readonly string[];
  readonly truncated: boolean;
  /** The last key or common prefix of the page: the next page's `after`. Empty when the page is. */
  readonly last: string;
}

export interface ObjectsByKey {
  get(bucket: string, key: string): StoredObject | undefined;
  /** Revision of the key's stream, present or absent; undefined when it never had an event. */
  revision(bucket: string, key: string): number | undefined;
  list(request: ListRequest): Promise<ListPage>;
  /** Whether the bucket has any object, or any version of one. */
  isEmpty(bucket: string): Promise<boolean>;
}

/** @param listedBytes what may be kept in memory for listings. */
export function createObjectsByKey(
  rows: RowReader,
  listedBytes: number = limits.listedObjectsBytes,
): ObjectsByKey {
  const listed = new ListedObjects(rows, listedBytes);
  return {
    get(bucket, key) {
      const value = rows.get(objectRowKey(bucket, key));
      return value && storedObject(bucket, key, value);
    },
    revision(bucket, key) {
      const value = rows.get(objectRowKey(bucket, key)) ?? rows.get(deletedRowKey(bucket, key));
      return value && revisionOf(value);
    },
    list: (request) => listObjects(listed, request),
    isEmpty: async (bucket) =>
      (await isNoneBelow(rows, objectRowKey(bucket, ''))) &&
      (await isNoneBelow(rows, versionsRowKey(bucket, ''))),
  };
}

async function isNoneBelow(rows: RowReader, prefix: string): Promise<boolean> {
  const cursor = rows.scan({ gte: prefix, lt: endOfPrefix(prefix) as string });
  try {
    return (await cursor.next(1)).length === 0;
  } finally {
    await cursor.close();
  }
}

async function listObjects(listed: ListedObjects, request: ListRequest): Promise<ListPage> {
  const { bucket, prefix, delimiter, after, limit } = request;
  const page = await foldedPage({
    scan: (range) => listed.scan(bucket, range),
    keyOf: (namePrefix) => namePrefix,
    nameOf: (object) => object.key,
    item: (object) => object,
    prefix,
    delimiter,
    after,
    afterKey: keyAfter(after),
    limit,
  });
  const { items, commonPrefixes, truncated, last } = page;
  return { objects: items, commonPrefixes, truncated, last };
}
