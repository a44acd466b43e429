// Owns objects for benches of read models, and tables full of them.

import { objects } from '#core/objects/objects.events.ts';
import { objectRowKey, objectsByKey } from '#projections/objects-by-key/objects-by-key.projection.ts';
import { openLevelStore } from '#projections/store/level-store.ts';
import type { ReadStore } from '#projections/store/read-store.ts';
import { rowValue } from '#projections/store/row-value.ts';
import { Table } from '#projections/store/table.ts';

const ID = 'ab'.repeat(16);
const ROWS_AT_ONCE = 10_000;

export function objectPayload(number: number, sizeBytes: number): Uint8Array {
  const data = {
    sizeBytes,
    etag: `d41d8cd98f00b204e980${String(number).padStart(12, '0')}`,
    segments: [{ blob: ID, sizeBytes, chunkBytes: 1_048_576, partNumber: 0 }],
    contentType: 'application/octet-stream',
    headers: {},
    metadata: { mtime: '1700000000.123456789' },
    checksumAlgorithm: 'crc64nvme',
    checksum: 'AAAAAAAAAAA=',
    checksumType: 'full-object',
    storageClass: 'STANDARD',
    owner: ID,
  };
  return objects.encode({ type: 'ObjectPut', data });
}

export function objectRow(number: number): Uint8Array {
  const payload = objectPayload(number, 4_096);
  return rowValue(objects.table.events.ObjectPut.id, 0, 1_700_000_000_000 + number, payload);
}

/** Of the bucket `photos`, on disk. */
export async function openObjectTable(
  directory: string,
  keys: number,
  keyOf: (number: number) => string,
): Promise<{ table: Table; store: ReadStore }> {
  const store = await openLevelStore(directory);
  const table = new Table(objectsByKey, store, []);
  for (let number = 0; number < keys; ) {
    const end = Math.min(keys, number + ROWS_AT_ONCE);
    for (; number < end; number++) table.put(objectRowKey('photos', keyOf(number)), objectRow(number));
    await store.write([table.freeze([number])]);
    table.overlay.written();
  }
  return { table, store };
}
