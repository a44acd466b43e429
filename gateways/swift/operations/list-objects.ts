// Owns the listing of a container's objects. Forwards a page costs what it shows; backwards it is read from
// the lower end on, and only the last rows are kept.

import { limits } from '#core/kernel/limits.ts';
import type { ListedObject, ListPage } from '#projections/objects-by-key/objects-by-key.query.ts';
import { accept, acceptBucket, type SwiftCall } from '../call.ts';
import { isoDate } from '../reply.ts';
import { containerHeaders } from './containers.ts';
import { listVersions } from './list-versions.ts';
import {
  compareNames,
  isBetween,
  type Listing,
  listingOf,
  nameOf,
  type Row,
  replyListing,
} from './listings.ts';
import { withLinks } from './symlinks.ts';

export async function listObjects(call: SwiftCall): Promise<void> {
  if (call.query.has('versions')) return listVersions(call);
  const listing = listingOf(call);
  const { buckets } = call.gateway.cloud;
  const bucket = acceptBucket(await buckets.get(call.caller, call.container));
  const found = listing.isReverse ? await backwards(call, listing) : await forwards(call, listing);
  const rows = await withLinks(call, found);
  const names = { kind: 'container', entry: 'object', name: call.container };
  replyListing(call, names, rows, await containerHeaders(call, bucket));
}

async function forwards(call: SwiftCall, listing: Listing): Promise<readonly Row[]> {
  const rows: Row[] = [];
  let after = listing.marker;
  // More than once only where what was found is not shown.
  while (rows.length < listing.limit) {
    const page = await pageAfter(call, listing, after, listing.limit - rows.length);
    const found = rowsOf(page, listing);
    for (const row of found) if (isBetween(nameOf(row), listing)) rows.push(row);
    after = page.last;
    if (!page.truncated || (listing.endMarker !== '' && compareNames(after, listing.endMarker) >= 0)) break;
  }
  return rows;
}

async function backwards(call: SwiftCall, listing: Listing): Promise<readonly Row[]> {
  let kept: Row[] = [];
  let after = listing.endMarker;
  for (;;) {
    const page = await pageAfter(call, listing, after, limits.s3PageKeys);
    kept.push(...rowsOf(page, listing).filter((row) => isBetween(nameOf(row), listing)));
    kept = kept.slice(Math.max(0, kept.length - listing.limit));
    after = page.last;
    if (!page.truncated || (listing.marker !== '' && compareNames(after, listing.marker) >= 0)) break;
  }
  return listing.limit === 0 ? [] : kept.reverse();
}

async function pageAfter(call: SwiftCall, listing: Listing, after: string, limit: number): Promise<ListPage> {
  const { prefix, delimiter } = listing;
  const request = { bucket: call.container, prefix, delimiter, after, limit };
  return accept(await call.gateway.cloud.objects.list(call.caller, request));
}

/** Objects and common prefixes, in order. */
function rowsOf({ objects, commonPrefixes }: ListPage, listing: Listing): readonly Row[] {
  const rows: Row[] = objects
    // A folder is not in itself.
    .filter(({ key }) => !(listing.isPath && key === listing.prefix))
    .map(rowOf);
  if (listing.isPath || commonPrefixes.length === 0) return rows;
  for (const subdir of commonPrefixes) rows.push({ subdir });
  return rows.sort((a, b) => compareNames(nameOf(a), nameOf(b)));
}

function rowOf({ key, etag, sizeBytes, contentType, modifiedMs }: ListedObject): Row {
  return {
    ...{ name: key, hash: etag, bytes: sizeBytes, content_type: contentType },
    last_modified: isoDate(modifiedMs),
  };
}
