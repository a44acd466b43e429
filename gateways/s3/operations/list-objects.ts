// Owns ListObjects in both versions. A page is written in one pass over what the cloud gave, in its order.

import { escapeXml } from '#gateways/edge/xml-text.ts';
import type { ListedObject, ListPage } from '#projections/objects-by-key/objects-by-key.query.ts';
import { accept, header, type Query, type S3Call } from '../call.ts';
import { CHECKSUM_TYPES, CHECKSUMS, isChecksumAlgorithm, isChecksumType } from '../checksums.ts';
import { invalidArgument } from '../errors.ts';
import { isArchived } from '../headers.ts';
import { isoDate, replyXmlBlocks } from '../reply.ts';
import { TextBlocks } from '../text-blocks.ts';
import { urlEncoded, XmlWriter } from '../xml.ts';
import { ownerFragment } from './owner.ts';
import { pageSizeOf } from './part-number.ts';

/** What both versions are asked. */
export interface Listing {
  readonly prefix: string;
  readonly delimiter: string;
  readonly limit: number;
  /** Of names in the answer. */
  readonly encode: (text: string) => string;
  readonly encoding: string | undefined;
}

const asIs = (text: string): string => text;

/** @throws S3Error InvalidArgument */
export function listingOf(query: Query, limitName: string): Listing {
  const encoding = query.get('encoding-type');
  if (encoding !== undefined && encoding !== 'url') {
    throw invalidArgument('encoding-type', encoding, 'Invalid Encoding Method specified in Request');
  }
  return {
    prefix: query.get('prefix') ?? '',
    delimiter: query.get('delimiter') ?? '',
    limit: pageSizeOf(limitName, query.get(limitName)),
    encode: encoding === 'url' ? urlEncoded : asIs,
    encoding,
  };
}

const EMPTY_PAGE: ListPage = { objects: [], commonPrefixes: [], truncated: false, last: '' };

async function pageAfter(call: S3Call, listing: Listing, after: string): Promise<ListPage> {
  const { objects } = call.gateway.cloud;
  const { prefix, delimiter, limit } = listing;
  const request = { bucket: call.bucket, prefix, delimiter, after, limit: Math.max(1, limit) };
  const page = accept(call, await objects.list(call.caller, request));
  return limit === 0 ? EMPTY_PAGE : page;
}

export async function listObjects(call: S3Call): Promise<void> {
  const listing = listingOf(call.query, 'max-keys');
  const marker = call.query.get('marker') ?? '';
  const page = await pageAfter(call, listing, marker);
  const xml = start(call, listing).element('Marker', listing.encode(marker));
  // Without a delimiter the last key is the next marker, and S3 leaves it to the client to see that.
  if (page.truncated && listing.delimiter !== '') xml.element('NextMarker', listing.encode(page.last));
  finish(call, xml, listing, page, true);
}

export async function listObjectsV2(call: S3Call): Promise<void> {
  const { query } = call;
  const listing = listingOf(query, 'max-keys');
  const startAfter = query.get('start-after');
  const token = query.get('continuation-token');
  const after = token === undefined ? (startAfter ?? '') : afterToken(token);
  const page = await pageAfter(call, listing, after);
  const xml = start(call, listing);
  if (startAfter !== undefined) xml.element('StartAfter', listing.encode(startAfter));
  xml.optional('ContinuationToken', token);
  if (page.truncated) xml.element('NextContinuationToken', tokenAfter(page.last));
  xml.plain('KeyCount', page.objects.length + page.commonPrefixes.length);
  finish(call, xml, listing, page, query.get('fetch-owner') === 'true');
}

const TOKEN_MARK = 'o1:';

/** Opaque to clients: they must not make tokens of their own, nor rely on what is in one. */
function tokenAfter(last: string): string {
  return Buffer.from(TOKEN_MARK + last).toString('base64url');
}

function afterToken(token: string): string {
  const text = Buffer.from(token, 'base64url').toString();
  if (!text.startsWith(TOKEN_MARK)) {
    throw invalidArgument('continuation-token', token, 'The continuation token provided is incorrect');
  }
  return text.slice(TOKEN_MARK.length);
}

function start(call: S3Call, listing: Listing): XmlWriter {
  const xml = new XmlWriter('ListBucketResult')
    .element('Name', call.bucket)
    .element('Prefix', listing.encode(listing.prefix));
  if (listing.delimiter !== '') xml.element('Delimiter', listing.encode(listing.delimiter));
  return xml.plain('MaxKeys', listing.limit).optional('EncodingType', listing.encoding);
}

/** Entries that are written together: their text stays short enough to be cheap. */
const ENTRIES_AT_ONCE = 64;

function finish(call: S3Call, xml: XmlWriter, listing: Listing, page: ListPage, withOwner: boolean): void {
  const { encode } = listing;
  const { objects, commonPrefixes } = page;
  const accounts = withOwner ? call.gateway.cloud.accounts : undefined;
  const entries = new EntryWriter(listing, accounts, wantsRestoring(call));
  const document = new TextBlocks();
  xml.plain('IsTruncated', page.truncated);
  for (let at = 0; at < objects.length; at++) {
    xml.raw(entries.entry(objects[at] as ListedObject));
    if (at % ENTRIES_AT_ONCE === 0) document.add(xml.take());
  }
  for (let at = 0; at < commonPrefixes.length; at++) {
    xml.open('CommonPrefixes').element('Prefix', encode(commonPrefixes[at] as string));
    xml.close('CommonPrefixes');
    if (at % ENTRIES_AT_ONCE === 0) document.add(xml.take());
  }
  document.add(xml.document());
  replyXmlBlocks(call, document);
}

/** Whether a listing shows what was restored. @throws S3Error InvalidArgument */
function wantsRestoring(call: S3Call): boolean {
  const value = header(call, 'x-amz-optional-object-attributes');
  if (value === undefined) return false;
  const unknown = value.split(',').find((name) => name.trim() !== 'RestoreStatus');
  if (unknown === undefined) return true;
  throw invalidArgument('x-amz-optional-object-attributes', unknown, 'Invalid attribute name specified.');
}

// As RestoreObject has it.
const RESTORED =
  '<RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress>' +
  '<RestoreExpiryDate>9999-12-31T23:59:59.000Z</RestoreExpiryDate></RestoreStatus>';

/** Objects put together differ in little else than their key and digest: the rest is written once. */
class EntryWriter {
  readonly #encode: (text: string) => string;
  readonly #accounts: S3Call['gateway']['cloud']['accounts'] | undefined;
  #second = -1;
  #date = '';
  #checksumAlgorithm: string | undefined;
  #checksumType: string | undefined;
  #checksum = '';
  #owner: string | undefined;
  #storageClass: string | undefined;
  #ownerAndClass = '';
  readonly #showsRestoring: boolean;

  /** @param accounts where owners are shown. */
  constructor(
    listing: Listing,
    accounts: S3Call['gateway']['cloud']['accounts'] | undefined,
    showsRestoring: boolean,
  ) {
    this.#encode = listing.encode;
    this.#showsRestoring = showsRestoring;
    this.#accounts = accounts;
  }

  entry(object: ListedObject): string {
    const { key, etag, sizeBytes } = object;
    const second = Math.floor(object.modifiedMs / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#date = isoDate(object.modifiedMs);
    }
    if (object.checksumAlgorithm !== this.#checksumAlgorithm || object.checksumType !== this.#checksumType) {
      this.#setChecksum(object);
    }
    if (object.owner !== this.#owner || object.storageClass !== this.#storageClass) {
      this.#setOwnerAndClass(object);
    }
    const named = `<Contents><Key>${escapeXml(this.#encode(key))}</Key>`;
    const dated = `<LastModified>${this.#date}</LastModified><ETag>&quot;${etag}&quot;</ETag>`;
    return `${named}${dated}${this.#checksum}<Size>${sizeBytes}</Size>${this.#ownerAndClass}</Contents>`;
  }

  #setChecksum({ checksumAlgorithm, checksumType }: ListedObject): void {
    this.#checksumAlgorithm = checksumAlgorithm;
    this.#checksumType = checksumType;
    this.#checksum = '';
    if (!isChecksumAlgorithm(checksumAlgorithm)) return;
    this.#checksum = `<ChecksumAlgorithm>${CHECKSUMS[checksumAlgorithm].name}</ChecksumAlgorithm>`;
    if (!isChecksumType(checksumType)) return;
    this.#checksum += `<ChecksumType>${CHECKSUM_TYPES[checksumType]}</ChecksumType>`;
  }

  #setOwnerAndClass({ owner, storageClass }: ListedObject): void {
    this.#owner = owner;
    this.#storageClass = storageClass;
    const shown = this.#accounts ? ownerFragment('Owner', this.#accounts.owner(owner)) : '';
    const restored = this.#showsRestoring && isArchived(storageClass) ? RESTORED : '';
    this.#ownerAndClass = `${shown}<StorageClass>${storageClass}</StorageClass>${restored}`;
  }
}
