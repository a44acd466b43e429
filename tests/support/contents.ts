// Owns test data: bytes that look random, are cheap to make, and are the same for the same seed.

import { createHash } from 'node:crypto';
import { seededRandom } from '#core/kernel/random.ts';

const pool = seededRandom(20_260_101).fill(Buffer.allocUnsafe(1024 * 1024));

/** Two seeds give different bytes at every length, and no two chunks of one content are the same. */
export function contentOf(seed: number, sizeBytes: number): Buffer {
  const content = Buffer.allocUnsafe(sizeBytes);
  for (let at = 0, part = 0; at < sizeBytes; at += pool.length, part++) {
    pool.copy(content, at, 0, Math.min(pool.length, sizeBytes - at));
    if (sizeBytes - at >= 8) content.writeUInt32LE((seed * 65_537 + part) >>> 0, at);
  }
  if (sizeBytes > 0 && sizeBytes < 8) content.fill(seed & 0xff);
  return content;
}

export function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex');
}
