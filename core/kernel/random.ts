// Owns chance. Ids come from the system's generator; tests and the simulator give a seeded one.

import { randomFillSync } from 'node:crypto';

export interface Random {
  /** Fills and returns `target`. */
  fill<T extends Uint8Array>(target: T): T;
  /** A number in [0, 1). */
  next(): number;
}

const POOL_BYTES = 8192;
const pool = Buffer.allocUnsafeSlow(POOL_BYTES);
let poolUsed = POOL_BYTES;

/**
 * Cryptographically secure; small requests are cut from a pool, since a system call for each would dominate.
 */
export const systemRandom: Random = {
  fill(target) {
    if (target.length > POOL_BYTES / 4) return randomFillSync(target);
    if (poolUsed + target.length > POOL_BYTES) {
      randomFillSync(pool);
      poolUsed = 0;
    }
    target.set(pool.subarray(poolUsed, poolUsed + target.length));
    // Bytes handed out must not be readable again.
    pool.fill(0, poolUsed, poolUsed + target.length);
    poolUsed += target.length;
    return target;
  },
  next: () => Math.random(),
};

/**
 * Deterministic: the same seed gives the same numbers (sfc32 over a splitmix32-expanded seed). Never for
 * secrets.
 */
export function seededRandom(seed: number): Random {
  let mix = seed >>> 0;
  const expand = () => {
    mix = (mix + 0x9e3779b9) >>> 0;
    let z = mix;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
  let [a, b, c, counter] = [expand(), expand(), expand(), 1];
  const next32 = () => {
    const t = (((a + b) >>> 0) + counter) >>> 0;
    counter = (counter + 1) >>> 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) >>> 0;
    c = (((c << 21) | (c >>> 11)) + t) >>> 0;
    return t;
  };
  for (let i = 0; i < 12; i++) next32();
  return {
    fill(target) {
      for (let i = 0; i < target.length; i++) target[i] = next32() & 0xff;
      return target;
    },
    next: () => next32() / 0x1_0000_0000,
  };
}
