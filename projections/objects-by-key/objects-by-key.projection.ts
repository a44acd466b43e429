// Owns the rows of objects-by-key. A present object's row is its event as it stands; what was deleted leaves
// only its stream's revision, in a range of its own, so that listings never meet it. What all of a bucket's
// objects hold, and which end when, follows from these rows (usage-rows.ts).

import { assert } from '#core/kernel/assert.ts';
import type { RecordedEvent } from '#core/log/event-log.ts';
import { objects } from '#core/objects/objects.events.ts';
import { PayloadFields } from '../store/payload-fields.ts';
import type { Projection, RowWriter } from '../store/projection.ts';
import { eventRow, rowValue } from '../store/row-value.ts';
import { replaceWeight, weightOf } from './usage-rows.ts';

const OBJECT_PUT = objects.table.events.ObjectPut.id;
export const OBJECT_COMPLETED = objects.table.events.ObjectCompleted.id;
export const OBJECT_DESCRIBED = objects.table.events.ObjectDescribed.id;
export const OBJECT_TAGGED = objects.table.events.ObjectTagged.id;
const MODIFIED = objects.table.events.ObjectTagged.data.modifiedMs.number;
const OBJECT_DELETED = objects.table.events.ObjectDeleted.id;

const PRESENT = 'present/';

// A bucket's name has no NUL; a key may have one.
export const objectRowKey = (bucket: string, key: string): string => `${PRESENT}${bucket}\0${key}`;
export const deletedRowKey = (bucket: string, key: string): string => `deleted/${bucket}\0${key}`;

/** Undefined where it is not the row of a present object. */
export function splitObjectRowKey(rowKey: string): { bucket: string; key: string } | undefined {
  if (!rowKey.startsWith(PRESENT)) return undefined;
  const end = rowKey.indexOf('\0', PRESENT.length);
  return { bucket: rowKey.slice(PRESENT.length, end), key: rowKey.slice(end + 1) };
}

const STREAM_PREFIX = 'objects/';
const NOTHING = new Uint8Array(0);

export const objectsByKey: Projection = {
  name: 'objects-by-key',
  version: 2,
  families: [objects.family],
  writesMostly: true,
  apply(event: RecordedEvent, rows: RowWriter): void {
    const slash = event.stream.indexOf('/', STREAM_PREFIX.length);
    const bucket = event.stream.slice(STREAM_PREFIX.length, slash);
    const key = event.stream.slice(slash + 1);
    const rowKey = objectRowKey(bucket, key);
    // What a stream begins with replaces nothing.
    const before = event.revision === 0 ? undefined : rows.get(rowKey);
    let after: Uint8Array | undefined;
    if (event.type === 'ObjectDeleted') {
      rows.delete(rowKey);
      rows.put(deletedRowKey(bucket, key), rowValue(OBJECT_DELETED, event.revision, event.timeMs, NOTHING));
    } else {
      // The revision that a deletion left is hidden by this row and written again by the next deletion.
      after = event.type === 'ObjectTagged' ? taggedRow(event) : eventRow(kindOfEvent(event.type), event);
      rows.put(rowKey, after);
    }
    replaceWeight(rows, bucket, key, before && weightOf(before), after && weightOf(after));
  },
};

/** Tags make nothing younger: the row keeps the time of the event that the tags came after. */
function taggedRow(event: RecordedEvent): Uint8Array {
  const fields = new PayloadFields(event.payload, 0);
  let modifiedMs = event.timeMs;
  while (fields.next()) if (fields.number === MODIFIED) modifiedMs = fields.uint;
  return rowValue(OBJECT_TAGGED, event.revision, modifiedMs, event.payload);
}

function kindOfEvent(type: string): number {
  if (type === 'ObjectPut') return OBJECT_PUT;
  if (type === 'ObjectCompleted') return OBJECT_COMPLETED;
  if (type === 'ObjectDescribed') return OBJECT_DESCRIBED;
  assert(false, `objects-by-key knows no ${type}`);
}
