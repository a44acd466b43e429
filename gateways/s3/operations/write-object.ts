// Owns PutObject and DeleteObject. Hot path: 4 KiB PUTs. Only the digests that someone will look at are
// computed.

import type { Tags } from '#core/objects/objects.events.ts';
import type { StoredObject } from '#projections/objects-by-key/objects-by-key.query.ts';
import type { DeleteCondition, Deletion } from '#services/cloud.ts';
import { writingOf } from '../access/asked-grants.ts';
import { accept, objectBody, type S3Call } from '../call.ts';
import { addChecksumHeaders, BodyChecks } from '../checksums.ts';
import {
  type DeletionTerms,
  deletionTermsOf,
  ifMatchCondition,
  judgeDeletion,
  writeConditionOf,
} from '../conditions.ts';
import { addEncryption, encryptionOf, etagUnder } from '../encryption.ts';
import { type ObjectHeaders, objectHeadersOf, storageClassOf } from '../headers.ts';
import { answerHeaders, replyEmpty } from '../reply.ts';
import { addExpiration } from '../settings/lifecycle.ts';
import { headerTagsOf } from '../tags.ts';

type Described = ObjectHeaders & { readonly storageClass: string; tags?: Tags; grants?: string };

export async function putObject(call: S3Call): Promise<void> {
  const { headers, bucket, key } = call;
  const tags = headerTagsOf(headers);
  const described: Described = { ...objectHeadersOf(headers), storageClass: storageClassOf(headers) };
  if (tags) described.tags = tags;
  const writing = writingOf(call);
  const { caller, listed } = writing instanceof Promise ? await writing : writing;
  if (listed.grants !== undefined) described.grants = listed.grants;
  const condition = writeConditionOf(headers);
  const encryption = encryptionOf(call);
  const customerKey = encryption?.by === 'customer' ? encryption.key : undefined;
  const checks = new BodyChecks(headers, call.auth);
  const source = objectBody(call);
  const outcome = await call.gateway.cloud.objects.put(caller, {
    bucket,
    key,
    source,
    digests: checks.digests,
    condition,
    ...(encryption && { encryption }),
    describe: (written) => {
      const { etag: md5, checksum } = checks.verify(written, source);
      const etag = etagUnder(customerKey, md5);
      if (checks.algorithm === undefined || checksum === undefined) return { ...described, etag };
      return {
        ...described,
        etag,
        checksumAlgorithm: checks.algorithm,
        checksum,
        checksumType: 'full-object',
      };
    },
  });
  const object = accept(call, outcome, condition);
  const answer = answerHeaders(call);
  answer.push('ETag', `"${object.etag}"`);
  if (object.version !== undefined) answer.push('x-amz-version-id', object.version);
  addChecksumHeaders(answer, object);
  addEncryption(answer, call, object);
  addExpiration(answer, call, object);
  replyEmpty(call, 200, answer);
}

export async function deleteObject(call: S3Call): Promise<void> {
  const terms = deletionTermsOf(call.headers);
  const { version, isDeletion } = await deleteUnder(call, call.key, terms, call.query.get('versionId'));
  const answer = answerHeaders(call);
  if (isDeletion) answer.push('x-amz-delete-marker', 'true');
  if (version !== undefined) answer.push('x-amz-version-id', version);
  replyEmpty(call, 204, answer);
}

/** @param versionId undefined: what the key names @throws S3Error PreconditionFailed, … */
export async function deleteUnder(
  call: S3Call,
  key: string,
  terms: DeletionTerms,
  versionId?: string,
): Promise<Deletion> {
  const { objects } = call.gateway.cloud;
  const { caller, bucket } = call;
  const { ifMatch, sizeBytes, modifiedMs } = terms;
  let condition: DeleteCondition = ifMatch === undefined ? NO_CONDITION : ifMatchCondition(ifMatch);
  if (sizeBytes !== undefined || modifiedMs !== undefined) {
    const found = await judged(call, key, terms, versionId);
    if (!found) return { isDeletion: false, ...(versionId !== undefined && { version: versionId }) };
    // A version stays what it is.
    if (versionId === undefined) condition = { ...condition, ifRevision: found.revision };
  }
  const outcome =
    versionId === undefined
      ? await objects.delete(caller, bucket, key, condition)
      : await objects.deleteVersion(caller, bucket, key, versionId, condition);
  return isMissing(outcome) ? NOTHING_DELETED : accept(call, outcome, condition);
}

/** What is to be deleted, of which the terms hold; undefined where there is no object. @throws S3Error */
async function judged(
  call: S3Call,
  key: string,
  terms: DeletionTerms,
  versionId: string | undefined,
): Promise<StoredObject | undefined> {
  const { objects } = call.gateway.cloud;
  const { caller, bucket } = call;
  const asked =
    versionId === undefined
      ? await objects.get(caller, bucket, key)
      : await objects.version(caller, bucket, key, versionId);
  if (isMissing(asked)) return undefined;
  const found = accept(call, asked);
  const object = 'segments' in found ? found : found.object;
  if (object) judgeDeletion(terms, object);
  return object;
}

const NO_CONDITION: DeleteCondition = Object.freeze({});
const NOTHING_DELETED: Deletion = Object.freeze({ isDeletion: false });

const isMissing = (outcome: object): outcome is { readonly rejected: 'no-such-key' } =>
  'rejected' in outcome && (outcome.rejected === 'no-such-key' || outcome.rejected === 'no-such-version');
