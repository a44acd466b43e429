// Owns CopyObject and UploadPartCopy. The bytes stream from the storage nodes back to them; they are digested
// again, so a copy never carries an etag that its bytes have not.

import { limits } from '#core/kernel/limits.ts';
import type { StoredObject } from '#projections/objects-by-key/objects-by-key.query.ts';
import { writingOf } from '../access/asked-grants.ts';
import { authorise } from '../access/authorise.ts';
import { accept, header, queryOfVersion, type S3Call } from '../call.ts';
import { type ChecksumAlgorithm, checksumAlgorithmOf, isChecksumAlgorithm } from '../checksums.ts';
import { judgeCopySource, writeConditionOf } from '../conditions.ts';
import { addEncryption, encryptionOf, etagUnder, openedAsSource, uploadKeyOf } from '../encryption.ts';
import { invalidArgument, S3Error } from '../errors.ts';
import { type ObjectHeaders, objectHeadersOf, REDIRECT_LOCATION, storageClassOf } from '../headers.ts';
import { copySourceOf } from '../keys.ts';
import { copyRangeOf } from '../ranges.ts';
import { isoDate } from '../reply.ts';
import { addExpiration } from '../settings/lifecycle.ts';
import { headerTagsOf, replacesTags } from '../tags.ts';
import { XmlWriter } from '../xml.ts';
import { addChecksumElements } from './checksum-elements.ts';
import { objectOf, versionOf } from './find-object.ts';
import { partNumberOf } from './part-number.ts';
import { replySlowly, type SlowAnswer } from './slow-reply.ts';

export function copyObject(call: S3Call): Promise<void> {
  return replySlowly(call, copy(call));
}

async function copy(call: S3Call): Promise<SlowAnswer> {
  const { headers, bucket, key } = call;
  const { objects } = call.gateway.cloud;
  const condition = writeConditionOf(headers);
  const replaces = replacesMetadata(call);
  const algorithmAsked = checksumAlgorithmOf(header(call, 'x-amz-checksum-algorithm'));
  const encryption = encryptionOf(call);
  const customerKey = encryption?.by === 'customer' ? encryption.key : undefined;
  const { address, object: from } = await sourceObject(call);
  const storageClass = storageClassOf(headers);
  const algorithm = algorithmAsked ?? ownAlgorithm(from);
  const onItself = address.bucket === bucket && address.key === key;
  const redirects = headers[REDIRECT_LOCATION] !== undefined;
  const changes =
    replaces ||
    redirects ||
    encryption !== undefined ||
    storageClass !== from.storageClass ||
    algorithm !== ownAlgorithm(from);
  if (onItself && address.versionId === undefined && !changes) throw copyOnItself();
  if (from.sizeBytes > limits.s3PutBytes) throw sourceTooLarge();
  const tags = replacesTags(headers) ? headerTagsOf(headers) : from.tags;
  const { contentType, headers: kept, metadata } = describedAs(call, replaces, from);
  const { caller, listed } = await writingOf(call);
  const more = { ...listed, ...(tags && { tags }) };
  const outcome = await objects.put(caller, {
    bucket,
    key,
    source: objects.source(from, 0, from.sizeBytes),
    digests: algorithm ? ['md5', algorithm] : ['md5'],
    condition,
    ...(encryption && { encryption }),
    describe: ({ digests }) => {
      const etag = etagUnder(customerKey, hex(digests.md5));
      const described = { contentType, headers: kept, metadata, storageClass, etag, ...more };
      if (!algorithm) return described;
      const checksum = base64(digests[algorithm]);
      return { ...described, checksumAlgorithm: algorithm, checksum, checksumType: 'full-object' };
    },
  });
  const object = accept(call, outcome, condition);
  const xml = new XmlWriter('CopyObjectResult')
    .plain('LastModified', isoDate(object.modifiedMs))
    .element('ETag', `"${object.etag}"`);
  addChecksumElements(xml, object);
  const told = sourceVersion(from);
  if (object.version !== undefined) told.push('x-amz-version-id', object.version);
  addEncryption(told, call, object);
  addExpiration(told, call, object);
  return { document: xml.document(), headers: told };
}

/** The redirection of a page is never copied with it. */
function describedAs(call: S3Call, replaces: boolean, from: StoredObject): ObjectHeaders {
  const said = objectHeadersOf(call.headers);
  if (replaces) return said;
  const { [REDIRECT_LOCATION]: _before, ...kept } = from.headers;
  const redirect = said.headers[REDIRECT_LOCATION];
  const headers = redirect === undefined ? kept : { ...kept, [REDIRECT_LOCATION]: redirect };
  return { contentType: from.contentType, headers, metadata: from.metadata };
}

const sourceVersion = ({ version }: StoredObject): string[] =>
  version === undefined ? [] : ['x-amz-copy-source-version-id', version];

export function uploadPartCopy(call: S3Call): Promise<void> {
  return replySlowly(call, copyPart(call));
}

async function copyPart(call: S3Call): Promise<SlowAnswer> {
  const { objects, uploads } = call.gateway.cloud;
  const partNumber = partNumberOf(call.query.get('partNumber') ?? '');
  const uploadId = call.query.get('uploadId') ?? '';
  const upload = accept(call, await uploads.get(call.caller, call.bucket, call.key, uploadId));
  const customerKey = uploadKeyOf(call, upload);
  const { object: from } = await sourceObject(call);
  const range = copyRangeOf(header(call, 'x-amz-copy-source-range'), from.sizeBytes) ?? {
    offset: 0,
    length: from.sizeBytes,
  };
  if (range.length > limits.s3PutBytes) throw sourceTooLarge();
  const algorithm = ownAlgorithm(upload);
  const outcome = await uploads.putPart(call.caller, {
    upload,
    partNumber,
    ...(customerKey && { customerKey }),
    source: objects.source(from, range.offset, range.length),
    digests: algorithm ? ['md5', algorithm] : ['md5'],
    describe: ({ digests }) => ({
      etag: etagUnder(customerKey, hex(digests.md5)),
      ...(algorithm && { checksum: base64(digests[algorithm]) }),
    }),
  });
  const part = accept(call, outcome);
  const xml = new XmlWriter('CopyPartResult')
    .plain('LastModified', isoDate(part.modifiedMs))
    .element('ETag', `"${part.etag}"`);
  addChecksumElements(xml, { checksumAlgorithm: algorithm, checksum: part.checksum });
  const told = sourceVersion(from);
  addEncryption(told, call, upload);
  return { document: xml.document(), headers: told };
}

/** The object to copy, if its conditions hold. @throws S3Error */
async function sourceObject(
  call: S3Call,
): Promise<{ address: ReturnType<typeof copySourceOf>; object: StoredObject }> {
  const value = header(call, 'x-amz-copy-source') ?? '';
  const address = copySourceOf(value);
  const owner = header(call, 'x-amz-source-expected-bucket-owner');
  const { versionId } = address;
  const asked = { ...call, query: queryOfVersion(versionId), bucket: address.bucket, key: address.key };
  // Who may write here need not be let read there.
  const from = { ...asked, caller: await authorise(asked, 'GetObject') };
  const { buckets } = call.gateway.cloud;
  if (owner !== undefined) {
    const bucket = accept(from, await buckets.get(from.caller, address.bucket));
    if (bucket.owner !== owner) throw new S3Error('AccessDenied');
  }
  if (versionId !== undefined && (await versionOf(from, versionId)).deletion) throw copyOfDeletion();
  const object = await objectOf(from);
  judgeCopySource(call.headers, object);
  return { address, object: openedAsSource(call, object) };
}

function replacesMetadata(call: S3Call): boolean {
  const directive = header(call, 'x-amz-metadata-directive');
  if (directive === undefined || directive === 'COPY') return false;
  if (directive === 'REPLACE') return true;
  throw invalidArgument('x-amz-metadata-directive', directive, 'Unknown metadata directive.');
}

function ownAlgorithm(of: { readonly checksumAlgorithm?: string }): ChecksumAlgorithm | undefined {
  return isChecksumAlgorithm(of.checksumAlgorithm) ? of.checksumAlgorithm : undefined;
}

function copyOnItself(): S3Error {
  return new S3Error(
    'InvalidRequest',
    'This copy request is illegal because it is trying to copy an object to itself without changing the ' +
      "object's metadata, storage class, website redirect location or encryption attributes.",
  );
}

function copyOfDeletion(): S3Error {
  return new S3Error(
    'InvalidRequest',
    'The source of a copy request may not specifically refer to a delete marker by version id.',
  );
}

function sourceTooLarge(): S3Error {
  return new S3Error(
    'InvalidRequest',
    'The specified copy source is larger than the maximum allowable size for a copy source: ' +
      `${limits.s3PutBytes}`,
  );
}

function digest(bytes: Uint8Array | undefined): Buffer {
  // The writer gives every digest that it was asked for.
  if (!bytes) throw new S3Error('InternalError');
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

const hex = (bytes: Uint8Array | undefined): string => digest(bytes).toString('hex');
const base64 = (bytes: Uint8Array | undefined): string => digest(bytes).toString('base64');
