// Owns the rows of uploads-by-bucket: uploads under way and their parts. The end of an upload, and already
// the object that it became, takes all of them away.

import { assert } from '#core/kernel/assert.ts';
import type { RecordedEvent } from '#core/log/event-log.ts';
import { objects } from '#core/objects/objects.events.ts';
import { parts, uploads } from '#core/objects/uploads.events.ts';
import { textField } from '../store/payload-fields.ts';
import type { Projection, RowWriter } from '../store/projection.ts';
import { eventRow } from '../store/row-value.ts';
import {
  idRowKey,
  idRowValue,
  keyOfId,
  partNumbers,
  partRowKey,
  uploadRowKey,
  withPart,
} from './upload-rows.ts';

const { UploadStarted } = uploads.table.events;
const { PartUploaded } = parts.table.events;
const { ObjectCompleted } = objects.table.events;

export const uploadsByBucket: Projection = {
  name: 'uploads-by-bucket',
  version: 1,
  families: [uploads.family, parts.family, objects.family],
  apply(event: RecordedEvent, rows: RowWriter): void {
    const { type } = event;
    if (type !== 'ObjectCompleted' && type in objects.table.events) return;
    const [, bucket = '', second = '', third = ''] = event.stream.split('/', 4);
    if (type === 'PartUploaded') addPart(event, bucket, second, Number(third), rows);
    else if (type === 'UploadStarted') start(event, bucket, second, rows);
    else if (type === 'UploadCompleted' || type === 'UploadAborted') end(bucket, second, rows);
    else if (type === 'ObjectCompleted') {
      end(bucket, textField(event.payload, 0, ObjectCompleted.data.uploadId.number), rows);
    } else assert(false, `uploads-by-bucket knows no ${type}`);
  },
};

function start(event: RecordedEvent, bucket: string, uploadId: string, rows: RowWriter): void {
  const key = textField(event.payload, 0, UploadStarted.data.key.number);
  rows.put(uploadRowKey(bucket, key, uploadId), eventRow(UploadStarted.id, event));
  rows.put(idRowKey(bucket, uploadId), idRowValue(key));
}

function addPart(
  event: RecordedEvent,
  bucket: string,
  uploadId: string,
  partNumber: number,
  rows: RowWriter,
): void {
  const upload = rows.get(idRowKey(bucket, uploadId));
  if (upload === undefined) return;
  const changed = withPart(upload, partNumber);
  if (changed) rows.put(idRowKey(bucket, uploadId), changed);
  rows.put(partRowKey(bucket, uploadId, partNumber), eventRow(PartUploaded.id, event));
}

function end(bucket: string, uploadId: string, rows: RowWriter): void {
  const upload = rows.get(idRowKey(bucket, uploadId));
  if (upload === undefined) return;
  rows.delete(uploadRowKey(bucket, keyOfId(upload), uploadId));
  for (const partNumber of partNumbers(upload)) rows.delete(partRowKey(bucket, uploadId, partNumber));
  rows.delete(idRowKey(bucket, uploadId));
}
