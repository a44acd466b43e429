// Owns the replicator: every chunk gets back to all its homes, what a device keeps for others goes back to
// them, and after a change of the ring the partitions follow it. Guarantee: a copy is deleted only from a
// device that is no home of the chunk, and only after every primary has been seen to hold it.
//
// A partition's homes are its primaries and, for each primary that is gone for good, the next handoff: so a
// dead disk's data is whole again without anybody's order. Of each partition the digests of its homes are
// compared by the first home that can be reached; only where they differ are chunks listed. What a device
// keeps that it is no home of, it pushes itself. So each process looks after its own devices, and where two
// look after the same partition because they see the world differently, the second finds nothing to do: to
// put a chunk that is there is a no-op, and each device is cleared by its own process alone. Two processes
// whose rings differ may both hold a copy to be the other's; as no change of a ring moves more than one live
// replica of a partition, the rest keep the chunk, and the next pass completes it.
//
// Bounds: bytes a second (what is listed counts too), copies in flight, and for digests one slice of
// partitions of one device's peers at a time.

import { setImmediate as untilOthersRan } from 'node:timers/promises';
import type { Clock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import { partitionOf } from '#core/ring/partition.ts';
import type { Device, Ring } from '#core/ring/ring.ts';
import type { ChunkId } from '#storage-nodes/chunks/chunk-store.ts';
import { DIGEST_WORDS } from '#storage-nodes/chunks/digest-table.ts';
import { throwBug } from '#storage-nodes/client/device-health.ts';
import type { NodeOf } from '#storage-nodes/client/device-port.ts';
import { ByteRate } from './byte-rate.ts';
import { ChunkMover, type MoverTally } from './chunk-mover.ts';
import { homesOf, isAmong } from './homes.ts';
import { PartitionCensus } from './partition-census.ts';

export interface ReplicationReport extends Readonly<MoverTally> {
  /** Partitions looked at, each once for every device of ours that has to do with it. */
  readonly partitions: number;
  readonly partitionsTotal: number;
  /** Of those: partitions whose chunks had to be listed. */
  readonly listed: number;
}

/** What is known of the devices; DeviceHealth. */
export interface DeviceStates {
  /** Is not asked now. */
  isAside(device: Device): boolean;
  /** Is away for so long that others keep its share. */
  isGone(device: Device): boolean;
}

export interface ReplicatorOptions {
  readonly ring: () => Ring;
  readonly node: NodeOf;
  readonly clock: Clock;
  /** The devices that this process looks after; all where absent. */
  readonly isOurs?: (deviceId: number) => boolean;
  readonly health?: DeviceStates;
  /** Shared by all copies; limits.replicatorBytesPerSecond where absent. */
  readonly rate?: ByteRate;
}

export interface Replicator {
  /**
   * One pass over all devices of ours that can be reached; ends early, without error, when the signal is
   * aborted.
   * @param onProgress called after every slice of partitions and at the end
   */
  runOnce(signal?: AbortSignal, onProgress?: (soFar: ReplicationReport) => void): Promise<ReplicationReport>;
  /** Brings one chunk back to all its homes. */
  repair(id: ChunkId): Promise<void>;
  /** Of all passes; only ever grow. */
  readonly counters: Readonly<MoverTally>;
  /** The pass under way, or the last one. */
  readonly progress: ReplicationReport;
  readonly rate: ByteRate;
}

const ALL_WELL: DeviceStates = { isAside: () => false, isGone: () => false };

export function createReplicator(options: ReplicatorOptions): Replicator {
  return new PartitionReplicator(options);
}

class PartitionReplicator implements Replicator {
  readonly rate: ByteRate;
  readonly #options: ReplicatorOptions;
  readonly #mover: ChunkMover;
  #progress: ReplicationReport;

  constructor(options: ReplicatorOptions) {
    this.#options = options;
    this.rate = options.rate ?? new ByteRate(options.clock, limits.replicatorBytesPerSecond);
    this.#mover = new ChunkMover(options.node, this.rate);
    this.#progress = { ...this.#mover.tally, partitions: 0, partitionsTotal: 0, listed: 0 };
  }

  get counters(): Readonly<MoverTally> {
    return this.#mover.tally;
  }

  get progress(): ReplicationReport {
    return this.#progress;
  }

  async runOnce(
    signal?: AbortSignal,
    onProgress?: (soFar: ReplicationReport) => void,
  ): Promise<ReplicationReport> {
    const { ring: ringOf, isOurs = () => true, health = ALL_WELL } = this.#options;
    const ring = ringOf();
    const before = { ...this.#mover.tally };
    const pass = new Pass({ ...this.#options, rate: this.rate, mover: this.#mover, ring, health, signal });
    const ours = ring.devices.filter(({ id }) => isOurs(id));
    const tell = () => {
      const { copied, copiedBytes, returned, failed } = this.#mover.tally;
      this.#progress = {
        copied: copied - before.copied,
        copiedBytes: copiedBytes - before.copiedBytes,
        returned: returned - before.returned,
        failed: failed - before.failed,
        partitions: pass.partitions,
        partitionsTotal: ours.length * 2 ** ring.partitionPower,
        listed: pass.listed,
      };
      onProgress?.(this.#progress);
    };
    await pass.findAway(ours);
    for (const device of ours) await pass.lookAfter(device, tell);
    await this.#mover.idle();
    tell();
    return this.#progress;
  }

  async repair(id: ChunkId): Promise<void> {
    const { ring: ringOf, health = ALL_WELL } = this.#options;
    const ring = ringOf();
    const partition = partitionOf(id, ring.partitionPower);
    const primaries = ring.primaries(partition);
    const homes = homesOf(ring, partition, (device) => health.isGone(device));
    const holders: Device[] = [];
    const broken = new Set<number>();
    let sizeBytes = 0;
    for (const device of ring.devices) {
      const found = await this.#mover.find(id, device);
      if (found === 'unknown') broken.add(device.id);
      else if (found !== undefined) {
        holders.push(device);
        sizeBytes = found.sizeBytes;
      }
    }
    await this.#mover.restore({ id, sizeBytes, holders, homes, primaries, broken, clear: holders });
  }
}

interface PassParts {
  readonly ring: Ring;
  readonly node: NodeOf;
  readonly health: DeviceStates;
  readonly rate: ByteRate;
  readonly mover: ChunkMover;
  readonly signal: AbortSignal | undefined;
}

class Pass {
  partitions = 0;
  listed = 0;
  readonly #parts: PassParts;
  /** Ids of devices that could not be reached in this pass. */
  readonly #away = new Set<number>();

  constructor(parts: PassParts) {
    this.#parts = parts;
  }

  /** Finds out which of our devices cannot even say what they hold, so that others take the lead. */
  async findAway(ours: readonly Device[]): Promise<void> {
    await Promise.all(ours.map((device) => this.#digests(device, new Uint32Array(0))));
  }

  async lookAfter(device: Device, tell: () => void): Promise<void> {
    const total = 2 ** this.#parts.ring.partitionPower;
    const step = Math.min(total, limits.replicatorSlicePartitions);
    for (let first = 0; first < total; first += step) {
      if (this.#parts.signal?.aborted) return;
      if (!this.#isAway(device)) await this.#lookAfterSlice(device, first, Math.min(step, total - first));
      if (this.#parts.signal?.aborted) return;
      this.partitions += Math.min(step, total - first);
      tell();
      // Answers from memory never wait, and a pass must not keep requests waiting.
      await untilOthersRan();
    }
  }

  async #lookAfterSlice(device: Device, first: number, count: number): Promise<void> {
    const { ring, health, signal } = this.#parts;
    const slice = Uint32Array.from({ length: count }, (_, i) => first + i);
    const own = await this.#digests(device, slice);
    if (own === undefined) return;
    const led: { readonly partition: number; readonly homes: readonly Device[] }[] = [];
    const asked = new PeerDigests();
    for (const partition of slice) {
      const homes = homesOf(ring, partition, (each) => health.isGone(each));
      const lead = homes.find((home) => !this.#isAway(home));
      if (lead?.id === device.id) {
        led.push({ partition, homes });
        for (const home of homes) if (home.id !== device.id) asked.add(home, partition);
      } else if (own[DIGEST_WORDS * (partition - first)] !== 0 && !isAmong(homes, device)) {
        await this.#reconcile(partition, homes, device);
      }
      if (signal?.aborted) return;
    }
    await asked.ask((peer, partitions) => this.#digests(peer, partitions));
    for (const { partition, homes } of led) {
      if (signal?.aborted) return;
      const at = DIGEST_WORDS * (partition - first);
      const words = own.subarray(at, at + DIGEST_WORDS);
      if (homes.some((home) => home.id !== device.id && asked.differs(home, partition, words))) {
        await this.#reconcile(partition, homes, undefined);
      }
    }
  }

  /** Lists the partition on all its homes and on whoever keeps chunks of it for them, and makes good. */
  async #reconcile(partition: number, homes: readonly Device[], keeper: Device | undefined): Promise<void> {
    const { ring, node, rate, mover, signal } = this.#parts;
    this.listed++;
    const primaries = ring.primaries(partition);
    const reached = homes.filter((home) => !this.#isAway(home));
    const clear = keeper ? [keeper] : [];
    const power = ring.partitionPower;
    const census = new PartitionCensus([...reached, ...clear], node, { number: partition, power });
    const unknown = new Set([...homes.filter((home) => this.#isAway(home)).map(({ id }) => id)]);
    let seen = 0;
    for await (const { id, sizeBytes, holders } of census.walk()) {
      if (signal?.aborted) return;
      for (const broken of census.broken) unknown.add(broken);
      await rate.take(limits.replicatorListedBytes * holders.length, signal);
      const lacks = homes.some((home) => !unknown.has(home.id) && !isAmong(holders, home));
      const kept = clear.filter((device) => isAmong(holders, device));
      if (lacks || kept.length > 0) {
        const task = { id, sizeBytes, holders, homes, primaries, broken: unknown, clear: kept };
        await mover.start(task, signal);
      }
      if (++seen % limits.replicatorStepChunks === 0) await untilOthersRan();
    }
  }

  async #digests(device: Device, partitions: Uint32Array): Promise<Uint32Array | undefined> {
    if (this.#isAway(device)) return undefined;
    try {
      const digests = await this.#parts.node(device.id)?.digests(this.#parts.ring.partitionPower, partitions);
      if (digests !== undefined) return digests;
    } catch (error) {
      throwBug(error);
    }
    this.#away.add(device.id);
    return undefined;
  }

  #isAway(device: Device): boolean {
    return this.#away.has(device.id) || this.#parts.health.isAside(device);
  }
}

/** What the peers say of the partitions of a slice. */
class PeerDigests {
  readonly #asked = new Map<Device, number[]>();
  /** By device id, then partition. */
  readonly #words = new Map<number, Map<number, Uint32Array>>();

  add(peer: Device, partition: number): void {
    const partitions = this.#asked.get(peer);
    if (partitions) partitions.push(partition);
    else this.#asked.set(peer, [partition]);
  }

  async ask(digests: (peer: Device, partitions: Uint32Array) => Promise<Uint32Array | undefined>) {
    const answers = [...this.#asked].map(async ([peer, partitions]) => {
      const words = await digests(peer, Uint32Array.from(partitions));
      if (words === undefined) return;
      const byPartition = new Map<number, Uint32Array>();
      for (const [i, partition] of partitions.entries())
        byPartition.set(partition, words.subarray(DIGEST_WORDS * i, DIGEST_WORDS * (i + 1)));
      this.#words.set(peer.id, byPartition);
    });
    await Promise.all(answers);
  }

  /** False where the peer did not say. */
  differs(peer: Device, partition: number, words: Uint32Array): boolean {
    const theirs = this.#words.get(peer.id)?.get(partition);
    return theirs?.some((word, at) => word !== words[at]) ?? false;
  }
}
