// Owns the bytes of a batch on their way to the file: what is small is gathered and goes through the page
// cache in few writes; large data goes past it, together with its head where that lies on the borders too. A
// write through the cache costs 90 µs beside direct ones, for the page and for the lock.
// Guarantee: once empty() settled, every byte was given to the system and no buffer is in use any more.

import { DIRECT_BLOCK_BYTES } from '#core/kernel/direct-io.ts';
import type { DiskFile } from '#core/kernel/disk.ts';
import { blockChecksums } from './block-checksums.ts';
import { CHUNK_ID_BYTES } from './chunk-store.ts';
import { encodeHead, FILLER_BYTES_MAX, FILLER_NEEDLE, fillerDataBytes, type NeedleFields } from './needle.ts';

const ZEROS = Buffer.alloc(FILLER_BYTES_MAX);
const NO_ID = Buffer.alloc(CHUNK_ID_BYTES);

const isOnBorder = (bytes: number) => bytes % DIRECT_BLOCK_BYTES === 0;

/** Past the page cache. */
interface DirectWrite {
  readonly parts: readonly Uint8Array[];
  readonly position: number;
}

export class GatheredRun {
  readonly #file: DiskFile;
  readonly #gather: Buffer;
  /** Of the file: where the first of the gathered bytes belongs. */
  #position: number;
  /** Of the gather buffer: what is neither written nor promised to a direct write. */
  #from = 0;
  #used = 0;
  /** They begin once all else is written: a write through the cache would wait for them, and all with it. */
  #direct: DirectWrite[] = [];

  /** @param gather on a border, see directBuffer; nobody else's until empty() has settled */
  constructor(file: DiskFile, gather: Buffer, position: number) {
    this.#file = file;
    this.#gather = gather;
    this.#position = position;
  }

  /** Of the file, behind the bytes so far. */
  get endBytes(): number {
    return this.#position + this.#used - this.#from;
  }

  hasRoom(bytes: number): boolean {
    return this.#used + bytes <= this.#gather.length;
  }

  /** A needle that says nothing, of so many bytes (fillerBytes). */
  filler(bytes: number, salt: Buffer): void {
    if (bytes === 0) return;
    const end = this.#used + bytes;
    const data = ZEROS.subarray(0, fillerDataBytes(bytes));
    const fields = { kind: FILLER_NEEDLE, id: NO_ID, data, checksums: blockChecksums(data) };
    this.head({ ...fields, owner: '', ownerBytes: 0, createdMs: 0, replaces: 0 }, salt);
    this.#gather.fill(0, this.#used, end);
    this.#used = end;
  }

  head(needle: NeedleFields, salt: Buffer): void {
    this.#used += encodeHead(this.#gather, this.#used, needle, salt, this.endBytes);
  }

  copy(data: Uint8Array): void {
    this.#gather.set(data, this.#used);
    this.#used += data.length;
  }

  pad(bytes: number): void {
    this.#gather.fill(0, this.#used, this.#used + bytes);
    this.#used += bytes;
  }

  /** Without a copy of ours. */
  through(data: Uint8Array): void {
    this.#flush();
    this.#file.writeSync(data, this.#position);
    this.#position += data.length;
  }

  /** The data begins on a border and ends on one; it must not change before empty() has settled. */
  direct(data: Uint8Array): void {
    const head = this.#gather.subarray(this.#from, this.#used);
    const together = head.length > 0 && isOnBorder(this.#position) && isOnBorder(this.#from);
    if (together) {
      this.#direct.push({ parts: [head, data], position: this.#position });
      this.#from = this.#used;
      this.#position += head.length;
    } else {
      this.#flush();
      this.#direct.push({ parts: [data], position: this.#position });
    }
    this.#position += data.length;
  }

  async empty(): Promise<void> {
    this.#flush();
    const writes = this.#direct.map((write) => this.#write(write));
    this.#direct = [];
    for (const { status, ...outcome } of await Promise.allSettled(writes)) {
      if (status === 'rejected') throw (outcome as PromiseRejectedResult).reason;
    }
    this.#from = 0;
    this.#used = 0;
  }

  #flush(): void {
    const bytes = this.#gather.subarray(this.#from, this.#used);
    if (bytes.length === 0) return;
    this.#file.writeSync(bytes, this.#position);
    this.#position += bytes.length;
    // Heads that wait for a direct write are still there; the next may be one of them.
    this.#used = this.#direct.length === 0 ? 0 : nextBorder(this.#used);
    this.#from = this.#used;
  }

  async #write({ parts, position }: DirectWrite): Promise<void> {
    if (await this.#file.writeDirect(parts, position)) return;
    let at = position;
    for (const part of parts) {
      this.#file.writeSync(part, at);
      at += part.length;
    }
  }
}

const nextBorder = (bytes: number) => Math.ceil(bytes / DIRECT_BLOCK_BYTES) * DIRECT_BLOCK_BYTES;
