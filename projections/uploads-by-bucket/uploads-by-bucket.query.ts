// Owns the questions "which uploads are under way?" and "which parts has this one?".

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
