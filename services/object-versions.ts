// Owns what the use cases of objects do about versions: what a write in a bucket that keeps them is decided
// on, how its version is called, and deletions, of keys and of versions. Guarantee: whether a bucket keeps
// what is replaced is guarded with each write and deletion, so none is carried out as the bucket was before.

import { bucketStream } from '#core/buckets/buckets.events.ts';
import { versioningOf } from '#core/buckets/properties.ts';
import { isRejected, type Rejection } from '#core/kernel/decider.ts';
import type { Random } from '#core/kernel/random.ts';
import { type KeyCondition, type ObjectState, objectDecider } from '#core/objects/objects.decider.ts';
import {
  NULL_VERSION,
  newVersionEnd,
  objects as objectLifecycle,
  objectStream,
  versionAt,
} from '#core/objects/objects.events.ts';
import { runCommand, type View } from '#core/runtime/run-command.ts';
import type { StoredBucket } from '#projections/buckets-by-name/buckets-by-name.query.ts';
import type { StoredObject } from '#projections/objects-by-key/objects-by-key.query.ts';
import type { BucketAccessCheck } from './buckets.service.ts';
import type { Caller, DeleteCondition, Deletion, ObjectRejection } from './cloud.ts';
import { actorOf, type ServiceContext, untilApplied, untilCaughtUp } from './context.ts';

type Versioning = ObjectState['versioning'];

/** What an unconditional put is decided on: nothing of its key, so nothing can be in its way. */
const BLIND: View<ObjectState> = { state: objectDecider.initial, expect: 'any' };
const BLIND_WHERE: Readonly<Record<NonNullable<Versioning>, View<ObjectState>>> = {
  enabled: { state: { status: 'absent', versioning: 'enabled' }, expect: 'any' },
  suspended: { state: { status: 'absent', versioning: 'suspended' }, expect: 'any' },
};

export function blindView(versioning: Versioning): View<ObjectState> {
  return versioning === undefined ? BLIND : BLIND_WHERE[versioning];
}

export function stateOf(object: StoredObject | undefined, versioning?: Versioning): ObjectState {
  return object
    ? { status: 'present', etag: object.etag, versioning }
    : { status: 'absent', etag: undefined, versioning };
}

/** Of a key in a bucket, guarded. */
export function viewOf(
  { objects }: Pick<ServiceContext, 'objects'>,
  bucket: StoredBucket,
  key: string,
): View<ObjectState> {
  return {
    state: stateOf(objects.get(bucket.id, key), versioningOf(bucket.properties)),
    expect: objects.revision(bucket.id, key) ?? 'none',
    alsoAt: [{ stream: bucketStream(bucket.id), revision: bucket.revision }],
  };
}

/** Of a command that may make a version: the end of its name, made where the bucket keeps it. */
export interface Versioned {
  version: string;
}

export function giveVersion(command: Versioned, versioning: Versioning, random: Random): void {
  if (versioning === 'enabled' && command.version === '') command.version = newVersionEnd(random);
}

/** How the version is called that an event of that revision made. */
export function madeVersion(
  versioning: Versioning,
  revision: number,
  command: { readonly version: string },
): string | undefined {
  if (versioning === undefined) return undefined;
  return versioning === 'enabled' ? versionAt(revision, command.version) : NULL_VERSION;
}

const NOTHING_KEPT: Deletion = Object.freeze({ isDeletion: false });

type DeletionContext = Pick<ServiceContext, 'log' | 'runner' | 'objects' | 'versions' | 'random'>;

export async function deleteObject(
  context: DeletionContext,
  buckets: BucketAccessCheck,
  caller: Caller,
  bucket: string,
  key: string,
  condition: DeleteCondition,
): Promise<Deletion | Rejection<ObjectRejection>> {
  let versioning: Versioning;
  const command = { type: 'DeleteObject' as const, owner: caller.accountId, condition, version: '' };
  const outcome = await runCommand(context.log, {
    decider: objectDecider,
    lifecycle: objectLifecycle,
    stream: objectStream(bucket, key),
    command,
    actor: actorOf(caller),
    view: (): View<ObjectState> | Rejection<ObjectRejection> => {
      const found = buckets.find(caller, bucket, 'write-objects');
      if (isRejected(found)) return found;
      versioning = versioningOf(found.properties);
      // What says that a key names nothing is something more in the bucket.
      if (versioning && found.status === 'closing') return { rejected: 'operation-in-progress' };
      giveVersion(command, versioning, context.random);
      const view = viewOf(context, found, key);
      const isAnother = condition.ifRevision !== undefined && condition.ifRevision !== view.expect;
      return isAnother ? { rejected: 'operation-in-progress' } : view;
    },
    refresh: async () => {
      await untilCaughtUp(context);
      await buckets.settle(caller, bucket);
    },
  });
  if (isRejected(outcome)) return outcome;
  if (!outcome) return NOTHING_KEPT;
  await untilApplied(context, outcome);
  const version = madeVersion(versioning, outcome.revision, command);
  return version === undefined ? NOTHING_KEPT : { version, isDeletion: true };
}

export async function deleteVersion(
  context: DeletionContext,
  buckets: BucketAccessCheck,
  caller: Caller,
  bucket: string,
  key: string,
  version: string,
  condition: KeyCondition,
): Promise<Deletion | Rejection<ObjectRejection>> {
  const look = async (): Promise<View<ObjectState> | Rejection<ObjectRejection>> => {
    const found = buckets.find(caller, bucket, 'write-objects');
    if (isRejected(found)) return found;
    const { revision, versions } = await context.versions.around(bucket, key, version);
    const [newest] = versions;
    const state = { status: newest ? 'present' : 'absent', etag: newest?.etag, versions } as const;
    return { state, expect: revision ?? 'none' };
  };
  let view = await look();
  const named = () => {
    const versions = isRejected(view) ? [] : (view.state.versions ?? []);
    return versions.find((each) => each.version === version);
  };
  const outcome = await runCommand(context.log, {
    decider: objectDecider,
    lifecycle: objectLifecycle,
    stream: objectStream(bucket, key),
    command: { type: 'DeleteVersion', version, condition },
    actor: actorOf(caller),
    view: () => view,
    refresh: async () => {
      await untilCaughtUp(context);
      view = await look();
    },
  });
  if (isRejected(outcome)) return outcome;
  const deleted = named();
  if (outcome) await untilApplied(context, outcome);
  return { version, isDeletion: deleted !== undefined && deleted.etag === undefined };
}
