// Owns what is told of an event: which of S3's events it is, and the message ("Event message structure",
// Amazon S3 User Guide). Honest: what the log does not know is left out; a copy or a form is a write like
// any other there, so it is told as a Put.

import type { EventLog, RecordedEvent } from '#core/log/event-log.ts';
import type { Tags } from '#core/objects/objects.events.ts';
import { objects } from '#core/objects/objects.events.ts';
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
    case 'ObjectDeleted': {
      const { user, requestId } = event.actor;
      const isOwn = [EXPIRER, LIFECYCLE_ACTOR].some(
        (own) => own.user === user && own.requestId === requestId,
      );
      return isOwn ? 'LifecycleExpiration:Delete' : 'ObjectRemoved:Delete';
    }
    case 'ObjectTagged':
      return nameOfTagging(log, event);
  }
}

const textOf = (tags: Tags | undefined): string =>
  JSON.stringify(Object.entries(tags?.values ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)));

/** Tags or grants: the event before says which of them changed. */
async function nameOfTagging(log: Pick<EventLog, 'read'>, event: RecordedEvent): Promise<string> {
  const { data } = objects.decode('ObjectTagged', event.payload);
  for await (const before of log.read(event.stream, { from: event.revision - 1 })) {
    if (before.type === 'ObjectDeleted') break;
    // All that may stand before it have the fields of a content.
    const { data: old } = objects.decode(before.type as 'ObjectTagged', before.payload);
    if (old.grants !== data.grants && textOf(old.tags) === textOf(data.tags)) return 'ObjectAcl:Put';
    break;
  }
  return data.tags && Object.keys(data.tags.values).length > 0 ? 'ObjectTagging:Put' : 'ObjectTagging:Delete';
}

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

function contentOf({ type, payload }: RecordedEvent): { size?: number; eTag?: string } {
  if (type === 'ObjectDeleted') return {};
  const { data } = objects.decode(type as 'ObjectPut', payload);
  return { size: data.sizeBytes, eTag: data.etag };
}
