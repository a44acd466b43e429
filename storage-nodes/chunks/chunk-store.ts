// Owns the ChunkStore port: one device's immutable, checksummed chunks. Guarantees, for every adapter, proven
// by chunk-store.suite.ts: what was put is durable when the promise resolves; what is read is what was put,
// or a fault.

/** 20 bytes: the 16 random bytes of the blob, then the chunk's index in it (big-endian 32 bit). */
export type ChunkId = Uint8Array;

export interface Chunk {
  readonly id: ChunkId;
  /** 0 to limits.chunkBytes bytes; must not change until `put` has settled. */
  readonly data: Uint8Array;
  /** CRC-32 (IEEE) of each limits.blockBytes block of the data, computed once by the writer. */
  readonly checksums: Uint32Array;
  /**
   * Which streams of the log may name the chunk: what the collector asks. UTF-8, at most
   * limits.chunkOwnerBytes.
   */
  readonly owner: string;
}

export interface ChunkInfo {
  readonly id: ChunkId;
  readonly sizeBytes: number;
  readonly createdMs: number;
  readonly owner: string;
}

export interface ChunkStoreStatus {
  readonly chunks: number;
  /** Bytes of live chunks. */
  readonly liveBytes: number;
  /** Bytes of the files. */
  readonly fileBytes: number;
  readonly quarantined: number;
  readonly full: boolean;
}

export interface AuditReport {
  readonly checked: number;
  /** Bytes of the chunks read. */
  readonly readBytes: number;
  /** Chunks found damaged in this pass: quarantined, no longer readable, to be repaired from a peer. */
  readonly damaged: readonly ChunkId[];
}

export interface ListOptions {
  /** Only what comes after this id, whether the store has it or not: the last one of the page before. */
  readonly after?: ChunkId;
  /** Only the chunks of one of 2^power partitions (core/ring/partition.ts). */
  readonly partition?: { readonly number: number; readonly power: number };
}

export interface ChunkStore {
  /**
   * Resolves when the chunk is durable. Putting an id again with the same bytes is a no-op.
   * @throws Fault `no-space`, `busy` or `closed`.
   */
  put(chunk: Chunk): Promise<void>;
  /**
   * Bytes `offset` to `offset + length` of the chunk, each touched block verified.
   * A range that goes past the end gives what there is.
   * @param target where the bytes may be placed; a result inside `target` is valid until the caller reuses
   * it. It must be limits.chunkBytes + limits.blockBytes long; without it the store allocates.
   * @throws Fault `chunk-missing` or `chunk-corrupt` (the chunk is then quarantined: missing from then on).
   */
  read(id: ChunkId, offset: number, length: number, target?: Uint8Array): Promise<Uint8Array>;
  /** Undefined when the store has no such chunk. */
  stat(id: ChunkId): Promise<ChunkInfo | undefined>;
  /** Durable when it resolves; deleting what is not there is a no-op. */
  delete(id: ChunkId): Promise<void>;
  /**
   * Chunks in order of placement (placement-order.ts), so that a partition is one run of them and is found
   * without a walk over the others. A chunk put meanwhile may be seen or not; one that is there from the
   * first to the last is seen.
   */
  list(options?: ListOptions): AsyncIterable<ChunkInfo>;
  /**
   * What the store holds of each of these partitions, in DIGEST_WORDS words a partition: how many chunks,
   * then 64 bits that are equal for equal sets of ids. The first call walks all chunks once.
   * @param partitions at most limits.digestPartitions of 2^partitionPower.
   */
  digests(partitionPower: number, partitions: Uint32Array): Promise<Uint32Array>;
  /** Re-reads up to `limit` chunks from where the last pass ended and quarantines what is damaged. */
  audit(limit: number): Promise<AuditReport>;
  /**
   * Rewrites the segments with the lowest share of live bytes, at most `limit` of them; resolves to how many.
   */
  compact(limit: number): Promise<number>;
  /**
   * Resolves when the device has just made a write durable; what it proves may be limits.deviceProbeMs old.
   * Rejects when it cannot; never settles on a device that hangs.
   */
  probe(): Promise<void>;
  status(): ChunkStoreStatus;
  close(): Promise<void>;
}

export const CHUNK_ID_BYTES = 20;

/** @param blob 32 hexadecimal digits. */
export function chunkIdOf(blob: string, index: number): ChunkId {
  const id = Buffer.allocUnsafe(CHUNK_ID_BYTES);
  id.write(blob, 0, 16, 'hex');
  id.writeUInt32BE(index, 16);
  return id;
}
