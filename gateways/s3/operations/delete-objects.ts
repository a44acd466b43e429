// Owns DeleteObjects: up to 1,000 keys in one request, each with an outcome of its own.

import { limits } from '#core/kernel/limits.ts';
import type { Deletion as CloudDeletion } from '#services/cloud.ts';
import { isVersion } from '#services/versioning.ts';
import { authorise } from '../access/authorise.ts';
import { accept, documentBody, queryOfVersion, type S3Call } from '../call.ts';
import { deletionTerms } from '../conditions.ts';
import { invalidVersion, S3Error, type S3Failure } from '../errors.ts';
import { failureOf } from '../failures.ts';
import { checkKey } from '../keys.ts';
import { replyXml } from '../reply.ts';
import { malformed, readXml, type XmlElement, XmlWriter } from '../xml.ts';
import { deleteUnder } from './write-object.ts';

interface Deletion {
  readonly key: string;
  readonly versionId: string | undefined;
  readonly etag: string | undefined;
  readonly size: string | undefined;
  readonly modified: string | undefined;
}

const DELETIONS_AT_ONCE = 32;

export async function deleteObjects(call: S3Call): Promise<void> {
  const { bytes, digested } = await documentBody(call);
  if (!digested) {
    throw new S3Error(
      'InvalidRequest',
      'Missing required header for this request: Content-MD5 OR x-amz-checksum-*',
    );
  }
  const root = readXml(bytes, 'Delete').expect(['Quiet'], ['Object']);
  const quietText = root.textOf('Quiet')?.trim() ?? 'false';
  if (quietText !== 'true' && quietText !== 'false') throw malformed();
  const deletions = root.children.filter(({ name }) => name === 'Object').map(deletionOf);
  if (deletions.length === 0 || deletions.length > limits.s3DeleteKeys) throw malformed();
  // One look for all: a bucket that is not there is an error of the request, not of its keys.
  accept(call, await call.gateway.cloud.buckets.get(call.caller, call.bucket));
  const outcomes = await deleteAll(call, deletions);
  const xml = new XmlWriter('DeleteResult');
  deletions.forEach((deletion, index) => {
    const outcome = outcomes[index] as Outcome;
    if ('code' in outcome) addFailure(xml, deletion, outcome);
    else if (quietText === 'false') addDeleted(xml, deletion, outcome);
  });
  replyXml(call, xml.document());
}

function deletionOf(element: XmlElement): Deletion {
  element.expect(['Key', 'VersionId', 'ETag', 'LastModifiedTime', 'Size']);
  const key = element.textOf('Key');
  if (key === undefined || key === '') throw malformed();
  return {
    key,
    versionId: element.textOf('VersionId') || undefined,
    etag: element.textOf('ETag'),
    size: element.textOf('Size'),
    modified: element.textOf('LastModifiedTime'),
  };
}

type Outcome = S3Failure | CloudDeletion;

/** In the order of `deletions`. */
async function deleteAll(call: S3Call, deletions: readonly Deletion[]): Promise<readonly Outcome[]> {
  const outcomes = new Array<Outcome>(deletions.length);
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < deletions.length; index = next++) {
      const deletion = deletions[index];
      if (!deletion) return;
      try {
        outcomes[index] = await deleteOne(call, deletion);
      } catch (error) {
        const failure = failureOf(error);
        if (!failure) throw error;
        outcomes[index] = failure;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(DELETIONS_AT_ONCE, deletions.length) }, worker));
  return outcomes;
}

async function deleteOne(call: S3Call, deletion: Deletion): Promise<CloudDeletion> {
  const { key, versionId, etag, size, modified } = deletion;
  checkKey(key);
  if (versionId !== undefined && !isVersion(versionId)) throw invalidVersion(versionId);
  // Each is judged by what the document says of it, whatever the address has.
  const asked = { ...call, query: queryOfVersion(versionId) };
  const judged = authorise(asked, 'DeleteObjects', { bucket: call.bucket, key });
  const caller = judged instanceof Promise ? await judged : judged;
  return deleteUnder({ ...call, caller }, key, deletionTerms(etag, size, modified), versionId);
}

function addFailure(xml: XmlWriter, { key, versionId }: Deletion, failure: S3Failure): void {
  xml.open('Error').element('Key', key).optional('VersionId', versionId);
  xml.element('Code', failure.code).element('Message', failure.message).close('Error');
}

function addDeleted(
  xml: XmlWriter,
  { key, versionId }: Deletion,
  { version, isDeletion }: CloudDeletion,
): void {
  xml.open('Deleted').element('Key', key).optional('VersionId', versionId);
  if (isDeletion) xml.plain('DeleteMarker', true).optional('DeleteMarkerVersionId', version);
  xml.close('Deleted');
}
