// Owns Swift's old ways of keeping what is replaced (https://docs.openstack.org/swift/latest/middleware.html,
// "Versioned Writes"): it is copied into a container of its own, the archive. A deletion in a stack brings
// the newest of it back; in a history it is told there. What other dialects do is not kept so.

import { isRejected, type Rejection } from '#core/kernel/decider.ts';
import { limits } from '#core/kernel/limits.ts';
import type { ListedObject, StoredObject } from '#projections/objects-by-key/objects-by-key.query.ts';
import type { Caller } from '#services/cloud.ts';
import { isOver } from '#services/expirer.ts';
import { ARCHIVES } from '#services/versioning.ts';
import { DELETED_TYPE, type GatewayContext } from '../call.ts';
import { SwiftError } from '../errors.ts';
import { EMPTY_ETAG } from '../headers.ts';
import type { Address } from '../paths.ts';
import { timestamp } from '../reply.ts';
import { putAgain } from './put-again.ts';

type Place = Pick<Address, 'container' | 'object'>;

interface Archive {
  readonly container: string;
  readonly isHistory: boolean;
}

const TIMESTAMP_CHARACTERS = 16;
/** Of a millisecond: what one thing that happens in it may be later than another. */
const STEPS = 100;

/** To be asked before an object is put. @throws SwiftError 412 where what is there cannot be kept */
export async function keepReplaced(gateway: GatewayContext, caller: Caller, at: Place): Promise<void> {
  const archive = await archiveOf(gateway, caller, at);
  if (archive) await keepPresent(gateway, caller, at, archive);
}

/**
 * To be asked before an object is deleted. Resolves to whether that is done: what was there before is there
 * again.
 * @throws SwiftError 412
 */
export async function keepDeleted(gateway: GatewayContext, caller: Caller, at: Place): Promise<boolean> {
  const archive = await archiveOf(gateway, caller, at);
  if (!archive) return false;
  if (!archive.isHistory) return bringBack(gateway, caller, at, archive);
  await keepPresent(gateway, caller, at, archive);
  const { objects } = gateway.cloud;
  const told = await objects.put(caller, {
    bucket: archive.container,
    // Later than whatever was there in this millisecond.
    key: nameIn(at, gateway.clock.nowMs(), STEPS - 1),
    source: objects.source({ segments: [], bucket: '' }, 0, 0),
    digests: [],
    condition: {},
    describe: () => ({
      ...{ etag: EMPTY_ETAG, contentType: DELETED_TYPE, headers: {}, metadata: {} },
      storageClass: 'STANDARD',
    }),
  });
  kept(told);
  return false;
}

async function archiveOf(
  { cloud }: GatewayContext,
  caller: Caller,
  { container }: Place,
): Promise<Archive | undefined> {
  const bucket = await cloud.buckets.get(caller, container);
  if (isRejected(bucket)) return undefined;
  const { [ARCHIVES.stack]: stack, [ARCHIVES.history]: history } = bucket.properties;
  if (stack !== undefined) return { container: stack, isHistory: false };
  return history === undefined ? undefined : { container: history, isHistory: true };
}

async function present({ cloud, clock }: GatewayContext, caller: Caller, { container, object }: Place) {
  const found = await cloud.objects.stored(caller, container, object);
  return isRejected(found) || isOver(found, clock.nowMs()) ? undefined : found;
}

async function keepPresent(
  gateway: GatewayContext,
  caller: Caller,
  at: Place,
  archive: Archive,
): Promise<void> {
  const found = await present(gateway, caller, at);
  if (!found) return;
  const object = nameIn(at, found.modifiedMs, found.revision % STEPS);
  kept(await putAgain(gateway.cloud.objects, caller, found, { container: archive.container, object }));
}

/** Whatever is wrong with the archive is a condition that does not hold. @throws SwiftError 412 */
function kept(outcome: StoredObject | Rejection): StoredObject {
  if (isRejected(outcome)) throw new SwiftError(412);
  return outcome;
}

/** Where all that an object was lies in its archive. */
function prefixOf({ object }: Place): string {
  return `${Buffer.byteLength(object).toString(16).padStart(3, '0')}${object}/`;
}

/** @param step of the millisecond @throws SwiftError 412 */
function nameIn(at: Place, timeMs: number, step: number): string {
  const name = prefixOf(at) + timestamp(timeMs + step / STEPS).padStart(TIMESTAMP_CHARACTERS, '0');
  if (Buffer.byteLength(name) > limits.s3KeyBytes) throw new SwiftError(412);
  return name;
}

/** Of what is in the archive the newest, and what stands before it. */
async function newestIn(
  { cloud }: GatewayContext,
  caller: Caller,
  at: Place,
  { container }: Archive,
): Promise<readonly ListedObject[]> {
  const prefix = prefixOf(at);
  let newest: readonly ListedObject[] = [];
  for (let after = '', more = true; more; ) {
    const request = { bucket: container, prefix, delimiter: '', after, limit: limits.s3PageKeys };
    const page = await cloud.objects.list(caller, request);
    if (isRejected(page)) return [];
    newest = [...newest, ...page.objects].slice(-limits.s3PageKeys);
    more = page.truncated;
    after = page.last;
  }
  return [...newest].reverse();
}

async function bringBack(
  gateway: GatewayContext,
  caller: Caller,
  at: Place,
  archive: Archive,
): Promise<boolean> {
  const { objects } = gateway.cloud;
  const found = await newestIn(gateway, caller, at, archive);
  const [deletion] = found[0]?.contentType === DELETED_TYPE ? found : [];
  // What was deleted last, in a history, stays so: only what is there now goes.
  if (deletion && (await present(gateway, caller, at))) return false;
  for (const { key, contentType } of deletion ? found.slice(1) : found) {
    if (contentType === DELETED_TYPE) break;
    const kept = await present(gateway, caller, { container: archive.container, object: key });
    if (!kept) continue;
    const outcome = await putAgain(objects, caller, kept, at);
    if (isRejected(outcome)) throw new SwiftError(412);
    await objects.delete(caller, archive.container, key, {});
    if (deletion) await objects.delete(caller, archive.container, deletion.key, {});
    return true;
  }
  if (!deletion) return false;
  await objects.delete(caller, archive.container, deletion.key, {});
  return true;
}
