// Owns CompleteMultipartUpload. Guarantee: asked again after it happened, with the same parts, it says the
// same again.

import { limits } from '#core/kernel/limits.ts';
import type { StoredObject } from '#projections/objects-by-key/objects-by-key.query.ts';
import type { StoredPart, StoredUpload } from '#projections/uploads-by-bucket/uploads-by-bucket.query.ts';
import type { CompleteUploadRequest, ContentDraft } from '#services/cloud.ts';
import { accept, documentBody, errorFor, header, type S3Call } from '../call.ts';
import {
  badChecksum,
  CHECKSUM_ALGORITHMS,
  CHECKSUM_TYPES,
  CHECKSUMS,
  type ChecksumAlgorithm,
  checksumMismatch,
  headerChecksum,
  isChecksumAlgorithm,
  isChecksumType,
  multipartChecksum,
  multipartEtag,
} from '../checksums.ts';
import { unquoted, writeConditionOf } from '../conditions.ts';
import { addEncryption, uploadKeyOf } from '../encryption.ts';
import { S3Error } from '../errors.ts';
import { addExpiration } from '../settings/lifecycle.ts';
import { malformed, readXml, type XmlElement, XmlWriter } from '../xml.ts';
import { addChecksumElements } from './checksum-elements.ts';
import { partNumberOf } from './part-number.ts';
import { replySlowly, type SlowAnswer } from './slow-reply.ts';
import { checksumTypeOf, PART_RULES } from './uploads.ts';

export async function completeMultipartUpload(call: S3Call): Promise<void> {
  // The document first: until it is here there is nothing that could take long.
  const { bytes } = await documentBody(call, 'object');
  await replySlowly(call, complete(call, bytes));
}

/** A part as the client listed it. */
interface ListedPart {
  readonly partNumber: number;
  readonly etag: string;
  readonly checksums: ReadonlyMap<ChecksumAlgorithm, string>;
}

async function complete(call: S3Call, bytes: Uint8Array): Promise<SlowAnswer> {
  const { uploads } = call.gateway.cloud;
  const listed = listedParts(bytes);
  const condition = writeConditionOf(call.headers);
  const uploadId = call.query.get('uploadId') ?? '';
  const found = await uploads.get(call.caller, call.bucket, call.key, uploadId);
  if ('rejected' in found && found.rejected === 'no-such-upload') {
    return completedBefore(call, uploadId, listed);
  }
  const upload = accept(call, found);
  uploadKeyOf(call, upload, true);
  const parts = listed.map((part) => expectedPart(part, upload));
  checkChecksumType(call, upload);
  const outcome = await uploads.complete(call.caller, {
    upload,
    parts,
    condition,
    ...PART_RULES,
    describe: (stored) => describe(call, upload, stored),
  });
  if ('rejected' in outcome && outcome.rejected === 'no-such-upload') {
    return completedBefore(call, uploadId, listed);
  }
  const object = accept(call, outcome, condition);
  const { document, headers = [] } = resultOf(call, object);
  const told = [...headers];
  addEncryption(told, call, object);
  addExpiration(told, call, object);
  return { document, headers: told };
}

function listedParts(bytes: Uint8Array): readonly ListedPart[] {
  const root = readXml(bytes, 'CompleteMultipartUpload').expect([], ['Part']);
  if (root.children.length === 0 || root.children.length > limits.s3Parts) throw malformed();
  return root.children.map(listedPart);
}

const CHECKSUM_ELEMENTS = CHECKSUM_ALGORITHMS.map((algorithm) => CHECKSUMS[algorithm].element);

function listedPart(element: XmlElement): ListedPart {
  element.expect(['PartNumber', 'ETag', ...CHECKSUM_ELEMENTS]);
  const number = element.textOf('PartNumber')?.trim();
  const etag = element.textOf('ETag');
  if (number === undefined || etag === undefined || !/^-?\d+$/.test(number)) throw malformed();
  const checksums = new Map<ChecksumAlgorithm, string>();
  for (const algorithm of CHECKSUM_ALGORITHMS) {
    const value = element.textOf(CHECKSUMS[algorithm].element)?.trim();
    if (value !== undefined && value !== '') checksums.set(algorithm, value);
  }
  return { partNumber: partNumberOf(number), etag: unquoted(etag), checksums };
}

/** What the stored part must be. @throws S3Error InvalidRequest, InvalidPart */
function expectedPart(part: ListedPart, upload: StoredUpload): CompleteUploadRequest['parts'][number] {
  const { partNumber, etag, checksums } = part;
  const { checksumAlgorithm: algorithm } = upload;
  // Parts of an upload without an algorithm were checked as they came; their values are all there is to
  // compare.
  if (!isChecksumAlgorithm(algorithm)) {
    const [checksum] = checksums.values();
    return checksum === undefined ? { partNumber, etag } : { partNumber, etag, checksum };
  }
  const checksum = checksums.get(algorithm);
  if (checksum === undefined && checksums.size > 0) throw new S3Error('InvalidPart');
  if (checksum === undefined && upload.checksumType === 'composite') {
    throw new S3Error(
      'InvalidRequest',
      `The upload was created using a ${algorithm} checksum. The complete request must include the ` +
        `checksum for each part. It was missing for part ${partNumber} in the request.`,
    );
  }
  return checksum === undefined ? { partNumber, etag } : { partNumber, etag, checksum };
}

function checkChecksumType(call: S3Call, upload: StoredUpload): void {
  const asked = header(call, 'x-amz-checksum-type');
  if (asked === undefined || checksumTypeOf(asked) === upload.checksumType) return;
  const mode = isChecksumType(upload.checksumType) ? CHECKSUM_TYPES[upload.checksumType] : 'null';
  throw new S3Error(
    'InvalidRequest',
    `The upload was created using the ${mode} checksum mode. ` +
      'The complete request must use the same checksum mode.',
  );
}

function describe(call: S3Call, upload: StoredUpload, parts: readonly StoredPart[]): ContentDraft {
  checkSize(call, parts);
  const { contentType, headers, metadata, storageClass, tags, grants, checksumAlgorithm, checksumType } =
    upload;
  const etag = multipartEtag(parts.map((part) => part.etag));
  const more = { ...(tags && { tags }), ...(grants !== undefined && { grants }) };
  const draft = { contentType, headers, metadata, storageClass, etag, ...more };
  const announced = headerChecksum(call.headers);
  if (!isChecksumAlgorithm(checksumAlgorithm) || !isChecksumType(checksumType)) {
    // Nothing was computed that it could be compared with.
    if (announced)
      throw new S3Error('InvalidRequest', 'The upload was created without a checksum algorithm.');
    return draft;
  }
  const pieces = parts.map(({ checksum = '', sizeBytes }) => ({ checksum, sizeBytes }));
  const checksum = multipartChecksum(checksumAlgorithm, checksumType, pieces);
  if (announced) {
    if (announced.algorithm !== checksumAlgorithm) {
      throw checksumMismatch(checksumAlgorithm, announced.algorithm);
    }
    const bare = checksum.split('-')[0];
    if (announced.value !== checksum && announced.value !== bare) throw badChecksum(checksumAlgorithm);
  }
  return { ...draft, checksumAlgorithm, checksum, checksumType };
}

function checkSize(call: S3Call, parts: readonly StoredPart[]): void {
  const announced = header(call, 'x-amz-mp-object-size');
  if (announced === undefined) return;
  const sizeBytes = parts.reduce((sum, part) => sum + part.sizeBytes, 0);
  if (announced === String(sizeBytes)) return;
  throw new S3Error(
    'InvalidRequest',
    `The provided 'x-amz-mp-object-size' header value ${announced} does not match what was computed: ` +
      `${sizeBytes}`,
  );
}

/**
 * A client that did not hear our answer asks again: the object that is there now must be this very upload.
 */
async function completedBefore(
  call: S3Call,
  uploadId: string,
  listed: readonly ListedPart[],
): Promise<SlowAnswer> {
  const object = await call.gateway.cloud.objects.get(call.caller, call.bucket, call.key);
  const same =
    !('rejected' in object) &&
    object.uploadId === uploadId &&
    object.etag === multipartEtag(listed.map((part) => part.etag));
  if (!same) throw errorFor(call, 'NoSuchUpload');
  return resultOf(call, object);
}

function resultOf(call: S3Call, object: StoredObject): SlowAnswer {
  const path = `${call.bucket}/${call.key}`.split('/').map(encodeURIComponent).join('/');
  const xml = new XmlWriter('CompleteMultipartUploadResult')
    .element('Location', `http://${call.request.headers.host ?? ''}/${path}`)
    .element('Bucket', call.bucket)
    .element('Key', call.key)
    .element('ETag', `"${object.etag}"`);
  addChecksumElements(xml, object);
  const { version } = object;
  return { document: xml.document(), headers: version === undefined ? [] : ['x-amz-version-id', version] };
}
