// Owns one write to a quorum. Budget: no copy; one object, two promises for the caller and one async call
// per replica; further allocations only when a device fails. Guarantee: `durable` resolves only when a
// majority of the ring's replicas hold the chunk durably, on different devices.

import { Fault, isFault } from '#core/kernel/errors.ts';
import { partitionOf } from '#core/ring/partition.ts';
import type { Device, Ring } from '#core/ring/ring.ts';
import type { Chunk } from '#storage-nodes/chunks/chunk-store.ts';
import type { QuorumPut } from './blob-client.ts';
import { type DeviceHealth, type DeviceOutcome, failureOf, outcomeOf, throwBug } from './device-health.ts';
import type { NodeOf } from './device-port.ts';

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
}

export class RunningPut implements QuorumPut {
  readonly durable: Promise<void>;
  readonly released: Promise<void>;
  readonly #parts: PutParts;
  readonly #chunk: Chunk;
  readonly #ring: Ring;
  readonly #partition: number;
  readonly #quorum: number;
  #resolveDurable!: () => void;
  #rejectDurable!: (fault: Fault) => void;
  #resolveReleased!: () => void;
  readonly #storedOn: Device[] = [];
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
    const primaries = ring.primaries(this.#partition);
    for (let replica = 0; replica < ring.replicas; replica++) void this.#place(primaries[replica]);
  }

  /** Finds one replica a device: its primary, else one handoff after the other. */
  async #place(primary: Device | undefined): Promise<void> {
    const { health, node, counters } = this.#parts;
    let device = primary && !this.#isPassedOver(primary) ? primary : this.#nextDevice();
    while (device !== undefined) {
      const chunks = node(device.id);
      if (chunks === undefined) this.#failed(device, undefined);
      else {
        try {
          await chunks.put(this.#chunk);
          health.answered(device);
          if (device !== primary) counters.handoffPuts++;
          this.#storedOn.push(device);
          break;
        } catch (error) {
          throwBug(error);
          this.#failed(device, error);
        }
      }
      device = this.#nextDevice();
    }
    this.#open--;
    this.#judge();
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
