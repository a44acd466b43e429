// Owns the heartbeats: each device is asked for a sign of life once a beat, and one that gives none for some
// time is silent. The sign is a write made durable (NodeChunks.probe), so a node that answers while its disk
// hangs, the gray failure, is as silent as a dead one. Nothing adaptive: who is in which state, and why, can
// be told in a sentence. It is beats that are counted, not time, so a process that itself stood still takes
// nobody for dead. What calls report is the other half (device-health.ts).

import { limits } from '#core/kernel/limits.ts';
import type { Device, Ring } from '#core/ring/ring.ts';
import { type DeviceHealth, type DeviceState, throwBug } from './device-health.ts';
import type { NodeOf } from './device-port.ts';

export interface FailureDetectorOptions {
  readonly ring: () => Ring;
  readonly node: NodeOf;
  readonly health: DeviceHealth;
  /** Whoever waits for devices has a look at how long. */
  readonly onBeat?: () => void;
}

interface Watched {
  /** Since the last sign of life. */
  beats: number;
  /** A sign of life was asked for and has not come. */
  asking: boolean;
}

const SILENT_BEATS = Math.ceil(limits.deviceSilentMs / limits.heartbeatMs);

export class FailureDetector {
  readonly #options: FailureDetectorOptions;
  #watched = new Map<number, Watched>();

  constructor(options: FailureDetectorOptions) {
    this.#options = options;
  }

  /** One beat, every limits.heartbeatMs; never waits for a device. Resolves to how many are in each state. */
  async runOnce(): Promise<Readonly<Record<DeviceState, number>>> {
    const { ring, health, onBeat } = this.#options;
    const { devices } = ring();
    const watched = new Map<number, Watched>();
    for (const device of devices) {
      const watch = this.#watched.get(device.id) ?? { beats: 0, asking: false };
      watched.set(device.id, watch);
      if (++watch.beats > SILENT_BEATS) health.silent(device);
      if (!watch.asking) void this.#ask(device, watch);
    }
    this.#watched = watched;
    onBeat?.();
    health.judge(devices);
    const count = { up: 0, slow: 0, suspect: 0, down: 0 };
    for (const device of devices) count[health.condition(device).state]++;
    return count;
  }

  async #ask(device: Device, watch: Watched): Promise<void> {
    const { node, health } = this.#options;
    watch.asking = true;
    try {
      const chunks = node(device.id);
      if (chunks === undefined) return;
      await chunks.probe();
      watch.beats = 0;
      health.heard(device);
    } catch (error) {
      throwBug(error);
    } finally {
      watch.asking = false;
    }
  }
}
