// Owns a device that fails on demand, around a store that does not. Guarantee: what it injects looks to the
// client like the real thing: a dead device refuses every call, a rotten chunk is quarantined when it is
// read.

import { Fault } from '#core/kernel/errors.ts';
import type { Chunk, ChunkId, ChunkInfo } from '#storage-nodes/chunks/chunk-store.ts';
import type { NodeChunks } from '#storage-nodes/client/device-port.ts';

export type DeviceMode = 'well' | 'dead' | 'full' | 'slow';

export class FailingDevice implements NodeChunks {
  mode: DeviceMode = 'well';
  /** Ids, hexadecimal, whose bytes are damaged. */
  readonly rotten = new Set<string>();
  calls = 0;
  /** `list` breaks off before this chunk. */
  listBreaksAt = Number.POSITIVE_INFINITY;
  readonly #chunks: NodeChunks;
  #waiting: (() => void)[] = [];

  constructor(chunks: NodeChunks) {
    this.#chunks = chunks;
  }

  /** Lets every call that a slow device holds back go on. */
  release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const go of waiting) go();
  }

  async put(chunk: Chunk): Promise<void> {
    await this.#enter();
    if (this.mode === 'full') throw new Fault('no-space', 'the device is full');
    await this.#chunks.put(chunk);
    this.rotten.delete(hex(chunk.id));
  }

  async read(id: ChunkId, offset: number, length: number, target?: Uint8Array): Promise<Uint8Array> {
    await this.#enter();
    if (this.rotten.delete(hex(id))) {
      await this.#chunks.delete(id);
      throw new Fault('chunk-corrupt', 'the checksum does not match');
    }
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

  async *list(options?: { readonly from?: ChunkId }): AsyncIterable<ChunkInfo> {
    await this.#enter();
    let listed = 0;
    for await (const info of this.#chunks.list(options)) {
      if (listed++ === this.listBreaksAt) throw new Fault('corruption', 'the index is damaged');
      yield info;
    }
  }

  /** What it holds, whatever its mode. */
  async holds(id: ChunkId): Promise<boolean> {
    return !this.rotten.has(hex(id)) && (await this.#chunks.stat(id)) !== undefined;
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
    if (this.mode === 'slow') await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

function hex(id: ChunkId): string {
  return Buffer.from(id).toString('hex');
}
