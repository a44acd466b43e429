// Owns the nodes, devices and ring of a cluster as its log has them: the fold of one short stream, followed
// while the process runs, and the commands on it. Guarantee: the state only ever goes forward, and a command
// that resolved is in it.

import type { DevicesCommand, DevicesRejection } from '#core/devices/devices.commands.ts';
import { type DevicesState, devicesDecider } from '#core/devices/devices.decider.ts';
import { DEVICES_STREAM, devices } from '#core/devices/devices.events.ts';
import type { Clock } from '#core/kernel/clock.ts';
import { isRejected, type Rejection } from '#core/kernel/decider.ts';
import { Fault } from '#core/kernel/errors.ts';
import { type Cursor, type EventLog, familyOf, type RecordedEvent } from '#core/log/event-log.ts';
import { emptyRing } from '#core/ring/placed-ring.ts';
import type { Ring } from '#core/ring/ring.ts';
import { runCommand } from './run-command.ts';

export interface ClusterRingOptions {
  readonly log: EventLog;
  /** Told once, when the log can be followed no more: what is in force would go stale unnoticed. */
  onFault(error: unknown): void;
}

export interface FirstDevice {
  readonly node: string;
  readonly zone: string;
}

const SYSTEM = { user: 'system', project: 'system', requestId: 'ring' } as const;
const PARTITION_POWER = 10;
const REPLICAS = 3;
const MIN_MOVE_INTERVAL_MS = 60 * 60 * 1_000;
const SEED = 1;
const WEIGHT_MILLI = 1_000;

export class ClusterRing {
  readonly #log: EventLog;
  readonly #closing = new AbortController();
  readonly #listeners = new Set<() => void>();
  #state: DevicesState = devicesDecider.initial;
  #revision = -1;
  #id = '';
  #ring: Ring = emptyRing(PARTITION_POWER, REPLICAS);
  #following: Promise<void> = Promise.resolve();

  private constructor(log: EventLog) {
    this.#log = log;
  }

  /** Resolves when the state is that of the log; makes the ring's shape where there is none yet. */
  static async open({ log, onFault }: ClusterRingOptions): Promise<ClusterRing> {
    const cluster = new ClusterRing(log);
    const from = await log.tail();
    await cluster.#readOn();
    if (!cluster.#state.shape) await cluster.#create();
    cluster.#following = cluster.#follow(from, onFault);
    return cluster;
  }

  /** Of the whole cluster, for ever: 32 hexadecimal digits. */
  get id(): string {
    return this.#id;
  }

  get state(): DevicesState {
    return this.#state;
  }

  /** How many events made the state; higher is newer. */
  get revision(): number {
    return this.#revision;
  }

  /** The ring in force; one without devices before the first rebalance. */
  ring(): Ring {
    return this.#ring;
  }

  /** Calls `listener` after each change until the result is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when `state` shows the outcome. */
  async run(command: DevicesCommand): Promise<undefined | Rejection<DevicesRejection>> {
    const outcome = await runCommand(this.#log, {
      decider: devicesDecider,
      lifecycle: devices,
      stream: DEVICES_STREAM,
      command,
      actor: SYSTEM,
      view: () => ({ state: this.#state, expect: this.#revision < 0 ? 'none' : this.#revision }),
      refresh: () => this.#readOn(),
    });
    if (isRejected(outcome)) return outcome;
    if (outcome) await this.#readOn();
    return undefined;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#following;
  }

  async #create(): Promise<void> {
    const outcome = await this.run({
      type: 'CreateRing',
      partitionPower: PARTITION_POWER,
      replicas: REPLICAS,
      minMoveIntervalMs: MIN_MOVE_INTERVAL_MS,
      seed: SEED,
    });
    // Another process may have been first.
    if (outcome && outcome.rejected !== 'ring-exists') throw refusal(outcome);
  }

  async #readOn(): Promise<void> {
    const before = this.#revision;
    for await (const event of this.#log.read(DEVICES_STREAM, { from: before + 1 })) this.#apply(event);
    if (this.#revision > before) this.#tell();
  }

  async #follow(from: Cursor, onFault: (error: unknown) => void): Promise<void> {
    const { signal } = this.#closing;
    const categories = [familyOf(DEVICES_STREAM)];
    try {
      for await (const events of this.#log.follow({ from, categories, signal })) {
        const before = this.#revision;
        for (const event of events) this.#apply(event);
        if (this.#revision > before) this.#tell();
      }
    } catch (error) {
      if (!signal.aborted) onFault(error);
    }
  }

  /** What was read and what is followed overlap. */
  #apply(event: RecordedEvent): void {
    const { id, type, payload, stream, revision, timeMs } = event;
    if (stream !== DEVICES_STREAM || revision <= this.#revision) return;
    if (revision === 0) this.#id = id;
    const decoded = devices.decode(type, payload);
    this.#state = devicesDecider.evolve(this.#state, decoded, { stream, revision, timeMs });
    const { ring, shape } = this.#state;
    if (ring) this.#ring = ring;
    else if (shape) this.#ring = emptyRing(shape.partitionPower, shape.replicas);
    this.#revision = revision;
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** Makes what is missing of a first ring of these devices; nothing where a ring is in force. */
export async function placeFirstDevices(
  cluster: ClusterRing,
  clock: Clock,
  firstDevices: readonly FirstDevice[],
): Promise<void> {
  if (cluster.state.ring) return;
  const run = async (command: DevicesCommand) => {
    const outcome = await cluster.run(command);
    if (outcome) throw refusal(outcome);
  };
  // Each step is looked at anew, so that a crash between two of them is made good by the next start.
  for (const { node, zone } of firstDevices) {
    if (cluster.state.devices.some((device) => device.node === node)) continue;
    await run({ type: 'AddDevice', node, zone, weightMilli: WEIGHT_MILLI });
  }
  await run({ type: 'Rebalance', nowMs: clock.nowMs() });
}

function refusal({ rejected }: Rejection<DevicesRejection>): Fault {
  return new Fault('closed', `no ring can be made: ${rejected}`);
}
