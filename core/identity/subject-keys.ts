// Owns the sealing of secret payload fields: AES-256-GCM (NIST SP 800-38D) under a key of the subject's own.
// The log keeps only sealed bytes, so destroying the subject's key erases the fact for ever and leaves the
// chain whole.

import { createCipheriv, createDecipheriv } from 'node:crypto';
import { assert } from '#core/kernel/assert.ts';
import { Fault } from '#core/kernel/errors.ts';
import type { Random } from '#core/kernel/random.ts';

export const SUBJECT_KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Where the keys are kept: beside the log, never in it. The log has the name of each, a blob's. */
export interface SubjectKeys {
  /**
   * A fresh key, durable when it resolves.
   * @param owner the stream that will name it: what no event names is taken away after a while
   */
  make(owner: string): Promise<{ readonly blob: string; readonly key: Uint8Array }>;
  /** Undefined when the key was destroyed. */
  find(blob: string): Promise<Uint8Array | undefined>;
  /** Whatever was sealed under the key is gone, as far as its copies can be reached. */
  destroy(blob: string): Promise<void>;
}

/** @param context bound to the result: it opens only with the same one. */
export function seal(key: Uint8Array, plain: string, context: string, random: Random): Uint8Array {
  assert(key.length === SUBJECT_KEY_BYTES, 'a subject key has 32 bytes');
  const nonce = random.fill(Buffer.allocUnsafe(NONCE_BYTES));
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.from(context));
  const sealed = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]);
}

/** @throws Fault `corruption` when the bytes, the key or the context are not those that were sealed. */
export function unseal(key: Uint8Array, sealed: Uint8Array, context: string): string {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(context));
    decipher.setAuthTag(sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
    const plain = decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES));
    return Buffer.concat([plain, decipher.final()]).toString('utf8');
  } catch (cause) {
    throw new Fault('corruption', `a secret of ${context} does not open under its subject's key`, { cause });
  }
}
