// Owns the encryption of stored bytes: AES-256 in counter mode (NIST SP 800-38A), the counter being the place
// of each 16 bytes in its blob. Guarantees: any range is deciphered without what is before it, and the size
// stays the same. A key must never be used for two blobs.
// Budget per chunk of 1 MiB: one pass, in place, by pieces so small that the memory which node:crypto takes
// for each is not new to the processor: twice as fast as all at once.

import { createCipheriv } from 'node:crypto';
import { assert } from '#core/kernel/assert.ts';

export const BLOB_KEY_BYTES = 32;
const CIPHER_BLOCK_BYTES = 16;

const PIECE_BYTES = 16 * 1_024;

/**
 * Ciphers and deciphers: the one undoes the other.
 * @param offset of the bytes in their blob
 * @param into where the result is put, from the start; may be `bytes`
 * @returns the result
 */
export function ciphered(key: Uint8Array, offset: number, bytes: Uint8Array, into?: Uint8Array): Uint8Array {
  assert(key.length === BLOB_KEY_BYTES, 'the key of a blob has 32 bytes');
  const within = offset % CIPHER_BLOCK_BYTES;
  const counter = Buffer.alloc(CIPHER_BLOCK_BYTES);
  counter.writeBigUInt64BE(BigInt((offset - within) / CIPHER_BLOCK_BYTES), CIPHER_BLOCK_BYTES / 2);
  const cipher = createCipheriv('aes-256-ctr', key, counter);
  if (within > 0) cipher.update(new Uint8Array(within));
  if (into === undefined) return cipher.update(bytes);
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    into.set(cipher.update(bytes.subarray(at, at + PIECE_BYTES)), at);
  }
  return into.subarray(0, bytes.length);
}
