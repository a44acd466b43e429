// Owns the port of the streaming path: a body of any length goes to chunks on the storage nodes, and comes
// back, in bounded memory. Implemented by create-blob-stream.ts.

export type DigestAlgorithm = 'md5' | 'sha1' | 'sha256' | 'crc32' | 'crc32c' | 'crc64nvme';

export interface ByteSink {
  /**
   * Takes the bytes in (copies or finishes with them) before it returns. What the source has in hand while
   * it is being paused may still follow, up to limits.streamSpillBytes.
   */
  write(bytes: Uint8Array): void;
  /**
   * Where the next bytes are best put, so that `write` need not copy them: they are given to it from there,
   * from the start. A source need not ask, and need not use it. It may write there until it asks again, also
   * once it was cancelled.
   */
  room?(): Uint8Array | undefined;
  /** The body is complete: nothing was missing. */
  end(): void;
  /** The body will not be complete. Nothing follows. */
  fail(error: Error): void;
}

/** Where a body comes from: pushes into one sink, stops while it is paused. */
export interface ByteSource {
  /** Length of the body where it is known beforehand. */
  readonly sizeBytes: number | undefined;
  /** Starts the flow; called once. */
  start(sink: ByteSink): void;
  pause(): void;
  resume(): void;
  /** The sink wants no more: the source is closed, no call to the sink follows. */
  cancel(): void;
}

export interface BlobWriteRequest {
  readonly source: ByteSource;
  /** As Chunk.owner. */
  readonly owner: string;
  readonly digests: readonly DigestAlgorithm[];
  /** Of the blob that is made: fresh, and nobody else's. The stream makes one where it is absent. */
  readonly blob?: string;
  /**
   * That the bytes are to be stored under (blob-cipher.ts): no other blob's. Digests are of the plain bytes.
   */
  readonly key?: Uint8Array;
}

export interface WrittenBlob {
  /** 32 hexadecimal digits; empty when there were no bytes. */
  readonly blob: string;
  readonly sizeBytes: number;
  readonly chunkBytes: number;
  readonly digests: Readonly<Partial<Record<DigestAlgorithm, Uint8Array>>>;
}

/** Names a run of bytes: the fields of core/objects' Segment that the path needs. */
export interface BlobExtent {
  readonly blob: string;
  readonly sizeBytes: number;
  readonly chunkBytes: number;
  /** That it was written with, if any. */
  readonly key?: Uint8Array;
}

/** Where bytes of a read go; e.g. an HTTP response. */
export interface BlobTarget {
  /**
   * Resolves when `bytes` may be reused; rejects when the receiver has gone. `undefined` means: already
   * taken in. The stream's own `write` must not be what it waits for: copies are made through `source`.
   */
  write(bytes: Uint8Array): Promise<void> | undefined;
}

export interface BlobStream {
  /**
   * Resolves when every chunk is durable on a quorum. On a fault the chunks written so far are deleted, as
   * far as nodes can be reached (the collector takes the rest).
   * @throws Fault `aborted` (the source failed; its error is the cause), `quorum-not-reached`, `no-space`,
   * `busy` (a digest thread died), `closed`.
   */
  write(request: BlobWriteRequest): Promise<WrittenBlob>;
  /**
   * Bytes `offset` to `offset + length` of the concatenated extents, in order, to the target.
   * @throws Fault `chunk-unreadable`; or what the target threw.
   */
  read(extents: readonly BlobExtent[], offset: number, length: number, target: BlobTarget): Promise<void>;
  /** The same bytes as a source, e.g. for a copy. */
  source(extents: readonly BlobExtent[], offset: number, length: number): ByteSource;
  /** Deletes all chunks of a blob that no event has named and none ever will. */
  discard(blob: BlobExtent): Promise<void>;
  /** Resolves when nothing is in flight any more. */
  close(): Promise<void>;
}
