// Owns the proof that digests are the standard's, however the bytes are cut, and that CRCs of parts can
// be joined.

import { createHash } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import type { DigestAlgorithm } from './blob-stream.ts';
import { type CrcAlgorithm, combineCrc } from './combine-crc.ts';
import { CRC64_NVME_REFLECTED, crc64nvme } from './crc64nvme.ts';
import { createInlineDigestPool, digestOnce } from './digest.ts';

const ALL: readonly DigestAlgorithm[] = ['md5', 'sha1', 'sha256', 'crc32', 'crc32c', 'crc64nvme'];
const CRCS: readonly CrcAlgorithm[] = ['crc32', 'crc32c', 'crc64nvme'];

const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('hex');
const crcOf = (algorithm: CrcAlgorithm, bytes: Uint8Array) =>
  digestOnce([algorithm], bytes)[algorithm] as Uint8Array;

/** Bit by bit, as the definition says. */
function plainCrc64(bytes: Uint8Array): bigint {
  let crc = 0xffff_ffff_ffff_ffffn;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ CRC64_NVME_REFLECTED : crc >> 1n;
  }
  return crc ^ 0xffff_ffff_ffff_ffffn;
}

test('the check values of the CRC catalogue come out', (t) => {
  const digests = digestOnce(CRCS, Buffer.from('123456789'));
  t.is(hex(digests.crc32), 'cbf43926');
  t.is(hex(digests.crc32c), 'e3069283');
  t.is(hex(digests.crc64nvme), 'ae8b14860a799888');
});

test('the vectors of the NVM Command Set Specification come out for CRC-64', (t) => {
  t.is(crc64nvme(Buffer.alloc(4096)), 0x6482d367eb22b64en);
  t.is(crc64nvme(Buffer.alloc(4096, 0xff)), 0xc0ddba7302eca3acn);
});

test('CRC-64 equals its definition, at any length and however it is cut', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, cut) => {
      const expected = plainCrc64(bytes);
      t.is(crc64nvme(bytes), expected);
      t.is(crc64nvme(bytes.subarray(cut), crc64nvme(bytes.subarray(0, cut))), expected);
    }),
  );
});

test('CRC-64 of more than the module takes at once equals that of its pieces', (t) => {
  const bytes = Buffer.alloc(200_003).map((_, index) => index * 31);
  let pieces = 0n;
  for (let at = 0; at < bytes.length; at += 4_099) pieces = crc64nvme(bytes.subarray(at, at + 4_099), pieces);
  t.is(crc64nvme(bytes), pieces);
});

test('a running digest equals the one of the whole, whatever the cuts', async (t) => {
  const pool = createInlineDigestPool();
  const parts = fc.array(fc.uint8Array({ maxLength: 2_000 }), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(parts, async (pieces) => {
      const running = pool.start(ALL);
      for (const piece of pieces) await running.update(piece);
      const digests = await running.finish();
      const whole = Buffer.concat(pieces);
      for (const algorithm of ['md5', 'sha1', 'sha256'] as const) {
        t.is(hex(digests[algorithm]), createHash(algorithm).update(whole).digest('hex'));
      }
      t.deepEqual(Object.keys(digests).sort(), [...ALL].sort());
      const once = digestOnce(ALL, whole);
      for (const algorithm of ALL) t.is(hex(digests[algorithm]), hex(once[algorithm]));
    }),
  );
});

test('the CRC of two runs follows from theirs', (t) => {
  fc.assert(
    fc.property(
      fc.constantFrom(...CRCS),
      fc.uint8Array({ maxLength: 3_000 }),
      fc.uint8Array({ maxLength: 3_000 }),
      (algorithm, a, b) => {
        const joined = combineCrc(algorithm, crcOf(algorithm, a), crcOf(algorithm, b), b.length);
        t.is(hex(joined), hex(crcOf(algorithm, Buffer.concat([a, b]))));
      },
    ),
  );
});

test('joining CRCs is associative at lengths that nobody could read', (t) => {
  const length = fc.integer({ min: 0, max: Math.floor(Number.MAX_SAFE_INTEGER / 2) });
  fc.assert(
    fc.property(
      fc.constantFrom(...CRCS),
      fc.array(fc.uint8Array({ minLength: 8, maxLength: 8 }), { minLength: 3, maxLength: 3 }),
      length,
      length,
      (algorithm, values, lengthB, lengthC) => {
        const crcs = values.map((value) => value.subarray(0, algorithm === 'crc64nvme' ? 8 : 4));
        const [a, b, c] = crcs as [Uint8Array, Uint8Array, Uint8Array];
        const left = combineCrc(algorithm, combineCrc(algorithm, a, b, lengthB), c, lengthC);
        const right = combineCrc(algorithm, a, combineCrc(algorithm, b, c, lengthC), lengthB + lengthC);
        t.is(hex(left), hex(right));
      },
    ),
  );
});
