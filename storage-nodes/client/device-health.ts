// Owns what is known of each device's recent behaviour: who is put aside for a while after failures in a
// row, and who answers much slower than its sisters. Budget per operation: no allocation once the device is
// known, no await.

import { Bug } from '#core/kernel/assert.ts';
import type { Clock } from '#core/kernel/clock.ts';
import { type FaultCode, isFault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Device } from '#core/ring/ring.ts';

/**
 * What one device answered; `details` of the faults `quorum-not-reached`, `no-space` and `chunk-
 * unreadable`.
 */
export interface DeviceOutcome {
  readonly device: number;
  readonly node: string;
  readonly zone: string;
  readonly outcome: FaultCode | 'stored' | 'unreachable' | 'error';
  readonly message?: string;
}

interface Health {
  failuresInARow: number;
  /** 0: in use. */
  asideUntilMs: number;
  /** Of reads, a moving average; 0 before the first. */
  latencyMs: number;
  latencyAtMs: number;
}

export class DeviceHealth {
  readonly #clock: Clock;
  readonly #byId: (Health | undefined)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether the device has failed too often to be asked before its time is over. */
  isAside(device: Device): boolean {
    const health = this.#byId[device.id];
    return health !== undefined && health.asideUntilMs > 0 && health.asideUntilMs > this.#clock.monotonicMs();
  }

  answered(device: Device): void {
    const health = this.#byId[device.id];
    if (!health || health.failuresInARow === 0) return;
    health.failuresInARow = 0;
    health.asideUntilMs = 0;
  }

  answeredRead(device: Device, startedMs: number): void {
    this.answered(device);
    const health = this.#of(device);
    const nowMs = this.#clock.monotonicMs();
    const change = nowMs - startedMs - health.latencyMs;
    health.latencyMs += change / (change > 0 ? SLOWER_WEIGHT : FASTER_WEIGHT);
    health.latencyAtMs = nowMs;
  }

  /** After its time aside one failure is enough to put the device aside again. */
  failed(device: Device, error: unknown): void {
    if (!isDeviceFailure(error)) {
      this.answered(device);
      return;
    }
    const health = this.#of(device);
    health.failuresInARow++;
    if (health.failuresInARow < limits.deviceFailuresInARow) return;
    health.asideUntilMs = this.#clock.monotonicMs() + limits.deviceAsideMs;
  }

  /** The first from `start` round that is not aside; or the fastest, where that one is much slower. */
  prefer(devices: readonly Device[], start: number): Device | undefined {
    let first: Device | undefined;
    let fastest: Device | undefined;
    for (let i = 0; i < devices.length; i++) {
      const device = devices[(start + i) % devices.length] as Device;
      if (this.isAside(device)) continue;
      if (first === undefined) {
        first = device;
        if (this.#latencyMs(device) < limits.deviceSlowMs) return device;
      }
      if (fastest === undefined || this.#latencyMs(device) < this.#latencyMs(fastest)) fastest = device;
    }
    if (first === undefined || fastest === undefined) return undefined;
    if (this.#latencyMs(first) < this.#latencyMs(fastest) * SLOW_FACTOR) return first;
    return this.#mayProbe(first) ? first : fastest;
  }

  /**
   * Now and then one read finds out whether the device is still slow; those that come meanwhile go
   * elsewhere.
   */
  #mayProbe(device: Device): boolean {
    const health = this.#of(device);
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - health.latencyAtMs < limits.deviceSlowProbeMs) return false;
    health.latencyAtMs = nowMs;
    return true;
  }

  #latencyMs(device: Device): number {
    return this.#byId[device.id]?.latencyMs ?? 0;
  }

  #of(device: Device): Health {
    const known = this.#byId[device.id];
    if (known) return known;
    const health = { failuresInARow: 0, asideUntilMs: 0, latencyMs: 0, latencyAtMs: 0 };
    this.#byId[device.id] = health;
    return health;
  }
}

/**
 * One slow read says little; a device seen fast again, by its one probe a second, soon gets its share back.
 */
const SLOWER_WEIGHT = 8;
const FASTER_WEIGHT = 2;
const SLOW_FACTOR = 4;

/** Answers of a device that works. */
const WORKING: ReadonlySet<FaultCode> = new Set(['no-space', 'busy', 'chunk-missing', 'chunk-corrupt']);

function isDeviceFailure(error: unknown): boolean {
  return !(isFault(error) && WORKING.has(error.code));
}

/** A bug is no answer of a device: whoever catches one lets it through. */
export function throwBug(error: unknown): void {
  if (error instanceof Bug) throw error;
}

export function outcomeOf(device: Device, outcome: DeviceOutcome['outcome']): DeviceOutcome {
  return { device: device.id, node: device.node, zone: device.zone, outcome };
}

export function failureOf(device: Device, error: unknown): DeviceOutcome {
  const message = error instanceof Error ? error.message : String(error);
  return { ...outcomeOf(device, isFault(error) ? error.code : 'error'), message };
}
