// Owns the hash that stands for a stream's name in the index: 128 bits, two HalfSipHash-1-3 of 64 bits under
// a secret key of the log (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012; 32-bit variant).
// Keyed, since names come from clients: nobody without the key can look for two names that meet. At 10^12
// streams the chance of any meeting is below 10^-14, so guards trust the hash; reading a stream compares the
// names too.

export const STREAM_KEY_BYTES = 16;

/** Four 32-bit words; each holder reads it before the next hash is made. */
export type HashWords = Int32Array;

export class StreamHasher {
  /** The result of the last call. */
  readonly words: HashWords = new Int32Array(4);
  readonly #key: Int32Array;
  #scratch = Buffer.allocUnsafe(256);

  constructor(key: Uint8Array) {
    const bytes = Buffer.from(key);
    this.#key = Int32Array.from([0, 4, 8, 12], (at) => bytes.readInt32LE(at));
  }

  hashText(text: string): HashWords {
    if (text.length * 3 > this.#scratch.length) this.#scratch = Buffer.allocUnsafe(text.length * 3);
    return this.hashBytes(this.#scratch, 0, this.#scratch.write(text, 0));
  }

  hashBytes(bytes: Uint8Array, from: number, to: number): HashWords {
    const key = this.#key as unknown as readonly [number, number, number, number];
    halfSipHash(bytes, from, to, key[0], key[1], this.words, 0);
    halfSipHash(bytes, from, to, key[2], key[3], this.words, 2);
    return this.words;
  }
}

/** Writes the 64-bit HalfSipHash-1-3 of the bytes to two words of `out`. */
function halfSipHash(
  bytes: Uint8Array,
  from: number,
  to: number,
  key0: number,
  key1: number,
  out: Int32Array,
  at: number,
): void {
  let v0 = key0;
  let v1 = key1 ^ 0xee;
  let v2 = 0x6c796765 ^ key0;
  let v3 = 0x74656462 ^ key1;
  const whole = from + ((to - from) & ~3);
  // One turn for each word, one for the last word with the length, three to finish each half.
  const turns = ((to - from) >>> 2) + 1;
  let position = from;
  for (let turn = 0; turn < turns + 6; turn++) {
    let word = 0;
    if (turn < turns) {
      if (position < whole) word = wordAt(bytes, position);
      else word = lastWord(bytes, position, to, to - from);
      position += 4;
      v3 ^= word;
    } else if (turn === turns) {
      v2 ^= 0xee;
    } else if (turn === turns + 3) {
      out[at] = v1 ^ v3;
      v1 ^= 0xdd;
    }
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    if (turn < turns) v0 ^= word;
  }
  out[at + 1] = v1 ^ v3;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

/** The bytes that are left, below the length modulo 256. */
function lastWord(bytes: Uint8Array, from: number, to: number, length: number): number {
  let word = length << 24;
  for (let at = from; at < to; at++) word |= (bytes[at] as number) << ((at - from) * 8);
  return word;
}

/** 32-bit FNV-1a: lets a reader pass over records of other families without decoding their names. */
export function familyHash(family: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < family.length; at++) hash = Math.imul(hash ^ family.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}
