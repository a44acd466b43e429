// Owns the operations on a bucket's policy. It is kept and shown as the very text that was put.

import { isPublic } from '#core/policy/publicness.ts';
import type { StoredBucket } from '#projections/buckets-by-name/buckets-by-name.query.ts';
import { readBucketPolicy } from '../access/actions.ts';
import { accessOf, POLICY_PROPERTY } from '../access/bucket-access.ts';
import { acceptBucket, documentBody, errorFor, type S3Call } from '../call.ts';
import { S3Error } from '../errors.ts';
import { replyEmpty, replyJson, replyXml } from '../reply.ts';
import { XmlWriter } from '../xml.ts';

async function bucketOf(call: S3Call): Promise<StoredBucket> {
  return acceptBucket(call, await call.gateway.cloud.buckets.get(call.caller, call.bucket));
}

export async function getBucketPolicy(call: S3Call): Promise<void> {
  const text = (await bucketOf(call)).properties[POLICY_PROPERTY];
  if (text === undefined) throw errorFor(call, 'NoSuchBucketPolicy');
  replyJson(call, text);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @throws S3Error MalformedPolicy */
async function policyText(call: S3Call): Promise<string> {
  try {
    const { bytes } = await documentBody(call);
    return utf8.decode(bytes);
  } catch (error) {
    const isUnreadable = error instanceof TypeError;
    // A body that is too long to be a document of any kind.
    if (isUnreadable || (error instanceof S3Error && error.code === 'MalformedXML')) {
      throw new S3Error('MalformedPolicy', 'This policy contains invalid Json');
    }
    throw error;
  }
}

export async function putBucketPolicy(call: S3Call): Promise<void> {
  const text = await policyText(call);
  const bucket = await bucketOf(call);
  const policy = readBucketPolicy(text, bucket.name);
  if ('malformed' in policy) throw new S3Error('MalformedPolicy', policy.malformed);
  if (accessOf(bucket).blocked.blockPublicPolicy && isPublic(policy)) {
    throw new S3Error(
      'AccessDenied',
      'Access Denied because public policies are blocked by the BlockPublicPolicy block public access ' +
        'setting.',
    );
  }
  const changes = { set: { [POLICY_PROPERTY]: text }, unset: [] };
  acceptBucket(call, await call.gateway.cloud.buckets.describe(call.caller, call.bucket, changes));
  replyEmpty(call, 204);
}

export async function deleteBucketPolicy(call: S3Call): Promise<void> {
  const changes = { set: {}, unset: [POLICY_PROPERTY] };
  acceptBucket(call, await call.gateway.cloud.buckets.describe(call.caller, call.bucket, changes));
  replyEmpty(call, 204);
}

export async function getBucketPolicyStatus(call: S3Call): Promise<void> {
  const { policy, isPolicyPublic } = accessOf(await bucketOf(call));
  if (policy === undefined) throw errorFor(call, 'NoSuchBucketPolicy');
  replyXml(call, new XmlWriter('PolicyStatus').plain('IsPublic', isPolicyPublic).document());
}
