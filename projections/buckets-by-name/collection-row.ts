// Owns the row that tells how far the collection of a bucket's unnamed bytes has come: the revisions of the
// last two announcements, and which writes were prolonged since the first of them.

import { asBuffer, payloadOf, revisionOf, rowValue, timeOf } from '../store/row-value.ts';

export interface CollectionRow {
  /** Revision of the bucket's stream at the announcement before the last. */
  readonly writesSince: number;
  /** Of the last announcement. */
  readonly announcedAt: number;
  readonly announcedMs: number;
  /** Revision at which each write was prolonged last, by blob. */
  readonly prolonged: ReadonlyMap<string, number>;
}

const NUMBER_BYTES = 6;
const BLOB_BYTES = 16;

export function encodeCollection(row: CollectionRow): Uint8Array {
  const payload = Buffer.alloc(NUMBER_BYTES + row.prolonged.size * (BLOB_BYTES + NUMBER_BYTES));
  payload.writeUIntBE(row.writesSince, 0, NUMBER_BYTES);
  let at = NUMBER_BYTES;
  for (const [blob, revision] of row.prolonged) {
    payload.write(blob, at, 'hex');
    payload.writeUIntBE(revision, at + BLOB_BYTES, NUMBER_BYTES);
    at += BLOB_BYTES + NUMBER_BYTES;
  }
  return rowValue(0, row.announcedAt, row.announcedMs, payload);
}

export function decodeCollection(value: Uint8Array): CollectionRow {
  const payload = asBuffer(payloadOf(value));
  const prolonged = new Map<string, number>();
  for (let at = NUMBER_BYTES; at < payload.length; at += BLOB_BYTES + NUMBER_BYTES) {
    const blob = payload.toString('hex', at, at + BLOB_BYTES);
    prolonged.set(blob, payload.readUIntBE(at + BLOB_BYTES, NUMBER_BYTES));
  }
  const writesSince = payload.readUIntBE(0, NUMBER_BYTES);
  return { writesSince, announcedAt: revisionOf(value), announcedMs: timeOf(value), prolonged };
}

/** Whoever began to write before the bucket was made has nothing to name in it. */
export function firstCollection(revision: number, timeMs: number): CollectionRow {
  return { writesSince: revision, announcedAt: revision, announcedMs: timeMs, prolonged: new Map() };
}

export function announced(row: CollectionRow, revision: number, timeMs: number): CollectionRow {
  const writesSince = row.announcedAt;
  const prolonged = new Map([...row.prolonged].filter(([, at]) => at >= writesSince));
  return { writesSince, announcedAt: revision, announcedMs: timeMs, prolonged };
}
