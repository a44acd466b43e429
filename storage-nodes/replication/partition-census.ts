// Owns the walk over the chunks of one partition on several devices at once: their lists, each in order of
// placement, are merged, so that every chunk comes up once, with exactly the devices that hold it, in memory
// for one chunk per device.

import type { Device } from '#core/ring/ring.ts';
import type { ChunkId, ChunkInfo, ListOptions } from '#storage-nodes/chunks/chunk-store.ts';
import { comparePlacement } from '#storage-nodes/chunks/placement-order.ts';
import { throwBug } from '#storage-nodes/client/device-health.ts';
import type { NodeOf } from '#storage-nodes/client/device-port.ts';

interface Cursor {
  readonly device: Device;
  readonly chunks: AsyncIterator<ChunkInfo>;
  head: ChunkInfo | undefined;
}

export interface CountedChunk {
  readonly id: ChunkId;
  readonly sizeBytes: number;
  /** Those whose list has it. */
  readonly holders: readonly Device[];
}

export class PartitionCensus {
  /** Ids of the devices that cannot be walked: what they hold is not known. */
  readonly broken = new Set<number>();
  readonly #cursors: Cursor[] = [];

  constructor(devices: readonly Device[], node: NodeOf, partition: ListOptions['partition']) {
    for (const device of devices) {
      const chunks = node(device.id)
        ?.list(partition && { partition })
        [Symbol.asyncIterator]();
      if (chunks) this.#cursors.push({ device, chunks, head: undefined });
      else this.broken.add(device.id);
    }
  }

  async *walk(): AsyncGenerator<CountedChunk, void, undefined> {
    await Promise.all(this.#cursors.map((cursor) => this.#advance(cursor)));
    try {
      while (true) {
        const first = this.#lowest();
        const head = first[0]?.head;
        if (head === undefined) return;
        yield { id: head.id, sizeBytes: head.sizeBytes, holders: first.map(({ device }) => device) };
        for (const cursor of first) await this.#advance(cursor);
      }
    } finally {
      await Promise.all(this.#cursors.map((cursor) => cursor.chunks.return?.().catch(throwBug)));
    }
  }

  /** The cursors that stand at the lowest id. */
  #lowest(): Cursor[] {
    let lowest: Cursor[] = [];
    for (const cursor of this.#cursors) {
      if (!cursor.head) continue;
      const other = lowest[0]?.head;
      const order = other ? comparePlacement(cursor.head.id, other.id) : -1;
      if (order < 0) lowest = [cursor];
      else if (order === 0) lowest.push(cursor);
    }
    return lowest;
  }

  async #advance(cursor: Cursor): Promise<void> {
    try {
      const next = await cursor.chunks.next();
      cursor.head = next.done ? undefined : next.value;
    } catch (error) {
      throwBug(error);
      this.broken.add(cursor.device.id);
      cursor.head = undefined;
    }
  }
}
