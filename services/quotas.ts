// Owns the limits that buckets, and all that an owner has, may have of their own. Judged before the bytes
// come, as far as their length is known, and again when they are named. Guarantee: one write at a time never
// goes beyond; writes at the same time may together, by no more than themselves.

import type { Rejection } from '#core/kernel/decider.ts';
import type { StoredBucket } from '#projections/buckets-by-name/buckets-by-name.query.ts';
import type { BucketUsage } from '#projections/usage-by-bucket/usage-by-bucket.query.ts';
import type { ServiceContext } from './context.ts';

/**
 * Undefined at once where there are no quotas, else once it is known whether an object of that size may be
 * put. What it replaces does not count.
 */
export function overQuota(
  { buckets, usage }: Pick<ServiceContext, 'buckets' | 'usage'>,
  bucket: StoredBucket,
  sizeBytes: number,
): Promise<Rejection<'quota-exceeded'> | undefined> | undefined {
  const { properties } = bucket;
  const ofOwner = buckets.space(bucket.owner).properties;
  if (!hasQuota(properties) && !hasQuota(ofOwner)) return undefined;
  const isOver = async () =>
    exceeds(properties, usage.ofBucket(bucket.id), sizeBytes) ||
    (hasQuota(ofOwner) && exceeds(ofOwner, await usage.ofOwner(bucket.owner), sizeBytes));
  return isOver().then((over) => (over ? { rejected: 'quota-exceeded' } : undefined));
}

type Properties = StoredBucket['properties'];

const hasQuota = (properties: Properties): boolean =>
  properties['quota/bytes'] !== undefined || properties['quota/objects'] !== undefined;

function exceeds(properties: Properties, { objects, bytes }: BucketUsage, sizeBytes: number): boolean {
  const most = (name: string) => Number(properties[name] ?? Number.POSITIVE_INFINITY);
  return bytes + sizeBytes > most('quota/bytes') || objects + 1 > most('quota/objects');
}
