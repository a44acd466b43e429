// Owns the rows of objects-by-key. A present object's row is its event as it stands; what was deleted leaves
// only its stream's revision, in a range of its own, so that listings never meet it.

import { assert } from '#core/kernel/assert.ts';
import type { RecordedEvent } from '#core/log/event-log.ts';
import { objects } from '#core/objects/objects.events.ts';
import type { Projection, RowWriter } from '../store/projection.ts';
import { eventRow, rowValue } from '../store/row-value.ts';

const OBJECT_PUT = objects.table.events.ObjectPut.id;
export const OBJECT_COMPLETED = objects.table.events.ObjectCompleted.id;
export const OBJECT_DESCRIBED = objects.table.events.ObjectDescribed.id;
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
  version: 1,
  families: [objects.family],
  writesOnly: true,
  apply(event: RecordedEvent, rows: RowWriter): void {
    const { stream, type } = event;
    const slash = stream.indexOf('/', STREAM_PREFIX.length);
    const bucket = stream.slice(STREAM_PREFIX.length, slash);
    const key = stream.slice(slash + 1);
    if (type === 'ObjectPut') {
      // The revision that a deletion left is hidden by this row and written again by the next deletion.
      rows.put(objectRowKey(bucket, key), eventRow(OBJECT_PUT, event));
    } else if (type === 'ObjectCompleted') {
      rows.put(objectRowKey(bucket, key), eventRow(OBJECT_COMPLETED, event));
    } else if (type === 'ObjectDescribed') {
      rows.put(objectRowKey(bucket, key), eventRow(OBJECT_DESCRIBED, event));
    } else if (type === 'ObjectDeleted') {
      rows.delete(objectRowKey(bucket, key));
      rows.put(deletedRowKey(bucket, key), rowValue(OBJECT_DELETED, event.revision, event.timeMs, NOTHING));
    } else {
      assert(false, `objects-by-key knows no ${type}`);
    }
  },
};
