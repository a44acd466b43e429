// Owns the change of whose the objects of a bucket are. Guarantee: no list that lets others in is left behind
// where lists no longer count.

import { accessOf } from '../access/bucket-access.ts';
import { acceptBucket, documentBody, type S3Call } from '../call.ts';
import { S3Error } from '../errors.ts';
import { replyEmpty } from '../reply.ts';
import { type Ownership, ownership } from '../settings/ownership.ts';
import { change } from '../settings/setting.ts';
import { malformed, readXml } from '../xml.ts';

export async function putOwnershipControls(call: S3Call): Promise<void> {
  const { bytes } = await documentBody(call);
  if (bytes.length > ownership.maxBytes) throw malformed();
  const rule = ownership.read(readXml(bytes, ownership.root), call);
  const bucket = acceptBucket(call, await call.gateway.cloud.buckets.get(call.caller, call.bucket));
  if (rule === 'BucketOwnerEnforced' && accessOf(bucket).grants.length > 1) {
    throw new S3Error('InvalidBucketAclWithObjectOwnership');
  }
  await setOwnership(call, rule);
  replyEmpty(call, ownership.putStatus);
}

/** What is the case of a new bucket is not told: it costs its requests nothing. */
export function setOwnership(call: S3Call, rule: Ownership | undefined): Promise<void> {
  return change(call, ownership, rule === 'BucketOwnerEnforced' ? undefined : rule);
}

/** From then on whoever writes an object owns it, as in buckets from before there were controls. */
export async function deleteOwnershipControls(call: S3Call): Promise<void> {
  await change(call, ownership, 'none');
  replyEmpty(call, 204);
}
