// Owns the collector: deletes the chunks that the log names no more, or never named. Guarantee: a chunk is
// deleted only when it was older than every write in flight, was named by nothing, and still is after the
// grace period; so neither a slow PUT nor a read that began before the name went can lose its bytes.

import type { Clock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import type { ChunkInfo } from '#storage-nodes/chunks/chunk-store.ts';
import type { ChunkClient } from '#storage-nodes/client/blob-client.ts';

export interface CollectorParts {
  readonly clock: Clock;
  readonly chunks: ChunkClient;
  /** The chunks of every device that answers. */
  devices(): Iterable<{ list(): AsyncIterable<ChunkInfo> }>;
  /** Whether the log names the blob under one of the owner's streams. */
  isNamed(owner: string, blob: string): boolean;
  /** As WritesInFlight.oldestMs. */
  oldestWriteMs(): number;
  readonly graceMs: number;
}

export interface CollectorReport {
  /** Chunks looked at. */
  readonly seen: number;
  /** Unnamed chunks that now wait for the end of the grace period. */
  readonly waiting: number;
  readonly deleted: number;
  readonly failed: number;
}

interface Candidate {
  readonly id: Uint8Array;
  readonly owner: string;
}

export class Collector {
  readonly #parts: CollectorParts;
  /** Unnamed when seen; by id in hexadecimal, so that the replicas of a chunk count once. */
  #candidates = new Map<string, Candidate>();
  #seenMs = 0;

  constructor(parts: CollectorParts) {
    this.#parts = parts;
  }

  /** One pass: deletes the candidates whose grace is over, then looks for new ones. */
  async runOnce(signal?: AbortSignal): Promise<CollectorReport> {
    const { clock, graceMs } = this.#parts;
    let [deleted, failed, seen] = [0, 0, 0];
    if (this.#candidates.size > 0) {
      if (clock.nowMs() - this.#seenMs < graceMs) {
        return { seen, waiting: this.#candidates.size, deleted, failed };
      }
      for (const candidate of this.#candidates.values()) {
        if (signal?.aborted) break;
        if (this.#isNamed(candidate)) continue;
        try {
          await this.#parts.chunks.delete(candidate.id);
          deleted++;
        } catch {
          // A device that cannot be reached keeps its replica; a later pass finds it again.
          failed++;
        }
      }
      this.#candidates = new Map();
    }
    for (const device of this.#parts.devices()) seen += await this.#gather(device, signal);
    this.#seenMs = clock.nowMs();
    return { seen, waiting: this.#candidates.size, deleted, failed };
  }

  async #gather(device: { list(): AsyncIterable<ChunkInfo> }, signal?: AbortSignal): Promise<number> {
    const { clock, oldestWriteMs } = this.#parts;
    let seen = 0;
    for await (const chunk of device.list()) {
      if (signal?.aborted || this.#candidates.size >= limits.collectorCandidates) break;
      // Requests come first: a pass over millions of chunks lets them in between.
      if (++seen % limits.collectorSliceChunks === 0) await clock.sleep(0, signal);
      if (chunk.createdMs >= oldestWriteMs()) continue;
      const candidate = { id: Uint8Array.prototype.slice.call(chunk.id), owner: chunk.owner };
      if (!this.#isNamed(candidate))
        this.#candidates.set(Buffer.from(candidate.id).toString('hex'), candidate);
    }
    return seen;
  }

  #isNamed({ id, owner }: Candidate): boolean {
    return this.#parts.isNamed(owner, Buffer.from(id.buffer, id.byteOffset, 16).toString('hex'));
  }
}
