// Owns the judgement whether a call may be carried out, and as whom. Guarantees: nobody gets further than
// their role in their own account lets them, nor, at a bucket of another account, than its policy or a list
// lets them; an explicit denial wins over all of it. At a bucket without policy and lists its owner pays two
// look-ups of a property for all this.
//
// The cloud knows owners alone: whoever is let in at another's bucket acts there for its owner, with as much
// of a role as the operation needs, and under their own name.

import { isRejected } from '#core/kernel/decider.ts';
import { evaluatePolicy, type Verdict } from '#core/policy/policy.ts';
import type { Principal } from '#core/policy/principals.ts';
import type { StoredBucket } from '#projections/buckets-by-name/buckets-by-name.query.ts';
import type { StoredObject } from '#projections/objects-by-key/objects-by-key.query.ts';
import type { AccessKeyOwner, Caller } from '#services/cloud.ts';
import { isEnough, PERMISSIONS } from '#services/permissions.ts';
import type { Authenticated } from '../auth/authenticate.ts';
import { errorFor, type S3Call } from '../call.ts';
import type { OperationName } from '../detect.ts';
import { S3Error, type S3Failure } from '../errors.ts';
import { failureOf } from '../failures.ts';
import type { Address } from '../keys.ts';
import { OPERATIONS } from '../operations/operations.ts';
import {
  ACTIONS,
  arnOf,
  KEPT_BY_ACCOUNT,
  type OperationAction,
  type Permission,
  PUT_ACL,
  PUT_TAGS,
} from './actions.ts';
import { accessOf, type BucketAccess, counting, isClosed, isPlain } from './bucket-access.ts';
import { type Asked, valuesOf } from './condition-values.ts';
import { grantsOf, lets, ownersAlone } from './grants.ts';

/** Until it is authorised; nobody in particular has no account, so owns nothing. */
export function callerOf(identity: Authenticated['identity'], requestId: string): Caller {
  if (identity === 'anonymous') return { accountId: '', role: 'reader', requestId };
  const { accountId, role } = identity;
  return { accountId, role, requestId };
}

/** @throws S3Error AccessDenied, NoSuchBucket */
export function authorise(
  call: S3Call,
  operation: OperationName,
  address: Address = call,
): Caller | Promise<Caller> {
  const { identity } = call.auth;
  const { needs } = OPERATIONS[operation];
  if (identity === 'anonymous') return judge(call, operation, address);
  if (PERMISSIONS[needs].on === 'project') {
    if (!isEnough(identity.role, needs)) throw new S3Error('AccessDenied');
    return ownCaller(call, identity);
  }
  const bucket = call.gateway.cloud.buckets.named(identity.accountId, address.bucket);
  const isOwners = bucket?.owner === identity.accountId && isEnough(identity.role, needs);
  return isOwners && isPlain(bucket) ? ownCaller(call, identity) : judge(call, operation, address);
}

function ownCaller(call: S3Call, identity: AccessKeyOwner): Caller {
  const { caller, requestId } = call;
  const { accountId, role } = identity;
  // That of the request itself, unless it was let in elsewhere.
  return caller.accountId === accountId && caller.role === role ? caller : { accountId, role, requestId };
}

/** What is judged, with all that the judgement looks at. */
interface Case {
  readonly call: S3Call;
  readonly operation: OperationName;
  readonly bucket: StoredBucket;
  readonly key: string;
  readonly access: BucketAccess;
  readonly principal: Principal;
  /** What the caller's own account lets the caller do. */
  readonly isLet: boolean;
  readonly isOwners: boolean;
}

async function judge(call: S3Call, operation: OperationName, address: Address): Promise<Caller> {
  const { identity } = call.auth;
  const { buckets } = call.gateway.cloud;
  const { needs } = OPERATIONS[operation];
  const somebody = identity === 'anonymous' ? undefined : identity;
  if (!somebody && PERMISSIONS[needs].on === 'project') throw new S3Error('AccessDenied');
  const isLet = somebody !== undefined && isEnough(somebody.role, needs);
  // What another gateway said of the bucket a moment ago must count.
  const bucket = await buckets.latest(somebody?.accountId ?? '', address.bucket);
  if (!bucket) {
    if (somebody && isLet) return ownCaller(call, somebody);
    throw somebody ? new S3Error('AccessDenied') : errorFor({ ...call, ...address }, 'NoSuchBucket');
  }
  const isOwners = bucket.owner === somebody?.accountId;
  if (isOwners && isLet && isPlain(bucket)) return ownCaller(call, somebody as AccessKeyOwner);
  if (isClosed(bucket)) throw new S3Error('AccessDenied');
  const principal = principalOf(call, isLet);
  const access = accessOf(bucket);
  const judged = { call, operation, bucket, key: address.key, access, principal, isLet, isOwners };
  if (!(await mayAll(judged))) throw new S3Error('AccessDenied');
  if (isOwners && isLet) return ownCaller(call, somebody as AccessKeyOwner);
  const guest = guestOf(judged);
  if (!isOwners && needs === 'read-objects' && (await isMadeOfOthers(judged, guest))) {
    throw new S3Error('AccessDenied');
  }
  return guest;
}

/** What it is made of lies where nobody has let the guest in. */
async function isMadeOfOthers(judged: Case, guest: Caller): Promise<boolean> {
  const found = await storedFor(judged, guest, ACTIONS[judged.operation]);
  return found?.assembly !== undefined;
}

/** One who acts at the bucket for its owner. */
function guestOf({ call, operation, bucket, access, principal, isOwners }: Case): Caller {
  const { accountId = 'anonymous' } = principal;
  const { identity } = call.auth;
  const userId = identity === 'anonymous' ? accountId : (identity.user?.id ?? accountId);
  const { role } = PERMISSIONS[OPERATIONS[operation].needs];
  const caller = { accountId: bucket.owner, userId, role, requestId: call.requestId };
  return isOwners || ownsAll(access) ? caller : { ...caller, ownerId: accountId };
}

const ownsAll = ({ ownership }: BucketAccess): boolean => ownership === 'BucketOwnerEnforced';

function principalOf({ auth }: S3Call, isLetByAccount: boolean): Principal {
  if (auth.identity === 'anonymous') {
    return { accountId: undefined, arn: '', canonicalId: '', isLetByAccount };
  }
  const { accountId, canonicalId, user } = auth.identity;
  const arn = `arn:aws:iam::${accountId}:${user ? `user/${user.name}` : 'root'}`;
  return { accountId, arn, canonicalId, isLetByAccount };
}

async function mayAll(judged: Case): Promise<boolean> {
  const { call, operation } = judged;
  const { headers } = call;
  const action = ACTIONS[operation];
  // Judged key by key, where they are known.
  if (action.forEachKey && judged.key === '') return true;
  const more: OperationAction[] = [];
  if (action.action === 'PutObject' && asksForGrants(headers)) more.push(PUT_ACL);
  if (action.action === 'PutObject' && headers['x-amz-tagging'] !== undefined) more.push(PUT_TAGS);
  for (const each of [action, ...more]) if (!(await may(judged, each))) return false;
  return true;
}

export const GRANT_HEADERS = {
  'x-amz-grant-read': 'READ',
  'x-amz-grant-write': 'WRITE',
  'x-amz-grant-read-acp': 'READ_ACP',
  'x-amz-grant-write-acp': 'WRITE_ACP',
  'x-amz-grant-full-control': 'FULL_CONTROL',
} as const;

export function asksForGrants(headers: S3Call['headers']): boolean {
  if (headers['x-amz-acl'] !== undefined) return true;
  for (const name in GRANT_HEADERS) if (headers[name] !== undefined) return true;
  return false;
}

async function may(judged: Case, action: OperationAction): Promise<boolean> {
  const { access, isLet, isOwners, principal } = judged;
  const object = await objectOf(judged, action);
  const verdict = verdictOf(judged, action, object);
  const isRoot = isOwners && principal.arn.endsWith(':root');
  if (verdict === 'deny') return isRoot && isLet && KEPT_BY_ACCOUNT.has(action.action);
  const isPolicys = verdict === 'allow' && !(isRestricted(access) && !isOwners);
  // What somebody else owns in the bucket, neither its owner nor its policy can open.
  const isForeign = object !== undefined && ownerIn(judged, object) !== judged.bucket.owner;
  const isOfObject = isForeign && action.grantOf !== 'bucket';
  if (isOwners && !isOfObject) return isLet || isPolicys;
  // Another account's own rules come first.
  if (principal.accountId !== undefined && !isLet) return false;
  return (isPolicys && !isOfObject) || isGranted(judged, action, object);
}

const isRestricted = ({ blocked, isPolicyPublic }: BucketAccess): boolean =>
  blocked.restrictPublicBuckets && isPolicyPublic;

function verdictOf(judged: Case, action: OperationAction, object: StoredObject | undefined): Verdict {
  const { call, bucket, key, access, principal } = judged;
  const { policy } = access;
  if (policy === undefined) return 'none';
  if (policy === 'unreadable') return 'deny';
  const asked: Asked = { call, principal, bucketOwner: bucket.owner, existingTags: object?.tags };
  const isOfVersion = action.ofVersion !== undefined && call.query.has('versionId');
  const name = isOfVersion ? action.ofVersion : action.action;
  const resource = arnOf(bucket.name, action.on === 'object' ? key : '');
  return evaluatePolicy(policy, { principal, action: `s3:${name}`, resource, values: valuesOf(asked) });
}

/** Where the judgement needs to know it: whose it is, its list, its tags. */
async function objectOf(judged: Case, action: OperationAction): Promise<StoredObject | undefined> {
  const { call, bucket, access } = judged;
  if (action.on !== 'object' || !(access.readsTags || !ownsAll(access))) return undefined;
  return storedFor(judged, { accountId: bucket.owner, role: 'reader', requestId: call.requestId }, action);
}

/** The version that the request asks for, or else what the key names. */
async function storedFor(
  { call, bucket, key }: Case,
  caller: Caller,
  { ofVersion }: OperationAction,
): Promise<StoredObject | undefined> {
  const { objects } = call.gateway.cloud;
  const versionId = ofVersion === undefined ? undefined : call.query.get('versionId');
  if (versionId === undefined) {
    const found = await objects.stored(caller, bucket.name, key);
    return isRejected(found) ? undefined : found;
  }
  const found = await objects.version(caller, bucket.name, key, versionId, 'keep');
  return isRejected(found) ? undefined : found.object;
}

function ownerIn({ access, bucket }: Case, object: StoredObject): string {
  return ownsAll(access) ? bucket.owner : object.owner;
}

function isGranted(judged: Case, action: OperationAction, object: StoredObject | undefined): boolean {
  const { access, principal } = judged;
  const { grant, grantOf } = action;
  if (ownsAll(access)) return false;
  if (grantOf === 'bucket') return grant !== undefined && lets(access.grants, principal.accountId, grant);
  if (!object) return false;
  const owner = ownerIn(judged, object);
  // Whatever the list says, its owner may change it.
  const isOwn = owner === principal.accountId;
  if (grant !== 'READ') return isOwn || (grant !== undefined && isListed(judged, object, grant));
  return isListed(judged, object, grant);
}

function isListed(judged: Case, object: StoredObject, grant: Permission): boolean {
  const { access, principal } = judged;
  const grants = object.grants === undefined ? ownersAlone(ownerIn(judged, object)) : grantsOf(object.grants);
  return lets(counting(grants, access.blocked), principal.accountId, grant);
}

/**
 * Who may not list a bucket is not told which keys it has not (GetObject: "if you have the s3:ListBucket
 * permission, 404; otherwise 403").
 */
export async function asTold(call: S3Call, failure: S3Failure): Promise<S3Failure> {
  if (failure.code !== 'NoSuchKey' && failure.code !== 'NoSuchVersion') return failure;
  try {
    await authorise(call, 'ListObjectsV2', { bucket: call.bucket, key: '' });
    return failure;
  } catch (error) {
    return failureOf(error) ?? new S3Error('InternalError');
  }
}
