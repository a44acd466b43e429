// Owns the index of the streams written lately: hash of the name to last revision and that event's place.
// Open addressing in one typed array (32 bytes a slot), for a Map of a million names costs 150 bytes each and
// slows every collection of garbage. A slot is the top bits of the hash and probing never wraps around, so
// the table stands nearly in order of hash and is sorted for writing in one sweep.

import type { HashWords } from './stream-hash.ts';

/** Where the last event of a stream stands. */
export interface StreamEntry {
  revision: number;
  segment: number;
  position: number;
}

/** An entry in sorted arrays and files: four words of hash, revision, segment, position. */
export const ENTRY_WORDS = 7;
const SLOT_SHIFT = 3;
const SLOT_WORDS = 1 << SLOT_SHIFT;
const REVISION = 4;
const SEGMENT = 5;
const POSITION = 6;
const FIRST_SLOTS = 1024;
/** Slots behind the last, for probes that begin there. */
const SLACK_SLOTS = 64;

export class StreamTable {
  size = 0;
  #slots = FIRST_SLOTS;
  #shift = 32 - Math.log2(FIRST_SLOTS);
  #words = new Int32Array((FIRST_SLOTS + SLACK_SLOTS) * SLOT_WORDS);

  find(hash: HashWords, into: StreamEntry): boolean {
    const at = this.#probe(hash[0] as number, hash[1] as number, hash[2] as number, hash[3] as number);
    if (at < 0 || this.#words[at + SEGMENT] === 0) return false;
    into.revision = (this.#words[at + REVISION] as number) >>> 0;
    into.segment = (this.#words[at + SEGMENT] as number) >>> 0;
    into.position = (this.#words[at + POSITION] as number) >>> 0;
    return true;
  }

  set(h0: number, h1: number, h2: number, h3: number, entry: Readonly<StreamEntry>): void {
    let at = this.#probe(h0, h1, h2, h3);
    while (at < 0) {
      this.#grow();
      at = this.#probe(h0, h1, h2, h3);
    }
    const words = this.#words;
    const isNew = words[at + SEGMENT] === 0;
    words[at] = h0;
    words[at + 1] = h1;
    words[at + 2] = h2;
    words[at + 3] = h3;
    words[at + REVISION] = entry.revision;
    words[at + SEGMENT] = entry.segment;
    words[at + POSITION] = entry.position;
    if (isNew && ++this.size * 8 > this.#slots * 5) this.#grow();
  }

  /** All entries of {@link ENTRY_WORDS} words each, in order of hash. */
  sorted(): Int32Array {
    const out = new Int32Array(this.size * ENTRY_WORDS);
    let end = 0;
    for (let at = 0; at < this.#words.length; at += SLOT_WORDS) {
      if (this.#words[at + SEGMENT] === 0) continue;
      let target = end;
      while (target > 0 && compareHash(this.#words, at, out, target - ENTRY_WORDS) < 0) {
        out.copyWithin(target, target - ENTRY_WORDS, target);
        target -= ENTRY_WORDS;
      }
      for (let word = 0; word < ENTRY_WORDS; word++) out[target + word] = this.#words[at + word] as number;
      end += ENTRY_WORDS;
    }
    return out;
  }

  /** The slot of the hash, or the empty one where it belongs; -1 when there is no room. */
  #probe(h0: number, h1: number, h2: number, h3: number): number {
    const words = this.#words;
    for (let at = (h0 >>> this.#shift) << SLOT_SHIFT; at < words.length; at += SLOT_WORDS) {
      if (words[at + SEGMENT] === 0) return at;
      if (words[at] === h0 && words[at + 1] === h1 && words[at + 2] === h2 && words[at + 3] === h3) return at;
    }
    return -1;
  }

  #grow(): void {
    const before = this.#words;
    this.#slots *= 2;
    this.#shift--;
    this.#words = new Int32Array((this.#slots + SLACK_SLOTS) * SLOT_WORDS);
    for (let at = 0; at < before.length; at += SLOT_WORDS) {
      if (before[at + SEGMENT] === 0) continue;
      const target = this.#probe(
        before[at] as number,
        before[at + 1] as number,
        before[at + 2] as number,
        before[at + 3] as number,
      );
      this.#words.set(before.subarray(at, at + SLOT_WORDS), target);
    }
  }
}

/** Order of two hashes, each as four unsigned words. */
export function compareHash(left: Int32Array, leftAt: number, right: Int32Array, rightAt: number): number {
  for (let word = 0; word < 4; word++) {
    const a = (left[leftAt + word] as number) >>> 0;
    const b = (right[rightAt + word] as number) >>> 0;
    if (a !== b) return a < b ? -1 : 1;
  }
  return 0;
}
