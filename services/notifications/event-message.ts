// Owns what is told of an event: which of S3's events it is, and the message ("Event message structure",
// Amazon S3 User Guide). Honest: what the log does not know is left out; a copy or a form is a write like
// any other there, so it is told as a Put.

import type { Actor, EventLog, RecordedEvent } from '#core/log/event-log.ts';
import {
  type Content,
  type ObjectEvent,
  objects,
  type Tags,
  versionAt,
} from '#core/objects/objects.events.ts';
import type { StoredBucket } from '#projections/buckets-by-name/buckets-by-name.query.ts';
import { EXPIRER } from '../expirer.ts';
import { LIFECYCLE_ACTOR } from '../lifecycle-keeper.ts';
import type { NotificationRule } from './notification-rules.ts';

/** One event of an object. */
export interface ObjectChange {
  readonly bucketId: string;
  readonly key: string;
  readonly event: RecordedEvent;
}

export function changeIn(event: RecordedEvent): ObjectChange | undefined {
  const { stream } = event;
  if (!stream.startsWith('objects/')) return undefined;
  const start = 'objects/'.length;
  const end = stream.indexOf('/', start);
  return { bucketId: stream.slice(start, end), key: stream.slice(end + 1), event };
}

/** Without `s3:`. */
export async function eventNameOf(log: Pick<EventLog, 'read'>, event: RecordedEvent): Promise<string> {
  const type = event.type as keyof typeof objects.table.events;
  switch (type) {
    case 'ObjectPut':
      return 'ObjectCreated:Put';
    case 'ObjectCompleted':
      return 'ObjectCreated:CompleteMultipartUpload';
    case 'ObjectDescribed':
      // S3 describes an object anew by a copy onto itself.
      return 'ObjectCreated:Copy';
    case 'ObjectDeleted':
    case 'VersionDeleted':
      return `${removalBy(event.actor)}:Delete`;
    case 'ObjectMarked':
      return `${removalBy(event.actor)}:DeleteMarkerCreated`;
    case 'ObjectTagged':
      return nameOfTagging(log, event);
  }
}

function removalBy({ user, requestId }: Actor): string {
  const isOwn = [EXPIRER, LIFECYCLE_ACTOR].some((own) => own.user === user && own.requestId === requestId);
  return isOwn ? 'LifecycleExpiration' : 'ObjectRemoved';
}

/** Of an event that says what the bytes are. */
function contentIn({ type, payload }: RecordedEvent): Content | undefined {
  switch (type) {
    case 'ObjectPut':
    case 'ObjectCompleted':
    case 'ObjectDescribed':
    case 'ObjectTagged':
      return objects.decode(type, payload).data;
    default:
      return undefined;
  }
}

/** Undefined in a bucket that never kept versions. */
function versionIn(event: RecordedEvent): string | undefined {
  const { version } = objects.decode(event.type as ObjectEvent['type'], event.payload).data;
  return version === undefined ? undefined : versionAt(event.revision, version);
}

/** Tags or grants: what the version was before says which of them changed. */
async function nameOfTagging(log: Pick<EventLog, 'read'>, event: RecordedEvent): Promise<string> {
  const now = contentIn(event);
  const before = await contentBefore(log, event);
  const isSameTags = textOf(before?.tags) === textOf(now?.tags);
  if (before && before.grants !== now?.grants && isSameTags) return 'ObjectAcl:Put';
  return textOf(now?.tags) === textOf(undefined) ? 'ObjectTagging:Delete' : 'ObjectTagging:Put';
}

/** Of the same version; mostly it is what stands right before, else the key's stream is read once. */
async function contentBefore(
  log: Pick<EventLog, 'read'>,
  event: RecordedEvent,
): Promise<Content | undefined> {
  const version = versionIn(event);
  for (const from of [event.revision - 1, 0]) {
    let found: Content | undefined;
    for await (const each of log.read(event.stream, { from })) {
      if (each.revision >= event.revision) break;
      const content = contentIn(each);
      if (content && versionIn(each) === version) found = content;
    }
    if (found) return found;
  }
  return undefined;
}

const textOf = (tags: Tags | undefined): string =>
  JSON.stringify(Object.entries(tags?.values ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)));

/** As S3 writes keys: like a form, but for `/`. */
const encodedKey = (key: string): string =>
  encodeURIComponent(key)
    .replace(/[!'()]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+')
    .replaceAll('%2F', '/');

const SEQUENCER_DIGITS = 16;

/** JSON. */
export function messageOf(
  { key, event }: ObjectChange,
  eventName: string,
  bucket: StoredBucket,
  rule: NotificationRule,
): string {
  const { actor, revision, timeMs } = event;
  const record = {
    eventVersion: '2.1',
    eventSource: 'aws:s3',
    awsRegion: bucket.region,
    eventTime: new Date(timeMs).toISOString(),
    eventName,
    userIdentity: { principalId: actor.user },
    requestParameters: {},
    responseElements: { 'x-amz-request-id': actor.requestId },
    s3: {
      s3SchemaVersion: '1.0',
      configurationId: rule.id,
      bucket: {
        name: bucket.name,
        ownerIdentity: { principalId: bucket.owner },
        arn: `arn:aws:s3:::${bucket.name}`,
      },
      object: {
        key: encodedKey(key),
        ...contentOf(event),
        // Of one key a later event has a higher one.
        sequencer: revision.toString(16).toUpperCase().padStart(SEQUENCER_DIGITS, '0'),
      },
    },
  };
  return JSON.stringify({ Records: [record] });
}

function contentOf(event: RecordedEvent): { size?: number; eTag?: string; versionId?: string } {
  const content = contentIn(event);
  const versionId = versionIn(event);
  return {
    ...(content && { size: content.sizeBytes, eTag: content.etag }),
    ...(versionId !== undefined && { versionId }),
  };
}
