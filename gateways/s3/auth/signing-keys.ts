// Owns the derived signing keys: a day's key of an access key is derived once and kept, up to a limit.
// Guarantee: a kept key is used only with the secret it was derived from.

import { limits } from '#core/kernel/limits.ts';
import { HmacKey } from './hmac-key.ts';

export const SERVICE = 's3';
export const SCOPE_END = 'aws4_request';

/** The signing key of a secret for a day (`yyyymmdd`) and a region. */
export function deriveSigningKey(secret: string, date: string, region: string): HmacKey {
  let key = new HmacKey(Buffer.from(`AWS4${secret}`));
  for (const step of [date, region, SERVICE, SCOPE_END]) key = new HmacKey(key.sign(step));
  return key;
}

interface KeptKey {
  readonly secret: string;
  readonly key: HmacKey;
}

export class SigningKeys {
  readonly #kept = new Map<string, KeptKey>();
  readonly #max: number;

  constructor(max: number = limits.s3SigningKeys) {
    this.#max = max;
  }

  /** `accessKeyId` belongs to `secret`; a credential scope names no more than these. */
  get(accessKeyId: string, secret: string, date: string, region: string): HmacKey {
    const name = `${accessKeyId}/${date}/${region}`;
    const kept = this.#kept.get(name);
    if (kept?.secret === secret) {
      this.#renew(name, kept);
      return kept.key;
    }
    const key = deriveSigningKey(secret, date, region);
    this.#kept.delete(name);
    this.#kept.set(name, { secret, key });
    if (this.#kept.size > this.#max) this.#dropOldest();
    return key;
  }

  get size(): number {
    return this.#kept.size;
  }

  /**
   * Insertion order is the order of use; while there is room nobody is dropped, so order need not be kept.
   */
  #renew(name: string, kept: KeptKey): void {
    if (this.#kept.size < this.#max / 2) return;
    this.#kept.delete(name);
    this.#kept.set(name, kept);
  }

  #dropOldest(): void {
    for (const name of this.#kept.keys()) {
      this.#kept.delete(name);
      return;
    }
  }
}
