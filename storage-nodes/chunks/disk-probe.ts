// Owns the proof that a device still writes: one block, made durable. Whoever asks while a probe runs, or
// shortly after, shares it, so that many who watch cost a device no more than one.

import { join } from 'node:path';
import type { Clock } from '#core/kernel/clock.ts';
import { isFault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import type { ChunkDisk } from './chunk-disk.ts';

const BLOCK = Buffer.alloc(4096);

export class DiskProbe {
  readonly #path: string;
  readonly #disk: ChunkDisk;
  readonly #clock: Clock;
  #running: Promise<void> | undefined;
  #provenMs = Number.NEGATIVE_INFINITY;

  constructor(directory: string, disk: ChunkDisk, clock: Clock) {
    this.#path = join(directory, 'probe');
    this.#disk = disk;
    this.#clock = clock;
  }

  run(): Promise<void> {
    if (this.#running !== undefined) return this.#running;
    if (this.#clock.monotonicMs() - this.#provenMs < limits.deviceProbeMs) return Promise.resolve();
    this.#running = this.#write().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #write(): Promise<void> {
    const startedMs = this.#clock.monotonicMs();
    try {
      // In place: a new file would cost the journal of the file system a commit each time.
      const file = this.#disk.open(this.#path, this.#disk.exists(this.#path) ? 'update' : 'create');
      try {
        await file.write(BLOCK, 0);
        await file.sync();
      } finally {
        file.close();
      }
    } catch (error) {
      // A full device works, and says so itself.
      if (!isFault(error, 'no-space')) throw error;
    }
    this.#provenMs = startedMs;
  }
}
