// Owns the proof that enciphered blobs read as they were written, from anywhere to anywhere, and that nothing
// of them is stored as it is.

import test from 'ava';
import fc from 'fast-check';
import { ManualClock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import { seededRandom } from '#core/kernel/random.ts';
import { MemoryChunkClient } from '#tests/support/memory-chunk-client.ts';
import { ScriptedSource, slicesOf } from '#tests/support/scripted-source.ts';
import { BLOB_KEY_BYTES, ciphered } from './blob-cipher.ts';
import { createBlobStream } from './create-blob-stream.ts';
import { createInlineDigestPool, digestOnce } from './digest.ts';

const { chunkBytes, blockBytes } = limits;
const content = Buffer.alloc(3 * chunkBytes, 'as plain as day, ');
const key = seededRandom(1).fill(Buffer.alloc(BLOB_KEY_BYTES));

test('whatever size, cuts and range are, bytes are what they were, and stored as others', async (t) => {
  const sizes = fc.oneof(
    fc.constantFrom(1, 15, 16, blockBytes, chunkBytes - 1, chunkBytes, chunkBytes + 1),
    fc.integer({ min: 1, max: content.length }),
  );
  const cuts = fc.array(fc.integer({ min: 1, max: blockBytes }), { minLength: 1, maxLength: 4 });
  const shares = fc.tuple(
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.double({ min: 0, max: 1, noNaN: true }),
  );
  await fc.assert(
    fc.asyncProperty(sizes, cuts, fc.boolean(), shares, async (size, lengths, isKnown, [from, share]) => {
      const chunks = new MemoryChunkClient();
      const clock = new ManualClock();
      const stream = createBlobStream({
        chunks,
        random: seededRandom(size),
        clock,
        digests: createInlineDigestPool(),
      });
      const plain = content.subarray(0, size);
      const source = new ScriptedSource({
        slices: slicesOf(plain, lengths),
        ...(isKnown && { sizeBytes: size }),
      });
      const written = await stream.write({ source, owner: 'o', digests: ['md5'], key });
      t.deepEqual(written.digests, digestOnce(['md5'], plain), 'digests are of the plain bytes');
      t.false(size > 32 && chunks.bytesOf(written.blob).includes('plain as day'));
      const offset = Math.floor(from * size);
      const length = Math.floor(share * (size - offset));
      const parts: Buffer[] = [];
      await stream.read([{ ...written, key }], offset, length, {
        write: (bytes) => void parts.push(Buffer.from(bytes)),
      });
      t.true(Buffer.concat(parts).equals(plain.subarray(offset, offset + length)));
      await stream.close();
    }),
    { numRuns: 40 },
  );
});

test('each place of a blob is ciphered in its own way, and by its own key', (t) => {
  const zeros = new Uint8Array(64);
  const whole = Buffer.from(ciphered(key, 0, zeros));
  for (const offset of [1, 15, 16, 17, 48]) {
    t.true(whole.subarray(offset).equals(ciphered(key, offset, zeros.subarray(offset))), String(offset));
  }
  t.false(whole.subarray(0, 16).equals(whole.subarray(16, 32)));
  t.false(whole.equals(ciphered(new Uint8Array(BLOB_KEY_BYTES), 0, zeros)));
  // Beyond what 32 bits of the counter hold.
  const far = 2 ** 37;
  t.false(Buffer.from(ciphered(key, far, zeros)).equals(whole));
  t.deepEqual(Buffer.from(ciphered(key, far, ciphered(key, far, zeros))), Buffer.from(zeros));
});
