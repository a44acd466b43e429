// Owns the in-memory front of the chunk index: an open-addressing hash in typed arrays (32 bytes a slot, no
// object an entry, nothing for the garbage collector to walk). Guarantees that an entry not yet in the
// durable index ("dirty") is never evicted, and says by `complete` whether a miss here proves that the store
// has no such chunk.

import { assert } from '#core/kernel/assert.ts';
import { limits } from '#core/kernel/limits.ts';
import { CHUNK_ID_BYTES } from './chunk-store.ts';

/** A slot's segment number when the entry says "deleted", and when the slot is free. */
export const DELETED = 0xffff_ffff;
const FREE = 0;

const SIZE_BITS = 21;
const OWNER_BITS = 9;
export const QUARANTINED = 0x4000_0000;
const DIRTY = 0x8000_0000;
const ID_WORDS = CHUNK_ID_BYTES / 4;
const SMALLEST = 1 << 10;
const FILL = 0.75;

assert(limits.chunkBytes < 1 << SIZE_BITS, 'a chunk size fits its bits');
assert(limits.chunkOwnerBytes / 8 < 1 << OWNER_BITS, 'an owner length fits its bits');

/** Size of a chunk, room for its owner in the needle, and whether it is quarantined, in 32 bits. */
export function pack(sizeBytes: number, ownerBytes: number, quarantined = false): number {
  return (sizeBytes | (((ownerBytes + 7) >> 3) << SIZE_BITS) | (quarantined ? QUARANTINED : 0)) >>> 0;
}
export const packedSize = (packed: number) => packed & ((1 << SIZE_BITS) - 1);
/** Rounded up to 8. */
export const packedOwnerBytes = (packed: number) => ((packed >>> SIZE_BITS) & ((1 << OWNER_BITS) - 1)) << 3;
export const isQuarantined = (packed: number) => (packed & QUARANTINED) !== 0;

export class HotIndex {
  /** Every entry of the store is here, so a miss is final. */
  complete: boolean;
  /** Keeps "deleted" entries after they are durable: while entries are loaded from an older snapshot. */
  keepDeleted = false;
  /** An entry had to go, so what an older snapshot says can no longer be told from news. */
  evicted = false;
  readonly entriesMax: number;
  #size = 0;
  #slots = SMALLEST;
  #ids = new Uint32Array(SMALLEST * ID_WORDS);
  #segments = new Uint32Array(SMALLEST);
  #offsets = new Uint32Array(SMALLEST);
  #packed = new Uint32Array(SMALLEST);
  #hand = 0;
  readonly #wanted = new Uint32Array(ID_WORDS);

  constructor(entriesMax: number, complete: boolean) {
    this.entriesMax = entriesMax;
    this.complete = complete;
  }

  /** The slot of the id that begins at `at` of `bytes`, or -1. Good until the next change. */
  find(bytes: Uint8Array, at = 0): number {
    this.#want(bytes, at);
    return this.#probe();
  }

  segmentAt(slot: number): number {
    return this.#segments[slot] as number;
  }

  offsetAt(slot: number): number {
    return this.#offsets[slot] as number;
  }

  packedAt(slot: number): number {
    return ((this.#packed[slot] as number) & ~DIRTY) >>> 0;
  }

  /** Adds or replaces an entry that the durable index has not got yet. */
  change(id: Uint8Array, segment: number, offset: number, packed: number): void {
    this.#write(this.#slotFor(id), segment, offset, (packed | DIRTY) >>> 0);
  }

  /** Adds what the durable index says, unless the id is known here, which is newer. */
  remember(id: Uint8Array, segment: number, offset: number, packed: number): void {
    if (this.find(id) >= 0) return;
    this.#write(this.#slotFor(id), segment, offset, packed);
  }

  /** The next entry drives out another. */
  get isFull(): boolean {
    return this.#size >= this.entriesMax;
  }

  /** The durable index has this state of the entry now; a newer state stays dirty. */
  settle(slot: number, segment: number, offset: number, packed: number): void {
    if (slot < 0 || this.#segments[slot] !== segment) return;
    if (segment === DELETED) {
      if (this.keepDeleted) this.#packed[slot] = 0;
      else this.#removeAt(slot);
      return;
    }
    if (this.#offsets[slot] === offset && this.packedAt(slot) === packed) this.#packed[slot] = packed;
  }

  /** Ends {@link keepDeleted}: drops the entries kept for it. */
  dropDeleted(): void {
    this.keepDeleted = false;
    for (let slot = 0; slot < this.#slots; slot++) {
      // Removing shifts a later entry into the slot, so it is looked at again.
      while (this.#segments[slot] === DELETED && this.#packed[slot] === 0) this.#removeAt(slot);
    }
  }

  /** By hand: for so few bytes a call of `set` costs more. */
  #want(bytes: Uint8Array, at: number): void {
    for (let word = 0; word < ID_WORDS; word++) {
      const from = at + 4 * word;
      this.#wanted[word] =
        (bytes[from] as number) |
        ((bytes[from + 1] as number) << 8) |
        ((bytes[from + 2] as number) << 16) |
        ((bytes[from + 3] as number) << 24);
    }
  }

  /** The slot for the id in `#wanted`: its own or -1. */
  #probe(): number {
    const ids = this.#ids;
    const wanted = this.#wanted;
    const mask = this.#slots - 1;
    for (let slot = this.#home(wanted, 0); ; slot = (slot + 1) & mask) {
      if (this.#segments[slot] === FREE) return -1;
      const at = slot * ID_WORDS;
      if (
        ids[at] === wanted[0] &&
        ids[at + 4] === wanted[4] &&
        ids[at + 1] === wanted[1] &&
        ids[at + 2] === wanted[2] &&
        ids[at + 3] === wanted[3]
      ) {
        return slot;
      }
    }
  }

  /** Ids are random but for the last word, the index of the chunk in its blob. */
  #home(words: Uint32Array, at: number): number {
    const mixed = Math.imul(
      (words[at] as number) ^ Math.imul(words[at + 4] as number, 0x9e3779b1),
      0x85ebca6b,
    );
    return ((mixed ^ (mixed >>> 15)) >>> 0) & (this.#slots - 1);
  }

  #write(slot: number, segment: number, offset: number, packed: number): void {
    this.#segments[slot] = segment;
    this.#offsets[slot] = offset;
    this.#packed[slot] = packed;
  }

  #slotFor(id: Uint8Array): number {
    const known = this.find(id);
    if (known >= 0) return known;
    if (this.#size >= this.entriesMax) this.#evict();
    if (this.#size + 1 > this.#slots * FILL) this.#grow();
    const mask = this.#slots - 1;
    let slot = this.#home(this.#wanted, 0);
    while (this.#segments[slot] !== FREE) slot = (slot + 1) & mask;
    this.#ids.set(this.#wanted, slot * ID_WORDS);
    this.#size += 1;
    return slot;
  }

  /** Forgets one entry that is durable; the hand goes round, so each entry stays for about a whole turn. */
  #evict(): void {
    this.complete = false;
    this.evicted = true;
    for (let steps = 0; steps < this.#slots; steps++) {
      const slot = this.#hand;
      this.#hand = (slot + 1) & (this.#slots - 1);
      if (this.#segments[slot] !== FREE && ((this.#packed[slot] as number) & DIRTY) === 0) {
        this.#removeAt(slot);
        return;
      }
    }
    assert(false, 'the hot index has room for more entries than may wait for the durable one');
  }

  /** Linear probing needs no grave markers: later entries of the run move up. */
  #removeAt(hole: number): void {
    const mask = this.#slots - 1;
    let free = hole;
    for (let slot = (free + 1) & mask; this.#segments[slot] !== FREE; slot = (slot + 1) & mask) {
      const home = this.#home(this.#ids, slot * ID_WORDS);
      if (((slot - home) & mask) < ((slot - free) & mask)) continue;
      this.#ids.copyWithin(free * ID_WORDS, slot * ID_WORDS, (slot + 1) * ID_WORDS);
      this.#write(
        free,
        this.#segments[slot] as number,
        this.#offsets[slot] as number,
        this.#packed[slot] as number,
      );
      free = slot;
    }
    this.#segments[free] = FREE;
    this.#size -= 1;
  }

  #grow(): void {
    const [ids, segments, offsets, packed] = [this.#ids, this.#segments, this.#offsets, this.#packed];
    const before = this.#slots;
    this.#slots = before * 2;
    this.#ids = new Uint32Array(this.#slots * ID_WORDS);
    this.#segments = new Uint32Array(this.#slots);
    this.#offsets = new Uint32Array(this.#slots);
    this.#packed = new Uint32Array(this.#slots);
    const mask = this.#slots - 1;
    for (let old = 0; old < before; old++) {
      if (segments[old] === FREE) continue;
      let slot = this.#home(ids, old * ID_WORDS);
      while (this.#segments[slot] !== FREE) slot = (slot + 1) & mask;
      this.#ids.set(ids.subarray(old * ID_WORDS, (old + 1) * ID_WORDS), slot * ID_WORDS);
      this.#write(slot, segments[old] as number, offsets[old] as number, packed[old] as number);
    }
  }
}
