// Owns PutObject and DeleteObject. Hot path: 4 KiB PUTs. Only the digests that someone will look at are
// computed.

import type { Tags } from '#core/objects/objects.events.ts';
import type { DeleteCondition } from '#services/cloud.ts';
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
  const checks = new BodyChecks(headers, call.auth);
  const source = objectBody(call);
  const outcome = await call.gateway.cloud.objects.put(caller, {
    bucket,
    key,
    source,
    digests: checks.digests,
    condition,
    describe: (written) => {
      const { etag, checksum } = checks.verify(written, source);
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
  addChecksumHeaders(answer, object);
  addExpiration(answer, call, object);
  replyEmpty(call, 200, answer);
}

export async function deleteObject(call: S3Call): Promise<void> {
  await deleteUnder(call, call.key, deletionTermsOf(call.headers));
  replyEmpty(call, 204);
}

/** @throws S3Error PreconditionFailed, … */
export async function deleteUnder(call: S3Call, key: string, terms: DeletionTerms): Promise<void> {
  const { objects } = call.gateway.cloud;
  const { ifMatch, sizeBytes, modifiedMs } = terms;
  let condition: DeleteCondition = ifMatch === undefined ? NO_CONDITION : ifMatchCondition(ifMatch);
  if (sizeBytes !== undefined || modifiedMs !== undefined) {
    const object = await objects.get(call.caller, call.bucket, key);
    if (isMissing(object)) return;
    const found = accept(call, object);
    judgeDeletion(terms, found);
    condition = { ...condition, ifRevision: found.revision };
  }
  const outcome = await objects.delete(call.caller, call.bucket, key, condition);
  if (!isMissing(outcome)) accept(call, outcome, condition);
}

const NO_CONDITION: DeleteCondition = Object.freeze({});

const isMissing = (outcome: object | undefined): boolean =>
  outcome !== undefined && 'rejected' in outcome && outcome.rejected === 'no-such-key';
