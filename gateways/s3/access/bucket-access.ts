// Owns what a bucket says of who may use it: its policy, its access control list, whose its objects are, and
// what of all that is blocked. Guarantee: all of it is read from one state of the bucket, so no decision uses
// half of a change.

import type { Policy } from '#core/policy/policy.ts';
import { isPublic } from '#core/policy/publicness.ts';
import type { StoredBucket } from '#projections/buckets-by-name/buckets-by-name.query.ts';
import { type Ownership, ownership } from '../settings/ownership.ts';
import { type BlockedAccess, NOTHING_BLOCKED, publicAccessBlock } from '../settings/public-access-block.ts';
import { settingIn } from '../settings/setting.ts';
import { readBucketPolicy } from './actions.ts';
import { type Grants, grantsOf, isForPublic, ownersAlone } from './grants.ts';

export const POLICY_PROPERTY = 's3/policy';
export const GRANTS_PROPERTY = 's3/acl';

export interface BucketAccess {
  /** `unreadable`: it is not to be understood any more, so nobody gets in by roles either. */
  readonly policy: Policy | 'unreadable' | undefined;
  readonly isPolicyPublic: boolean;
  /** Of the bucket, as they count. */
  readonly grants: Grants;
  readonly ownership: Ownership;
  readonly blocked: BlockedAccess;
  /** The policy asks for the tags that an object has. */
  readonly readsTags: boolean;
}

/** Whether nothing but the owner's roles decides what the owner may. */
export function isPlain({ properties }: StoredBucket): boolean {
  return properties[POLICY_PROPERTY] === undefined && properties[ownership.property] === undefined;
}

/** Whether anybody but the owner could be let in. */
export function isClosed(bucket: StoredBucket): boolean {
  return isPlain(bucket) && bucket.properties[GRANTS_PROPERTY] === undefined;
}

// Properties of a bucket stay the same object until they change.
const known = new WeakMap<StoredBucket['properties'], BucketAccess>();

export function accessOf(bucket: StoredBucket): BucketAccess {
  const { properties } = bucket;
  let access = known.get(properties);
  // Buckets of whom nothing is known share their properties.
  if (!access || isClosed(bucket)) {
    access = read(bucket);
    known.set(properties, access);
  }
  return access;
}

function read({ name, owner, properties }: StoredBucket): BucketAccess {
  const text = properties[POLICY_PROPERTY];
  const found = text === undefined ? undefined : readBucketPolicy(text, name);
  const policy = found && 'malformed' in found ? 'unreadable' : found;
  const blocked = settingIn(properties, publicAccessBlock) ?? NOTHING_BLOCKED;
  const rule = settingIn(properties, ownership) ?? 'BucketOwnerEnforced';
  const listed = properties[GRANTS_PROPERTY];
  const isListed = listed !== undefined && rule !== 'BucketOwnerEnforced';
  const readsTags =
    typeof policy === 'object' &&
    policy.statements.some(({ conditions }) => conditions.some(({ key }) => key.startsWith(EXISTING_TAG)));
  return {
    policy,
    isPolicyPublic: typeof policy === 'object' && isPublic(policy),
    grants: isListed ? counting(grantsOf(listed), blocked) : ownersAlone(owner),
    ...{ ownership: rule, blocked, readsTags },
  };
}

const EXISTING_TAG = 's3:existingobjecttag/';

/** Those grants that are not ignored. */
export function counting(grants: Grants, { ignorePublicAcls }: BlockedAccess): Grants {
  return ignorePublicAcls ? grants.filter((grant) => !isForPublic(grant)) : grants;
}
