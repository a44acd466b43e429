// Owns signatures made with an account's or a container's key (TempURL, FormPost): their forms and their
// comparison. Guarantee: how long a comparison takes says nothing of what was compared.

import { createHmac, timingSafeEqual } from 'node:crypto';

interface Signature {
  readonly algorithm: string;
  readonly bytes: Buffer;
}

const ALGORITHMS: Readonly<Record<string, number>> = { sha1: 20, sha256: 32, sha512: 64 };
const NAMED = /^(sha1|sha256|sha512):([A-Za-z0-9+/_-]{1,100}={0,2})$/;

/** Hexadecimal, or `<algorithm>:<base64>`; undefined where it is neither. */
export function signatureOf(text: string): Signature | undefined {
  const [, named = '', base64 = ''] = NAMED.exec(text) ?? [];
  if (named !== '') {
    const bytes = Buffer.from(base64, 'base64');
    return bytes.length === ALGORITHMS[named] ? { algorithm: named, bytes } : undefined;
  }
  if (!/^[0-9a-fA-F]+$/.test(text)) return undefined;
  const found = Object.entries(ALGORITHMS).find(([, sizeBytes]) => text.length === 2 * sizeBytes);
  return found && { algorithm: found[0], bytes: Buffer.from(text, 'hex') };
}

/** Whether one of the keys made the signature of one of the texts. */
export function isSignedBy(
  { algorithm, bytes }: Signature,
  keys: readonly string[],
  texts: readonly string[],
): boolean {
  let isSigned = false;
  for (const key of keys) {
    for (const text of texts) {
      const wanted = createHmac(algorithm, key).update(text).digest();
      if (timingSafeEqual(wanted, bytes)) isSigned = true;
    }
  }
  return isSigned;
}
