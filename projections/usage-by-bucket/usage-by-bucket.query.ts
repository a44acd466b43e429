// Owns the questions "how much is in this bucket, and in all that this owner has?" and "which objects end by
// then?", answered from the rows of objects-by-key.

import type { BucketsByName } from '../buckets-by-name/buckets-by-name.query.ts';
import {
  type BucketUsage,
  decodeUsage,
  endRowKey,
  nameInEndKey,
  usageRowKey,
} from '../objects-by-key/usage-rows.ts';
import type { RowReader } from '../store/projection.ts';

export type { BucketUsage };

export interface OwnerUsage extends BucketUsage {
  readonly buckets: number;
}

export interface UsageByBucket {
  ofBucket(bucket: string): BucketUsage;
  /** Goes through all that the owner has. */
  ofOwner(owner: string): Promise<OwnerUsage>;
  /** Those whose time is over at that moment, the longest first, at most `limit`. */
  ended(nowMs: number, limit: number): Promise<readonly { readonly bucket: string; readonly key: string }[]>;
}

export interface UsageParts {
  readonly objectRows: RowReader;
  readonly buckets: Pick<BucketsByName, 'ofOwner'>;
}

const PAGE_BUCKETS = 1_000;

export function createUsageByBucket({ objectRows, buckets }: UsageParts): UsageByBucket {
  const ofBucket = (bucket: string) => decodeUsage(objectRows.get(usageRowKey(bucket)));
  return {
    ofBucket,
    async ofOwner(owner) {
      const sum = { buckets: 0, objects: 0, bytes: 0 };
      for (let after = ''; ; ) {
        const page = await buckets.ofOwner(owner, after, PAGE_BUCKETS);
        for (const { id } of page) {
          const { objects, bytes } = ofBucket(id);
          sum.buckets++;
          sum.objects += objects;
          sum.bytes += bytes;
        }
        const last = page.at(-1);
        if (!last || page.length < PAGE_BUCKETS) return sum;
        after = last.name;
      }
    },
    async ended(nowMs, limit) {
      const cursor = objectRows.scan({ gte: endRowKey(0), lt: endRowKey(nowMs + 1) });
      const found: { bucket: string; key: string }[] = [];
      try {
        while (found.length < limit) {
          const more = await cursor.next(limit - found.length);
          if (more.length === 0) break;
          for (const { key } of more) found.push(nameInEndKey(key));
        }
      } finally {
        await cursor.close();
      }
      return found;
    },
  };
}
