// Owns a device that fails on demand, around a store that does not. Guarantee: what it injects looks to the
// client like the real thing: a dead device refuses every call, a rotten chunk is quarantined when it is
// read.

import type { Clock } from '#core/kernel/clock.ts';
import { Fault } from '#core/kernel/errors.ts';
import type {
  Chunk,
  ChunkId,
  ChunkInfo,
  ChunkStoreStatus,
  ListOptions,
} from '#storage-nodes/chunks/chunk-store.ts';
import { MemoryChunkStore } from '#storage-nodes/chunks/memory-chunk-store.ts';
import type { NodeChunks } from '#storage-nodes/client/device-port.ts';

/** `stuck`: it gives signs of life, and puts hang. */
export type DeviceMode = 'well' | 'dead' | 'full' | 'slow' | 'stuck';

export class FailingDevice implements NodeChunks {
  mode: DeviceMode = 'well';
  calls = 0;
  /** `list` breaks off before this chunk. */
  listBreaksAt = Number.POSITIVE_INFINITY;
  readonly #chunks: MemoryChunkStore;
  /** Ids, hexadecimal, whose bytes are damaged, whether that was found out or not. */
  readonly #rotten = new Set<string>();
  #waiting: (() => void)[] = [];

  constructor(clock: Clock) {
    this.#chunks = new MemoryChunkStore({ clock });
  }

  /** Damages the bytes of a chunk it holds; the next read finds out. */
  rot(id: ChunkId): void {
    if (this.#rotten.has(hex(id))) return;
    this.#chunks.corrupt(id, 0);
    this.#rotten.add(hex(id));
  }

  /** Lets every call that a slow or stuck device holds back go on. */
  release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const go of waiting) go();
  }

  async put(chunk: Chunk): Promise<void> {
    await this.#enter();
    if (this.mode === 'stuck') await this.#hold();
    if (this.mode === 'full') throw new Fault('no-space', 'the device is full');
    // Over a chunk whose damage nobody has seen, a put is a no-op.
    if (!(await this.#chunks.stat(chunk.id))) this.#rotten.delete(hex(chunk.id));
    await this.#chunks.put(chunk);
  }

  async read(id: ChunkId, offset: number, length: number, target?: Uint8Array): Promise<Uint8Array> {
    await this.#enter();
    return this.#chunks.read(id, offset, length, target);
  }

  async stat(id: ChunkId): Promise<ChunkInfo | undefined> {
    await this.#enter();
    return this.#chunks.stat(id);
  }

  async delete(id: ChunkId): Promise<void> {
    await this.#enter();
    await this.#chunks.delete(id);
  }

  async *list(options?: ListOptions): AsyncIterable<ChunkInfo> {
    await this.#enter();
    let listed = 0;
    for await (const info of this.#chunks.list(options)) {
      if (listed++ === this.listBreaksAt) throw new Fault('corruption', 'the index is damaged');
      yield info;
    }
  }

  async digests(partitionPower: number, partitions: Uint32Array): Promise<Uint32Array> {
    await this.#enter();
    return this.#chunks.digests(partitionPower, partitions);
  }

  async probe(): Promise<void> {
    await this.#enter();
    await this.#chunks.probe();
  }

  async status(): Promise<ChunkStoreStatus> {
    await this.#enter();
    return this.#chunks.status();
  }

  /** What it holds, whatever its mode. */
  async holds(id: ChunkId): Promise<boolean> {
    return !this.#rotten.has(hex(id)) && (await this.#chunks.stat(id)) !== undefined;
  }

  /** The disk was replaced by an empty one. */
  async wipe(): Promise<void> {
    const ids: ChunkId[] = [];
    for await (const { id } of this.#chunks.list()) ids.push(id);
    for (const id of ids) await this.#chunks.delete(id);
  }

  async #enter(): Promise<void> {
    this.calls++;
    if (this.mode === 'dead') throw new Fault('closed', 'the device is dead');
    if (this.mode === 'slow') await this.#hold();
  }

  #hold(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

function hex(id: ChunkId): string {
  return Buffer.from(id).toString('hex');
}
