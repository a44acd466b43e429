// Owns the operations on accounts: what they hold, which containers, and what is known of them.

import { limits } from '#core/kernel/limits.ts';
import type { StoredBucket } from '#projections/buckets-by-name/buckets-by-name.query.ts';
import { cleanAccountList } from '../account-lists.ts';
import { acceptBucket, header, type SwiftCall } from '../call.ts';
import { SwiftError } from '../errors.ts';
import { addProperties, addSecrets, type Changes, changesOf } from '../headers.ts';
import { ACCOUNT_PREFIX } from '../paths.ts';
import { answerHeaders, isoDate, replyEmpty, replyHead, TEXT, timestamp } from '../reply.ts';
import { STORAGE_POLICY } from './info.ts';
import {
  compareNames,
  isBetween,
  type Listing,
  listingOf,
  nameOf,
  type Row,
  replyListing,
} from './listings.ts';

export async function showAccount(call: SwiftCall): Promise<void> {
  const headers = [...answerHeaders(call), ...(await accountHeaders(call)), 'Content-Type', TEXT];
  replyHead(call, 204, headers);
}

export async function listContainers(call: SwiftCall): Promise<void> {
  const listing = listingOf(call);
  const { buckets } = call.gateway.cloud;
  const headers = await accountHeaders(call);
  const found = await buckets.list(call.caller, '', limits.s3BucketsPerAccount);
  const rows = pageOf(found, listing, (bucket) => {
    const { objects: count, bytes } = buckets.usage(bucket);
    return { name: bucket.name, count, bytes, last_modified: isoDate(bucket.createdMs) };
  });
  const names = { kind: 'account', entry: 'container', name: ACCOUNT_PREFIX + call.project };
  replyListing(call, names, rows, headers);
}

function pageOf(
  buckets: readonly StoredBucket[],
  listing: Listing,
  rowOf: (bucket: StoredBucket) => Row,
): readonly Row[] {
  const { prefix, delimiter, isReverse, limit } = listing;
  const rows: Row[] = [];
  const folded = new Set<string>();
  for (const bucket of buckets) {
    const { name } = bucket;
    if (!name.startsWith(prefix)) continue;
    const at = delimiter === '' ? -1 : name.indexOf(delimiter, prefix.length);
    const subdir = at < 0 ? undefined : name.slice(0, at + delimiter.length);
    if (!isBetween(subdir ?? name, listing) || (subdir !== undefined && folded.has(subdir))) continue;
    if (subdir === undefined) rows.push(rowOf(bucket));
    else {
      folded.add(subdir);
      rows.push({ subdir });
    }
  }
  rows.sort((a, b) => compareNames(nameOf(a), nameOf(b)));
  return (isReverse ? rows.reverse() : rows).slice(0, limit);
}

export async function updateAccount(call: SwiftCall): Promise<void> {
  const { buckets } = call.gateway.cloud;
  const { headers } = call.request;
  const { properties } = acceptBucket(await buckets.space(call.caller));
  const changes = withList(
    header(call, 'x-account-access-control'),
    changesOf(headers, 'account', properties),
  );
  // An account must not raise its own.
  const touchesQuota = [...Object.keys(changes.set), ...changes.unset].some((name) =>
    name.startsWith('quota/'),
  );
  if (touchesQuota && !call.isReseller) throw new SwiftError(403);
  acceptBucket(await buckets.describeSpace(call.caller, changes));
  replyEmpty(call, 204, [...answerHeaders(call), 'Content-Type', TEXT]);
}

function withList(value: string | undefined, { set, unset }: Changes): Changes {
  if (value === undefined) return { set, unset };
  const access = cleanAccountList(value);
  return access === '' ? { set, unset: [...unset, 'access'] } : { set: { ...set, access }, unset };
}

async function accountHeaders(call: SwiftCall): Promise<string[]> {
  const space = acceptBucket(await call.gateway.cloud.buckets.space(call.caller));
  const { buckets, objects, bytes } = space.usage;
  const headers = [
    ...['X-Account-Container-Count', String(buckets)],
    ...['X-Account-Object-Count', String(objects)],
    ...['X-Account-Bytes-Used', String(bytes)],
  ];
  const policy = `X-Account-Storage-Policy-${STORAGE_POLICY[0]?.toUpperCase()}${STORAGE_POLICY.slice(1)}`;
  headers.push(`${policy}-Container-Count`, String(buckets), `${policy}-Object-Count`, String(objects));
  headers.push(`${policy}-Bytes-Used`, String(bytes), 'X-Timestamp', timestamp(space.changedMs ?? 0));
  addProperties(headers, 'Account', space.properties, call.isWriter);
  if (call.isWriter) {
    addSecrets(headers, 'Account', await call.gateway.cloud.buckets.spaceSecrets(call.caller));
  }
  headers.push('Accept-Ranges', 'bytes');
  return headers;
}
