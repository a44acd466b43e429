// Owns the questions "which uploads are under way?" and "which parts has this one?".

import type { Encryption, Tags } from '#core/objects/objects.events.ts';
import { parts, uploads } from '#core/objects/uploads.events.ts';
import { foldedPage } from '../store/folded-page.ts';
import { endOfPrefix, keyAfter } from '../store/key-order.ts';
import type { RowReader } from '../store/projection.ts';
import { payloadOf, revisionOf, timeOf } from '../store/row-value.ts';
import {
  idRowKey,
  keyOfId,
  keyRowKey,
  partNumberOf,
  partRowKey,
  partsRowKey,
  splitUploadRowKey,
  uploadRowKey,
  uploadsRowKey,
} from './upload-rows.ts';

export interface StoredUpload {
  readonly bucket: string;
  readonly uploadId: string;
  readonly key: string;
  readonly owner: string;
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly storageClass: string;
  readonly checksumAlgorithm?: string;
  readonly checksumType?: string;
  readonly tags?: Tags;
  readonly grants?: string;
  readonly encryption?: Encryption;
  readonly startedMs: number;
  /** Revision of the upload's stream: the guard of its parts and of its completion. */
  readonly revision: number;
}

export interface StoredPart {
  readonly partNumber: number;
  readonly blob: string;
  readonly sizeBytes: number;
  readonly chunkBytes: number;
  readonly etag: string;
  readonly checksum?: string;
  readonly sealedKey?: string;
  readonly modifiedMs: number;
}

export interface UploadListRequest {
  readonly bucket: string;
  readonly prefix: string;
  readonly delimiter: string;
  /** Uploads of keys above it, or of this key with an id above `uploadIdMarker` (where that is not empty). */
  readonly keyMarker: string;
  readonly uploadIdMarker: string;
  readonly limit: number;
}

export interface UploadListPage {
  readonly uploads: readonly StoredUpload[];
  readonly commonPrefixes: readonly string[];
  readonly truncated: boolean;
  readonly nextKeyMarker: string;
  readonly nextUploadIdMarker: string;
}

export interface UploadsByBucket {
  /** Active uploads only; undefined once completed or aborted. */
  get(bucket: string, uploadId: string): StoredUpload | undefined;
  list(request: UploadListRequest): Promise<UploadListPage>;
  part(bucket: string, uploadId: string, partNumber: number): StoredPart | undefined;
  /** In order of number, those above `after`, at most `limit`. */
  parts(bucket: string, uploadId: string, after: number, limit: number): Promise<readonly StoredPart[]>;
}

export function createUploadsByBucket(rows: RowReader): UploadsByBucket {
  return {
    get(bucket, uploadId) {
      const id = rows.get(idRowKey(bucket, uploadId));
      const value = id && rows.get(uploadRowKey(bucket, keyOfId(id), uploadId));
      return value && storedUpload(bucket, uploadId, value);
    },
    list: (request) => listUploads(rows, request),
    part(bucket, uploadId, partNumber) {
      const value = rows.get(partRowKey(bucket, uploadId, partNumber));
      return value && storedPart(partNumber, value);
    },
    parts: (bucket, uploadId, after, limit) => listParts(rows, bucket, uploadId, after, limit),
  };
}

async function listUploads(rows: RowReader, request: UploadListRequest): Promise<UploadListPage> {
  const { bucket, prefix, delimiter, keyMarker, uploadIdMarker, limit } = request;
  const marker = keyRowKey(bucket, keyMarker);
  const page = await foldedPage({
    scan: (range) => rows.scan(range),
    keyOf: (namePrefix) => uploadsRowKey(bucket, namePrefix),
    nameOf: (row) => splitUploadRowKey(bucket, row.key).key,
    item: (row) => storedUpload(bucket, splitUploadRowKey(bucket, row.key).uploadId, row.value),
    prefix,
    delimiter,
    after: keyMarker,
    afterKey: uploadIdMarker === '' ? (endOfPrefix(marker) as string) : keyAfter(marker + uploadIdMarker),
    limit,
  });
  return {
    uploads: page.items,
    commonPrefixes: page.commonPrefixes,
    truncated: page.truncated,
    nextKeyMarker: page.last,
    nextUploadIdMarker: page.lastIsPrefix ? '' : (page.items.at(-1)?.uploadId ?? ''),
  };
}

async function listParts(rows: RowReader, bucket: string, uploadId: string, after: number, limit: number) {
  const gte = partRowKey(bucket, uploadId, after + 1);
  const cursor = rows.scan({ gte, lt: endOfPrefix(partsRowKey(bucket, uploadId)) as string });
  const found: StoredPart[] = [];
  try {
    while (found.length < limit) {
      const more = await cursor.next(limit - found.length);
      if (more.length === 0) break;
      for (const { key, value } of more) found.push(storedPart(partNumberOf(key), value));
    }
  } finally {
    await cursor.close();
  }
  return found;
}

function storedUpload(bucket: string, uploadId: string, value: Uint8Array): StoredUpload {
  const data = uploads.decode('UploadStarted', payloadOf(value)).data;
  return { ...data, bucket, uploadId, startedMs: timeOf(value), revision: revisionOf(value) };
}

function storedPart(partNumber: number, value: Uint8Array): StoredPart {
  const data = parts.decode('PartUploaded', payloadOf(value)).data;
  return { ...data, partNumber, modifiedMs: timeOf(value) };
}
