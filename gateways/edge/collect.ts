// Owns the taking in of a small body as a whole. Guarantee: never holds more than the limit.

import { KIB } from '#core/kernel/limits.ts';
import type { ByteSource } from '#storage-nodes/stream/blob-stream.ts';
import { BodyFailure } from './request-body.ts';

// Not all that is announced: announcing costs a client nothing.
const FIRST_BYTES = 16 * KIB;

/**
 * All bytes of `source`. Rejects with BodyFailure `too-large` above `maxBytes`, or with what the source
 * failed with.
 */
export function collect(source: ByteSource, maxBytes: number): Promise<Buffer> {
  if (source.sizeBytes !== undefined && source.sizeBytes > maxBytes) {
    source.cancel();
    return Promise.reject(new BodyFailure('too-large', source.sizeBytes, maxBytes));
  }
  return new Promise((resolve, reject) => {
    let bytes = Buffer.allocUnsafe(Math.min(source.sizeBytes ?? FIRST_BYTES, FIRST_BYTES));
    let length = 0;
    source.start({
      write(more) {
        const needed = length + more.length;
        if (needed > maxBytes) {
          source.cancel();
          reject(new BodyFailure('too-large', needed, maxBytes));
          return;
        }
        if (needed > bytes.length) {
          const larger = Buffer.allocUnsafe(Math.min(maxBytes, Math.max(needed, 2 * bytes.length)));
          bytes.copy(larger, 0, 0, length);
          bytes = larger;
        }
        bytes.set(more, length);
        length = needed;
      },
      end: () => resolve(bytes.subarray(0, length)),
      fail: reject,
    });
  });
}
