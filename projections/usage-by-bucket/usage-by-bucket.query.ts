// Owns the questions "how much is in this bucket, and in all that this owner has?" and "which objects end by
// then?".

import type { RowReader } from '../store/projection.ts';
import { bucketUsageKey, endKey, nameInEndKey, ownerUsageKey } from './usage-by-bucket.projection.ts';
import { type BucketUsage, bucketUsage, type OwnerUsage, ownerUsage } from './usage-rows.ts';

export type { BucketUsage, OwnerUsage };

export interface UsageByBucket {
  ofBucket(bucket: string): BucketUsage;
  ofOwner(owner: string): OwnerUsage;
  /** Those whose time is over at that moment, the longest first, at most `limit`. */
  ended(nowMs: number, limit: number): Promise<readonly { readonly bucket: string; readonly key: string }[]>;
}

export function createUsageByBucket(rows: RowReader): UsageByBucket {
  return {
    ofBucket: (bucket) => bucketUsage(rows.get(bucketUsageKey(bucket))),
    ofOwner: (owner) => ownerUsage(rows.get(ownerUsageKey(owner))),
    async ended(nowMs, limit) {
      const cursor = rows.scan({ gte: endKey(0), lt: endKey(nowMs + 1) });
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
