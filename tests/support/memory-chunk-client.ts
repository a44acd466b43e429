// Owns a chunk client that keeps everything in memory, for tests of what stands on the client. It checks its
// caller: checksums must fit, the data must not change until it was released, no chunk may be put twice.

import { crc32 } from '@node-rs/crc32';
import { Fault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import { type Chunk, type ChunkId, chunkIdOf } from '#storage-nodes/chunks/chunk-store.ts';
import type { ChunkClient, QuorumPut } from '#storage-nodes/client/blob-client.ts';

/** How one put goes; what is absent happens at the next turn. */
export interface PutScript {
  /** Awaited before the chunk is durable; a rejection is the put's. */
  readonly durable?: Promise<void>;
  /** Awaited before the buffer is let go. */
  readonly released?: Promise<void>;
  /** As QuorumPut.kept. */
  readonly kept?: boolean;
}

export class MemoryChunkClient implements ChunkClient {
  readonly chunks = new Map<string, { readonly data: Buffer; readonly owner: string }>();
  readonly deleted: string[] = [];
  /** What the caller did wrong. */
  readonly complaints: string[] = [];
  puts = 0;
  /** Puts whose buffer was not let go, now and at most. */
  held = 0;
  mostHeld = 0;
  readonly #script: (put: number) => PutScript;
  readonly #readFault: (read: number) => Promise<void> | undefined;
  reads = 0;

  constructor(
    script: (put: number) => PutScript = () => ({}),
    beforeRead: (read: number) => Promise<void> | undefined = () => undefined,
  ) {
    this.#script = script;
    this.#readFault = beforeRead;
  }

  put(chunk: Chunk): QuorumPut {
    const script = this.#script(this.puts++);
    this.held++;
    this.mostHeld = Math.max(this.mostHeld, this.held);
    this.#check(chunk, 'when it was put');
    const durable = this.#store(chunk, script.durable);
    const released = this.#release(chunk, durable, script.released);
    return { durable, released, kept: script.kept ?? false };
  }

  async read(id: ChunkId, offset: number, length: number, target?: Uint8Array): Promise<Uint8Array> {
    await this.#readFault(this.reads++);
    const chunk = this.chunks.get(keyOf(id));
    if (chunk === undefined) {
      const details = [{ device: 0, node: 'memory', zone: 'memory', outcome: 'chunk-missing' }];
      throw new Fault('chunk-unreadable', `no chunk ${keyOf(id)}`, { details });
    }
    const bytes = chunk.data.subarray(offset, offset + length);
    if (target === undefined) return bytes;
    if (target.length < limits.chunkBytes + limits.blockBytes)
      this.complaints.push('the target is too short');
    // As a store does, which reads whole blocks: the bytes asked for begin inside one.
    const start = offset % limits.blockBytes;
    target.set(bytes, start);
    return target.subarray(start, start + length);
  }

  async delete(id: ChunkId): Promise<void> {
    if (this.held > 0) this.complaints.push('deleted while a put still ran');
    this.chunks.delete(keyOf(id));
    this.deleted.push(keyOf(id));
  }

  /** All chunks of a blob in a row. */
  bytesOf(blob: string): Buffer {
    const parts: Buffer[] = [];
    for (let index = 0; ; index++) {
      const chunk = this.chunks.get(keyOf(chunkIdOf(blob, index)));
      if (chunk === undefined) return Buffer.concat(parts);
      parts.push(chunk.data);
    }
  }

  async #store(chunk: Chunk, until: Promise<void> | undefined): Promise<void> {
    const key = keyOf(chunk.id);
    if (this.chunks.has(key)) this.complaints.push(`${key} was put twice`);
    this.chunks.set(key, { data: Buffer.from(chunk.data), owner: chunk.owner });
    await until;
  }

  async #release(chunk: Chunk, durable: Promise<void>, until: Promise<void> | undefined): Promise<void> {
    await Promise.allSettled([durable, until]);
    this.#check(chunk, 'when it was let go');
    this.held--;
  }

  #check(chunk: Chunk, when: string): void {
    const { blockBytes } = limits;
    const blocks = Math.ceil(chunk.data.length / blockBytes);
    if (chunk.checksums.length !== blocks) this.complaints.push(`${blocks} blocks need as many checksums`);
    for (let block = 0; block < blocks; block++) {
      const bytes = chunk.data.subarray(block * blockBytes, (block + 1) * blockBytes);
      if (crc32(bytes) !== chunk.checksums[block]) this.complaints.push(`a checksum did not fit ${when}`);
    }
  }
}

const keyOf = (id: ChunkId): string => Buffer.from(id).toString('hex');
