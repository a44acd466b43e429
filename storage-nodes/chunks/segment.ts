// Owns one segment: a file, the life in which it is used (number and salt), and how much of it is live.
// Guarantees that the file is not recycled nor closed under a reader: whoever reads across an await holds a
// pin.

import { assert } from '#core/kernel/assert.ts';
import type { Disk, DiskFile } from '#core/kernel/disk.ts';
import type { SegmentRecord } from './durable-index.ts';
import { packedOwnerBytes, packedSize } from './hot-index.ts';
import { needleBytes, SEGMENT_HEADER_BYTES } from './needle.ts';

/** A file that holds a segment or waits to hold one. */
export class SegmentFile {
  readonly path: string;
  sizeBytes: number;
  handle: DiskFile | undefined;
  #pins = 0;
  #idle: (() => void)[] = [];

  constructor(path: string, sizeBytes: number) {
    this.path = path;
    this.sizeBytes = sizeBytes;
  }

  get pinned(): boolean {
    return this.#pins > 0;
  }

  pin(): void {
    this.#pins += 1;
  }

  unpin(): void {
    assert(this.#pins > 0, 'a pin is taken before it is given back');
    this.#pins -= 1;
    if (this.#pins > 0) return;
    for (const wake of this.#idle.splice(0)) wake();
  }

  /** Resolves when nobody holds a pin. */
  async idle(): Promise<void> {
    while (this.#pins > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }
}

/** Keeps at most `openMax` idle files open; pinned ones are never closed. */
export class OpenFiles {
  readonly #disk: Disk;
  readonly #openMax: number;
  readonly #open = new Set<SegmentFile>();

  constructor(disk: Disk, openMax: number) {
    this.#disk = disk;
    this.#openMax = openMax;
  }

  /** The open file; good until the next await unless it is pinned. @throws when the file is gone */
  handle(file: SegmentFile): DiskFile {
    if (file.handle !== undefined) return file.handle;
    if (this.#open.size >= this.#openMax) this.#closeOldest();
    file.handle = this.#disk.open(file.path, 'update');
    this.#open.add(file);
    return file.handle;
  }

  close(file: SegmentFile): void {
    this.#open.delete(file);
    const handle = file.handle;
    file.handle = undefined;
    handle?.close();
  }

  closeAll(): void {
    for (const file of this.#open) this.close(file);
  }

  #closeOldest(): void {
    for (const file of this.#open) {
      if (file.pinned) continue;
      this.close(file);
      return;
    }
  }
}

export class Segment {
  readonly file: SegmentFile;
  readonly number: number;
  readonly salt: Buffer;
  readonly predecessor: number;
  readonly predecessorEnd: number;
  /** Where the file ends for the writer; the file may still be shorter. */
  capacityBytes: number;
  /** Where the next needle goes; all before it is durable. */
  endBytes = SEGMENT_HEADER_BYTES;
  /** Whole needles of live chunks, and their data alone. */
  liveBytes = 0;
  liveDataBytes = 0;
  liveChunks = 0;
  tombstoneBytes = 0;
  /** Chunks whose needle here is damaged. */
  quarantined = 0;
  /** How many segments with lower numbers there were when this one was sealed. */
  olderAtSealing = 0;
  sealed = false;
  /**
   * Taken into use as the last spare: new chunks must not use up the room that deletes and compaction need.
   */
  reserve = false;

  constructor(
    file: SegmentFile,
    header: { number: number; salt: Buffer; predecessor: number; predecessorEnd: number },
    capacityBytes: number,
  ) {
    this.file = file;
    this.number = header.number;
    this.salt = header.salt;
    this.predecessor = header.predecessor;
    this.predecessorEnd = header.predecessorEnd;
    this.capacityBytes = capacityBytes;
  }

  get roomBytes(): number {
    return this.capacityBytes - this.endBytes;
  }

  addLive(packed: number): void {
    this.liveChunks += 1;
    this.liveBytes += needleBytes(packedSize(packed), packedOwnerBytes(packed));
    this.liveDataBytes += packedSize(packed);
  }

  removeLive(packed: number): void {
    this.liveChunks -= 1;
    this.liveBytes -= needleBytes(packedSize(packed), packedOwnerBytes(packed));
    this.liveDataBytes -= packedSize(packed);
    assert(this.liveChunks >= 0, 'no more chunks die in a segment than live in it');
  }

  record(): SegmentRecord {
    const { number, endBytes, liveBytes, liveChunks, liveDataBytes, tombstoneBytes } = this;
    const { quarantined, olderAtSealing } = this;
    return {
      number,
      endBytes,
      liveBytes,
      liveChunks,
      liveDataBytes,
      tombstoneBytes,
      quarantined,
      olderAtSealing,
    };
  }

  restore(record: SegmentRecord): void {
    this.endBytes = record.endBytes;
    this.liveBytes = record.liveBytes;
    this.liveChunks = record.liveChunks;
    this.liveDataBytes = record.liveDataBytes;
    this.tombstoneBytes = record.tombstoneBytes;
    this.quarantined = record.quarantined;
    this.olderAtSealing = record.olderAtSealing;
  }
}
