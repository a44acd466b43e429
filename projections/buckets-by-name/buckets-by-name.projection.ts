// Owns the rows of buckets-by-name: per bucket its status, revision and the event that created it, how far
// its collection has come, and its properties; per owner the names, and the properties of all together.

import { buckets, nameOfBucket } from '#core/buckets/buckets.events.ts';
import { spaces } from '#core/buckets/spaces.events.ts';
import { assert } from '#core/kernel/assert.ts';
import type { RecordedEvent } from '#core/log/event-log.ts';
import { textField } from '../store/payload-fields.ts';
import type { Projection, RowWriter } from '../store/projection.ts';
import { eventRow, HEADER_BYTES, kindOf, payloadOf, rowValue, timeOf } from '../store/row-value.ts';
import { announced, decodeCollection, encodeCollection, firstCollection } from './collection-row.ts';
import { changedProperties } from './properties-row.ts';

const { BucketCreated, BucketClosed, BucketReopened, BucketDeleted, WriteProlonged } = buckets.table.events;

/** A row's kind: what the bucket is, told by the event that made it so. */
export const BUCKET_CLOSED = BucketClosed.id;
export const BUCKET_DELETED = BucketDeleted.id;

export const bucketRowKey = (id: string): string => `name/${id}`;
export const collectionRowKey = (id: string): string => `collection/${id}`;
export const propertiesRowKey = (id: string): string => `properties/${id}`;
export const spaceRowKey = (owner: string): string => `space/${owner}`;
/** The value is the bucket's id. */
export const ownerRowKey = (owner: string, name: string): string => `owner/${owner}\0${name}`;

const STREAM_PREFIX = 'buckets/';
const SPACE_PREFIX = 'spaces/';

export const bucketsByName: Projection = {
  name: 'buckets-by-name',
  version: 3,
  families: [buckets.family, spaces.family],
  apply(event: RecordedEvent, rows: RowWriter): void {
    if (event.type === 'SpaceDescribed') {
      const key = spaceRowKey(event.stream.slice(SPACE_PREFIX.length));
      const { data } = spaces.decode('SpaceDescribed', event.payload);
      rows.put(key, changedProperties(rows.get(key), data, event));
      return;
    }
    const id = event.stream.slice(STREAM_PREFIX.length);
    if (event.type === 'BucketCreated') {
      rows.put(bucketRowKey(id), eventRow(BucketCreated.id, event));
      const owner = textField(event.payload, 0, BucketCreated.data.owner.number);
      rows.put(ownerRowKey(owner, nameOfBucket(id)), Buffer.from(id));
      const first = firstCollection(event.revision, event.timeMs);
      rows.put(collectionRowKey(id), encodeCollection(first));
      return;
    }
    const before = rows.get(bucketRowKey(id));
    assert(before, `${event.type} of the bucket ${id}, which was never created`);
    if (event.type === 'BucketDeleted') {
      const owner = textField(before, HEADER_BYTES, BucketCreated.data.owner.number);
      rows.delete(ownerRowKey(owner, nameOfBucket(id)));
      rows.put(bucketRowKey(id), eventRow(BUCKET_DELETED, event));
      rows.delete(collectionRowKey(id));
      rows.delete(propertiesRowKey(id));
      return;
    }
    const kind = kindAfter(event.type) ?? kindOf(before);
    if (event.type === 'CollectionAnnounced' || event.type === 'WriteProlonged') {
      changeCollection(event, collectionRowKey(id), rows);
    }
    if (event.type === 'BucketDescribed') {
      const key = propertiesRowKey(id);
      const { data } = buckets.decode('BucketDescribed', event.payload);
      rows.put(key, changedProperties(rows.get(key), data, event));
    }
    rows.put(bucketRowKey(id), rowValue(kind, event.revision, timeOf(before), payloadOf(before)));
  },
};

function kindAfter(type: string): number | undefined {
  assert(type in buckets.table.events, `buckets-by-name knows no ${type}`);
  if (type === 'BucketClosed') return BUCKET_CLOSED;
  return type === 'BucketReopened' ? BucketReopened.id : undefined;
}

function changeCollection(event: RecordedEvent, key: string, rows: RowWriter): void {
  const before = rows.get(key);
  assert(before, `${event.type} of a bucket that is not there`);
  const row = decodeCollection(before);
  if (event.type === 'CollectionAnnounced') {
    rows.put(key, encodeCollection(announced(row, event.revision, event.timeMs)));
    return;
  }
  const blob = textField(event.payload, 0, WriteProlonged.data.blob.number);
  const prolonged = new Map(row.prolonged).set(blob, event.revision);
  rows.put(key, encodeCollection({ ...row, prolonged }));
}
