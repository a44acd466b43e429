// Owns the files of a store: which segment is in which, which are spare, and how much room is left.
// Guarantees that new chunks never use up the last room: one spare file, or the room for one, stays for
// deletes and compaction, so a full store can always be made less full.
//
// A file is named once and for all; the header in it says which segment it holds. Taking a spare file into
// use writes a header, freeing it writes zeros over it: recycling needs no rename and no block allocation.

import { join } from 'node:path';
import { assert } from '#core/kernel/assert.ts';
import type { Clock } from '#core/kernel/clock.ts';
import { limits, MIB } from '#core/kernel/limits.ts';
import type { Random } from '#core/kernel/random.ts';
import type { ChunkDisk } from './chunk-disk.ts';
import { decodeSegmentHeader, encodeSegmentHeader, SALT_BYTES, SEGMENT_HEADER_BYTES } from './needle.ts';
import { OpenFiles, Segment, SegmentFile } from './segment.ts';

/** Who wants room: a new chunk, or a delete or compaction, which may use the last. */
export type Purpose = 'put' | 'upkeep';

export interface SegmentTableOptions {
  readonly directory: string;
  readonly disk: ChunkDisk;
  readonly clock: Clock;
  readonly random: Random;
  /** Bytes that the files may take together; without it, what the file system has. */
  readonly capacityBytes?: number | undefined;
  /** Fixes the size of new segments. */
  readonly segmentBytes?: number | undefined;
}

const FILE_NAME = /^(\d{8})\.segment$/;
// Each write is a call to the thread pool; waking that costs more than large pages in the page cache do.
const ZEROS = Buffer.alloc(Math.min(1 * MIB, limits.chunkSmallestSegmentBytes));
const FILL_STEP_BYTES = 4 * MIB;
const STAND_ASIDE_MS = 20;
const SPARES_AHEAD = 2;
const PLENTY_SEGMENTS = 8;
const HEADROOM_BYTES_MAX = 64 * MIB;

export class SegmentTable {
  readonly files: OpenFiles;
  /** The segment that is written. */
  active: Segment | undefined;
  lastNumber = 0;
  fileBytes = 0;
  /** A chunk was refused for want of room, and none was freed since. */
  full = false;
  readonly #options: SegmentTableOptions;
  readonly #byNumber = new Map<number, Segment>();
  readonly #spares: SegmentFile[] = [];
  readonly #stopped = new AbortController();
  #lastFile = 0;
  #filling: Promise<void> | undefined;
  #fillBytesLeft = 0;
  /** Of large chunks, since the fill last looked. */
  #bulkBytes = 0;
  /** Of large chunks, in the active segment. */
  #activeBulkBytes = 0;

  private constructor(options: SegmentTableOptions) {
    this.#options = options;
    this.files = new OpenFiles(options.disk, limits.chunkOpenSegments);
  }

  /** Reads the headers of all files in the directory, which is made if it is missing. */
  static load(options: SegmentTableOptions): SegmentTable {
    const table = new SegmentTable(options);
    options.disk.makeDirectory(options.directory);
    const found: Segment[] = [];
    for (const name of options.disk.list(options.directory)) {
      const index = FILE_NAME.exec(name)?.[1];
      if (index === undefined) continue;
      table.#lastFile = Math.max(table.#lastFile, Number(index));
      const segment = table.#loadFile(join(options.directory, name));
      if (segment !== undefined) found.push(segment);
    }
    found.sort((a, b) => a.number - b.number);
    for (const segment of found) {
      segment.sealed = true;
      segment.olderAtSealing = table.#byNumber.size;
      table.#byNumber.set(segment.number, segment);
      table.lastNumber = segment.number;
    }
    return table;
  }

  #loadFile(path: string): Segment | undefined {
    const file = new SegmentFile(path, 0);
    const handle = this.files.handle(file);
    file.sizeBytes = handle.sizeBytes();
    const page = Buffer.alloc(SEGMENT_HEADER_BYTES);
    handle.readSync(page, 0);
    const header = decodeSegmentHeader(page);
    if (header === undefined && file.sizeBytes < limits.chunkSmallestSegmentBytes) {
      this.files.close(file);
      this.#options.disk.remove(path);
      return undefined;
    }
    this.fileBytes += file.sizeBytes;
    if (header !== undefined) return new Segment(file, header, file.sizeBytes);
    this.#spares.push(file);
    return undefined;
  }

  get(number: number): Segment | undefined {
    return this.#byNumber.get(number);
  }

  /** In order of number, which is the order of writing. */
  all(): Iterable<Segment> {
    return this.#byNumber.values();
  }

  get count(): number {
    return this.#byNumber.size;
  }

  get spares(): number {
    return this.#spares.length;
  }

  countOlder(than: Segment): number {
    let older = 0;
    for (const number of this.#byNumber.keys()) {
      if (number >= than.number) break;
      older += 1;
    }
    return older;
  }

  /** The highest segment is written on after a restart that found its end clean. */
  resume(segment: Segment): void {
    const { sizeBytes } = segment.file;
    segment.sealed = false;
    segment.reserve = !this.hasReserve();
    const growthBytes = segment.reserve ? 0 : this.#roomBytes() - limits.chunkSmallestSegmentBytes;
    segment.capacityBytes = Math.max(sizeBytes, Math.min(this.#planBytes(), sizeBytes + growthBytes));
    segment.file.pin();
    this.active = segment;
  }

  /** Ends the active segment: nothing is ever written behind its end. */
  seal(): void {
    const segment = this.active;
    if (segment === undefined) return;
    this.active = undefined;
    segment.sealed = true;
    segment.olderAtSealing = this.#byNumber.size - 1;
    segment.capacityBytes = segment.file.sizeBytes;
    segment.file.unpin();
  }

  /**
   * Seals the active segment and takes a file into use for the next. Its header is durable with the first
   * sync of the segment. Undefined when there is no room for this purpose; then nothing changed.
   */
  async roll(purpose: Purpose): Promise<Segment | undefined> {
    let file = this.#takeSpare() ?? (await this.#create(purpose));
    if (file === undefined && purpose === 'upkeep') file = this.#spares.pop();
    if (file === undefined) {
      this.full = true;
      return undefined;
    }
    const last = this.active ?? this.#byNumber.get(this.#highest());
    this.seal();
    const header = {
      number: this.lastNumber + 1,
      salt: this.#options.random.fill(Buffer.allocUnsafe(SALT_BYTES)),
      predecessor: last?.number ?? 0,
      predecessorEnd: last?.endBytes ?? 0,
    };
    const segment = new Segment(file, header, Math.max(file.sizeBytes, this.#planFor(file)));
    file.pin();
    try {
      this.files.handle(file).writeSync(encodeSegmentHeader(header), 0);
    } catch (error) {
      file.unpin();
      this.#spares.push(file);
      throw error;
    }
    this.grown(file, SEGMENT_HEADER_BYTES);
    this.lastNumber = header.number;
    this.#byNumber.set(header.number, segment);
    this.active = segment;
    this.#activeBulkBytes = 0;
    segment.reserve = purpose === 'upkeep' && !this.hasReserve();
    if (!segment.reserve) this.full = false;
    return segment;
  }

  /** Whether room for deletes and compaction would be left if the active segment were filled up. */
  hasReserve(): boolean {
    return this.#spares.length > 0 || this.#roomBytes() >= limits.chunkSmallestSegmentBytes;
  }

  /** Bytes that compaction could write now. */
  upkeepBytes(): number {
    let bytes = this.active?.roomBytes ?? 0;
    for (const spare of this.#spares) bytes += spare.sizeBytes - SEGMENT_HEADER_BYTES;
    return bytes + Math.max(0, this.#roomBytes());
  }

  /** A write made the file this long. */
  grown(file: SegmentFile, toBytes: number): void {
    if (toBytes <= file.sizeBytes) return;
    this.fileBytes += toBytes - file.sizeBytes;
    file.sizeBytes = toBytes;
  }

  /** Recycles the file of a segment in which nothing is live and on which nothing depends. */
  async free(segment: Segment): Promise<void> {
    assert(segment.sealed && segment.liveChunks === 0, 'only a sealed segment without live chunks is freed');
    this.#byNumber.delete(segment.number);
    const { file } = segment;
    await file.idle();
    file.pin();
    try {
      const handle = this.files.handle(file);
      handle.writeSync(Buffer.alloc(SEGMENT_HEADER_BYTES), 0);
      await handle.sync();
    } finally {
      file.unpin();
    }
    if (this.#spares.length < limits.chunkSpareSegments) this.#spares.push(file);
    else await this.#remove(file);
    this.full = false;
  }

  /** Segments whose file somebody removed; they are forgotten. */
  dropVanished(): Segment[] {
    const vanished = [...this.all()].filter(({ file }) => !this.#options.disk.exists(file.path));
    for (const segment of vanished) {
      if (segment === this.active) this.seal();
      this.#byNumber.delete(segment.number);
      this.fileBytes -= segment.file.sizeBytes;
      void segment.file.idle().then(() => this.files.close(segment.file));
    }
    return vanished;
  }

  exists(segment: Segment): boolean {
    return this.#options.disk.exists(segment.file.path);
  }

  /**
   * Bytes of large chunks just written: zero-filling ahead of those gains nothing and takes half the disk.
   */
  wroteBulk(bytes: number): void {
    this.#bulkBytes += bytes;
    this.#activeBulkBytes += bytes;
  }

  /** Sees to it, in the background, that filled files wait once small chunks half filled the active one. */
  fillAhead(): void {
    const { active } = this;
    if (this.#filling !== undefined || active === undefined || this.#stopped.signal.aborted) return;
    if (this.#spares.length >= SPARES_AHEAD || active.endBytes < active.capacityBytes / 2) return;
    // Where room is scarce a filled file is also what deletes and compaction can count on.
    const isBulk = this.#activeBulkBytes > active.endBytes / 2;
    if (isBulk && this.#roomBytes() > PLENTY_SEGMENTS * this.#planBytes()) return;
    // A fill that fails leaves the store as it was: the writer makes its files itself, or finds that it is
    // full.
    this.#filling = this.#fill()
      .catch(() => undefined)
      .finally(() => {
        this.#filling = undefined;
      });
  }

  async close(): Promise<void> {
    this.#stopped.abort();
    await this.#filling;
    this.seal();
    for (const { file } of this.all()) await file.idle();
    this.files.closeAll();
  }

  #highest(): number {
    let highest = 0;
    for (const number of this.#byNumber.keys()) highest = number;
    return highest;
  }

  /** A spare, unless it is the last and could not be replaced. */
  #takeSpare(): SegmentFile | undefined {
    return this.#spares.length > 1 || this.#roomBytes() >= this.#planBytes() ? this.#spares.pop() : undefined;
  }

  async #create(purpose: Purpose): Promise<SegmentFile | undefined> {
    const roomBytes = this.#roomBytes();
    // A put leaves as much again for the reserve, unless a spare is there for that.
    const share = purpose === 'put' && this.#spares.length === 0 ? 2 : 1;
    for (let bytes = this.#planBytes(); bytes >= limits.chunkSmallestSegmentBytes; bytes /= 2) {
      if (bytes * share <= roomBytes) return this.#createFile(bytes);
    }
    return undefined;
  }

  readonly #planned = new WeakMap<SegmentFile, number>();

  #planFor(file: SegmentFile): number {
    return this.#planned.get(file) ?? file.sizeBytes;
  }

  async #createFile(planBytes: number): Promise<SegmentFile> {
    const { disk, directory } = this.#options;
    this.#lastFile += 1;
    const file = new SegmentFile(join(directory, `${String(this.#lastFile).padStart(8, '0')}.segment`), 0);
    this.#planned.set(file, planBytes);
    disk.makeDirectory(directory);
    disk.open(file.path, 'create').close();
    await disk.syncDirectory(directory);
    return file;
  }

  async #remove(file: SegmentFile): Promise<void> {
    this.files.close(file);
    await this.#options.disk.removeLarge(file.path);
    this.fileBytes -= file.sizeBytes;
  }

  /** How large the next new segment is to be: a fraction of the store, so that a small one stays small. */
  #planBytes(): number {
    const { segmentBytes, capacityBytes, disk, directory } = this.#options;
    if (segmentBytes !== undefined) return segmentBytes;
    const totalBytes = Math.min(capacityBytes ?? Infinity, this.fileBytes + disk.freeBytes(directory));
    const mostBytes = Math.min(limits.chunkSegmentBytes, totalBytes / 16);
    let bytes: number = limits.chunkFirstSegmentBytes;
    while (bytes < this.fileBytes / 4) bytes *= 2;
    while (bytes > mostBytes) bytes /= 2;
    return Math.max(bytes, limits.chunkSmallestSegmentBytes);
  }

  /** What may still be given to new files. The rest of the file system is the durable index's. */
  #roomBytes(): number {
    const { active } = this;
    const promisedBytes =
      this.#fillBytesLeft +
      (active === undefined ? 0 : Math.max(0, active.capacityBytes - active.file.sizeBytes));
    const { capacityBytes, disk, directory } = this.#options;
    const freeBytes = disk.freeBytes(directory);
    const headroomBytes = Math.min(HEADROOM_BYTES_MAX, (this.fileBytes + freeBytes) / 8);
    const onDiskBytes = freeBytes - headroomBytes;
    return Math.min(onDiskBytes, (capacityBytes ?? Infinity) - this.fileBytes) - promisedBytes;
  }

  async #fill(): Promise<void> {
    const sizeBytes = this.#planBytes();
    if (this.#roomBytes() < sizeBytes * (this.#spares.length === 0 ? 2 : 1)) return;
    const file = await this.#createFile(sizeBytes);
    file.pin();
    this.#fillBytesLeft = sizeBytes;
    let whole = false;
    try {
      whole = await this.#fillFile(file, sizeBytes);
    } finally {
      this.#fillBytesLeft = 0;
      file.unpin();
      if (whole) this.#spares.push(file);
      else await this.#remove(file);
    }
  }

  async #fillFile(file: SegmentFile, sizeBytes: number): Promise<boolean> {
    const handle = this.files.handle(file);
    const { signal } = this.#stopped;
    for (let at = 0; at < sizeBytes; at += ZEROS.length) {
      if (signal.aborted) return false;
      await handle.write(ZEROS, at);
      this.grown(file, at + ZEROS.length);
      this.#fillBytesLeft = sizeBytes - file.sizeBytes;
      if ((at + ZEROS.length) % FILL_STEP_BYTES === 0) {
        await handle.sync();
        while (this.#bulkBytes > 0 && !signal.aborted) {
          this.#bulkBytes = 0;
          await this.#options.clock.sleep(STAND_ASIDE_MS, signal);
        }
      }
    }
    await handle.sync();
    return true;
  }
}
