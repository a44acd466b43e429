// Owns the audit pass: every chunk of every device is read again, what is damaged is quarantined by its
// store, and is asked back from a device that has it whole. Bounds: bytes a second, one step at a time.

import { setImmediate as untilOthersRan } from 'node:timers/promises';
import { limits } from '#core/kernel/limits.ts';
import type { Ring } from '#core/ring/ring.ts';
import type { ChunkId, ChunkStore } from '#storage-nodes/chunks/chunk-store.ts';
import { throwBug } from '#storage-nodes/client/device-health.ts';
import type { ByteRate } from '#storage-nodes/replication/byte-rate.ts';

export type AuditedChunks = Pick<ChunkStore, 'audit' | 'status'>;

export interface AuditPassReport {
  /** Chunks read. */
  readonly checked: number;
  readonly readBytes: number;
  /** Of those: chunks found damaged. */
  readonly damaged: number;
  /** Devices whose audit broke off, and repairs that threw. */
  readonly failed: number;
}

export interface AuditProgress extends AuditPassReport {
  /** Chunks that there were when the pass began. */
  readonly total: number;
}

export interface AuditorOptions {
  readonly ring: () => Ring;
  /** Undefined: the device is not of this process. */
  readonly store: (deviceId: number) => AuditedChunks | undefined;
  /** Brings a damaged chunk back; called once for each. */
  readonly repair: (id: ChunkId) => Promise<unknown>;
  /** The pace; without it, as fast as the devices give. */
  readonly rate?: ByteRate;
}

export interface Auditor {
  /**
   * One whole pass over each device; ends early, without error, when the signal is aborted.
   * @param onProgress called after each step
   */
  runOnce(signal?: AbortSignal, onProgress?: (soFar: AuditProgress) => void): Promise<AuditPassReport>;
  /** Of all passes; only ever grow. */
  readonly counters: AuditPassReport;
}

export function createAuditor(options: AuditorOptions): Auditor {
  return new ChunkAuditor(options);
}

type Tally = { -readonly [K in keyof AuditPassReport]: number };

class ChunkAuditor implements Auditor {
  readonly counters: Tally = { checked: 0, readBytes: 0, damaged: 0, failed: 0 };
  readonly #options: AuditorOptions;

  constructor(options: AuditorOptions) {
    this.#options = options;
  }

  async runOnce(signal?: AbortSignal, onProgress?: (soFar: AuditProgress) => void): Promise<AuditPassReport> {
    const before = { ...this.counters };
    const stores = this.#options.ring().devices.flatMap(({ id }) => this.#options.store(id) ?? []);
    const total = stores.reduce((sum, store) => sum + store.status().chunks, 0);
    const tell = () => onProgress?.({ ...this.#since(before), total });
    for (const store of stores) await this.#auditDevice(store, tell, signal);
    return this.#since(before);
  }

  /**
   * The store goes on where its last pass ended, so a pass is over when as many were read as there were.
   */
  async #auditDevice(store: AuditedChunks, tell: () => void, signal?: AbortSignal): Promise<void> {
    const wanted = store.status().chunks;
    let checked = 0;
    let emptySteps = 0;
    while (checked < wanted && emptySteps < EMPTY_STEPS_MAX && !signal?.aborted) {
      try {
        const report = await store.audit(Math.min(limits.auditorStepChunks, wanted - checked));
        checked += report.checked;
        emptySteps = report.checked === 0 ? emptySteps + 1 : 0;
        this.counters.checked += report.checked;
        this.counters.readBytes += report.readBytes;
        this.counters.damaged += report.damaged.length;
        for (const id of report.damaged) await this.#repair(id);
        await this.#options.rate?.take(report.readBytes, signal);
      } catch (error) {
        throwBug(error);
        this.counters.failed++;
        return;
      }
      tell();
      await untilOthersRan();
    }
  }

  async #repair(id: ChunkId): Promise<void> {
    try {
      await this.#options.repair(id);
    } catch (error) {
      throwBug(error);
      this.counters.failed++;
    }
  }

  #since(before: AuditPassReport): AuditPassReport {
    const { checked, readBytes, damaged, failed } = this.counters;
    return {
      checked: checked - before.checked,
      readBytes: readBytes - before.readBytes,
      damaged: damaged - before.damaged,
      failed: failed - before.failed,
    };
  }
}

/** One empty step may end at the last chunk and begin anew; two mean that nothing is left to read. */
const EMPTY_STEPS_MAX = 2;
