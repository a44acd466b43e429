// Owns the operations on multipart uploads but their completion and copies into them.

import { limits } from '#core/kernel/limits.ts';
import type { StoredUpload } from '#projections/uploads-by-bucket/uploads-by-bucket.query.ts';
import { writingOf } from '../access/asked-grants.ts';
import { accept, header, objectBody, type S3Call } from '../call.ts';
import {
  addChecksumHeaders,
  BodyChecks,
  CHECKSUM_TYPES,
  CHECKSUMS,
  type ChecksumAlgorithm,
  type ChecksumType,
  checksumAlgorithmOf,
  checksumMismatch,
  isChecksumAlgorithm,
} from '../checksums.ts';
import { addEncryption, encryptionOf, etagUnder, uploadKeyOf } from '../encryption.ts';
import { S3Error } from '../errors.ts';
import { objectHeadersOf, storageClassOf } from '../headers.ts';
import { answerHeaders, isoDate, replyEmpty, replyXml } from '../reply.ts';
import { addAbortion } from '../settings/lifecycle.ts';
import { headerTagsOf } from '../tags.ts';
import { XmlWriter } from '../xml.ts';
import { addChecksumElements, addChecksumKind } from './checksum-elements.ts';
import { listingOf } from './list-objects.ts';
import { ownerFragment } from './owner.ts';
import { countOf, pageSizeOf, partNumberOf } from './part-number.ts';

export async function createMultipartUpload(call: S3Call): Promise<void> {
  const { headers, bucket, key } = call;
  const checksum = uploadChecksumOf(call);
  const tags = headerTagsOf(headers);
  const encryption = encryptionOf(call);
  const { caller, listed } = await writingOf(call);
  const outcome = await call.gateway.cloud.uploads.start(caller, {
    bucket,
    key,
    ...objectHeadersOf(headers),
    storageClass: storageClassOf(headers),
    ...listed,
    ...(tags && { tags }),
    ...(encryption && { encryption }),
    ...(checksum && { checksumAlgorithm: checksum.algorithm, checksumType: checksum.type }),
  });
  const upload = accept(call, outcome);
  const { uploadId } = upload;
  const answer = answerHeaders(call);
  addAbortion(answer, call, upload);
  addEncryption(answer, call, upload);
  if (checksum) {
    answer.push('x-amz-checksum-algorithm', CHECKSUMS[checksum.algorithm].name);
    answer.push('x-amz-checksum-type', CHECKSUM_TYPES[checksum.type]);
  }
  const xml = new XmlWriter('InitiateMultipartUploadResult');
  xml.element('Bucket', bucket).element('Key', key).element('UploadId', uploadId);
  replyXml(call, xml.document(), answer);
}

/**
 * Which combinations there are: Amazon S3 User Guide, "Checking object integrity", full-object and composite.
 */
function uploadChecksumOf(call: S3Call): { algorithm: ChecksumAlgorithm; type: ChecksumType } | undefined {
  const algorithm = checksumAlgorithmOf(header(call, 'x-amz-checksum-algorithm'));
  const asked = header(call, 'x-amz-checksum-type');
  if (algorithm === undefined) {
    if (asked === undefined) return undefined;
    throw new S3Error(
      'InvalidRequest',
      'The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.',
    );
  }
  const byDefault: ChecksumType = algorithm === 'crc64nvme' ? 'full-object' : 'composite';
  const type = asked === undefined ? byDefault : checksumTypeOf(asked);
  const isCrc = algorithm !== 'sha1' && algorithm !== 'sha256';
  if (type === 'full-object' ? !isCrc : algorithm === 'crc64nvme') {
    const name = CHECKSUMS[algorithm].name.toLowerCase();
    throw new S3Error(
      'InvalidRequest',
      `The ${CHECKSUM_TYPES[type]} checksum type cannot be used with the ${name} checksum algorithm.`,
    );
  }
  return { algorithm, type };
}

/** @throws S3Error InvalidRequest */
export function checksumTypeOf(text: string): ChecksumType {
  for (const type of ['composite', 'full-object'] as const) if (CHECKSUM_TYPES[type] === text) return type;
  throw new S3Error('InvalidRequest', 'Value for x-amz-checksum-type header is invalid.');
}

/** The upload that the request names. @throws S3Error NoSuchUpload, … */
async function uploadOf(call: S3Call): Promise<StoredUpload> {
  const uploadId = call.query.get('uploadId') ?? '';
  const { uploads } = call.gateway.cloud;
  return accept(call, await uploads.get(call.caller, call.bucket, call.key, uploadId));
}

export async function uploadPart(call: S3Call): Promise<void> {
  const partNumber = partNumberOf(call.query.get('partNumber') ?? '');
  const upload = await uploadOf(call);
  const expected = isChecksumAlgorithm(upload.checksumAlgorithm) ? upload.checksumAlgorithm : undefined;
  const checks = new BodyChecks(call.headers, call.auth, expected);
  // A composite checksum is of what the client vouched for, part by part; a full one can be completed by us.
  const actual = checks.announced;
  if (expected && actual !== expected && (actual || upload.checksumType === 'composite')) {
    throw checksumMismatch(expected, actual);
  }
  const customerKey = uploadKeyOf(call, upload);
  const source = objectBody(call);
  const outcome = await call.gateway.cloud.uploads.putPart(call.caller, {
    upload,
    partNumber,
    source,
    digests: checks.digests,
    ...(customerKey && { customerKey }),
    describe: (written) => {
      const { etag: md5, checksum } = checks.verify(written, source);
      const etag = etagUnder(customerKey, md5);
      return checksum === undefined ? { etag } : { etag, checksum };
    },
  });
  const part = accept(call, outcome);
  const answer = answerHeaders(call);
  answer.push('ETag', `"${part.etag}"`);
  addEncryption(answer, call, upload);
  addChecksumHeaders(answer, { checksumAlgorithm: checks.algorithm, checksum: part.checksum });
  replyEmpty(call, 200, answer);
}

export async function listParts(call: S3Call): Promise<void> {
  const { query, gateway } = call;
  const limit = pageSizeOf('max-parts', query.get('max-parts'));
  const marker = countOf('part-number-marker', query.get('part-number-marker') || '0');
  const { encode, encoding } = listingOf(query, 'max-keys');
  const upload = await uploadOf(call);
  const found = limit === 0 ? [] : await gateway.cloud.uploads.parts(upload, marker, limit + 1);
  const page = found.slice(0, limit);
  const owner = gateway.cloud.accounts.owner(upload.owner);
  const xml = new XmlWriter('ListPartsResult')
    .element('Bucket', call.bucket)
    .element('Key', encode(call.key));
  xml.optional('EncodingType', encoding).element('UploadId', upload.uploadId);
  xml.raw(ownerFragment('Initiator', owner)).raw(ownerFragment('Owner', owner));
  xml.plain('StorageClass', upload.storageClass).plain('PartNumberMarker', marker);
  xml.plain('NextPartNumberMarker', page.at(-1)?.partNumber ?? marker).plain('MaxParts', limit);
  xml.plain('IsTruncated', found.length > limit);
  addChecksumKind(xml, upload);
  for (const part of page) {
    xml.open('Part').plain('PartNumber', part.partNumber).plain('LastModified', isoDate(part.modifiedMs));
    xml.element('ETag', `"${part.etag}"`).plain('Size', part.sizeBytes);
    addChecksumElements(xml, { checksumAlgorithm: upload.checksumAlgorithm, checksum: part.checksum });
    xml.close('Part');
  }
  const answer = answerHeaders(call);
  addAbortion(answer, call, upload);
  replyXml(call, xml.document(), answer);
}

export async function listMultipartUploads(call: S3Call): Promise<void> {
  const { query, gateway } = call;
  const { prefix, delimiter, limit, encode, encoding } = listingOf(query, 'max-uploads');
  const keyMarker = query.get('key-marker') ?? '';
  // Without a key it means nothing.
  const uploadIdMarker = keyMarker === '' ? '' : (query.get('upload-id-marker') ?? '');
  const request = { bucket: call.bucket, prefix, delimiter, keyMarker, uploadIdMarker };
  const found = accept(
    call,
    await gateway.cloud.uploads.list(call.caller, { ...request, limit: Math.max(1, limit) }),
  );
  const page = limit === 0 ? { ...found, uploads: [], commonPrefixes: [], truncated: false } : found;
  const xml = new XmlWriter('ListMultipartUploadsResult').element('Bucket', call.bucket);
  xml.element('KeyMarker', encode(keyMarker)).element('UploadIdMarker', uploadIdMarker);
  if (page.truncated) {
    xml.element('NextKeyMarker', encode(page.nextKeyMarker));
    xml.element('NextUploadIdMarker', page.nextUploadIdMarker);
  }
  if (delimiter !== '') xml.element('Delimiter', encode(delimiter));
  xml.element('Prefix', encode(prefix)).optional('EncodingType', encoding);
  xml.plain('MaxUploads', limit).plain('IsTruncated', page.truncated);
  for (const upload of page.uploads) {
    const owner = gateway.cloud.accounts.owner(upload.owner);
    xml.open('Upload').element('Key', encode(upload.key)).element('UploadId', upload.uploadId);
    xml.raw(ownerFragment('Initiator', owner)).raw(ownerFragment('Owner', owner));
    xml.plain('StorageClass', upload.storageClass).plain('Initiated', isoDate(upload.startedMs));
    addChecksumKind(xml, upload);
    xml.close('Upload');
  }
  for (const each of page.commonPrefixes) {
    xml.open('CommonPrefixes').element('Prefix', encode(each)).close('CommonPrefixes');
  }
  replyXml(call, xml.document());
}

export async function abortMultipartUpload(call: S3Call): Promise<void> {
  const upload = await uploadOf(call);
  accept(call, await call.gateway.cloud.uploads.abort(call.caller, upload));
  replyEmpty(call, 204);
}

/** Part sizes that a completion must respect. */
export const PART_RULES = {
  minPartBytes: limits.s3PartBytesMin,
  maxObjectBytes: limits.s3ObjectBytes,
} as const;
