// Owns the memory in which one device's large payloads wait, over all connections: calls that come in, and
// answers that go out, each up to limits.wireDeviceBytes. A device that hangs holds its own share and nothing
// of the others'.

import type { Clock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import { Activity } from '#storage-nodes/stream/activity.ts';
import { BufferPool } from '#storage-nodes/stream/buffer-pool.ts';
import { ByteBudget } from '#storage-nodes/stream/byte-budget.ts';
import { StreamMemory } from '#storage-nodes/stream/stream-memory.ts';

interface DeviceMemory {
  /** For what comes in: where there is none left, the call is refused as `busy`. */
  readonly calls: StreamMemory;
  /** For what goes out: calls wait for it. */
  readonly answers: StreamMemory;
}

export class NodeMemory {
  readonly #pool: BufferPool;
  readonly #activity = new Activity();
  readonly #devices = new Map<number, DeviceMemory>();

  constructor(clock: Clock) {
    this.#pool = new BufferPool({ clock, dropped: () => undefined });
  }

  of(deviceId: number): DeviceMemory {
    const known = this.#devices.get(deviceId);
    if (known !== undefined) return known;
    const memory = { calls: this.#newShare(), answers: this.#newShare() };
    this.#devices.set(deviceId, memory);
    return memory;
  }

  close(): void {
    this.#pool.close();
  }

  #newShare(): StreamMemory {
    return new StreamMemory(new ByteBudget(limits.wireDeviceBytes), this.#pool, this.#activity);
  }
}
