// Owns the rows of buckets-by-name: per name its status, revision and the event that created it; per owner
// the names.

import { buckets } from '#core/buckets/buckets.events.ts';
import { assert } from '#core/kernel/assert.ts';
import type { RecordedEvent } from '#core/log/event-log.ts';
import { textField } from '../store/payload-fields.ts';
import type { Projection, RowWriter } from '../store/projection.ts';
import { eventRow, HEADER_BYTES, payloadOf, rowValue, timeOf } from '../store/row-value.ts';

const { BucketCreated, BucketClosed, BucketReopened, BucketDeleted } = buckets.table.events;

/** A row's kind: what the bucket is, told by the event that made it so. */
export const BUCKET_CLOSED = BucketClosed.id;
export const BUCKET_DELETED = BucketDeleted.id;

export const bucketRowKey = (name: string): string => `name/${name}`;
export const ownerRowKey = (owner: string, name: string): string => `owner/${owner}\0${name}`;

const STREAM_PREFIX = 'buckets/';
const NOTHING = new Uint8Array(0);

export const bucketsByName: Projection = {
  name: 'buckets-by-name',
  version: 1,
  families: [buckets.family],
  apply(event: RecordedEvent, rows: RowWriter): void {
    const name = event.stream.slice(STREAM_PREFIX.length);
    if (event.type === 'BucketCreated') {
      rows.put(bucketRowKey(name), eventRow(BucketCreated.id, event));
      rows.put(ownerRowKey(textField(event.payload, 0, BucketCreated.data.owner.number), name), NOTHING);
      return;
    }
    const before = rows.get(bucketRowKey(name));
    assert(before, `${event.type} of the bucket ${name}, which was never created`);
    if (event.type === 'BucketDeleted') {
      rows.delete(ownerRowKey(textField(before, HEADER_BYTES, BucketCreated.data.owner.number), name));
      rows.put(bucketRowKey(name), eventRow(BUCKET_DELETED, event));
      return;
    }
    const kind = event.type === 'BucketClosed' ? BUCKET_CLOSED : BucketReopened.id;
    assert(event.type in buckets.table.events, `buckets-by-name knows no ${event.type}`);
    rows.put(bucketRowKey(name), rowValue(kind, event.revision, timeOf(before), payloadOf(before)));
  },
};
