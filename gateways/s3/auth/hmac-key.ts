// Owns HMAC-SHA256 (RFC 2104) with a key used many times: the padded key blocks are kept, so that a
// signature is two one-shot digests. Budget of one signature: no copy of the message but one, two small
// allocations.

import { hash } from 'node:crypto';

const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;
const SCRATCH_BYTES = 2048;

// One for all keys: signing is synchronous.
const scratch = Buffer.alloc(BLOCK_BYTES + SCRATCH_BYTES);

export class HmacKey {
  readonly #inner = Buffer.alloc(BLOCK_BYTES, 0x36);
  readonly #outer = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES, 0x5c);

  constructor(key: Uint8Array) {
    const short = key.length > BLOCK_BYTES ? hash('sha256', key, 'buffer') : key;
    for (const [index, byte] of short.entries()) {
      this.#inner[index] = byte ^ 0x36;
      this.#outer[index] = byte ^ 0x5c;
    }
  }

  /** The 32 bytes of the signature of `message`, each character of which is one byte. */
  sign(message: string): Buffer {
    return this.#finish(message, 'buffer');
  }

  /** The same as 64 lower-case hexadecimal digits. */
  signHex(message: string): string {
    return this.#finish(message, 'hex');
  }

  #finish(message: string, encoding: 'buffer'): Buffer;
  #finish(message: string, encoding: 'hex'): string;
  #finish(message: string, encoding: 'buffer' | 'hex'): Buffer | string {
    const fits = message.length <= SCRATCH_BYTES;
    const block = fits ? scratch : Buffer.allocUnsafe(BLOCK_BYTES + message.length);
    block.set(this.#inner);
    block.write(message, BLOCK_BYTES, 'latin1');
    // As a string, for a new Buffer costs as much as the digest itself.
    const inner = hash('sha256', block.subarray(0, BLOCK_BYTES + message.length), 'binary');
    this.#outer.write(inner, BLOCK_BYTES, 'latin1');
    return hash('sha256', this.#outer, encoding);
  }
}
