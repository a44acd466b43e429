// Owns the reading of access control lists from requests: the canned ones, headers of grants, and documents
// (Amazon S3 API Reference, PutObjectAcl); and what a bucket takes of them.

import { limits } from '#core/kernel/limits.ts';
import type { StoredBucket } from '#projections/buckets-by-name/buckets-by-name.query.ts';
import type { Caller } from '#services/cloud.ts';
import { header, type S3Call } from '../call.ts';
import { invalidArgument, S3Error } from '../errors.ts';
import { readXml, type XmlElement } from '../xml.ts';
import { asksForGrants, GRANT_HEADERS } from './authorise.ts';
import { accessOf } from './bucket-access.ts';
import {
  CANNED,
  type Canned,
  cannedGrants,
  GROUPS,
  type Grant,
  type Grantee,
  type Grants,
  type Group,
  isForPublic,
  isPermission,
  ownersAlone,
  textOfGrants,
} from './grants.ts';

/** Of what a list is asked for: a bucket, or an object in it. */
export interface Subject {
  readonly bucket: StoredBucket;
  readonly owner: string;
}

const malformedList = (): S3Error => new S3Error('MalformedACLError');

/** Undefined where the headers ask for none. @throws S3Error */
export async function grantsInHeaders(call: S3Call, subject: Subject): Promise<Grants | undefined> {
  const { headers } = call;
  if (!asksForGrants(headers)) return undefined;
  const canned = cannedOf(call);
  const grants: Grant[] = [];
  for (const [name, permission] of Object.entries(GRANT_HEADERS)) {
    const value = header(call, name);
    if (value === undefined) continue;
    if (canned) {
      throw new S3Error('InvalidRequest', 'Specifying both Canned ACLs and Header Grants is not allowed');
    }
    for (const [kind, id] of namedIn(name, value)) {
      grants.push({ grantee: await granteeOf(call, kind, id), permission });
    }
  }
  const asked = canned ? cannedGrants(canned, subject.owner, subject.bucket.owner) : grants;
  return allowed(subject, asked);
}

export function cannedOf(call: S3Call): Canned | undefined {
  const value = header(call, 'x-amz-acl');
  if (value === undefined) return undefined;
  const canned = CANNED.find((each) => each === value);
  if (!canned) throw invalidArgument('x-amz-acl', value, '');
  return canned;
}

const NAMED = /^\s*(id|emailAddress|uri)\s*=\s*(?:"([^"]*)"|([^",\s]+))\s*$/i;

function namedIn(name: string, value: string): [kind: string, id: string][] {
  const parts = value.split(',');
  if (parts.length > limits.s3Grants) throw malformedList();
  return parts.map((part) => {
    const [, kind = '', quoted, bare] = NAMED.exec(part) ?? [];
    if (kind === '') throw invalidArgument(name, value, 'Argument format not recognized');
    return [kind.toLowerCase(), quoted ?? bare ?? ''];
  });
}

/** @throws S3Error InvalidArgument, UnresolvableGrantByEmailAddress, AmbiguousGrantByEmailAddress */
async function granteeOf(call: S3Call, kind: string, id: string): Promise<Grantee> {
  const { accounts } = call.gateway.cloud;
  if (kind === 'uri') {
    const group = (Object.keys(GROUPS) as Group[]).find((each) => GROUPS[each] === id);
    if (!group) throw invalidArgument('uri', id, 'Invalid group uri');
    return { group };
  }
  if (kind === 'id') {
    const accountId = await accounts.byCanonicalId(id);
    if (accountId === undefined) throw invalidArgument('id', id, 'Invalid id');
    return { accountId };
  }
  const [accountId, another] = await accounts.byEmail(id);
  if (accountId === undefined) throw new S3Error('UnresolvableGrantByEmailAddress');
  if (another !== undefined) throw new S3Error('AmbiguousGrantByEmailAddress');
  return { accountId };
}

/** @throws S3Error MalformedACLError, AccessDenied, … */
export async function grantsInDocument(call: S3Call, bytes: Uint8Array, subject: Subject): Promise<Grants> {
  const { owner, list } = documentOf(bytes);
  const { canonicalId } = call.gateway.cloud.accounts.owner(subject.owner);
  // An owner cannot be changed by a list.
  if (owner !== undefined && owner !== canonicalId) throw new S3Error('AccessDenied');
  const grants: Grant[] = [];
  for (const element of list) {
    const permission = element.textOf('Permission')?.trim() ?? '';
    const grantee = element.child('Grantee');
    if (!isPermission(permission) || !grantee) throw malformedList();
    grants.push({ grantee: await documentGrantee(call, grantee), permission });
  }
  return allowed(subject, grants);
}

function documentOf(bytes: Uint8Array): { owner: string | undefined; list: readonly XmlElement[] } {
  try {
    const root = readXml(bytes, 'AccessControlPolicy').expect(['Owner', 'AccessControlList']);
    const owner = root.child('Owner')?.expect(['ID', 'DisplayName']).textOf('ID')?.trim();
    const list = root.child('AccessControlList')?.expect([], ['Grant']).children;
    if (!list || list.length > limits.s3Grants) throw malformedList();
    for (const grant of list) grant.expect(['Grantee', 'Permission']);
    return { owner, list };
  } catch (error) {
    if (error instanceof S3Error && error.code === 'MalformedXML') throw malformedList();
    throw error;
  }
}

function documentGrantee(call: S3Call, element: XmlElement): Promise<Grantee> {
  for (const [name, kind] of [
    ['ID', 'id'],
    ['URI', 'uri'],
    ['EmailAddress', 'emailaddress'],
  ] as const) {
    const text = element.textOf(name)?.trim();
    if (text !== undefined) return granteeOf(call, kind, text);
  }
  throw malformedList();
}

/** The list, if the bucket takes it. @throws S3Error AccessControlListNotSupported, AccessDenied */
function allowed({ bucket, owner }: Subject, grants: Grants): Grants {
  const { ownership, blocked } = accessOf(bucket);
  const isOwnersAlone = grants.every(({ grantee }) => 'accountId' in grantee && grantee.accountId === owner);
  const isWhole = grants.some(({ permission }) => permission === 'FULL_CONTROL');
  if (ownership === 'BucketOwnerEnforced' && !(isOwnersAlone && isWhole)) {
    throw new S3Error('AccessControlListNotSupported');
  }
  if (blocked.blockPublicAcls && grants.some(isForPublic)) {
    throw new S3Error(
      'AccessDenied',
      'Access Denied because public access control lists (ACLs) are blocked by the BlockPublicAcls block ' +
        'public access setting.',
    );
  }
  return grants;
}

/** As whom an object is written, and with which list where it is not its owner's alone. */
export interface Writing {
  readonly caller: Caller;
  readonly listed: { readonly grants?: string };
}

const NOT_LISTED = {};

/** A promise only where something is asked of whose the object is to be, or who else may. @throws S3Error */
export function writingOf(call: S3Call): Writing | Promise<Writing> {
  const { caller, headers } = call;
  if (caller.ownerId === undefined && !asksForGrants(headers)) return { caller, listed: NOT_LISTED };
  return askedWriting(call);
}

async function askedWriting(call: S3Call): Promise<Writing> {
  const { accountId, ownerId = accountId } = call.caller;
  const bucket = await call.gateway.cloud.buckets.latest(accountId, call.bucket);
  // The write itself says that there is none.
  if (!bucket) return { caller: call.caller, listed: NOT_LISTED };
  const isGiven =
    accessOf(bucket).ownership === 'BucketOwnerPreferred' && cannedOf(call) === 'bucket-owner-full-control';
  const owner = isGiven ? bucket.owner : ownerId;
  const alone = ownersAlone(owner);
  const grants = textOfGrants((await grantsInHeaders(call, { bucket, owner })) ?? alone);
  const listed = grants === textOfGrants(alone) ? NOT_LISTED : { grants };
  return { caller: { ...call.caller, ownerId: owner }, listed };
}
