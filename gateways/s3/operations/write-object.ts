// Owns PutObject and DeleteObject. Hot path: 4 KiB PUTs. Only the digests that someone will look at are
// computed.

import { accept, objectBody, type S3Call } from '../call.ts';
import { addChecksumHeaders, BodyChecks } from '../checksums.ts';
import { deleteConditionOf, writeConditionOf } from '../conditions.ts';
import { objectHeadersOf, storageClassOf } from '../headers.ts';
import { answerHeaders, replyEmpty } from '../reply.ts';

export async function putObject(call: S3Call): Promise<void> {
  const { headers, bucket, key } = call;
  const described = { ...objectHeadersOf(headers), storageClass: storageClassOf(headers) };
  const condition = writeConditionOf(headers);
  const checks = new BodyChecks(headers, call.auth);
  const source = objectBody(call);
  const outcome = await call.gateway.cloud.objects.put(call.caller, {
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
  if (object.version !== undefined) answer.push('x-amz-version-id', object.version);
  addChecksumHeaders(answer, object);
  replyEmpty(call, 200, answer);
}

export async function deleteObject(call: S3Call): Promise<void> {
  const { caller, bucket, key } = call;
  const condition = deleteConditionOf(call.headers);
  const versionId = call.query.get('versionId');
  const { objects } = call.gateway.cloud;
  const outcome =
    versionId === undefined
      ? await objects.delete(caller, bucket, key, condition)
      : await objects.deleteVersion(caller, bucket, key, versionId, condition);
  const { version, isDeletion } = accept(call, outcome, condition);
  const answer = answerHeaders(call);
  if (isDeletion) answer.push('x-amz-delete-marker', 'true');
  if (version !== undefined) answer.push('x-amz-version-id', version);
  replyEmpty(call, 204, answer);
}
