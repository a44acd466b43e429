// Owns one device of another machine as the quorum client sees it: each method of the port is a call over
// the connection to its node. What is asserted of callers is the same as in the store itself. Calls take
// effect in the order in which they are answered, not in that in which they are made: who wants an order
// awaits.

import { assert } from '#core/kernel/assert.ts';
import { limits } from '#core/kernel/limits.ts';
import { checkChunk, checkId, checkRange } from '#storage-nodes/chunks/chunk-checks.ts';
import type {
  Chunk,
  ChunkId,
  ChunkInfo,
  ChunkStoreStatus,
  ListOptions,
} from '#storage-nodes/chunks/chunk-store.ts';
import type { NodeChunks } from '#storage-nodes/client/device-port.ts';
import {
  bytesOfWords,
  deleteCall,
  digestsCall,
  listCall,
  probeCall,
  putCall,
  readCall,
  statCall,
  statusCall,
  type WireCall,
  wordsOf,
} from './calls.ts';
import { type Payload, payloadOf } from './payload.ts';

export interface CallMaker {
  call<Arguments, Result>(
    row: WireCall<Arguments, Result>,
    deviceId: number,
    given: Arguments,
    payload?: Payload,
    target?: Uint8Array,
  ): Promise<Result>;
}

export class RemoteChunks implements NodeChunks {
  readonly #node: CallMaker;
  readonly #deviceId: number;

  constructor(node: CallMaker, deviceId: number) {
    this.#node = node;
    this.#deviceId = deviceId;
  }

  put(chunk: Chunk): Promise<void> {
    checkChunk(chunk, Buffer.byteLength(chunk.owner));
    const { data, checksums } = chunk;
    return this.#node.call(putCall, this.#deviceId, chunk, { bytes: data, checksums });
  }

  read(id: ChunkId, offset: number, length: number, target?: Uint8Array): Promise<Uint8Array> {
    checkId(id);
    checkRange(offset, length);
    assert(
      target === undefined || target.length >= Math.min(length, limits.chunkBytes),
      'the target has room',
    );
    return this.#node.call(readCall, this.#deviceId, { id, offset, length }, undefined, target);
  }

  stat(id: ChunkId): Promise<ChunkInfo | undefined> {
    checkId(id);
    return this.#node.call(statCall, this.#deviceId, id);
  }

  delete(id: ChunkId): Promise<void> {
    checkId(id);
    return this.#node.call(deleteCall, this.#deviceId, id);
  }

  async *list(options: ListOptions = {}): AsyncGenerator<ChunkInfo> {
    if (options.after !== undefined) checkId(options.after);
    let { after } = options;
    for (;;) {
      const page = await this.#node.call(listCall, this.#deviceId, {
        ...options,
        ...(after !== undefined && { after }),
      });
      yield* page.infos;
      after = page.infos.at(-1)?.id;
      if (page.last || after === undefined) return;
    }
  }

  async digests(partitionPower: number, partitions: Uint32Array): Promise<Uint32Array> {
    assert(partitions.length <= limits.digestPartitions, 'a page of digests has a limit');
    assert(partitionPower >= 1 && partitionPower <= limits.ringPartitionPower, 'a partition power of a ring');
    for (const number of partitions) assert(number < 2 ** partitionPower, `no partition ${number}`);
    const given = { partitionPower, partitions: partitions.length };
    const payload = payloadOf(bytesOfWords(partitions));
    return wordsOf(await this.#node.call(digestsCall, this.#deviceId, given, payload));
  }

  probe(): Promise<void> {
    return this.#node.call(probeCall, this.#deviceId, undefined);
  }

  status(): Promise<ChunkStoreStatus> {
    return this.#node.call(statusCall, this.#deviceId, undefined);
  }
}
