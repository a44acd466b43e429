// Owns the repair of what reads found missing or damaged: in the background, a few at a time, from a
// bounded queue. What does not fit or fails is left to the replicator.

import { limits } from '#core/kernel/limits.ts';
import type { ChunkId } from '#storage-nodes/chunks/chunk-store.ts';
import { copyChunk } from './copy-chunk.ts';
import { throwBug } from './device-health.ts';
import type { NodeOf } from './device-port.ts';

export interface RepairCounters {
  repaired: number;
  repairsFailed: number;
  /** Not even tried: the queue was full. */
  repairsDropped: number;
}

interface Repair {
  readonly id: ChunkId;
  /** Device ids. */
  readonly from: number;
  readonly to: number;
}

export class ReadRepair {
  readonly #node: NodeOf;
  readonly #counters: RepairCounters;
  /** By chunk and target; a Map keeps the order in which they came. */
  readonly #waiting = new Map<string, Repair>();
  readonly #running = new Map<string, Promise<void>>();
  #closed = false;

  constructor(node: NodeOf, counters: RepairCounters) {
    this.#node = node;
    this.#counters = counters;
  }

  /** @param id is copied. @param from and @param to device ids. */
  add(id: ChunkId, from: number, to: number): void {
    const key = keyOf(id, to);
    if (this.#closed || this.#waiting.has(key) || this.#running.has(key)) return;
    if (this.#waiting.size >= limits.chunkRepairsWaiting) {
      this.#counters.repairsDropped++;
      return;
    }
    this.#waiting.set(key, { id: Uint8Array.from(id), from, to });
    this.#advance();
  }

  /** The chunk is being deleted: what waits for it must not bring it back. */
  forget(id: ChunkId): void {
    if (this.#waiting.size === 0) return;
    const prefix = keyOf(id, '');
    for (const key of this.#waiting.keys()) if (key.startsWith(prefix)) this.#waiting.delete(key);
  }

  /** Resolves when nothing waits or runs. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#waiting.clear();
    await this.idle();
  }

  #advance(): void {
    for (const [key, repair] of this.#waiting) {
      if (this.#running.size >= limits.chunkRepairsInFlight) return;
      this.#waiting.delete(key);
      const running = this.#repair(repair).then(() => {
        this.#running.delete(key);
        this.#advance();
      });
      this.#running.set(key, running);
    }
  }

  async #repair({ id, from, to }: Repair): Promise<void> {
    try {
      const [source, target] = [this.#node(from), this.#node(to)];
      if (!source || !target) throw new Error('the device is gone');
      await copyChunk(id, source, target);
      this.#counters.repaired++;
    } catch (error) {
      throwBug(error);
      this.#counters.repairsFailed++;
    }
  }
}

function keyOf(id: ChunkId, device: number | ''): string {
  return `${Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('hex')}:${device}`;
}
