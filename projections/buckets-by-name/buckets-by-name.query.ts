// Owns the questions "is there such a bucket?" and "which buckets has this account?".

import { buckets } from '#core/buckets/buckets.events.ts';
import type { DataOf } from '#core/kernel/fields.ts';
import { DecodedRows } from '../store/decoded-rows.ts';
import { endOfPrefix, keyAfter } from '../store/key-order.ts';
import type { RowReader } from '../store/projection.ts';
import { kindOf, payloadOf, revisionOf, timeOf } from '../store/row-value.ts';
import {
  BUCKET_CLOSED,
  BUCKET_DELETED,
  bucketRowKey,
  collectionRowKey,
  ownerRowKey,
} from './buckets-by-name.projection.ts';
import { type CollectionRow, decodeCollection } from './collection-row.ts';

export interface StoredBucket {
  readonly name: string;
  readonly owner: string;
  readonly region: string;
  readonly createdMs: number;
  readonly status: 'open' | 'closing';
  /** Revision of the bucket's stream: the guard of whatever is put into it. */
  readonly revision: number;
  /** A write that began below this revision, and was not prolonged since, may have lost its bytes. */
  readonly writesSince: number;
}

export interface BucketsByName {
  get(name: string): StoredBucket | undefined;
  /** Revision of the bucket's stream, deleted ones too; undefined when there never was one. */
  revision(name: string): number | undefined;
  /** How far the collection of unnamed bytes has come; undefined: there is no such bucket. */
  collection(name: string): CollectionRow | undefined;
  /** In order of name, those above `after`, at most `limit`. */
  ofOwner(owner: string, after: string, limit: number): Promise<readonly StoredBucket[]>;
}

export function createBucketsByName(rows: RowReader): BucketsByName {
  const collection = (name: string) => {
    const value = rows.get(collectionRowKey(name));
    return value && decodeCollection(value);
  };
  const buckets = new DecodedRows(rows, (name) => {
    const value = rows.get(bucketRowKey(name));
    const collected = collection(name);
    return value && collected && storedBucket(name, value, collected);
  });
  const get = (name: string) => buckets.get(name);
  return {
    get,
    collection,
    revision(name) {
      const value = rows.get(bucketRowKey(name));
      return value && revisionOf(value);
    },
    async ofOwner(owner, after, limit) {
      const first = ownerRowKey(owner, '');
      const gte = after === '' ? first : keyAfter(ownerRowKey(owner, after));
      const cursor = rows.scan({ gte, lt: endOfPrefix(first) as string });
      const found: StoredBucket[] = [];
      try {
        while (found.length < limit) {
          const more = await cursor.next(limit - found.length);
          if (more.length === 0) break;
          for (const { key } of more) {
            // A bucket that was deleted since the scan began is no longer shown.
            const bucket = get(key.slice(first.length));
            if (bucket) found.push(bucket);
          }
        }
      } finally {
        await cursor.close();
      }
      return found;
    },
  };
}

type Created = DataOf<typeof buckets.table.events.BucketCreated.data>;

function storedBucket(
  name: string,
  value: Uint8Array,
  { writesSince }: CollectionRow,
): StoredBucket | undefined {
  const kind = kindOf(value);
  if (kind === BUCKET_DELETED) return undefined;
  const { owner, region } = buckets.decode('BucketCreated', payloadOf(value)).data as Created;
  const status = kind === BUCKET_CLOSED ? 'closing' : 'open';
  return { name, owner, region, createdMs: timeOf(value), status, revision: revisionOf(value), writesSince };
}
