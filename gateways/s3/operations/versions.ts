// Owns the operations that are about versions alone: whether a bucket keeps them, and the listing of all.

import type { ListedVersion } from '#projections/object-versions/object-versions.query.ts';
import { isVersion, VERSIONING, versioningOf } from '#services/versioning.ts';
import { accept, acceptBucket, documentBody, type S3Call } from '../call.ts';
import { CHECKSUM_TYPES, CHECKSUMS, isChecksumAlgorithm, isChecksumType } from '../checksums.ts';
import { invalidArgument, invalidVersion, S3Error } from '../errors.ts';
import { isoDate, replyEmpty, replyXml, replyXmlBlocks } from '../reply.ts';
import { TextBlocks } from '../text-blocks.ts';
import { malformed, readXml, XmlWriter } from '../xml.ts';
import { type Listing, listingOf } from './list-objects.ts';
import { ownerFragment } from './owner.ts';

const STATUSES = { enabled: 'Enabled', suspended: 'Suspended' } as const;

export async function getBucketVersioning(call: S3Call): Promise<void> {
  const bucket = acceptBucket(call, await call.gateway.cloud.buckets.get(call.caller, call.bucket));
  const versioning = versioningOf(bucket.properties);
  const xml = new XmlWriter('VersioningConfiguration');
  if (versioning) xml.plain('Status', STATUSES[versioning]);
  replyXml(call, xml.document());
}

export async function putBucketVersioning(call: S3Call): Promise<void> {
  const { bytes } = await documentBody(call);
  const root = readXml(bytes, 'VersioningConfiguration').expect(['Status', 'MfaDelete']);
  const mfaDelete = root.textOf('MfaDelete')?.trim();
  if (mfaDelete === 'Enabled') throw new S3Error('NotImplemented', undefined, { Element: 'MfaDelete' });
  if (mfaDelete !== undefined && mfaDelete !== 'Disabled') throw malformed();
  const status = root.textOf('Status')?.trim();
  if (status === undefined) throw new S3Error('IllegalVersioningConfigurationException');
  const versioning = (['enabled', 'suspended'] as const).find((each) => STATUSES[each] === status);
  if (!versioning) throw malformed();
  const changes = { set: { [VERSIONING]: versioning }, unset: [] };
  acceptBucket(call, await call.gateway.cloud.buckets.describe(call.caller, call.bucket, changes));
  replyEmpty(call, 200);
}

/** Entries that are written together: their text stays short enough to be cheap. */
const ENTRIES_AT_ONCE = 64;

export async function listObjectVersions(call: S3Call): Promise<void> {
  const { query, gateway, bucket } = call;
  const listing = listingOf(query, 'max-keys');
  const { prefix, delimiter, limit, encode, encoding } = listing;
  const keyMarker = query.get('key-marker') ?? '';
  const versionMarker = versionMarkerOf(call, keyMarker);
  const request = { bucket, prefix, delimiter, keyMarker, versionMarker, limit: Math.max(1, limit) };
  const found = accept(call, await gateway.cloud.objects.listVersions(call.caller, request));
  const page = limit === 0 ? { ...found, versions: [], commonPrefixes: [], truncated: false } : found;
  const xml = new XmlWriter('ListVersionsResult').element('Name', bucket).element('Prefix', encode(prefix));
  xml.element('KeyMarker', encode(keyMarker)).element('VersionIdMarker', versionMarker);
  if (page.truncated) {
    xml.element('NextKeyMarker', encode(page.nextKeyMarker));
    xml.element('NextVersionIdMarker', page.nextVersionMarker);
  }
  xml.plain('MaxKeys', limit);
  if (delimiter !== '') xml.element('Delimiter', encode(delimiter));
  xml.optional('EncodingType', encoding).plain('IsTruncated', page.truncated);
  const document = new TextBlocks();
  for (const [at, version] of page.versions.entries()) {
    addVersion(call, xml, listing, version);
    if (at % ENTRIES_AT_ONCE === 0) document.add(xml.take());
  }
  for (const each of page.commonPrefixes) {
    xml.open('CommonPrefixes').element('Prefix', encode(each)).close('CommonPrefixes');
  }
  document.add(xml.document());
  replyXmlBlocks(call, document);
}

function versionMarkerOf({ query }: S3Call, keyMarker: string): string {
  const marker = query.get('version-id-marker') ?? '';
  if (marker === '') return '';
  if (keyMarker === '') {
    const text = 'A version-id marker cannot be specified without a key marker.';
    throw invalidArgument('version-id-marker', marker, text);
  }
  if (!isVersion(marker)) throw invalidVersion(marker);
  return marker;
}

function addVersion(call: S3Call, xml: XmlWriter, { encode }: Listing, listed: ListedVersion): void {
  const { key, version, isLatest, modifiedMs, owner, object } = listed;
  const name = object ? 'Version' : 'DeleteMarker';
  xml.open(name).element('Key', encode(key)).plain('VersionId', version).plain('IsLatest', isLatest);
  xml.plain('LastModified', isoDate(modifiedMs));
  if (object) {
    const { checksumAlgorithm, checksumType } = object;
    xml.element('ETag', `"${object.etag}"`);
    if (isChecksumAlgorithm(checksumAlgorithm)) {
      xml.plain('ChecksumAlgorithm', CHECKSUMS[checksumAlgorithm].name);
      if (isChecksumType(checksumType)) xml.plain('ChecksumType', CHECKSUM_TYPES[checksumType]);
    }
    xml.plain('Size', object.sizeBytes);
  }
  xml.raw(ownerFragment('Owner', call.gateway.cloud.accounts.owner(owner)));
  if (object) xml.plain('StorageClass', object.storageClass);
  xml.close(name);
}
