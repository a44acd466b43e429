// Owns the rows of objects-by-key. A present object's row is its event as it stands; what was deleted leaves
// only its stream's revision, in a range of its own, so that listings never meet it. What all of a bucket's
// objects hold, and which end when, follows from these rows (usage-rows.ts); so does what their keys named
// before, in buckets that keep it (version-rows.ts).

import { assert } from '#core/kernel/assert.ts';
import type { RecordedEvent } from '#core/log/event-log.ts';
import { type ObjectEvent, objects } from '#core/objects/objects.events.ts';
import { PayloadFields, textField } from '../store/payload-fields.ts';
import type { Projection, RowWriter } from '../store/projection.ts';
import { atRevision, eventRow, kindOf, rowValue } from '../store/row-value.ts';
import { replaceWeight, type Weight, weightOf } from './usage-rows.ts';
import { KeyVersions, newVersionRow, OBJECT_MARKED, versionOf } from './version-rows.ts';

const OBJECT_PUT = objects.table.events.ObjectPut.id;
export const OBJECT_COMPLETED = objects.table.events.ObjectCompleted.id;
export const OBJECT_DESCRIBED = objects.table.events.ObjectDescribed.id;
export const OBJECT_TAGGED = objects.table.events.ObjectTagged.id;
const MODIFIED = objects.table.events.ObjectTagged.data.modifiedMs.number;
const { ObjectDeleted, ObjectMarked, VersionDeleted } = objects.table.events;

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
    let weight: Weight | undefined;
    const kind = kindOfEvent(event.type);
    if (kind === OBJECT_PUT || kind === OBJECT_COMPLETED || kind === OBJECT_DESCRIBED) {
      // The revision that a deletion left is hidden by this row and written again by the next deletion.
      after = eventRow(kind, event);
      weight = weightOf(after);
      const { version } = weight;
      if (version !== '' && kind !== OBJECT_DESCRIBED) {
        after = newVersionRow(kind, event, version);
        new KeyVersions(rows, bucket, key).supersede(before, versionOf(after));
      }
    } else {
      after =
        kind === OBJECT_TAGGED
          ? taggedRow(event)
          : rowAfterDeletion({ event, kind, rows, bucket, key, before });
      weight = after && weightOf(after);
    }
    if (after) rows.put(rowKey, after);
    else rows.delete(rowKey);
    replaceWeight(rows, bucket, key, before && weightOf(before), weight);
  },
};

interface Deletion {
  readonly event: RecordedEvent;
  readonly kind: number;
  readonly rows: RowWriter;
  readonly bucket: string;
  readonly key: string;
  /** What the key named. */
  readonly before: Uint8Array | undefined;
}

/** What the key names after it. */
function rowAfterDeletion({ event, kind, rows, bucket, key, before }: Deletion): Uint8Array | undefined {
  const versions = new KeyVersions(rows, bucket, key);
  const { revision, timeMs, payload } = event;
  const nothingRow = deletedRowKey(bucket, key);
  if (kind === ObjectDeleted.id) {
    const last = textField(payload, 0, ObjectDeleted.data.version.number);
    if (last !== '' && !before) versions.take(last);
    rows.put(nothingRow, rowValue(ObjectDeleted.id, revision, timeMs, NOTHING));
    return undefined;
  }
  if (kind === OBJECT_MARKED) {
    const row = newVersionRow(kind, event, textField(payload, 0, ObjectMarked.data.version.number));
    versions.mark(before, row);
    rows.put(nothingRow, row);
    return undefined;
  }
  const version = textField(payload, 0, VersionDeleted.data.version.number);
  const promoted = textField(payload, 0, VersionDeleted.data.promoted.number);
  // What the key names is in no other row.
  if (promoted === '' || !before) versions.take(version);
  if (promoted === '') {
    if (before) return atRevision(before, revision);
    const newest = rows.get(nothingRow);
    assert(newest, `${event.stream} names something, or was deleted`);
    rows.put(nothingRow, atRevision(newest, revision));
    return undefined;
  }
  const next = versions.find(promoted);
  if (kindOf(next) !== OBJECT_MARKED) return atRevision(versions.take(promoted), revision);
  rows.put(nothingRow, atRevision(next, revision));
  return undefined;
}

/** Tags make nothing younger: the row keeps the time of the event that the tags came after. */
function taggedRow(event: RecordedEvent): Uint8Array {
  const fields = new PayloadFields(event.payload, 0);
  let modifiedMs = event.timeMs;
  while (fields.next()) if (fields.number === MODIFIED) modifiedMs = fields.uint;
  return rowValue(OBJECT_TAGGED, event.revision, modifiedMs, event.payload);
}

function kindOfEvent(type: string): number {
  if (type === 'ObjectPut') return OBJECT_PUT;
  const row = objects.table.events[type as ObjectEvent['type']];
  assert(row, `objects-by-key knows no ${type}`);
  return row.id;
}
