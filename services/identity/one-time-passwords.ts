// Owns one-time passwords by time (RFC 6238) over HMAC (RFC 4226): SHA-1, six digits, steps of thirty
// seconds, which is what every authenticator and Keystone have.

import { createHmac, timingSafeEqual } from 'node:crypto';
import { limits } from '#core/kernel/limits.ts';

const STEP_MS = 30_000;
const DIGITS = 6;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** RFC 4648, base32; the end may lack its padding. Undefined where it is none. */
export function fromBase32(text: string): Buffer | undefined {
  const bytes: number[] = [];
  let bits = 0;
  let held = 0;
  for (const character of text.toUpperCase().replace(/=+$/, '')) {
    const value = ALPHABET.indexOf(character);
    if (value < 0) return undefined;
    held = ((held << 5) | value) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((held >> bits) & 0xff);
  }
  return Buffer.from(bytes);
}

/** @param step thirty seconds each, since 1970 */
export function oneTimePassword(seed: Uint8Array, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const digest = createHmac('sha1', seed).update(counter).digest();
  const offset = (digest.at(-1) ?? 0) & 0xf;
  const number = digest.readUInt32BE(offset) & 0x7fffffff;
  return String(number % 10 ** DIGITS).padStart(DIGITS, '0');
}

/** The step whose password it is: of this moment, or of the last before it. Undefined where it is none. */
export function stepOf(seed: Uint8Array, given: string, nowMs: number): number | undefined {
  const now = Math.floor(nowMs / STEP_MS);
  const bytes = Buffer.from(given);
  for (let step = now; step >= now - limits.totpStepsBefore; step--) {
    const wanted = Buffer.from(oneTimePassword(seed, step));
    if (wanted.length === bytes.length && timingSafeEqual(wanted, bytes)) return step;
  }
  return undefined;
}
