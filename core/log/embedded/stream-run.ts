// Owns one immutable file of the stream index: the entries of some consecutive segments in order of hash, in
// pages of 4 KiB with a checksum each. In memory stay the first hash word of each page and a Bloom filter (16
// bits a stream, one cache line a look-up): an absent stream costs no read, a present one a single page. A
// run appears whole or not at all, for it gets its name after it was synced.
//
// Page: up to 146 entries of 28 bytes, 4088 u32 entries in the page, 4092 u32 CRC-32 of the rest.
// Then the first word of each page, the filter, and at the end the trailer of 64 bytes:
//   0 'STRATIDX'  8 u32 version  12 u32 first segment  16 u32 last segment  20 u32 pages  24 u32 entries
//  28 u32 words of the filter  32 u32 CRC-32 of first words and filter  60 u32 CRC-32 of the trailer

import { crc32 } from '@node-rs/crc32';
import type { Disk, DiskFile } from '#core/kernel/disk.ts';
import { Fault } from '#core/kernel/errors.ts';
import type { HashWords } from './stream-hash.ts';
import { compareHash, ENTRY_WORDS, type StreamEntry } from './stream-table.ts';

const PAGE_BYTES = 4096;
const PAGE_WORDS = PAGE_BYTES / 4;
const PAGE_ENTRIES = 146;
const COUNT_WORD = PAGE_WORDS - 2;
const CRC_BYTE = PAGE_BYTES - 4;
const WRITE_PAGES = 64;
const TRAILER_BYTES = 64;
const MAGIC = Buffer.from('STRATIDX');
const VERSION = 1;
const BLOCK_WORDS = 16;
const BITS_PER_STREAM = 16;

export interface SegmentRange {
  readonly first: number;
  readonly last: number;
}

/** A Bloom filter of 64-byte blocks: one word of the hash chooses the block, two give six bits in it. */
class Filter {
  readonly words: Int32Array;
  readonly #blocks: number;

  constructor(words: Int32Array) {
    this.words = words;
    this.#blocks = words.length / BLOCK_WORDS;
  }

  static for(streams: number): Filter {
    const blocks = Math.max(1, Math.ceil((streams * BITS_PER_STREAM) / (BLOCK_WORDS * 32)));
    return new Filter(new Int32Array(blocks * BLOCK_WORDS));
  }

  add(h1: number, h2: number, h3: number): void {
    const block = this.#blockOf(h1);
    for (let bit = 0; bit < 6; bit++) {
      const at = ((bit < 3 ? h2 : h3) >>> ((bit % 3) * 9)) & 511;
      this.words[block + (at >>> 5)] = (this.words[block + (at >>> 5)] as number) | (1 << (at & 31));
    }
  }

  mayHave(hash: HashWords): boolean {
    const block = this.#blockOf(hash[1] as number);
    for (let bit = 0; bit < 6; bit++) {
      const at = ((hash[bit < 3 ? 2 : 3] as number) >>> ((bit % 3) * 9)) & 511;
      if (((this.words[block + (at >>> 5)] as number) & (1 << (at & 31))) === 0) return false;
    }
    return true;
  }

  #blockOf(h1: number): number {
    return Math.floor(((h1 >>> 0) / 2 ** 32) * this.#blocks) * BLOCK_WORDS;
  }
}

/** Writes a run; entries are added in order of hash. */
export class RunWriter {
  readonly #file: DiskFile;
  readonly #filter: Filter;
  readonly #firstWords: number[] = [];
  readonly #buffer = Buffer.alloc(WRITE_PAGES * PAGE_BYTES);
  readonly #words = new Int32Array(this.#buffer.buffer, this.#buffer.byteOffset, WRITE_PAGES * PAGE_WORDS);
  #page = 0;
  #inPage = 0;
  #writtenBytes = 0;
  #entries = 0;

  /** `streamsMax` sizes the filter. */
  constructor(file: DiskFile, streamsMax: number) {
    this.#file = file;
    this.#filter = Filter.for(streamsMax);
  }

  /** Whether {@link flush} must be called before the next {@link add}. */
  get isFull(): boolean {
    return this.#page === WRITE_PAGES;
  }

  add(entries: Int32Array, at: number): void {
    const target = this.#page * PAGE_WORDS + this.#inPage * ENTRY_WORDS;
    for (let word = 0; word < ENTRY_WORDS; word++) this.#words[target + word] = entries[at + word] as number;
    if (this.#inPage === 0) this.#firstWords.push((entries[at] as number) >>> 0);
    this.#filter.add(entries[at + 1] as number, entries[at + 2] as number, entries[at + 3] as number);
    this.#entries++;
    if (++this.#inPage === PAGE_ENTRIES) this.#endPage();
  }

  async flush(): Promise<void> {
    const bytes = this.#page * PAGE_BYTES;
    await this.#file.write(this.#buffer.subarray(0, bytes), this.#writtenBytes);
    this.#writtenBytes += bytes;
    this.#buffer.fill(0);
    this.#page = 0;
  }

  /** Writes what is left and makes all durable. */
  async finish(segments: SegmentRange): Promise<void> {
    if (this.#inPage > 0) this.#endPage();
    await this.flush();
    const footer = Buffer.concat([
      bytesOf(Uint32Array.from(this.#firstWords)),
      bytesOf(this.#filter.words),
      Buffer.alloc(TRAILER_BYTES),
    ]);
    const trailer = footer.subarray(footer.length - TRAILER_BYTES);
    MAGIC.copy(trailer);
    const fields = [VERSION, segments.first, segments.last, this.#firstWords.length, this.#entries];
    fields.push(this.#filter.words.length, crc32(footer.subarray(0, footer.length - TRAILER_BYTES)));
    fields.forEach((field, index) => {
      trailer.writeUInt32LE(field, 8 + 4 * index);
    });
    trailer.writeUInt32LE(crc32(trailer.subarray(0, 60)), 60);
    await this.#file.write(footer, this.#writtenBytes);
    await this.#file.sync();
  }

  #endPage(): void {
    const page = this.#buffer.subarray(this.#page * PAGE_BYTES, (this.#page + 1) * PAGE_BYTES);
    this.#words[this.#page * PAGE_WORDS + COUNT_WORD] = this.#inPage;
    page.writeUInt32LE(crc32(page.subarray(0, CRC_BYTE)), CRC_BYTE);
    this.#page++;
    this.#inPage = 0;
  }
}

function bytesOf(words: Uint32Array | Int32Array): Buffer {
  return Buffer.from(words.buffer, words.byteOffset, words.byteLength);
}

export class StreamRun {
  readonly segments: SegmentRange;
  readonly entries: number;
  readonly path: string;
  readonly #file: DiskFile;
  readonly #firstWords: Uint32Array;
  readonly #filter: Filter;
  readonly #page = Buffer.alloc(PAGE_BYTES);
  readonly #words = new Int32Array(this.#page.buffer, this.#page.byteOffset, PAGE_WORDS);

  private constructor(
    file: DiskFile,
    segments: SegmentRange,
    entries: number,
    first: Uint32Array,
    filter: Filter,
  ) {
    this.path = file.path;
    this.#file = file;
    this.segments = segments;
    this.entries = entries;
    this.#firstWords = first;
    this.#filter = filter;
  }

  /** Undefined, with the file closed, where it is not a sound run. */
  static async open(disk: Disk, path: string): Promise<StreamRun | undefined> {
    const file = disk.open(path, 'read');
    const run = await StreamRun.#load(file);
    if (!run) file.close();
    return run;
  }

  static async #load(file: DiskFile): Promise<StreamRun | undefined> {
    const sizeBytes = file.sizeBytes();
    const trailer = Buffer.alloc(TRAILER_BYTES);
    if (sizeBytes < TRAILER_BYTES) return undefined;
    await file.read(trailer, sizeBytes - TRAILER_BYTES);
    if (trailer.compare(MAGIC, 0, MAGIC.length, 0, MAGIC.length) !== 0) return undefined;
    if (trailer.readUInt32LE(60) !== crc32(trailer.subarray(0, 60))) return undefined;
    const field = (index: number) => trailer.readUInt32LE(8 + 4 * index);
    const [pages, entries, filterWords] = [field(3), field(4), field(5)];
    const footerBytes = (pages + filterWords) * 4;
    if (field(0) !== VERSION || sizeBytes !== pages * PAGE_BYTES + footerBytes + TRAILER_BYTES)
      return undefined;
    const footer = Buffer.from(new ArrayBuffer(footerBytes));
    await file.read(footer, pages * PAGE_BYTES);
    if (crc32(footer) !== field(6)) return undefined;
    const firstWords = new Uint32Array(footer.buffer, 0, pages);
    const filter = new Filter(new Int32Array(footer.buffer, pages * 4, filterWords));
    return new StreamRun(file, { first: field(1), last: field(2) }, entries, firstWords, filter);
  }

  /** @throws Fault `corruption` when a page does not match its checksum */
  find(hash: HashWords, into: StreamEntry): boolean {
    if (!this.#filter.mayHave(hash)) return false;
    const first = (hash[0] as number) >>> 0;
    for (let page = this.#pageFor(first); page < this.#firstWords.length; page++) {
      if ((this.#firstWords[page] as number) > first) return false;
      this.#file.readSync(this.#page, page * PAGE_BYTES);
      const count = this.#checkPage(this.#page, page);
      const at = lowerBound(this.#words, count, hash);
      if (at === count * ENTRY_WORDS) continue;
      if (compareHash(this.#words, at, hash, 0) !== 0) return false;
      into.revision = (this.#words[at + 4] as number) >>> 0;
      into.segment = (this.#words[at + 5] as number) >>> 0;
      into.position = (this.#words[at + 6] as number) >>> 0;
      return true;
    }
    return false;
  }

  /** All entries in order of hash, as arrays of whole entries. */
  async *scan(): AsyncGenerator<Int32Array> {
    const pages = this.#firstWords.length;
    for (let page = 0; page < pages; page += WRITE_PAGES) {
      const bytes = Buffer.from(new ArrayBuffer(Math.min(WRITE_PAGES, pages - page) * PAGE_BYTES));
      await this.#file.read(bytes, page * PAGE_BYTES);
      for (let at = 0; at < bytes.length; at += PAGE_BYTES) {
        const count = this.#checkPage(bytes.subarray(at, at + PAGE_BYTES), page + at / PAGE_BYTES);
        yield new Int32Array(bytes.buffer, at, count * ENTRY_WORDS);
      }
    }
  }

  close(): void {
    this.#file.close();
  }

  /** The last page that begins before `first`, since equal words may begin in the middle of it. */
  #pageFor(first: number): number {
    let low = 0;
    let high = this.#firstWords.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#firstWords[middle] as number) < first) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }

  #checkPage(page: Buffer, number: number): number {
    if (page.readUInt32LE(CRC_BYTE) !== crc32(page.subarray(0, CRC_BYTE))) {
      throw new Fault(
        'corruption',
        `the index file ${this.path} is damaged at byte ${number * PAGE_BYTES}; ` +
          'remove it and start again: it is made anew from the log',
        { details: { file: this.path, position: number * PAGE_BYTES } },
      );
    }
    return page.readUInt32LE(CRC_BYTE - 4);
  }
}

/** Where the first of `count` sorted entries stands that is not below the hash. */
function lowerBound(entries: Int32Array, count: number, hash: HashWords): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareHash(entries, middle * ENTRY_WORDS, hash, 0) < 0) low = middle + 1;
    else high = middle;
  }
  return low * ENTRY_WORDS;
}
