// Owns the row of properties: text by name, in order of name, with the revision that changed them last.

import type { spaces } from '#core/buckets/spaces.events.ts';
import type { DataOf } from '#core/kernel/fields.ts';
import type { RecordedEvent } from '#core/log/event-log.ts';
import { asBuffer, payloadOf, rowValue } from '../store/row-value.ts';

/** What an event says of properties: those of buckets and of spaces say it alike. */
type PropertyChanges = DataOf<typeof spaces.table.events.SpaceDescribed.data>;

export function changedProperties(
  before: Uint8Array | undefined,
  { set, unset }: PropertyChanges,
  event: RecordedEvent,
): Uint8Array {
  const values = new Map(before ? Object.entries(decodeProperties(before)) : []);
  for (const name of unset) values.delete(name);
  for (const [name, value] of Object.entries(set)) values.set(name, value);
  const sorted = [...values].sort(([a], [b]) => (a < b ? -1 : 1));
  const payload = Buffer.from(JSON.stringify(Object.fromEntries(sorted)));
  return rowValue(0, event.revision, event.timeMs, payload);
}

export function decodeProperties(value: Uint8Array): Readonly<Record<string, string>> {
  return JSON.parse(asBuffer(payloadOf(value)).toString());
}
