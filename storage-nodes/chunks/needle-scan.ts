// Owns reading a segment from needle to needle: for recovery and compaction. Guarantees that damage in one
// place hides nothing behind it: after bytes that are no needle it looks for the next one (by the segment's
// salt).

import { KIB, limits, MIB } from '#core/kernel/limits.ts';
import {
  blocksMatch,
  checksumsOf,
  decodeHead,
  FILLER_NEEDLE,
  HEAD_BYTES_MAX,
  headBytes,
  type NeedleHead,
  needleBytes,
  ownerOf,
} from './needle.ts';
import type { OpenFiles, Segment } from './segment.ts';

/** A needle in the scan's window. What its head does not tell is read only when asked for. */
export class ScannedNeedle implements NeedleHead {
  readonly kind: number;
  readonly id: Uint8Array;
  readonly sizeBytes: number;
  readonly ownerBytes: number;
  readonly createdMs: number;
  readonly replaces: number;
  readonly offset: number;
  readonly #head: NeedleHead;
  readonly #window: Buffer;
  readonly #at: number;

  constructor(head: NeedleHead, offset: number, window: Buffer, at: number) {
    this.kind = head.kind;
    this.id = head.id;
    this.sizeBytes = head.sizeBytes;
    this.ownerBytes = head.ownerBytes;
    this.createdMs = head.createdMs;
    this.replaces = head.replaces;
    this.offset = offset;
    this.#head = head;
    this.#window = window;
    this.#at = at;
  }

  /** This and all below: valid until the next needles are read. */
  get owner(): string {
    return ownerOf(this.#window, this.#at, this.#head);
  }

  get checksums(): Uint32Array {
    return checksumsOf(this.#window, this.#at, this.#head);
  }

  /** Of a scan with data only. */
  get data(): Uint8Array {
    const from = this.#at + headBytes(this.sizeBytes, this.ownerBytes);
    return this.#window.subarray(from, from + this.sizeBytes);
  }

  /** Of a scan with data only: whether every block is as written. */
  get intact(): boolean {
    const { data } = this;
    return data.length === this.sizeBytes && blocksMatch(this.#window.subarray(this.#at), 0, data);
  }
}

export interface ScanOptions {
  readonly fromBytes: number;
  readonly toBytes: number;
  /** Read and verify data too; otherwise the scan hops from head to head. */
  readonly withData: boolean;
  /** How far to look for the next needle after bytes that are none. */
  readonly searchBytes: number;
}

const DATA_WINDOW_BYTES = Math.min(4 * MIB, limits.chunkSegmentBytes);
const HEADS_WINDOW_BYTES = 128 * KIB;
const ALIGNMENT = 8;
const SALT_AT = 8;

export class NeedleScan {
  /** Behind the last needle found. */
  endBytes: number;
  /** There were bytes between needles that are none: damage, or writes that a crash cut short. */
  sawGap = false;
  readonly #files: OpenFiles;
  readonly #segment: Segment;
  readonly #options: ScanOptions;
  readonly #window: Buffer;
  #position: number;

  constructor(files: OpenFiles, segment: Segment, options: ScanOptions) {
    this.#files = files;
    this.#segment = segment;
    this.#options = options;
    this.#window = Buffer.allocUnsafeSlow(options.withData ? DATA_WINDOW_BYTES : HEADS_WINDOW_BYTES);
    this.#position = options.fromBytes;
    this.endBytes = options.fromBytes;
  }

  /** The next needles, in order; undefined at the end. The segment must be pinned. */
  async next(): Promise<ScannedNeedle[] | undefined> {
    const { toBytes, searchBytes } = this.#options;
    while (this.#position < toBytes) {
      const wanted = Math.min(this.#window.length, toBytes - this.#position);
      const length = await this.#files
        .handle(this.#segment.file)
        .read(this.#window.subarray(0, wanted), this.#position);
      const found = this.#read(
        this.#window.subarray(0, length),
        this.#position + length >= toBytes || length < wanted,
      );
      if (found.length > 0) return found;
      if (length < wanted || this.#position - this.endBytes > searchBytes) break;
    }
    return undefined;
  }

  #read(window: Buffer, last: boolean): ScannedNeedle[] {
    const found: ScannedNeedle[] = [];
    const base = this.#position;
    let at = 0;
    while (at < window.length) {
      if (!last && window.length - at < HEAD_BYTES_MAX) break;
      const head = decodeHead(window, at, this.#segment.salt, base + at);
      if (head === undefined) {
        const next = this.#search(window, at + ALIGNMENT, base);
        if (next < 0) {
          // A head cut by the window's end is seen whole by the next window.
          at = last
            ? window.length
            : Math.max(at + ALIGNMENT, (window.length - HEAD_BYTES_MAX) & ~(ALIGNMENT - 1));
          break;
        }
        this.sawGap = true;
        at = next;
        continue;
      }
      const bytes = needleBytes(head.sizeBytes, head.ownerBytes);
      if (this.#options.withData && at + bytes > window.length && !last) break;
      if (head.kind !== FILLER_NEEDLE) found.push(new ScannedNeedle(head, base + at, window, at));
      at += bytes;
      this.endBytes = base + at;
    }
    this.#position = base + at;
    return found;
  }

  #search(window: Buffer, from: number, base: number): number {
    const { salt } = this.#segment;
    let at = window.indexOf(salt, from + SALT_AT);
    while (at >= 0) {
      const start = at - SALT_AT;
      if ((base + start) % ALIGNMENT === 0 && decodeHead(window, start, salt, base + start)) return start;
      at = window.indexOf(salt, at + 1);
    }
    return -1;
  }
}
