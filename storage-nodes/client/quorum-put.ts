// Owns one write to a quorum. Budget: no copy; one object, two promises for the caller and one async call
// per replica; further allocations only when a device fails. Guarantees: `durable` resolves only when a
// majority of the ring's replicas hold the chunk durably, on different devices; a device that hangs is stood
// in for by a handoff, and keeps nobody waiting for longer than limits.putGivenUpMs.

import { Fault, isFault } from '#core/kernel/errors.ts';
import { partitionOf } from '#core/ring/partition.ts';
import type { Device, Ring } from '#core/ring/ring.ts';
import type { Chunk } from '#storage-nodes/chunks/chunk-store.ts';
import type { QuorumPut } from './blob-client.ts';
import { type DeviceHealth, type DeviceOutcome, failureOf, outcomeOf, throwBug } from './device-health.ts';
import type { NodeOf } from './device-port.ts';
import type { RunningPuts } from './running-puts.ts';

export interface PutCounters {
  puts: number;
  /** Puts that no quorum took. */
  putsFailed: number;
  /** Replicas that went to a handoff. */
  handoffPuts: number;
}

export interface PutParts {
  readonly node: NodeOf;
  readonly health: DeviceHealth;
  readonly counters: PutCounters;
  readonly running: RunningPuts;
}

export class RunningPut implements QuorumPut {
  readonly durable: Promise<void>;
  readonly released: Promise<void>;
  kept = false;
  readonly startedBeat: number;
  /** Neighbours in the list of RunningPuts. */
  older: RunningPut | undefined;
  younger: RunningPut | undefined;
  readonly #parts: PutParts;
  readonly #chunk: Chunk;
  readonly #ring: Ring;
  readonly #partition: number;
  readonly #quorum: number;
  #resolveDurable!: () => void;
  #rejectDurable!: (fault: Fault) => void;
  #resolveReleased!: () => void;
  readonly #storedOn: Device[] = [];
  /** By replica: the device that has been asked and has not answered. */
  readonly #asked: (Device | undefined)[];
  /** Devices given up that have not answered yet. */
  #hanging = 0;
  /** Replicas still looking for a device. */
  #open: number;
  #full = 0;
  #durable = false;
  #handoffs: Iterator<Device> | undefined;
  /** Devices that were passed over because they are aside: the last resort. */
  #aside: Device[] | undefined;
  #failures: DeviceOutcome[] | undefined;
  #lastError: unknown;

  constructor(parts: PutParts, ring: Ring, chunk: Chunk) {
    this.durable = new Promise((resolve, reject) => {
      this.#resolveDurable = resolve;
      this.#rejectDurable = reject;
    });
    this.released = new Promise((resolve) => {
      this.#resolveReleased = resolve;
    });
    this.#parts = parts;
    this.#chunk = chunk;
    this.#ring = ring;
    this.#partition = partitionOf(chunk.id, ring.partitionPower);
    // A majority.
    this.#quorum = (ring.replicas >> 1) + 1;
    this.#open = ring.replicas;
    parts.counters.puts++;
    this.#asked = new Array(ring.replicas).fill(undefined);
    this.startedBeat = parts.running.beats;
    parts.running.add(this);
    const primaries = ring.primaries(this.#partition);
    for (let replica = 0; replica < ring.replicas; replica++) {
      const primary = primaries[replica];
      const isAsked = primary && !this.#isPassedOver(primary);
      void this.#place(replica, isAsked ? primary : this.#nextDevice(), primary);
    }
  }

  /** Finds one replica a device: its primary, else one handoff after the other. */
  async #place(replica: number, first: Device | undefined, primary: Device | undefined): Promise<void> {
    const { health, node, counters } = this.#parts;
    let device = first;
    while (device !== undefined) {
      const chunks = node(device.id);
      if (chunks === undefined) this.#failed(device, undefined);
      else {
        this.#asked[replica] = device;
        try {
          await chunks.put(this.#chunk);
          if (this.#asked[replica] !== device) return this.#cameLate(device, true);
          health.answered(device);
          if (device !== primary) counters.handoffPuts++;
          this.#storedOn.push(device);
          break;
        } catch (error) {
          throwBug(error);
          if (this.#asked[replica] !== device) return this.#cameLate(device, false);
          this.#failed(device, error);
        }
      }
      device = this.#nextDevice();
    }
    this.#asked[replica] = undefined;
    this.#open--;
    this.#judge();
  }

  /**
   * Turns to others for the replicas whose devices do not answer. Where there are no others, to go on waiting
   * is all that may still make a quorum: until the put is hopeless.
   */
  giveUpHung(hopeless: boolean): void {
    for (let replica = 0; replica < this.#asked.length; replica++) {
      const device = this.#asked[replica];
      if (device === undefined) continue;
      this.#parts.health.hung(device);
      const next = this.#nextDevice();
      if (next === undefined && !this.#durable && !hopeless) continue;
      this.#asked[replica] = undefined;
      this.#hanging++;
      this.#failures ??= [];
      this.#failures.push(outcomeOf(device, 'hung'));
      void this.#place(replica, next, undefined);
    }
  }

  #cameLate(device: Device, stored: boolean): void {
    this.#hanging--;
    if (!stored) return;
    this.#storedOn.push(device);
    if (this.#open > 0) this.#judge();
  }

  #isPassedOver(device: Device): boolean {
    if (!this.#parts.health.isAside(device)) return false;
    this.#aside ??= [];
    this.#aside.push(device);
    return true;
  }

  #nextDevice(): Device | undefined {
    this.#handoffs ??= this.#ring.handoffs(this.#partition)[Symbol.iterator]();
    for (let next = this.#handoffs.next(); !next.done; next = this.#handoffs.next()) {
      if (!this.#isPassedOver(next.value)) return next.value;
    }
    // Without the other open replicas too there would be no quorum: then even a doubtful device is worth a
    // try.
    const withoutThis = this.#storedOn.length + this.#open - 1;
    return withoutThis < this.#quorum ? this.#aside?.shift() : undefined;
  }

  #failed(device: Device, error: unknown): void {
    this.#failures ??= [];
    if (error === undefined) {
      this.#failures.push(outcomeOf(device, 'unreachable'));
      return;
    }
    this.#parts.health.failed(device, error);
    this.#failures.push(failureOf(device, error));
    this.#lastError = error;
    if (isFault(error, 'no-space')) this.#full++;
  }

  /** A refusal waits for all, so that it can tell what each of them said. */
  #judge(): void {
    if (!this.#durable && this.#storedOn.length >= this.#quorum) {
      this.#durable = true;
      this.#resolveDurable();
    }
    if (this.#open > 0) return;
    this.#parts.running.remove(this);
    this.kept = this.#hanging > 0;
    if (!this.#durable) this.#refuse();
    this.#resolveReleased();
  }

  #refuse(): void {
    this.#parts.counters.putsFailed++;
    const count = this.#storedOn.length;
    const code = count + this.#full >= this.#quorum ? 'no-space' : 'quorum-not-reached';
    const message = `${count} of ${this.#ring.replicas} replicas stored, ${this.#quorum} needed`;
    const stored = this.#storedOn.map((device) => outcomeOf(device, 'stored'));
    const options = { details: [...stored, ...(this.#failures ?? [])], cause: this.#lastError };
    // Whoever waits for `released` alone must not be ended by a rejection that nobody heard.
    this.durable.catch(() => {});
    this.#rejectDurable(new Fault(code, message, options));
  }
}
