// Owns the rows of usage-by-bucket: how many objects and bytes each bucket holds, and each owner's buckets
// together; which objects end, in order of time; and of each object its size and end, so that what replaces
// or deletes it can be taken off. Sums do not depend on the order in which partitions are read.

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
const EXPIRES = contentFields.expiresMs.number;
const OWNER = buckets.table.events.BucketCreated.data.owner.number;

export const bucketUsageKey = (bucket: string): string => `bucket/${bucket}`;
export const ownerUsageKey = (owner: string): string => `owner/${owner}`;

export const usageByBucket: Projection = {
  name: 'usage-by-bucket',
  version: 2,
  families: [buckets.family, objects.family],
  apply(event: RecordedEvent, rows: RowWriter): void {
    if (event.stream.startsWith(BUCKET_STREAM)) {
      // Its row comes or goes.
      settleSums(rows);
      applyBucket(event, rows);
    } else applyObject(event, rows);
  },
  settle: settleSums,
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

function applyObject({ type, stream, payload, revision }: RecordedEvent, rows: RowWriter): void {
  assert(type in objects.table.events, `usage-by-bucket knows no ${type}`);
  const slash = stream.indexOf('/', OBJECT_STREAM.length);
  const bucket = stream.slice(OBJECT_STREAM.length, slash);
  const name = `${bucket}\0${stream.slice(slash + 1)}`;
  const key = `object/${name}`;
  // What a stream begins with replaces nothing: most events of most logs need not look.
  const row = revision === 0 ? undefined : rows.get(key);
  const before = row ? weightOf(row) : NOTHING;
  const after = type === 'ObjectDeleted' ? NOTHING : weightIn(payload);
  const isThere = type !== 'ObjectDeleted';
  if (!isThere) rows.delete(key);
  else if (!row || !isSame(before, after)) rows.put(key, weightRow(after));
  if (before.expiresMs !== after.expiresMs) {
    if (before.expiresMs > 0) rows.delete(endKey(before.expiresMs, name));
    if (after.expiresMs > 0) rows.put(endKey(after.expiresMs, name), NO_BYTES);
  }
  const sums = pendingOf(rows);
  const sum = sums.get(bucket) ?? { objects: 0, bytes: 0 };
  sum.objects += Number(isThere) - Number(row !== undefined);
  sum.bytes += after.sizeBytes - before.sizeBytes;
  sums.set(bucket, sum);
}

/** What came to a bucket, or went, since its row was written. */
interface Pending {
  objects: number;
  bytes: number;
}

/** By table, then by bucket: empty whenever anybody but this file looks at the table. */
const pending = new WeakMap<RowWriter, Map<string, Pending>>();

function pendingOf(rows: RowWriter): Map<string, Pending> {
  const known = pending.get(rows);
  if (known) return known;
  const made = new Map<string, Pending>();
  pending.set(rows, made);
  return made;
}

function settleSums(rows: RowWriter): void {
  const sums = pendingOf(rows);
  for (const [bucket, more] of sums) {
    const key = bucketUsageKey(bucket);
    const { objects: count, bytes, owner } = bucketUsage(rows.get(key));
    // Also where nothing came of it: whether there is a row must not depend on when sums are settled.
    rows.put(key, encodeBucket({ objects: count + more.objects, bytes: bytes + more.bytes, owner }));
    addToOwner(rows, owner, 0, more.objects, more.bytes);
  }
  sums.clear();
}

function addToOwner(rows: RowWriter, owner: string, bucketsMore: number, more: number, bytesMore: number) {
  const key = ownerUsageKey(owner);
  const { buckets: count, objects: objectCount, bytes } = ownerUsage(rows.get(key));
  rows.put(
    key,
    encodeOwner({ buckets: count + bucketsMore, objects: objectCount + more, bytes: bytes + bytesMore }),
  );
}

/** What of an object counts here. */
interface Weight {
  readonly sizeBytes: number;
  /** 0: it does not end. */
  readonly expiresMs: number;
}

const NOTHING: Weight = { sizeBytes: 0, expiresMs: 0 };
const NO_BYTES = new Uint8Array(0);
const isSame = (a: Weight, b: Weight) => a.sizeBytes === b.sizeBytes && a.expiresMs === b.expiresMs;

function weightIn(payload: Uint8Array): Weight {
  const fields = new PayloadFields(payload, 0);
  let sizeBytes = 0;
  let expiresMs = 0;
  let isAssembled = false;
  while (fields.next()) {
    if (fields.number === SIZE_BYTES) sizeBytes = fields.uint;
    else if (fields.number === EXPIRES) expiresMs = fields.uint;
    else if (fields.number === ASSEMBLY) isAssembled = true;
  }
  // What is made of other objects holds no bytes but theirs.
  return { sizeBytes: isAssembled ? 0 : sizeBytes, expiresMs };
}

const NUMBER_BYTES = 6;

/** The end is left out of almost all rows. */
function weightRow({ sizeBytes, expiresMs }: Weight): Uint8Array {
  const row = Buffer.allocUnsafe(expiresMs > 0 ? 2 * NUMBER_BYTES : NUMBER_BYTES);
  row.writeUIntBE(sizeBytes, 0, NUMBER_BYTES);
  if (expiresMs > 0) row.writeUIntBE(expiresMs, NUMBER_BYTES, NUMBER_BYTES);
  return row;
}

function weightOf(row: Uint8Array): Weight {
  const bytes = asBuffer(row);
  const expiresMs = bytes.length > NUMBER_BYTES ? bytes.readUIntBE(NUMBER_BYTES, NUMBER_BYTES) : 0;
  return { sizeBytes: bytes.readUIntBE(0, NUMBER_BYTES), expiresMs };
}

const TIME_DIGITS = 15;
const END = 'end/';

/** Of an object that ends then; the lowest of those where no name is given. */
export const endKey = (expiresMs: number, name = ''): string =>
  `${END}${String(expiresMs).padStart(TIME_DIGITS, '0')}/${name}`;

export function nameInEndKey(key: string): { readonly bucket: string; readonly key: string } {
  const name = key.slice(END.length + TIME_DIGITS + 1);
  const end = name.indexOf('\0');
  return { bucket: name.slice(0, end), key: name.slice(end + 1) };
}
