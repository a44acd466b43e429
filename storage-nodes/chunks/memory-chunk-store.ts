// Owns the in-memory twin of the disk store: for tests and for the simulator, which both want to damage it.
// It keeps the port's promises as long as the process lives; "durable" means no more than that here.

import type { Clock } from '#core/kernel/clock.ts';
import { Fault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import { partitionOf } from '#core/ring/partition.ts';
import { blockChecksums } from './block-checksums.ts';
import { checkChunk, checkId, checkListOptions, checkRange } from './chunk-checks.ts';
import {
  type AuditReport,
  CHUNK_ID_BYTES,
  type Chunk,
  type ChunkId,
  type ChunkInfo,
  type ChunkStore,
  type ChunkStoreStatus,
  type ListOptions,
} from './chunk-store.ts';
import { DigestTable } from './digest-table.ts';
import { swapIdAndKey } from './placement-order.ts';

interface Held {
  readonly info: ChunkInfo;
  readonly data: Uint8Array;
  readonly checksums: Uint32Array;
  quarantined: boolean;
}

/** Of the capacity: what deletes and compaction need, as on a disk. */
const RESERVE_SHARE = 1 / 8;

export class MemoryChunkStore implements ChunkStore {
  readonly #clock: Clock;
  readonly #capacityBytes: number;
  readonly #held = new Map<string, Held>();
  /** The keys in order; undefined after a change. */
  #sorted: string[] | undefined;
  #liveBytes = 0;
  #deadBytes = 0;
  #quarantined = 0;
  #auditAfter = '';
  #digests: DigestTable | undefined;
  #full = false;
  #closed = false;

  constructor(options: { readonly clock: Clock; readonly capacityBytes?: number }) {
    this.#clock = options.clock;
    this.#capacityBytes = options.capacityBytes ?? Infinity;
  }

  async put(chunk: Chunk): Promise<void> {
    checkChunk(chunk, Buffer.byteLength(chunk.owner));
    this.#expectOpen();
    const key = keyOf(chunk.id);
    const before = this.#held.get(key);
    if (before !== undefined && !before.quarantined) return;
    const bytes = chunk.data.length;
    if (this.#liveBytes + this.#deadBytes + bytes > this.#capacityBytes * (1 - RESERVE_SHARE)) {
      this.#full = true;
      throw new Fault('no-space', 'the device has no room for another chunk');
    }
    if (before !== undefined) this.#drop(key, before);
    const id = Uint8Array.from(chunk.id);
    const info = { id, sizeBytes: bytes, createdMs: this.#clock.nowMs(), owner: chunk.owner };
    const data = Uint8Array.from(chunk.data);
    this.#held.set(key, { info, data, checksums: chunk.checksums.slice(), quarantined: false });
    this.#sorted = undefined;
    this.#liveBytes += bytes;
    this.#digests?.count(id, 1);
  }

  async read(id: ChunkId, offset: number, length: number, target?: Uint8Array): Promise<Uint8Array> {
    checkId(id);
    checkRange(offset, length);
    this.#expectOpen();
    const held = this.#held.get(keyOf(id));
    if (held === undefined || held.quarantined) throw new Fault('chunk-missing', `no chunk ${keyOf(id)}`);
    const from = Math.min(offset, held.data.length);
    const to = Math.min(from + length, held.data.length);
    if (!isWhole(held, from, to)) {
      this.#quarantine(held);
      throw new Fault('chunk-corrupt', `chunk ${keyOf(id)} is damaged`);
    }
    if (target === undefined) return held.data.slice(from, to);
    target.set(held.data.subarray(from, to));
    return target.subarray(0, to - from);
  }

  async stat(id: ChunkId): Promise<ChunkInfo | undefined> {
    checkId(id);
    this.#expectOpen();
    const held = this.#held.get(keyOf(id));
    return held === undefined || held.quarantined ? undefined : held.info;
  }

  async delete(id: ChunkId): Promise<void> {
    checkId(id);
    this.#expectOpen();
    const held = this.#held.get(keyOf(id));
    if (held !== undefined) this.#drop(keyOf(id), held);
  }

  async *list(options?: ListOptions): AsyncGenerator<ChunkInfo> {
    checkListOptions(options);
    this.#expectOpen();
    const { after, partition } = options ?? {};
    for (const key of this.#keysAfter(after === undefined ? '' : keyOf(after))) {
      this.#expectOpen();
      const held = this.#held.get(key);
      if (held === undefined || held.quarantined) continue;
      if (partition && partitionOf(held.info.id, partition.power) !== partition.number) continue;
      yield held.info;
    }
  }

  async digests(partitionPower: number, partitions: Uint32Array): Promise<Uint32Array> {
    this.#expectOpen();
    if (this.#digests?.partitionPower !== partitionPower) {
      const digests = new DigestTable(partitionPower);
      for (const { info, quarantined } of this.#held.values()) if (!quarantined) digests.count(info.id, 1);
      this.#digests = digests;
    }
    return this.#digests.read(partitions);
  }

  async probe(): Promise<void> {
    this.#expectOpen();
  }

  async audit(limit: number): Promise<AuditReport> {
    this.#expectOpen();
    const damaged: ChunkId[] = [];
    let [checked, readBytes] = [0, 0];
    let [last, more] = [this.#auditAfter, false];
    for (const key of this.#keysAfter(this.#auditAfter)) {
      const held = this.#held.get(key);
      if (held === undefined || held.quarantined) continue;
      more = checked >= limit;
      if (more) break;
      checked += 1;
      readBytes += held.data.length;
      last = key;
      if (isWhole(held, 0, held.data.length)) continue;
      this.#quarantine(held);
      damaged.push(held.info.id);
    }
    this.#auditAfter = more ? last : '';
    return { checked, readBytes, damaged };
  }

  /** All dead bytes are one segment. */
  async compact(limit: number): Promise<number> {
    this.#expectOpen();
    if (limit < 1 || this.#deadBytes === 0) return 0;
    this.#deadBytes = 0;
    this.#full = false;
    return 1;
  }

  status(): ChunkStoreStatus {
    return {
      chunks: this.#held.size - this.#quarantined,
      liveBytes: this.#liveBytes,
      fileBytes: this.#liveBytes + this.#deadBytes,
      quarantined: this.#quarantined,
      full: this.#full,
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  /** Flips the byte at `at` of the chunk's data, as a rotten disk would. */
  corrupt(id: ChunkId, at: number): void {
    const held = this.#held.get(keyOf(id));
    const byte = held?.data[at];
    if (held !== undefined && byte !== undefined) held.data[at] = byte ^ 0xff;
  }

  #expectOpen(): void {
    if (this.#closed) throw new Fault('closed', 'the chunk store is closed');
  }

  #quarantine(held: Held): void {
    held.quarantined = true;
    this.#quarantined += 1;
    this.#digests?.count(held.info.id, -1);
    this.#liveBytes -= held.data.length;
    this.#deadBytes += held.data.length;
  }

  #drop(key: string, held: Held): void {
    this.#held.delete(key);
    this.#sorted = undefined;
    if (held.quarantined) {
      this.#quarantined -= 1;
      return;
    }
    this.#digests?.count(held.info.id, -1);
    this.#liveBytes -= held.data.length;
    this.#deadBytes += held.data.length;
  }

  #keysAfter(after: string): string[] {
    this.#sorted ??= [...this.#held.keys()].sort();
    const first = this.#sorted.findIndex((key) => key > after);
    return first < 0 ? [] : this.#sorted.slice(first);
  }
}

/** Hexadecimal, so that the order of keys is that of placement. */
function keyOf(id: ChunkId): string {
  const key = Buffer.alloc(CHUNK_ID_BYTES);
  key.set(id);
  swapIdAndKey(key);
  return key.toString('hex');
}

/** Whether every block that the range touches is as written. */
function isWhole(held: Held, from: number, to: number): boolean {
  const first = Math.floor(from / limits.blockBytes);
  const last = Math.ceil(to / limits.blockBytes);
  const found = blockChecksums(held.data.subarray(first * limits.blockBytes, last * limits.blockBytes));
  return found.every((checksum, at) => checksum === held.checksums[first + at]);
}
