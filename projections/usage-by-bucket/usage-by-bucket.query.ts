// Owns the question "how much is in this bucket, and in all that this owner has?".

import type { RowReader } from '../store/projection.ts';
import { bucketUsageKey, ownerUsageKey } from './usage-by-bucket.projection.ts';
import { type BucketUsage, bucketUsage, type OwnerUsage, ownerUsage } from './usage-rows.ts';

export type { BucketUsage, OwnerUsage };

export interface UsageByBucket {
  ofBucket(bucket: string): BucketUsage;
  ofOwner(owner: string): OwnerUsage;
}

export function createUsageByBucket(rows: RowReader): UsageByBucket {
  return {
    ofBucket: (bucket) => bucketUsage(rows.get(bucketUsageKey(bucket))),
    ofOwner: (owner) => ownerUsage(rows.get(ownerUsageKey(owner))),
  };
}
