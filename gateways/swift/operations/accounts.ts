// Owns the operations on accounts: what they hold, which containers, and what is known of them.

import { limits } from '#core/kernel/limits.ts';
import type { StoredBucket } from '#projections/buckets-by-name/buckets-by-name.query.ts';
import type { OwnerUsage } from '#projections/usage-by-bucket/usage-by-bucket.query.ts';
import { cleanAccountList } from '../account-lists.ts';
import { acceptBucket, header, type SwiftCall } from '../call.ts';
import { SwiftError } from '../errors.ts';
import { addProperties, addSecrets, type Changes, changesOf, titled } from '../headers.ts';
import { ACCOUNT_PREFIX } from '../paths.ts';
import { answerHeaders, isoDate, replyEmpty, replyHead, TEXT, timestamp } from '../reply.ts';
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
    const policy = call.gateway.policies.nameOf(bucket.properties);
    const dated = { last_modified: isoDate(bucket.createdMs), storage_policy: policy };
    return { name: bucket.name, count, bytes, ...dated };
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

/** Where there is one policy, it has all. */
async function usageByPolicy(call: SwiftCall, all: OwnerUsage): Promise<Iterable<[string, OwnerUsage]>> {
  const { cloud, policies } = call.gateway;
  if (policies.all.length === 1) return [[policies.nameOf({}), all]];
  const usages = new Map<string, { buckets: number; objects: number; bytes: number }>();
  for (const bucket of await cloud.buckets.list(call.caller, '', limits.s3BucketsPerAccount)) {
    const name = policies.nameOf(bucket.properties);
    const usage = usages.get(name) ?? { buckets: 0, objects: 0, bytes: 0 };
    const { objects, bytes } = cloud.buckets.usage(bucket);
    usages.set(name, {
      buckets: usage.buckets + 1,
      objects: usage.objects + objects,
      bytes: usage.bytes + bytes,
    });
  }
  return usages;
}

async function accountHeaders(call: SwiftCall): Promise<string[]> {
  const space = acceptBucket(await call.gateway.cloud.buckets.space(call.caller));
  const { buckets, objects, bytes } = space.usage;
  const headers = [
    ...['X-Account-Container-Count', String(buckets)],
    ...['X-Account-Object-Count', String(objects)],
    ...['X-Account-Bytes-Used', String(bytes)],
  ];
  for (const [name, usage] of await usageByPolicy(call, space.usage)) {
    const policy = `X-Account-Storage-Policy-${titled(name.toLowerCase())}`;
    headers.push(`${policy}-Container-Count`, String(usage.buckets));
    headers.push(`${policy}-Object-Count`, String(usage.objects));
    headers.push(`${policy}-Bytes-Used`, String(usage.bytes));
  }
  headers.push('X-Timestamp', timestamp(space.changedMs ?? 0));
  addProperties(headers, 'Account', space.properties, call.isWriter);
  if (call.isWriter) {
    addSecrets(headers, 'Account', await call.gateway.cloud.buckets.spaceSecrets(call.caller));
  }
  headers.push('Accept-Ranges', 'bytes');
  return headers;
}
