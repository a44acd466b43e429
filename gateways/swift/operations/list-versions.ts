// Owns the listing of all versions of a container's objects. Forwards a page costs what it shows; backwards
// it is read from its lower end on, and only the last rows are kept.

import { limits } from '#core/kernel/limits.ts';
import type { ListedVersion, VersionListPage } from '#projections/object-versions/object-versions.query.ts';
import { isVersion } from '#services/versioning.ts';
import { accept, acceptBucket, DELETED_TYPE, type SwiftCall } from '../call.ts';
import { SwiftError } from '../errors.ts';
import { EMPTY_ETAG } from '../headers.ts';
import { isoDate } from '../reply.ts';
import { containerHeaders } from './containers.ts';
import {
  compareNames,
  formatOf,
  isBetween,
  type Listing,
  listingOf,
  nameOf,
  type Row,
  replyListing,
} from './listings.ts';

interface Place {
  readonly keyMarker: string;
  readonly versionMarker: string;
}

export async function listVersions(call: SwiftCall): Promise<void> {
  if (formatOf(call) !== 'json') throw new SwiftError(406);
  const listing = listingOf(call);
  const bucket = acceptBucket(await call.gateway.cloud.buckets.get(call.caller, call.container));
  const start = placeIn(call, listing);
  const rows = listing.isReverse ? await backwards(call, listing) : await forwards(call, listing, start);
  const names = { kind: 'container', entry: 'object', name: call.container };
  replyListing(call, names, rows, await containerHeaders(call, bucket));
}

/** @throws SwiftError 400 */
function placeIn({ query }: SwiftCall, { marker, isReverse }: Listing): Place {
  const versionMarker = query.get('version_marker') ?? '';
  if (versionMarker !== '') {
    if (marker === '') throw new SwiftError(400, 'version_marker param requires marker');
    if (isReverse || !isVersion(versionMarker)) throw new SwiftError(400, 'invalid version_marker param');
  }
  return { keyMarker: marker, versionMarker };
}

async function forwards(call: SwiftCall, listing: Listing, start: Place): Promise<readonly Row[]> {
  const rows: Row[] = [];
  // The marker itself is shown where it stands for its newer versions.
  const within = { ...listing, marker: start.versionMarker === '' ? listing.marker : '' };
  let place = start;
  while (rows.length < listing.limit) {
    const page = await pageBehind(call, listing, place, listing.limit - rows.length);
    for (const row of rowsOf(page, listing)) if (isBetween(nameOf(row), within)) rows.push(row);
    place = { keyMarker: page.nextKeyMarker, versionMarker: page.nextVersionMarker };
    if (!page.truncated || isAtEnd(place, listing.endMarker)) break;
  }
  return rows;
}

async function backwards(call: SwiftCall, listing: Listing): Promise<readonly Row[]> {
  let kept: Row[] = [];
  let place: Place = { keyMarker: listing.endMarker, versionMarker: '' };
  for (;;) {
    const page = await pageBehind(call, listing, place, limits.s3PageKeys);
    kept.push(...rowsOf(page, listing).filter((row) => isBetween(nameOf(row), listing)));
    kept = kept.slice(Math.max(0, kept.length - listing.limit));
    place = { keyMarker: page.nextKeyMarker, versionMarker: page.nextVersionMarker };
    if (!page.truncated || isAtEnd(place, listing.marker)) break;
  }
  return listing.limit === 0 ? [] : kept.reverse();
}

const isAtEnd = ({ keyMarker }: Place, end: string): boolean =>
  end !== '' && compareNames(keyMarker, end) >= 0;

async function pageBehind(
  call: SwiftCall,
  { prefix, delimiter }: Listing,
  place: Place,
  limit: number,
): Promise<VersionListPage> {
  const request = { bucket: call.container, prefix, delimiter, ...place, limit };
  return accept(await call.gateway.cloud.objects.listVersions(call.caller, request));
}

/** Versions and common prefixes, in order. */
function rowsOf({ versions, commonPrefixes }: VersionListPage, listing: Listing): readonly Row[] {
  const shown = versions.filter(({ key }) => !(listing.isPath && key === listing.prefix));
  const rows: Row[] = shown.map(rowOf);
  if (listing.isPath || commonPrefixes.length === 0) return rows;
  for (const subdir of commonPrefixes) rows.push({ subdir });
  return rows.sort((a, b) => compareNames(nameOf(a), nameOf(b)));
}

function rowOf({ key, version, modifiedMs, isLatest, object }: ListedVersion): Row {
  return {
    ...{ name: key, hash: object?.etag ?? EMPTY_ETAG, bytes: object?.sizeBytes ?? 0 },
    ...{ content_type: object?.contentType ?? DELETED_TYPE, last_modified: isoDate(modifiedMs) },
    ...{ version_id: version, is_latest: isLatest },
  };
}
