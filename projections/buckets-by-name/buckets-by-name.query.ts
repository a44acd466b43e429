// Owns the questions "is there such a bucket?" and "which buckets has this account?".

import { buckets, nameOfBucket } from '#core/buckets/buckets.events.ts';
import { DecodedRows } from '../store/decoded-rows.ts';
import { endOfPrefix, keyAfter } from '../store/key-order.ts';
import type { Row, RowRange, RowReader } from '../store/projection.ts';
import { asBuffer, kindOf, payloadOf, revisionOf, timeOf } from '../store/row-value.ts';
import {
  BUCKET_CLOSED,
  BUCKET_DELETED,
  bucketRowKey,
  collectionRowKey,
  ownerRowKey,
  propertiesRowKey,
  spaceRowKey,
} from './buckets-by-name.projection.ts';
import { type CollectionRow, decodeCollection } from './collection-row.ts';
import { decodeProperties } from './properties-row.ts';

export interface StoredBucket {
  /** As in its stream: core/buckets/buckets.events.ts. */
  readonly id: string;
  readonly name: string;
  readonly owner: string;
  readonly region: string;
  readonly createdMs: number;
  readonly status: 'open' | 'closing';
  /** Revision of the bucket's stream: the guard of whatever is put into it. */
  readonly revision: number;
  /** A write that began below this revision, and was not prolonged since, may have lost its bytes. */
  readonly writesSince: number;
  readonly properties: Readonly<Record<string, string>>;
}

/** All that one owner has. */
export interface StoredSpace {
  readonly properties: Readonly<Record<string, string>>;
  /** When something was said of it last; undefined where nothing was. */
  readonly changedMs: number | undefined;
  /** Of its stream. */
  readonly revision: number | undefined;
}

export interface BucketsByName {
  get(id: string): StoredBucket | undefined;
  space(owner: string): StoredSpace;
  /** Revision of the bucket's stream, deleted ones too; undefined when there never was one. */
  revision(id: string): number | undefined;
  /** How far the collection of unnamed bytes has come; undefined: there is no such bucket. */
  collection(id: string): CollectionRow | undefined;
  /** In order of name, those above `after`, at most `limit`. */
  ofOwner(owner: string, after: string, limit: number): Promise<readonly StoredBucket[]>;
  /** Those with that property, in order of id, those above `after`, at most `limit`. */
  having(property: string, after: string, limit: number): Promise<readonly StoredBucket[]>;
}

export function createBucketsByName(rows: RowReader): BucketsByName {
  const collection = (id: string) => {
    const value = rows.get(collectionRowKey(id));
    return value && decodeCollection(value);
  };
  const buckets = new DecodedRows(rows, (id) => {
    const value = rows.get(bucketRowKey(id));
    const collected = value && collection(id);
    return collected && storedBucket(id, value, collected, rows.get(propertiesRowKey(id)));
  });
  const spaces = new DecodedRows(rows, (owner) => storedSpace(rows.get(spaceRowKey(owner))));
  const get = (id: string) => buckets.get(id);
  const bucketsIn = async (
    range: RowRange,
    limit: number,
    bucketOf: (row: Row) => StoredBucket | undefined,
  ) => {
    const cursor = rows.scan(range);
    const found: StoredBucket[] = [];
    try {
      while (found.length < limit) {
        const more = await cursor.next(limit - found.length);
        if (more.length === 0) break;
        for (const row of more) {
          const bucket = bucketOf(row);
          if (bucket) found.push(bucket);
        }
      }
    } finally {
      await cursor.close();
    }
    return found;
  };
  return {
    get,
    collection,
    space: (owner) => spaces.get(owner) as StoredSpace,
    revision(id) {
      const value = rows.get(bucketRowKey(id));
      return value && revisionOf(value);
    },
    having(property, after, limit) {
      const first = propertiesRowKey('');
      const gte = after === '' ? first : keyAfter(propertiesRowKey(after));
      return bucketsIn({ gte, lt: endOfPrefix(first) as string }, limit, ({ key }) => {
        const bucket = get(key.slice(first.length));
        return bucket && Object.hasOwn(bucket.properties, property) ? bucket : undefined;
      });
    },
    ofOwner(owner, after, limit) {
      const first = ownerRowKey(owner, '');
      const gte = after === '' ? first : keyAfter(ownerRowKey(owner, after));
      // A bucket that was deleted since the scan began is no longer shown.
      return bucketsIn({ gte, lt: endOfPrefix(first) as string }, limit, ({ value }) =>
        get(asBuffer(value).toString()),
      );
    },
  };
}

const NO_PROPERTIES: Readonly<Record<string, string>> = Object.freeze({});
const NOTHING_SAID: StoredSpace = {
  properties: NO_PROPERTIES,
  changedMs: undefined,
  revision: undefined,
};

/** Also of an owner of whom nothing was said: it is asked for at each write. */
function storedSpace(value: Uint8Array | undefined): StoredSpace {
  if (!value) return NOTHING_SAID;
  const properties = decodeProperties(value);
  return { properties, changedMs: timeOf(value), revision: revisionOf(value) };
}

function storedBucket(
  id: string,
  value: Uint8Array,
  { writesSince }: CollectionRow,
  described: Uint8Array | undefined,
): StoredBucket | undefined {
  const kind = kindOf(value);
  if (kind === BUCKET_DELETED) return undefined;
  const { owner, region } = buckets.decode('BucketCreated', payloadOf(value)).data;
  const status = kind === BUCKET_CLOSED ? 'closing' : 'open';
  const properties = described ? decodeProperties(described) : NO_PROPERTIES;
  return {
    ...{ id, name: nameOfBucket(id), owner, region, createdMs: timeOf(value), status },
    ...{ revision: revisionOf(value), writesSince, properties },
  };
}
