// Owns the questions "which versions has this key?" and "which have the keys of this bucket?", answered from
// the rows of objects-by-key. Nobody asks them of a bucket that never kept versions.

import { NULL_VERSION, objects } from '#core/objects/objects.events.ts';
import { listedObject, storedObject } from '../objects-by-key/object-row.ts';
import { deletedRowKey, objectRowKey } from '../objects-by-key/objects-by-key.projection.ts';
import type { ListedObject, StoredObject } from '../objects-by-key/objects-by-key.query.ts';
import {
  escapedKey,
  OBJECT_MARKED,
  orderIn,
  placeOfKey,
  versionOf,
  versionRow,
  versionsRowKey,
} from '../objects-by-key/version-rows.ts';
import { foldedPage } from '../store/folded-page.ts';
import { endOfPrefix, keyAfter } from '../store/key-order.ts';
import { textField } from '../store/payload-fields.ts';
import type { RowReader } from '../store/projection.ts';
import { HEADER_BYTES, kindOf, revisionOf, timeOf } from '../store/row-value.ts';
import { type FoundVersion, VersionCursor } from './version-cursor.ts';

const { ObjectDeleted, ObjectMarked } = objects.table.events;

/** A version that says that its key names nothing. */
export interface StoredDeletion {
  readonly bucket: string;
  readonly key: string;
  readonly version: string;
  readonly owner: string;
  readonly modifiedMs: number;
}

export type StoredVersion =
  | { readonly object: StoredObject; readonly deletion?: never }
  | { readonly deletion: StoredDeletion; readonly object?: never };

/** What a listing shows of a version. */
export interface ListedVersion {
  readonly key: string;
  readonly version: string;
  readonly modifiedMs: number;
  readonly owner: string;
  /** It is what the key names, or why it names nothing. */
  readonly isLatest: boolean;
  /** Undefined of a deletion. */
  readonly object: ListedObject | undefined;
}

export interface VersionListRequest {
  readonly bucket: string;
  readonly prefix: string;
  /** Empty: no folding. */
  readonly delimiter: string;
  /** As `after` of an ordinary listing. */
  readonly keyMarker: string;
  /** Only what is older among the versions of `keyMarker`; empty: none of them. */
  readonly versionMarker: string;
  /** Versions and common prefixes together. */
  readonly limit: number;
}

export interface VersionListPage {
  /** By key, of each the newest first. */
  readonly versions: readonly ListedVersion[];
  readonly commonPrefixes: readonly string[];
  readonly truncated: boolean;
  readonly nextKeyMarker: string;
  /** Empty behind a common prefix. */
  readonly nextVersionMarker: string;
}

/** What a decision about a version depends on. */
export interface VersionsOfKey {
  /** Of the key's stream; undefined: it never had an event. */
  readonly revision: number | undefined;
  /** Newest first: the newest two, and the one that was asked for. */
  readonly versions: readonly { readonly version: string; readonly etag: string | undefined }[];
}

export interface ObjectVersions {
  get(bucket: string, key: string, version: string): StoredVersion | undefined;
  /** Why the key names nothing, if that is because its newest version says so. */
  deletion(bucket: string, key: string): StoredDeletion | undefined;
  around(bucket: string, key: string, version: string): Promise<VersionsOfKey>;
  list(request: VersionListRequest): Promise<VersionListPage>;
}

export function createObjectVersions(rows: RowReader): ObjectVersions {
  return {
    get(bucket, key, version) {
      const present = rows.get(objectRowKey(bucket, key));
      const row =
        present && versionOf(present) === version ? present : versionRow(rows, bucket, key, version);
      return row && storedVersion(bucket, key, row);
    },
    deletion(bucket, key) {
      const row = newestRow(rows, bucket, key);
      return row && kindOf(row) === OBJECT_MARKED ? storedDeletion(bucket, key, row) : undefined;
    },
    around: (bucket, key, version) => around(rows, bucket, key, version),
    list: (request) => list(rows, request),
  };
}

/** Of the newest version, or of what a key became that has none any more. */
function newestRow(rows: RowReader, bucket: string, key: string): Uint8Array | undefined {
  return rows.get(objectRowKey(bucket, key)) ?? rows.get(deletedRowKey(bucket, key));
}

function storedVersion(bucket: string, key: string, row: Uint8Array): StoredVersion {
  if (kindOf(row) === OBJECT_MARKED) return { deletion: storedDeletion(bucket, key, row) };
  const object = storedObject(bucket, key, row);
  return { object: object.version === undefined ? { ...object, version: NULL_VERSION } : object };
}

function storedDeletion(bucket: string, key: string, row: Uint8Array): StoredDeletion {
  const owner = textField(row, HEADER_BYTES, ObjectMarked.data.owner.number);
  return { bucket, key, version: versionOf(row), owner, modifiedMs: timeOf(row) };
}

const stateOf = (bucket: string, key: string, row: Uint8Array) => ({
  version: versionOf(row),
  etag: storedVersion(bucket, key, row).object?.etag,
});

/** The newest that a key does not name, and the one after it. */
const NEXT_ROWS = 2;

async function around(rows: RowReader, bucket: string, key: string, version: string): Promise<VersionsOfKey> {
  const newest = newestRow(rows, bucket, key);
  if (!newest) return { revision: undefined, versions: [] };
  const revision = revisionOf(newest);
  if (kindOf(newest) === ObjectDeleted.id) return { revision, versions: [] };
  const named = versionRow(rows, bucket, key, version);
  const base = versionsRowKey(bucket, placeOfKey(key));
  // The view is of now, as all that was read so far.
  const cursor = rows.scan({ gte: base, lt: endOfPrefix(base) as string });
  const found = [newest];
  try {
    while (found.length <= NEXT_ROWS) {
      const next = await cursor.next(1);
      if (!next[0]) break;
      found.push(next[0].value);
    }
  } finally {
    await cursor.close();
  }
  if (named) found.push(named);
  const versions = new Map<string, VersionsOfKey['versions'][number]>();
  for (const row of found) {
    const state = stateOf(bucket, key, row);
    if (!versions.has(state.version)) versions.set(state.version, state);
  }
  return { revision, versions: [...versions.values()] };
}

async function list(rows: RowReader, request: VersionListRequest): Promise<VersionListPage> {
  const { bucket, prefix, delimiter, keyMarker, limit } = request;
  const isNewest = (key: string, row: Uint8Array) => {
    const newest = newestRow(rows, bucket, key);
    return newest !== undefined && versionOf(newest) === versionOf(row);
  };
  const page = await foldedPage({
    scan: (range) => new VersionCursor(rows, bucket, range, isNewest),
    keyOf: escapedKey,
    nameOf: (found) => found.key,
    item: listedVersion,
    prefix,
    delimiter,
    after: keyMarker,
    afterKey: placeBehind(rows, request),
    limit,
  });
  return {
    versions: page.items,
    commonPrefixes: page.commonPrefixes,
    truncated: page.truncated,
    nextKeyMarker: page.last,
    nextVersionMarker: page.lastIsPrefix ? '' : (page.items.at(-1)?.version ?? ''),
  };
}

function listedVersion({ key, row, isLatest }: FoundVersion): ListedVersion {
  const object = kindOf(row) === OBJECT_MARKED ? undefined : listedObject(key, row);
  const owner = object ? object.owner : textField(row, HEADER_BYTES, ObjectMarked.data.owner.number);
  return { key, version: versionOf(row), modifiedMs: timeOf(row), owner, isLatest, object };
}

function placeBehind(rows: RowReader, { bucket, keyMarker, versionMarker }: VersionListRequest): string {
  if (versionMarker === '') return escapedKey(keyAfter(keyMarker));
  const place = placeOfKey(keyMarker);
  const order = orderIn(rows, bucket, keyMarker, versionMarker);
  if (order !== undefined) return keyAfter(place + order);
  const present = rows.get(objectRowKey(bucket, keyMarker));
  // A null version that is gone stands nowhere: rather what was shown is shown again than anything missed.
  return present && versionOf(present) === NULL_VERSION ? keyAfter(place) : place;
}
