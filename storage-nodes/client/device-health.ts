// Owns what is known of each device's recent behaviour, from the calls made to it and from its heartbeats:
// who is put aside for a while after failures in a row or a call that hung, who is silent, and who answers
// much slower than its sisters. One verdict for all who choose devices. Budget per operation: no allocation
// once the device is known, no await.

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
  readonly outcome: FaultCode | 'stored' | 'unreachable' | 'hung' | 'error';
  readonly message?: string;
}

/**
 * `slow`: much slower than its sisters, so it is read last. `suspect`: silent, failing or hanging, so it is
 * asked only where there is nobody else. `down`: silent for longer.
 */
export type DeviceState = 'up' | 'slow' | 'suspect' | 'down';

export interface DeviceCondition {
  readonly state: DeviceState;
  /** Wall clock. */
  readonly sinceMs: number;
  /** In words; empty when it is up. */
  readonly why: string;
}

interface Health {
  failuresInARow: number;
  /** 0: in use. */
  asideUntilMs: number;
  /** A call did not end: its failures are told apart by that. */
  hangs: boolean;
  /** Since when, once it no longer answers; 0: it does. */
  silentSinceMs: number;
  /** Of reads, a moving average; 0 before the first. */
  latencyMs: number;
  latencyAtMs: number;
  condition: DeviceCondition;
}

export class DeviceHealth {
  readonly #clock: Clock;
  readonly #byId: (Health | undefined)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether the device should not be asked now while there are others. */
  isAside(device: Device): boolean {
    const health = this.#byId[device.id];
    if (health === undefined) return false;
    if (health.silentSinceMs > 0) return true;
    return health.asideUntilMs > 0 && health.asideUntilMs > this.#clock.monotonicMs();
  }

  /** Whether the device is silent for so long that its data is kept elsewhere. */
  isGone(device: Device): boolean {
    const silentSinceMs = this.#byId[device.id]?.silentSinceMs ?? 0;
    return silentSinceMs > 0 && this.#clock.monotonicMs() - silentSinceMs >= limits.deviceGoneMs;
  }

  condition(device: Device): DeviceCondition {
    return this.#of(device).condition;
  }

  answered(device: Device): void {
    const health = this.#byId[device.id];
    if (!health || health.failuresInARow === 0) return;
    health.failuresInARow = 0;
    health.asideUntilMs = 0;
    health.hangs = false;
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

  /** A call did not end in time: one is enough, for each more would cost somebody as long a wait. */
  hung(device: Device): void {
    const health = this.#of(device);
    health.hangs = true;
    health.failuresInARow = Math.max(health.failuresInARow + 1, limits.deviceFailuresInARow);
    health.asideUntilMs = this.#clock.monotonicMs() + limits.deviceAsideMs;
  }

  /** It gave a sign of life. Whoever was silent and is back begins anew. */
  heard(device: Device): void {
    const health = this.#of(device);
    if (health.silentSinceMs === 0) return;
    health.silentSinceMs = 0;
    health.failuresInARow = 0;
    health.asideUntilMs = 0;
    health.hangs = false;
  }

  /** It gave no sign of life for limits.deviceSilentMs. */
  silent(device: Device): void {
    const health = this.#of(device);
    if (health.silentSinceMs > 0) return;
    health.silentSinceMs = Math.max(1, this.#clock.monotonicMs() - limits.deviceSilentMs);
  }

  /** Brings the conditions up to date. */
  judge(devices: readonly Device[]): void {
    let fastestMs = Number.POSITIVE_INFINITY;
    for (const device of devices)
      if (!this.isAside(device)) fastestMs = Math.min(fastestMs, this.#latencyMs(device));
    for (const device of devices) {
      const health = this.#of(device);
      const { state, why } = this.#verdict(device, health, fastestMs);
      const before = health.condition;
      if (before.state === state && before.why === why) continue;
      const sinceMs = before.state === state ? before.sinceMs : this.#clock.nowMs();
      health.condition = { state, why, sinceMs };
    }
  }

  #verdict(device: Device, health: Health, fastestMs: number): Omit<DeviceCondition, 'sinceMs'> {
    if (health.silentSinceMs > 0) {
      const silentMs = this.#clock.monotonicMs() - health.silentSinceMs;
      const state = silentMs >= limits.deviceDownMs ? 'down' : 'suspect';
      return { state, why: 'it does not answer, or cannot write' };
    }
    if (this.isAside(device))
      return { state: 'suspect', why: health.hangs ? 'its calls hang' : 'its calls fail' };
    const slow = health.latencyMs >= limits.deviceSlowMs && health.latencyMs >= fastestMs * SLOW_FACTOR;
    return slow ? { state: 'slow', why: 'its reads are much slower than those of others' } : UP;
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
    const health: Health = {
      failuresInARow: 0,
      asideUntilMs: 0,
      hangs: false,
      silentSinceMs: 0,
      latencyMs: 0,
      latencyAtMs: 0,
      condition: { ...UP, sinceMs: this.#clock.nowMs() },
    };
    this.#byId[device.id] = health;
    return health;
  }
}

const UP = { state: 'up', why: '' } as const;

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
