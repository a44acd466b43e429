// Owns which bucket a caller means by a name, and what id a new one gets. Why:
// docs/decisions/0015-one-namespace.md.

import { isQualified, qualifiedId } from '#core/buckets/buckets.events.ts';
import type { BucketsByName } from '#projections/buckets-by-name/buckets-by-name.query.ts';

const SHARED_NAME = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const IP_ADDRESS = /^\d+\.\d+\.\d+\.\d+$/;
const RESERVED_PREFIXES = ['xn--', 'sthree-', 'amzn-s3-demo-'];
const RESERVED_SUFFIXES = ['-s3alias', '--ol-s3', '.mrap', '--x-s3', '--table-s3'];

/**
 * Whether the name can be one that all callers mean the same bucket by (Amazon S3 User Guide, "General
 * purpose bucket naming rules").
 */
export function isSharedName(name: string): boolean {
  return (
    SHARED_NAME.test(name) &&
    !name.includes('..') &&
    !IP_ADDRESS.test(name) &&
    !RESERVED_PREFIXES.some((prefix) => name.startsWith(prefix)) &&
    !RESERVED_SUFFIXES.some((suffix) => name.endsWith(suffix))
  );
}

/** The bucket of that name that the account has; otherwise the one that all mean by it, there or not. */
export function bucketIdOf(buckets: BucketsByName, accountId: string, name: string): string {
  const isOwns = isQualified(name);
  // First what is right for almost every request: nothing else is looked up then.
  if (!isOwns && buckets.get(name)?.owner === accountId) return name;
  const own = qualifiedId(accountId, name);
  return isOwns || buckets.get(own) ? own : name;
}

/** Of a bucket that is to be made in a dialect whose names are each account's own. */
export function newBucketId(buckets: BucketsByName, accountId: string, name: string): string {
  return isSharedName(name) && !buckets.get(name) ? name : qualifiedId(accountId, name);
}
