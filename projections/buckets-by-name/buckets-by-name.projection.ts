// Owns the rows of buckets-by-name: per name its status, revision and the event that created it, and how far
// its collection has come; per owner the names.

import { buckets } from '#core/buckets/buckets.events.ts';
import { assert } from '#core/kernel/assert.ts';
import type { RecordedEvent } from '#core/log/event-log.ts';
import { textField } from '../store/payload-fields.ts';
import type { Projection, RowWriter } from '../store/projection.ts';
import { eventRow, HEADER_BYTES, kindOf, payloadOf, rowValue, timeOf } from '../store/row-value.ts';
import { announced, decodeCollection, encodeCollection, firstCollection } from './collection-row.ts';

const { BucketCreated, BucketClosed, BucketReopened, BucketDeleted, WriteProlonged } = buckets.table.events;

/** A row's kind: what the bucket is, told by the event that made it so. */
export const BUCKET_CLOSED = BucketClosed.id;
export const BUCKET_DELETED = BucketDeleted.id;

export const bucketRowKey = (name: string): string => `name/${name}`;
export const collectionRowKey = (name: string): string => `collection/${name}`;
export const ownerRowKey = (owner: string, name: string): string => `owner/${owner}\0${name}`;

const STREAM_PREFIX = 'buckets/';
const NOTHING = new Uint8Array(0);

export const bucketsByName: Projection = {
  name: 'buckets-by-name',
  version: 2,
  families: [buckets.family],
  apply(event: RecordedEvent, rows: RowWriter): void {
    const name = event.stream.slice(STREAM_PREFIX.length);
    if (event.type === 'BucketCreated') {
      rows.put(bucketRowKey(name), eventRow(BucketCreated.id, event));
      rows.put(ownerRowKey(textField(event.payload, 0, BucketCreated.data.owner.number), name), NOTHING);
      const first = firstCollection(event.revision, event.timeMs);
      rows.put(collectionRowKey(name), encodeCollection(first));
      return;
    }
    const before = rows.get(bucketRowKey(name));
    assert(before, `${event.type} of the bucket ${name}, which was never created`);
    if (event.type === 'BucketDeleted') {
      rows.delete(ownerRowKey(textField(before, HEADER_BYTES, BucketCreated.data.owner.number), name));
      rows.put(bucketRowKey(name), eventRow(BUCKET_DELETED, event));
      rows.delete(collectionRowKey(name));
      return;
    }
    const kind = kindAfter(event.type) ?? kindOf(before);
    if (event.type === 'CollectionAnnounced' || event.type === 'WriteProlonged') {
      changeCollection(event, collectionRowKey(name), rows);
    }
    rows.put(bucketRowKey(name), rowValue(kind, event.revision, timeOf(before), payloadOf(before)));
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
