// Owns the way from a gateway to the replicas of a chunk. Guarantees: what was put is durable on a quorum;
// what is read is whole, from whichever device has it; what a read found lacking is repaired behind it.
// Budget of a read that finds its first device well: no copy, one await, no allocation but the promise.

import type { Clock } from '#core/kernel/clock.ts';
import { Fault, isFault } from '#core/kernel/errors.ts';
import { partitionOf } from '#core/ring/partition.ts';
import type { Device, Ring } from '#core/ring/ring.ts';
import type { Chunk, ChunkId, ChunkInfo } from '#storage-nodes/chunks/chunk-store.ts';
import type { ChunkClient, QuorumPut } from './blob-client.ts';
import { DeviceHealth, type DeviceOutcome, failureOf, outcomeOf, throwBug } from './device-health.ts';
import type { NodeChunks, NodeOf } from './device-port.ts';
import { type PutCounters, RunningPut } from './quorum-put.ts';
import { ReadRepair, type RepairCounters } from './read-repair.ts';
import { RunningPuts } from './running-puts.ts';

export interface ChunkClientOptions {
  /** The ring in force; asked at each call. */
  readonly ring: () => Ring;
  readonly node: NodeOf;
  readonly clock: Clock;
  /** Shared with whoever else chooses devices. */
  readonly health?: DeviceHealth;
}

export interface ChunkClientCounters extends PutCounters, RepairCounters {
  reads: number;
  /** Reads that the first device could not serve. */
  readFailovers: number;
  /** Reads that no device could serve. */
  readsFailed: number;
  deletes: number;
}

export interface QuorumClient extends ChunkClient {
  /** Only ever grow. */
  readonly counters: Readonly<ChunkClientCounters>;
  readonly health: DeviceHealth;
  readonly partitions: number;
  /**
   * The chunks of a partition, in order of placement, as the first of its primaries has them that can be
   * asked; fewer when that one fails meanwhile.
   */
  chunksOf(partition: number): AsyncIterable<ChunkInfo>;
  /** To be called every limits.heartbeatMs: puts turn away from devices that hang. */
  beat(): void;
  /** Resolves when no repair waits or runs. */
  idle(): Promise<void>;
  /** Drops the repairs that wait; resolves when none runs. */
  close(): Promise<void>;
}

export function createChunkClient(options: ChunkClientOptions): QuorumClient {
  return new RingChunkClient(options);
}

class RingChunkClient implements QuorumClient {
  readonly counters: ChunkClientCounters = {
    puts: 0,
    putsFailed: 0,
    handoffPuts: 0,
    reads: 0,
    readFailovers: 0,
    readsFailed: 0,
    deletes: 0,
    repaired: 0,
    repairsFailed: 0,
    repairsDropped: 0,
  };
  readonly #ring: () => Ring;
  readonly #clock: Clock;
  readonly #repairs: ReadRepair;
  /** What a put and a read share. */
  readonly node: NodeOf;
  readonly health: DeviceHealth;
  readonly running = new RunningPuts();
  /** The ring in force at the last call, and the one before: where a chunk may still lie. */
  #latest: Ring | undefined;
  #previous: Ring | undefined;

  constructor({ ring, node, clock, health }: ChunkClientOptions) {
    this.#ring = ring;
    this.#clock = clock;
    this.node = node;
    this.health = health ?? new DeviceHealth(clock);
    this.#repairs = new ReadRepair(node, this.counters);
  }

  put(chunk: Chunk): QuorumPut {
    return new RunningPut(this, this.#inForce(), chunk);
  }

  beat(): void {
    this.running.beat();
  }

  get partitions(): number {
    return 2 ** this.#inForce().partitionPower;
  }

  async *chunksOf(partition: number): AsyncGenerator<ChunkInfo> {
    const ring = this.#inForce();
    const power = ring.partitionPower;
    for (const device of ring.primaries(partition)) {
      const chunks = this.node(device.id);
      if (!chunks || this.health.isAside(device)) continue;
      try {
        yield* chunks.list({ partition: { number: partition, power } });
      } catch (error) {
        throwBug(error);
        this.health.failed(device, error);
      }
      return;
    }
  }

  #inForce(): Ring {
    const ring = this.#ring();
    if (ring !== this.#latest) {
      this.#previous = this.#latest;
      this.#latest = ring;
    }
    return ring;
  }

  async read(id: ChunkId, offset: number, length: number, target?: Uint8Array): Promise<Uint8Array> {
    this.counters.reads++;
    const ring = this.#inForce();
    const partition = partitionOf(id, ring.partitionPower);
    const primaries = ring.primaries(partition);
    const first = this.health.prefer(primaries, partition);
    const chunks = first && this.node(first.id);
    if (first && chunks) {
      const startedMs = this.#clock.monotonicMs();
      try {
        const bytes = await chunks.read(id, offset, length, target);
        this.health.answeredRead(first, startedMs);
        return bytes;
      } catch (error) {
        const search = new Search(id, offset, length, target);
        this.#note(search, first, error);
        return this.#readElsewhere(ring, partition, search);
      }
    }
    return this.#readElsewhere(ring, partition, new Search(id, offset, length, target));
  }

  async #readElsewhere(ring: Ring, partition: number, search: Search): Promise<Uint8Array> {
    this.counters.readFailovers++;
    const primaries = ring.primaries(partition);
    for (const device of this.#inOrder(ring, partition)) {
      if (search.asked.has(device.id)) continue;
      const chunks = this.node(device.id);
      const bytes = chunks ? await this.#tryRead(search, device, chunks) : undefined;
      if (bytes) {
        for (const { id } of primaries) {
          if (search.lacking.includes(id)) this.#repairs.add(search.id, device.id, id);
        }
        return bytes;
      }
      if (!chunks) search.outcomes.push(outcomeOf(device, 'unreachable'));
    }
    this.counters.readsFailed++;
    const message = `none of ${search.outcomes.length} devices has the chunk whole`;
    throw new Fault('chunk-unreadable', message, { details: search.outcomes });
  }

  async #tryRead(search: Search, device: Device, chunks: NodeChunks): Promise<Uint8Array | undefined> {
    const startedMs = this.#clock.monotonicMs();
    try {
      const bytes = await chunks.read(search.id, search.offset, search.length, search.target);
      this.health.answeredRead(device, startedMs);
      return bytes;
    } catch (error) {
      this.#note(search, device, error);
      return undefined;
    }
  }

  #note(search: Search, device: Device, error: unknown): void {
    throwBug(error);
    this.health.failed(device, error);
    search.asked.add(device.id);
    search.outcomes.push(failureOf(device, error));
    if (isFault(error, 'chunk-missing') || isFault(error, 'chunk-corrupt')) search.lacking.push(device.id);
  }

  /**
   * Primaries, then those before the last change of the ring, then handoffs, then those of all that are
   * aside. Some come twice.
   */
  *#inOrder(ring: Ring, partition: number): Generator<Device, void, undefined> {
    const aside: Device[] = [];
    for (const device of this.#candidates(ring, partition)) {
      if (this.health.isAside(device)) aside.push(device);
      else yield device;
    }
    yield* aside;
  }

  *#candidates(ring: Ring, partition: number): Generator<Device, void, undefined> {
    const primaries = ring.primaries(partition);
    for (let i = 0; i < primaries.length; i++) yield primaries[(partition + i) % primaries.length] as Device;
    if (this.#previous?.partitionPower === ring.partitionPower) yield* this.#previous.primaries(partition);
    yield* ring.handoffs(partition);
  }

  async delete(id: ChunkId): Promise<void> {
    this.counters.deletes++;
    this.#repairs.forget(id);
    const ring = this.#inForce();
    const partition = partitionOf(id, ring.partitionPower);
    const deletions: Promise<void>[] = [];
    for (const device of ring.primaries(partition)) deletions.push(this.#deleteFrom(device, id, false));
    for (const device of ring.handoffs(partition)) deletions.push(this.#deleteFrom(device, id, true));
    await Promise.all(deletions);
  }

  /** What a device in trouble keeps is garbage: the collector finds that no event names it. */
  async #deleteFrom(device: Device, id: ChunkId, isHandoff: boolean): Promise<void> {
    const chunks = this.node(device.id);
    if (!chunks || this.health.isAside(device)) return;
    try {
      // A handoff seldom has it, and a look is cheaper than a tombstone.
      if (isHandoff && !(await chunks.stat(id))) return;
      await chunks.delete(id);
      this.health.answered(device);
    } catch (error) {
      throwBug(error);
      this.health.failed(device, error);
    }
  }

  idle(): Promise<void> {
    return this.#repairs.idle();
  }

  close(): Promise<void> {
    return this.#repairs.close();
  }
}

/** One read that has to go from device to device. */
class Search {
  readonly id: ChunkId;
  readonly offset: number;
  readonly length: number;
  readonly target: Uint8Array | undefined;
  readonly asked = new Set<number>();
  readonly outcomes: DeviceOutcome[] = [];
  /** Ids of the devices that have no good copy. */
  readonly lacking: number[] = [];

  constructor(id: ChunkId, offset: number, length: number, target: Uint8Array | undefined) {
    this.id = id;
    this.offset = offset;
    this.length = length;
    this.target = target;
  }
}
