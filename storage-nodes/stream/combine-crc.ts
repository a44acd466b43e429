// Owns the joining of CRCs: the CRC of two runs of bytes in a row follows from theirs alone, so the
// checksum of an object made of parts costs no second reading. About twenty multiplications of
// polynomials for each join.
// Method: Adler's crc32_combine (zlib): the CRC before is multiplied by x^(8 * lengthB) modulo the
// polynomial.

import { assert } from '#core/kernel/assert.ts';
import { CRC64_NVME_REFLECTED } from './crc64nvme.ts';

export type CrcAlgorithm = 'crc32' | 'crc32c' | 'crc64nvme';

/** A polynomial over GF(2) of up to 64 bits, reflected: the highest bit of the width stands for x^0. */
interface Polynomial {
  readonly high: number;
  readonly low: number;
}

class Field {
  readonly bits: number;
  readonly #high: number;
  readonly #low: number;
  /** At k: x^(2^k), up to x^(8 * 2^53). */
  readonly #powers: Polynomial[] = [];

  constructor(bits: 32 | 64, reflected: bigint) {
    this.bits = bits;
    this.#high = Number(reflected >> 32n);
    this.#low = Number(reflected & 0xffff_ffffn);
    // x^1 is the bit below the highest; each further power is the square of the one before.
    let power: Polynomial = bits === 64 ? { high: 0x4000_0000, low: 0 } : { high: 0, low: 0x4000_0000 };
    for (let k = 0; k < 57; k++) {
      this.#powers.push(power);
      power = this.multiply(power, power);
    }
  }

  multiply(a: Polynomial, b: Polynomial): Polynomial {
    let [high, low, shiftedHigh, shiftedLow] = [0, 0, b.high, b.low];
    for (let bit = this.bits - 1; bit >= 0; bit--) {
      const word = bit >= 32 ? a.high : a.low;
      if ((word >>> (bit & 31)) & 1) {
        high ^= shiftedHigh;
        low ^= shiftedLow;
      }
      const carry = shiftedLow & 1;
      shiftedLow = (shiftedLow >>> 1) | (shiftedHigh << 31);
      shiftedHigh >>>= 1;
      if (carry) {
        shiftedHigh ^= this.#high;
        shiftedLow ^= this.#low;
      }
    }
    return { high: high >>> 0, low: low >>> 0 };
  }

  /** `crc` times x^(8 * bytes). */
  shift(crc: Polynomial, bytes: number): Polynomial {
    let shifted = crc;
    let rest = bytes;
    for (let k = 3; rest > 0; k++) {
      if (rest % 2 === 1) shifted = this.multiply(this.#powers[k] as Polynomial, shifted);
      rest = Math.floor(rest / 2);
    }
    return shifted;
  }
}

const fields = new Map<CrcAlgorithm, Field>();

function fieldOf(algorithm: CrcAlgorithm): Field {
  let field = fields.get(algorithm);
  if (field === undefined) {
    if (algorithm === 'crc32') field = new Field(32, 0xedb88320n);
    else if (algorithm === 'crc32c') field = new Field(32, 0x82f63b78n);
    else field = new Field(64, CRC64_NVME_REFLECTED);
    fields.set(algorithm, field);
  }
  return field;
}

/**
 * The CRC of A followed by B.
 * @param crcA as DigestAlgorithm gives it: big-endian, 4 or 8 bytes.
 * @param lengthB length of B in bytes, at most 2^53 - 1.
 */
export function combineCrc(
  algorithm: CrcAlgorithm,
  crcA: Uint8Array,
  crcB: Uint8Array,
  lengthB: number,
): Uint8Array {
  const field = fieldOf(algorithm);
  assert(Number.isSafeInteger(lengthB) && lengthB >= 0, 'a length is a whole number');
  const shifted = field.shift(parse(crcA, field.bits), lengthB);
  const b = parse(crcB, field.bits);
  const joined = Buffer.allocUnsafe(field.bits / 8);
  joined.writeUInt32BE((shifted.low ^ b.low) >>> 0, joined.length - 4);
  if (field.bits === 64) joined.writeUInt32BE((shifted.high ^ b.high) >>> 0, 0);
  return joined;
}

function parse(crc: Uint8Array, bits: number): Polynomial {
  assert(crc.length === bits / 8, `a CRC of ${bits} bits has ${bits / 8} bytes`);
  const view = new DataView(crc.buffer, crc.byteOffset, crc.length);
  return { high: bits === 64 ? view.getUint32(0) : 0, low: view.getUint32(crc.length - 4) };
}
