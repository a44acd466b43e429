// Owns the operations on containers, each a bucket of the account's project.

import type { IncomingHttpHeaders } from 'node:http';
import { isRejected } from '#core/kernel/decider.ts';
import { limits } from '#core/kernel/limits.ts';
import { decodePath } from '#gateways/edge/query-string.ts';
import type { StoredBucket } from '#projections/buckets-by-name/buckets-by-name.query.ts';
import { ARCHIVES, isTwofold, VERSIONING, versioningOf } from '#services/versioning.ts';
import { cleanAccessList } from '../access-lists.ts';
import { acceptBucket, fromHeader, header, isTrue, type SwiftCall } from '../call.ts';
import { SwiftError } from '../errors.ts';
import { addProperties, addSecrets, type Changes, changesOf, type Values } from '../headers.ts';
import { checkNames } from '../paths.ts';
import {
  answerHeaders,
  httpDate,
  lastModifiedMs,
  replyDone,
  replyEmpty,
  replyHead,
  TEXT,
  timestamp,
} from '../reply.ts';

export async function showContainer(call: SwiftCall): Promise<void> {
  const bucket = acceptBucket(await call.gateway.cloud.buckets.get(call.caller, call.container));
  replyHead(call, 204, [
    ...answerHeaders(call),
    ...(await containerHeaders(call, bucket)),
    'Content-Type',
    TEXT,
  ]);
}

export async function createContainer(call: SwiftCall): Promise<void> {
  checkNames(call);
  const { buckets } = call.gateway.cloud;
  const { headers } = call.request;
  const { policies, region } = call.gateway;
  const asked = policies.asked(header(call, 'x-storage-policy'));
  // What is wrong with the request must not leave a container behind.
  const first = containerChanges(headers, {});
  mayChange(call, first);
  if (isTwofold(first.set)) throw new SwiftError(400);
  const options = { scope: 'own', properties: policies.propertiesOf(asked) } as const;
  const made = await buckets.create(call.caller, call.container, region, options);
  const isThere = isRejected(made) && made.rejected === 'bucket-owned-by-caller';
  if (!isThere) acceptBucket(made);
  const { properties } = acceptBucket(await buckets.get(call.caller, call.container));
  if (asked && asked.name !== policies.nameOf(properties)) throw new SwiftError(409);
  acceptBucket(await buckets.describe(call.caller, call.container, containerChanges(headers, properties)));
  replyDone(call, isThere ? 202 : 201);
}

export async function updateContainer(call: SwiftCall): Promise<void> {
  const { buckets } = call.gateway.cloud;
  const { properties } = acceptBucket(await buckets.get(call.caller, call.container));
  const changes = containerChanges(call.request.headers, properties);
  mayChange(call, changes);
  acceptBucket(await buckets.describe(call.caller, call.container, changes));
  replyEmpty(call, 204, [...answerHeaders(call), 'Content-Type', TEXT]);
}

export async function deleteContainer(call: SwiftCall): Promise<void> {
  acceptBucket(await call.gateway.cloud.buckets.delete(call.caller, call.container));
  replyEmpty(call, 204, [...answerHeaders(call), 'Content-Type', TEXT]);
}

/** Who else may use a container is said by its owners alone. @throws SwiftError 403 */
function mayChange({ isWriter }: SwiftCall, { set, unset }: Changes): void {
  const names = [...Object.keys(set), ...unset];
  if (!isWriter && names.some((name) => /^(access|secret)\//.test(name))) throw new SwiftError(403);
}

/** What would change what a container does, and is not built. */
const UNBUILT = ['x-container-sync-to', 'x-container-sync-key'];

const LISTS = [
  ['X-Container-Read', 'access/read'],
  ['X-Container-Write', 'access/write'],
] as const;

/** @throws SwiftError 400, 501 */
function containerChanges(headers: IncomingHttpHeaders, before: Values): Changes {
  for (const name of UNBUILT) if (headers[name]) throw new SwiftError(501);
  const { set, unset } = changesOf(headers, 'container', before);
  const lists: Record<string, string> = {};
  const withdrawn: string[] = [];
  for (const [name, property] of LISTS) {
    const value = headers[name.toLowerCase()];
    const isRemoved = headers[name.replace('X-', 'X-Remove-').toLowerCase()] !== undefined;
    if (value === undefined && !isRemoved) continue;
    const list = isRemoved ? '' : cleanAccessList(name, fromHeader(String(value)));
    if (Buffer.byteLength(list) > limits.swiftAccessListBytes)
      throw new SwiftError(400, `${name} is too long`);
    if (list !== '') lists[property] = list;
    else if (property in before) withdrawn.push(property);
  }
  const kept = versionsChange(headers, before);
  const archive = archiveChange(headers, before);
  return {
    set: { ...set, ...lists, ...kept, ...archive.set },
    unset: [...unset, ...withdrawn, ...archive.unset],
  };
}

const MODES = [
  ['X-Versions-Location', ARCHIVES.stack],
  ['X-History-Location', ARCHIVES.history],
] as const;

/** Where what is replaced is copied to: one place at most. @throws SwiftError 400, 412 */
function archiveChange(headers: IncomingHttpHeaders, before: Values): Changes {
  const said = MODES.flatMap(([name, property]) => {
    const value = headers[name.toLowerCase()];
    return value === undefined ? [] : [{ property, value: fromHeader(String(value)) }];
  });
  const wanted = said.filter(({ value }) => value !== '');
  const [first, second] = wanted;
  if (second) throw new SwiftError(400, `Only one of ${MODES.map(([name]) => name).join(' or ')} may be set`);
  const isRemoved = MODES.some(([name]) => headers[name.replace('X-', 'X-Remove-').toLowerCase()]);
  if (!first && said.length === 0 && !isRemoved) return { set: {}, unset: [] };
  const others = MODES.map(([, property]) => property).filter((property) => property !== first?.property);
  const unset = others.filter((property) => property in before);
  if (!first) return { set: {}, unset };
  const container = decodePath(first.value);
  if (container === undefined || container.includes('/') || container.includes('\0')) {
    throw new SwiftError(412, 'Container name cannot contain slashes');
  }
  checkNames({ project: '', container, object: '' });
  return { set: { [first.property]: container }, unset };
}

/** What never kept versions need not be told to stop. */
function versionsChange(headers: IncomingHttpHeaders, before: Values): Values {
  const asked = headers['x-versions-enabled'];
  if (asked === undefined) return {};
  if (isTrue(String(asked))) return { [VERSIONING]: 'enabled' };
  return VERSIONING in before ? { [VERSIONING]: 'suspended' } : {};
}

export async function containerHeaders(call: SwiftCall, bucket: StoredBucket): Promise<string[]> {
  const { buckets } = call.gateway.cloud;
  const { objects, bytes } = buckets.usage(bucket);
  const policy = call.gateway.policies.nameOf(bucket.properties);
  const headers = [
    ...['X-Container-Object-Count', String(objects), 'X-Container-Bytes-Used', String(bytes)],
    ...['X-Timestamp', timestamp(bucket.createdMs)],
    ...['Last-Modified', httpDate(lastModifiedMs(bucket.createdMs)), 'X-Storage-Policy', policy],
  ];
  addProperties(headers, 'Container', bucket.properties, call.isWriter);
  if (call.isWriter) addSecrets(headers, 'Container', await buckets.secrets(call.caller, bucket));
  const versioning = versioningOf(bucket.properties);
  if (versioning) headers.push('X-Versions-Enabled', versioning === 'enabled' ? 'True' : 'False');
  for (const [name, property] of MODES) {
    const archive = bucket.properties[property];
    if (archive !== undefined) headers.push(name, encodeURIComponent(archive));
  }
  headers.push('Accept-Ranges', 'bytes');
  return headers;
}
