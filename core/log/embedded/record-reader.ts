// Owns reading single records by their place: of the segment being written from the page cache at once, of
// older ones through a small cache of blocks, without stalling the process. What is returned is sound by its
// checksum.

import type { Disk, DiskFile } from '#core/kernel/disk.ts';
import { KIB, limits } from '#core/kernel/limits.ts';
import { isRecordSound, RECORD_HEADER_BYTES, recordBytesAt } from './record.ts';
import { corruption, type Segment, type Segments } from './segments.ts';

const BLOCK_BYTES = 64 * KIB;
const BLOCKS_MAX = limits.logCacheBytes / BLOCK_BYTES;
/** Most records are shorter, and so read in one go. */
const GUESS_BYTES = 1 * KIB;

/** A record in memory that is never written again. */
export interface PlacedRecord {
  readonly buffer: Buffer;
  readonly at: number;
}

interface OpenFile {
  readonly file: DiskFile;
  uses: number;
}

export class RecordReader {
  readonly #disk: Disk;
  readonly #segments: Segments;
  /** By segment and number of the block, least recently used first. */
  readonly #blocks = new Map<string, Buffer>();
  readonly #files = new Map<number, OpenFile>();

  constructor(disk: Disk, segments: Segments) {
    this.#disk = disk;
    this.#segments = segments;
  }

  /** @throws Fault `corruption` when no sound record stands there */
  async read(segmentNumber: number, position: number): Promise<PlacedRecord> {
    const segment = this.#segments.numbered(segmentNumber);
    const isActive = segment === this.#segments.last;
    const record =
      segment && (isActive ? this.#readActive(position) : await this.#readSealed(segment, position));
    if (!record || !isRecordSound(record.buffer, record.at, record.buffer.length)) {
      throw corruption(segment?.path ?? `segment ${segmentNumber}`, position, 0, 'no sound record');
    }
    return record;
  }

  close(): void {
    for (const { file } of this.#files.values()) file.close();
    this.#files.clear();
    this.#blocks.clear();
  }

  #readActive(position: number): PlacedRecord | undefined {
    const { active } = this.#segments;
    const guess = Buffer.allocUnsafe(GUESS_BYTES);
    const length = active.readSync(guess, position);
    if (length < RECORD_HEADER_BYTES) return undefined;
    const bytes = recordBytesAt(guess, 0);
    if (bytes <= length) return { buffer: guess, at: 0 };
    if (bytes > limits.logBatchBytes) return undefined;
    const whole = Buffer.allocUnsafe(bytes);
    active.readSync(whole, position);
    return { buffer: whole, at: 0 };
  }

  async #readSealed(segment: Segment, position: number): Promise<PlacedRecord | undefined> {
    const header = await this.#bytes(segment, position, RECORD_HEADER_BYTES);
    if (header.buffer.length - header.at < RECORD_HEADER_BYTES) return undefined;
    const bytes = recordBytesAt(header.buffer, header.at);
    if (bytes > limits.logBatchBytes) return undefined;
    const whole = await this.#bytes(segment, position, bytes);
    // A copy, so that who keeps the record does not keep its block.
    return { buffer: Buffer.from(whole.buffer.subarray(whole.at, whole.at + bytes)), at: 0 };
  }

  /** At least `length` bytes from `position` on, where the file has them. */
  async #bytes(segment: Segment, position: number, length: number): Promise<PlacedRecord> {
    const first = Math.floor(position / BLOCK_BYTES);
    const last = Math.floor((position + length - 1) / BLOCK_BYTES);
    const at = position - first * BLOCK_BYTES;
    if (first === last) return { buffer: await this.#block(segment, first), at };
    const blocks: Buffer[] = [];
    for (let block = first; block <= last; block++) blocks.push(await this.#block(segment, block));
    return { buffer: Buffer.concat(blocks), at };
  }

  async #block(segment: Segment, number: number): Promise<Buffer> {
    const key = `${segment.header.number}/${number}`;
    const cached = this.#blocks.get(key);
    if (cached) {
      this.#blocks.delete(key);
      this.#blocks.set(key, cached);
      return cached;
    }
    const block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
    const open = this.#open(segment);
    open.uses++;
    let length: number;
    try {
      length = await open.file.read(block, number * BLOCK_BYTES);
    } finally {
      open.uses--;
    }
    const bytes = block.subarray(0, length);
    this.#blocks.set(key, bytes);
    if (this.#blocks.size > BLOCKS_MAX) this.#blocks.delete(this.#blocks.keys().next().value as string);
    return bytes;
  }

  #open(segment: Segment): OpenFile {
    const { number } = segment.header;
    let open = this.#files.get(number);
    if (open) this.#files.delete(number);
    else open = { file: this.#disk.open(segment.path, 'read'), uses: 0 };
    this.#files.set(number, open);
    if (this.#files.size > limits.logOpenFiles) this.#closeOldest();
    return open;
  }

  #closeOldest(): void {
    for (const [number, open] of this.#files) {
      if (open.uses > 0) continue;
      open.file.close();
      this.#files.delete(number);
      return;
    }
  }
}
