// Owns the rows of usage-by-bucket: how many objects and bytes each bucket holds, and each owner's buckets
// together; and of each object its size, so that what replaces or deletes it can be taken off. Sums do not
// depend on the order in which partitions are read.

import { buckets } from '#core/buckets/buckets.events.ts';
import { assert } from '#core/kernel/assert.ts';
import type { RecordedEvent } from '#core/log/event-log.ts';
import { contentFields, objects } from '#core/objects/objects.events.ts';
import { PayloadFields, textField } from '../store/payload-fields.ts';
import type { Projection, RowWriter } from '../store/projection.ts';
import { asBuffer } from '../store/row-value.ts';
import { bucketUsage, encodeBucket, encodeOwner, ownerUsage } from './usage-rows.ts';

const BUCKET_STREAM = 'buckets/';
const OBJECT_STREAM = 'objects/';
const SIZE_BYTES = contentFields.sizeBytes.number;
const ASSEMBLY = contentFields.assembly.number;
const OWNER = buckets.table.events.BucketCreated.data.owner.number;

export const bucketUsageKey = (bucket: string): string => `bucket/${bucket}`;
export const ownerUsageKey = (owner: string): string => `owner/${owner}`;

export const usageByBucket: Projection = {
  name: 'usage-by-bucket',
  version: 1,
  families: [buckets.family, objects.family],
  apply(event: RecordedEvent, rows: RowWriter): void {
    if (event.stream.startsWith(BUCKET_STREAM)) applyBucket(event, rows);
    else applyObject(event, rows);
  },
};

function applyBucket({ type, stream, payload }: RecordedEvent, rows: RowWriter): void {
  const key = bucketUsageKey(stream.slice(BUCKET_STREAM.length));
  if (type === 'BucketCreated') {
    const owner = textField(payload, 0, OWNER);
    rows.put(key, encodeBucket({ objects: 0, bytes: 0, owner }));
    addToOwner(rows, owner, 1, 0, 0);
  } else if (type === 'BucketDeleted') {
    addToOwner(rows, bucketUsage(rows.get(key)).owner, -1, 0, 0);
    rows.delete(key);
  }
}

function applyObject({ type, stream, payload }: RecordedEvent, rows: RowWriter): void {
  assert(type in objects.table.events, `usage-by-bucket knows no ${type}`);
  // Other bytes are not what is described anew.
  if (type === 'ObjectDescribed') return;
  const slash = stream.indexOf('/', OBJECT_STREAM.length);
  const bucket = stream.slice(OBJECT_STREAM.length, slash);
  const key = `size/${bucket}\0${stream.slice(slash + 1)}`;
  const before = rows.get(key);
  let objectsMore = before ? -1 : 0;
  let bytesMore = before ? -sizeOf(before) : 0;
  if (type === 'ObjectDeleted') rows.delete(key);
  else {
    const sizeBytes = storedBytes(payload);
    if (!before || sizeBytes !== -bytesMore) rows.put(key, sizeRow(sizeBytes));
    objectsMore++;
    bytesMore += sizeBytes;
  }
  if (objectsMore === 0 && bytesMore === 0) return;
  const usageKey = bucketUsageKey(bucket);
  const used = bucketUsage(rows.get(usageKey));
  const { owner } = used;
  rows.put(
    usageKey,
    encodeBucket({ objects: used.objects + objectsMore, bytes: used.bytes + bytesMore, owner }),
  );
  addToOwner(rows, owner, 0, objectsMore, bytesMore);
}

function addToOwner(rows: RowWriter, owner: string, bucketsMore: number, more: number, bytesMore: number) {
  const key = ownerUsageKey(owner);
  const { buckets: count, objects: objectCount, bytes } = ownerUsage(rows.get(key));
  rows.put(
    key,
    encodeOwner({ buckets: count + bucketsMore, objects: objectCount + more, bytes: bytes + bytesMore }),
  );
}

/** What is made of other objects holds no bytes but theirs. */
function storedBytes(payload: Uint8Array): number {
  const fields = new PayloadFields(payload, 0);
  let sizeBytes = 0;
  while (fields.next()) {
    if (fields.number === SIZE_BYTES) sizeBytes = fields.uint;
    else if (fields.number === ASSEMBLY) return 0;
  }
  return sizeBytes;
}

const SIZE_ROW_BYTES = 6;

function sizeRow(sizeBytes: number): Uint8Array {
  const row = Buffer.allocUnsafe(SIZE_ROW_BYTES);
  row.writeUIntBE(sizeBytes, 0, SIZE_ROW_BYTES);
  return row;
}

const sizeOf = (row: Uint8Array): number => asBuffer(row).readUIntBE(0, SIZE_ROW_BYTES);
