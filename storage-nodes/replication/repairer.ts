// Owns the repair pass: every chunk gets back to all its primaries, and handoffs give back what they kept
// for them. Guarantee: a copy is deleted from a handoff only after every primary has been seen to hold the
// chunk.

import { setImmediate as untilOthersRan } from 'node:timers/promises';
import { isFault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import { partitionOf } from '#core/ring/partition.ts';
import type { Device, Ring } from '#core/ring/ring.ts';
import type { ChunkId } from '#storage-nodes/chunks/chunk-store.ts';
import { copyChunk } from '#storage-nodes/client/copy-chunk.ts';
import { throwBug } from '#storage-nodes/client/device-health.ts';
import type { NodeChunks, NodeOf } from '#storage-nodes/client/device-port.ts';
import { ChunkCensus } from './chunk-census.ts';

export interface RepairReport {
  /** Chunks looked at. */
  readonly checked: number;
  /** Copies made on primaries. */
  readonly copied: number;
  /** Copies deleted from handoffs. */
  readonly returned: number;
  /** Copies and deletions that did not succeed; the next pass tries again. */
  readonly failed: number;
}

export interface RepairerOptions {
  readonly ring: () => Ring;
  readonly node: NodeOf;
  /** Called every few hundred chunks and at the end of a pass. */
  readonly onProgress?: (soFar: RepairReport) => void;
}

export interface Repairer {
  /**
   * One pass over all devices that can be reached; ends early, without error, when the signal is aborted.
   */
  runOnce(signal?: AbortSignal): Promise<RepairReport>;
  /** Brings one chunk back to all its primaries. */
  repair(id: ChunkId): Promise<RepairReport>;
  /** Of all passes; only ever grow. */
  readonly counters: RepairReport;
}

export function createRepairer(options: RepairerOptions): Repairer {
  return new ChunkRepairer(options);
}

type Tally = { -readonly [K in keyof RepairReport]: number };

class ChunkRepairer implements Repairer {
  readonly counters: Tally = noRepairs();
  readonly #ring: () => Ring;
  readonly #node: NodeOf;
  readonly #onProgress: (soFar: RepairReport) => void;

  constructor({ ring, node, onProgress }: RepairerOptions) {
    this.#ring = ring;
    this.#node = node;
    this.#onProgress = onProgress ?? (() => {});
  }

  async runOnce(signal?: AbortSignal): Promise<RepairReport> {
    const ring = this.#ring();
    const tally = noRepairs();
    const census = new ChunkCensus(ring.devices, this.#node);
    const running = new Set<Promise<void>>();
    for await (const { id, holders } of census.walk()) {
      if (signal?.aborted) break;
      tally.checked++;
      const primaries = ring.primaries(partitionOf(id, ring.partitionPower));
      if (!isAtHome(primaries, holders)) {
        const restoring = this.#restore(id, primaries, holders, census.broken, tally);
        const ended = restoring.finally(() => running.delete(ended));
        running.add(ended);
        if (running.size >= limits.repairerCopiesInFlight) await Promise.race(running);
      }
      if (tally.checked % limits.repairerStepChunks !== 0) continue;
      this.#onProgress({ ...tally });
      // Lists in memory never wait, and a pass must not keep requests waiting.
      await untilOthersRan();
    }
    await Promise.all(running);
    return this.#end(tally);
  }

  async repair(id: ChunkId): Promise<RepairReport> {
    const ring = this.#ring();
    const tally = noRepairs();
    const broken = new Set<number>();
    const holders: Device[] = [];
    for (const device of ring.devices) {
      const held = await this.#isHeld(id, device);
      if (held === undefined) broken.add(device.id);
      else if (held) holders.push(device);
    }
    tally.checked++;
    const primaries = ring.primaries(partitionOf(id, ring.partitionPower));
    await this.#restore(id, primaries, holders, broken, tally);
    return this.#end(tally);
  }

  #end(tally: RepairReport): RepairReport {
    this.counters.checked += tally.checked;
    this.counters.copied += tally.copied;
    this.counters.returned += tally.returned;
    this.counters.failed += tally.failed;
    this.#onProgress({ ...tally });
    return tally;
  }

  async #restore(
    id: ChunkId,
    primaries: readonly Device[],
    holders: readonly Device[],
    broken: ReadonlySet<number>,
    tally: Tally,
  ): Promise<void> {
    let atHome = true;
    for (const primary of primaries) {
      if (broken.has(primary.id)) atHome = false;
      else if (!isAmong(holders, primary)) atHome = (await this.#push(id, primary, holders, tally)) && atHome;
    }
    const handoffs = holders.filter((holder) => !isAmong(primaries, holder));
    if (!atHome || handoffs.length === 0) return;
    // A list is no proof: it may be older than a quarantine.
    for (const primary of primaries) if (!(await this.#isHeld(id, primary))) return;
    for (const handoff of handoffs) await this.#giveBack(id, handoff, tally);
  }

  /** Whether the primary now has the chunk. */
  async #push(id: ChunkId, primary: Device, holders: readonly Device[], tally: Tally): Promise<boolean> {
    // It may have been put after the list had passed it by.
    if (await this.#isHeld(id, primary)) return true;
    const target = this.#node(primary.id);
    let failed = false;
    for (const holder of holders) {
      const source = this.#node(holder.id);
      if (!source || !target) continue;
      try {
        await copyChunk(id, source, target);
        tally.copied++;
        return true;
      } catch (error) {
        throwBug(error);
        // Missing means: deleted meanwhile, everywhere or soon.
        failed ||= !isFault(error, 'chunk-missing');
      }
    }
    if (failed) tally.failed++;
    return false;
  }

  async #giveBack(id: ChunkId, handoff: Device, tally: Tally): Promise<void> {
    try {
      await (this.#node(handoff.id) as NodeChunks).delete(id);
      tally.returned++;
    } catch (error) {
      throwBug(error);
      tally.failed++;
    }
  }

  /** Undefined: the device does not say. */
  async #isHeld(id: ChunkId, device: Device): Promise<boolean | undefined> {
    const chunks = this.#node(device.id);
    if (!chunks) return undefined;
    try {
      return (await chunks.stat(id)) !== undefined;
    } catch (error) {
      throwBug(error);
      return undefined;
    }
  }
}

function isAtHome(primaries: readonly Device[], holders: readonly Device[]): boolean {
  return primaries.length === holders.length && primaries.every((primary) => isAmong(holders, primary));
}

function isAmong(devices: readonly Device[], device: Device): boolean {
  return devices.some((each) => each.id === device.id);
}

function noRepairs(): Tally {
  return { checked: 0, copied: 0, returned: 0, failed: 0 };
}
