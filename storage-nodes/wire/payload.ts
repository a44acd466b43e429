// Owns the bytes that go with a call or its answer: their number and the CRC-32 of each block of
// limits.blockBytes stand in the opening frame, the bytes in its data and in the data frames that follow.
// So a chunk is guarded from its writer to the store by the checksums it was given once.
// Budget: no copy here; each byte read once, when its frame has landed and it is still warm.

import { limits } from '#core/kernel/limits.ts';
import { blockChecksums } from '#storage-nodes/chunks/block-checksums.ts';
import { type FieldReader, type FieldWriter, WireError } from './fields.ts';

const NO_CHECKSUMS = new Uint32Array(0);

export interface Payload {
  readonly bytes: Uint8Array;
  readonly checksums: Uint32Array;
}

export function payloadOf(bytes: Uint8Array): Payload {
  return { bytes, checksums: blockChecksums(bytes) };
}

export function writePayloadHead(fields: FieldWriter, payload: Payload | undefined): void {
  fields.uint32(payload === undefined ? 0 : payload.bytes.length);
  if (payload !== undefined) for (const checksum of payload.checksums) fields.uint32(checksum);
}

export interface PayloadHead {
  readonly sizeBytes: number;
  readonly checksums: Uint32Array;
}

const NO_PAYLOAD: PayloadHead = { sizeBytes: 0, checksums: NO_CHECKSUMS };

/** @throws WireError */
export function readPayloadHead(fields: FieldReader): PayloadHead {
  const sizeBytes = fields.uint32();
  if (sizeBytes === 0) return NO_PAYLOAD;
  if (sizeBytes > limits.chunkBytes) throw new WireError('more bytes than a chunk has');
  const checksums = new Uint32Array(Math.ceil(sizeBytes / limits.blockBytes));
  for (let block = 0; block < checksums.length; block++) checksums[block] = fields.uint32();
  return { sizeBytes, checksums };
}

/** Bytes on their way in. */
export class Incoming implements Payload {
  readonly bytes: Uint8Array;
  readonly checksums: Uint32Array;
  #filledBytes = 0;
  #checkedBytes = 0;
  #isWhole = true;

  /** @param memory where they land, at its start. */
  constructor(head: PayloadHead, memory: Uint8Array) {
    this.bytes = memory.length === head.sizeBytes ? memory : memory.subarray(0, head.sizeBytes);
    this.checksums = head.checksums;
  }

  /** Where the data of the next frame lands. @throws WireError */
  next(dataBytes: number): Uint8Array {
    const from = this.#filledBytes;
    if (dataBytes > this.bytes.length - from) throw new WireError('more data than was announced');
    this.#filledBytes += dataBytes;
    return dataBytes === this.bytes.length ? this.bytes : this.bytes.subarray(from, from + dataBytes);
  }

  /** Whether nothing is to come once the last data has landed. */
  get complete(): boolean {
    return this.#filledBytes === this.bytes.length;
  }

  /** What was to land has landed: its whole blocks are looked at while they are warm. */
  landed(): void {
    const { blockBytes } = limits;
    const wholeBytes = this.complete
      ? this.#filledBytes
      : this.#filledBytes - (this.#filledBytes % blockBytes);
    const first = Math.floor(this.#checkedBytes / blockBytes);
    const found = blockChecksums(this.bytes.subarray(this.#checkedBytes, wholeBytes));
    for (let block = 0; block < found.length; block++) {
      if (found[block] !== this.checksums[first + block]) this.#isWhole = false;
    }
    this.#checkedBytes = wholeBytes;
  }

  /** Once it is complete: whether the bytes are what was sent. */
  get isWhole(): boolean {
    return this.#isWhole;
  }
}
