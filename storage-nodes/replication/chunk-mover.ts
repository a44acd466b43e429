// Owns the moving of single chunks: a few at a time, at a bounded rate, pushed to the homes that lack them
// and then cleared from the devices that need keep them no longer. Guarantee: cleared only after every
// primary has been seen to hold the chunk.

import { isFault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Device } from '#core/ring/ring.ts';
import type { ChunkId, ChunkInfo } from '#storage-nodes/chunks/chunk-store.ts';
import { copyChunk } from '#storage-nodes/client/copy-chunk.ts';
import { throwBug } from '#storage-nodes/client/device-health.ts';
import type { NodeChunks, NodeOf } from '#storage-nodes/client/device-port.ts';
import type { ByteRate } from './byte-rate.ts';
import { isAmong } from './homes.ts';

export interface MoverTally {
  /** Copies made on homes. */
  copied: number;
  copiedBytes: number;
  /** Copies deleted from devices that kept them for others. */
  returned: number;
  /** Copies and deletions that did not succeed; the next pass tries again. */
  failed: number;
}

/** One chunk that is not where it should be. */
export interface MoveTask {
  readonly id: ChunkId;
  readonly sizeBytes: number;
  readonly holders: readonly Device[];
  readonly homes: readonly Device[];
  readonly primaries: readonly Device[];
  /** Ids of devices of which nothing is known. */
  readonly broken: ReadonlySet<number>;
  /** Holders that are no home give their copy up. */
  readonly clear: readonly Device[];
}

export class ChunkMover {
  readonly tally: MoverTally = { copied: 0, copiedBytes: 0, returned: 0, failed: 0 };
  readonly #node: NodeOf;
  readonly #rate: ByteRate;
  readonly #running = new Set<Promise<void>>();

  constructor(node: NodeOf, rate: ByteRate) {
    this.#node = node;
    this.#rate = rate;
  }

  /** Resolves when there is room for the next task. */
  async start(task: MoveTask, signal?: AbortSignal): Promise<void> {
    const copy = { ...task, id: Uint8Array.from(task.id), broken: new Set(task.broken) };
    const ended = this.restore(copy, signal).finally(() => this.#running.delete(ended));
    this.#running.add(ended);
    if (this.#running.size >= limits.replicatorCopiesInFlight) await Promise.race(this.#running);
  }

  async idle(): Promise<void> {
    await Promise.all(this.#running);
  }

  async restore(task: MoveTask, signal?: AbortSignal): Promise<void> {
    const { id, holders, homes, primaries, broken, clear } = task;
    for (const home of homes) {
      if (!broken.has(home.id) && !isAmong(holders, home)) await this.#push(task, home, signal);
    }
    const handoffs = clear.filter((device) => !isAmong(homes, device));
    if (handoffs.length === 0 || signal?.aborted) return;
    // A list is no proof: it may be older than a quarantine.
    for (const primary of primaries) {
      const found = await this.find(id, primary);
      if (found === undefined || found === 'unknown') return;
    }
    for (const handoff of handoffs) await this.#giveBack(id, handoff);
  }

  /** Undefined: the device lacks it; `unknown`: it does not say. */
  async find(id: ChunkId, device: Device): Promise<ChunkInfo | undefined | 'unknown'> {
    const chunks = this.#node(device.id);
    if (!chunks) return 'unknown';
    try {
      return await chunks.stat(id);
    } catch (error) {
      throwBug(error);
      return 'unknown';
    }
  }

  async #push({ id, sizeBytes, holders }: MoveTask, home: Device, signal?: AbortSignal): Promise<void> {
    // It may have been put after the list had passed it by.
    if ((await this.find(id, home)) !== undefined) return;
    const target = this.#node(home.id);
    let failed = false;
    for (const holder of holders) {
      const source = this.#node(holder.id);
      if (!source || !target) continue;
      await this.#rate.take(sizeBytes, signal);
      if (signal?.aborted) return;
      try {
        await copyChunk(id, source, target);
        this.tally.copied++;
        this.tally.copiedBytes += sizeBytes;
        return;
      } catch (error) {
        throwBug(error);
        // Missing means: deleted meanwhile, everywhere or soon.
        failed ||= !isFault(error, 'chunk-missing');
      }
    }
    if (failed) this.tally.failed++;
  }

  async #giveBack(id: ChunkId, handoff: Device): Promise<void> {
    try {
      await (this.#node(handoff.id) as NodeChunks).delete(id);
      this.tally.returned++;
    } catch (error) {
      throwBug(error);
      this.tally.failed++;
    }
  }
}
