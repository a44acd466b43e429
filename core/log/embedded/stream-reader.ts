// Owns reading one stream in order: from its last event back along the places each record keeps of the one
// before, then forward. Records of a short stream are kept from the way back; of a long one the places only,
// eight bytes each.

import { MIB } from '#core/kernel/limits.ts';
import type { RecordedEvent } from '../event-log.ts';
import { previousPositionAt, previousSegmentAt, recordBytesAt, StoredEvent } from './record.ts';
import type { PlacedRecord, RecordReader } from './record-reader.ts';
import { corruption } from './segments.ts';
import type { StreamEntry } from './stream-table.ts';

const KEPT_BYTES = 1 * MIB;
const POSITIONS = 2 ** 32;

/** The events of the stream from revision `from` to the one at `last`. */
export async function* readBackward(
  records: RecordReader,
  stream: string,
  last: Readonly<StreamEntry>,
  from: number,
  partition: number,
): AsyncGenerator<RecordedEvent> {
  const places: number[] = [];
  /** Of the newest events, met first. */
  const kept: PlacedRecord[] = [];
  let keptBytes = 0;
  let { segment, position } = last;
  for (let revision = last.revision; revision >= from; revision--) {
    const record = await readOne(records, stream, segment, position, revision);
    places.push(segment * POSITIONS + position);
    segment = previousSegmentAt(record.buffer, record.at);
    position = previousPositionAt(record.buffer, record.at);
    keptBytes += recordBytesAt(record.buffer, record.at);
    if (keptBytes <= KEPT_BYTES) kept.push(record);
  }
  for (let at = places.length - 1; at >= 0; at--) {
    const place = places[at] as number;
    const record =
      kept[at] ??
      (await readOne(records, stream, Math.floor(place / POSITIONS), place % POSITIONS, last.revision - at));
    yield new StoredEvent(record.buffer, record.at, partition);
  }
}

async function readOne(
  records: RecordReader,
  stream: string,
  segment: number,
  position: number,
  revision: number,
): Promise<PlacedRecord> {
  const record = await records.read(segment, position);
  const event = new StoredEvent(record.buffer, record.at);
  if (event.revision !== revision || event.stream !== stream) {
    throw corruption(
      `segment ${segment}`,
      position,
      event.position.offset,
      `expected revision ${revision} of ${stream}`,
    );
  }
  return record;
}
