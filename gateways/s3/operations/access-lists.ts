// Owns the operations on the access control lists of buckets and objects.

import type { StoredBucket } from '#projections/buckets-by-name/buckets-by-name.query.ts';
import type { StoredObject } from '#projections/objects-by-key/objects-by-key.query.ts';
import { grantsInDocument, grantsInHeaders, type Subject } from '../access/asked-grants.ts';
import { accessOf, GRANTS_PROPERTY } from '../access/bucket-access.ts';
import { GROUPS, type Grantee, type Grants, grantsOf, ownersAlone, textOfGrants } from '../access/grants.ts';
import { accept, acceptBucket, documentBody, type S3Call } from '../call.ts';
import { S3Error } from '../errors.ts';
import { replyEmpty, replyXml } from '../reply.ts';
import { XmlWriter } from '../xml.ts';
import { objectOf } from './find-object.ts';
import { ownerFragment } from './owner.ts';

const INSTANCE = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"';

async function bucketOf(call: S3Call): Promise<StoredBucket> {
  return acceptBucket(call, await call.gateway.cloud.buckets.get(call.caller, call.bucket));
}

export async function getBucketAcl(call: S3Call): Promise<void> {
  const bucket = await bucketOf(call);
  const { ownership } = accessOf(bucket);
  const text = ownership === 'BucketOwnerEnforced' ? undefined : bucket.properties[GRANTS_PROPERTY];
  replyGrants(call, bucket.owner, text === undefined ? ownersAlone(bucket.owner) : grantsOf(text));
}

export async function putBucketAcl(call: S3Call): Promise<void> {
  const bucket = await bucketOf(call);
  const grants = await askedGrants(call, { bucket, owner: bucket.owner });
  await setBucketGrants(call, grants);
  replyEmpty(call, 200);
}

/** A list that says nothing of others is none. */
export async function setBucketGrants(call: S3Call, grants: Grants): Promise<void> {
  const text = textOfGrants(grants);
  const isNone = text === textOfGrants(ownersAlone(call.caller.accountId));
  const changes = isNone
    ? { set: {}, unset: [GRANTS_PROPERTY] }
    : { set: { [GRANTS_PROPERTY]: text }, unset: [] };
  acceptBucket(call, await call.gateway.cloud.buckets.describe(call.caller, call.bucket, changes));
}

export async function getObjectAcl(call: S3Call): Promise<void> {
  const object = await objectOf(call);
  const { bucket, owner } = await subjectOf(call, object);
  const isListed = object.grants !== undefined && accessOf(bucket).ownership !== 'BucketOwnerEnforced';
  replyGrants(call, owner, isListed ? grantsOf(object.grants as string) : ownersAlone(owner));
}

export async function putObjectAcl(call: S3Call): Promise<void> {
  const grants = await askedGrants(call, await subjectOf(call, await objectOf(call)));
  const { objects } = call.gateway.cloud;
  accept(call, await objects.grant(call.caller, call.bucket, call.key, textOfGrants(grants)));
  replyEmpty(call, 200);
}

async function subjectOf(call: S3Call, object: StoredObject): Promise<Subject> {
  const bucket = await bucketOf(call);
  const isBuckets = accessOf(bucket).ownership === 'BucketOwnerEnforced';
  return { bucket, owner: isBuckets ? bucket.owner : object.owner };
}

/** From the headers or from the body, whichever has them. @throws S3Error */
async function askedGrants(call: S3Call, subject: Subject): Promise<Grants> {
  const inHeaders = await grantsInHeaders(call, subject);
  const { bytes } = await documentBody(call);
  if (inHeaders && bytes.length > 0) throw new S3Error('UnexpectedContent');
  if (inHeaders) return inHeaders;
  if (bytes.length > 0) return grantsInDocument(call, bytes, subject);
  throw new S3Error('MissingSecurityHeader', undefined, { MissingHeaderName: 'x-amz-acl' });
}

function replyGrants(call: S3Call, ownerId: string, grants: Grants): void {
  const owner = call.gateway.cloud.accounts.owner(ownerId);
  const xml = new XmlWriter('AccessControlPolicy').raw(ownerFragment('Owner', owner));
  xml.open('AccessControlList');
  for (const { grantee, permission } of grants) {
    xml.open('Grant');
    addGrantee(call, xml, grantee);
    xml.plain('Permission', permission).close('Grant');
  }
  replyXml(call, xml.close('AccessControlList').document());
}

function addGrantee(call: S3Call, xml: XmlWriter, grantee: Grantee): void {
  if ('group' in grantee) {
    xml.raw(`<Grantee ${INSTANCE} xsi:type="Group">`).element('URI', GROUPS[grantee.group]);
  } else {
    const { canonicalId, displayName } = call.gateway.cloud.accounts.owner(grantee.accountId);
    xml.raw(`<Grantee ${INSTANCE} xsi:type="CanonicalUser">`).element('ID', canonicalId);
    xml.element('DisplayName', displayName);
  }
  xml.close('Grantee');
}
