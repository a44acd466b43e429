// Owns the proof of checksums: which are asked for, which are refused, and those of multipart objects.

import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import test from 'ava';
import fc from 'fast-check';
import { digestOnce } from '#storage-nodes/stream/digest.ts';
import type { Authenticated } from './auth/authenticate.ts';
import {
  BodyChecks,
  CHECKSUM_ALGORITHMS,
  CHECKSUMS,
  type ChecksumAlgorithm,
  multipartChecksum,
  multipartEtag,
  verifyDocument,
} from './checksums.ts';
import { S3Error } from './errors.ts';

const auth = (payload: Authenticated['payload']): Authenticated => ({
  ok: true,
  identity: 'anonymous',
  accessKeyId: '',
  presigned: false,
  payload,
  hoisted: {},
});
const unsigned = auth({ kind: 'unsigned' });
const trailing = (trailer: string) =>
  auth({ kind: 'chunked', signed: false, decodedBytes: 5, trailers: [trailer] });

const body = Buffer.from('hello');
const base64 = (algorithm: ChecksumAlgorithm, bytes: Uint8Array = body) =>
  Buffer.from(digestOnce([algorithm], bytes)[algorithm] ?? []).toString('base64');

function verify(headers: IncomingHttpHeaders, by = unsigned, trailers: Record<string, string> = {}) {
  const checks = new BodyChecks(headers, by);
  const digests = digestOnce(checks.digests, body);
  const written = { blob: '', sizeBytes: body.length, chunkBytes: 1, digests };
  const source = { sizeBytes: 5, trailers, start() {}, pause() {}, resume() {}, cancel() {} };
  return checks.verify(written, source);
}

const refusal = (run: () => unknown) => {
  try {
    run();
    return 'accepted';
  } catch (error) {
    return error instanceof S3Error ? `${error.code}: ${error.message}` : String(error);
  }
};

test('only what somebody will look at is digested', (t) => {
  t.deepEqual(new BodyChecks({}, unsigned).digests, ['md5']);
  t.deepEqual(new BodyChecks({}, auth({ kind: 'signed', sha256: 'x' })).digests, ['md5', 'sha256']);
  t.deepEqual(new BodyChecks({}, unsigned, 'crc32').digests, ['md5', 'crc32']);
  t.deepEqual(new BodyChecks({}, trailing('x-amz-checksum-crc32c')).digests, ['md5', 'crc32c']);
  const sha256 = { 'x-amz-checksum-sha256': base64('sha256') };
  t.deepEqual(new BodyChecks(sha256, auth({ kind: 'signed', sha256: 'x' })).digests, ['md5', 'sha256']);
});

for (const algorithm of CHECKSUM_ALGORITHMS) {
  const { header, name } = CHECKSUMS[algorithm];

  test(`${name} is verified, in a header and in a trailer`, (t) => {
    const right = base64(algorithm);
    const wrong = base64(algorithm, Buffer.from('other'));
    const etag = createHash('md5').update(body).digest('hex');
    t.deepEqual(verify({ [header]: right }), { etag, checksum: right });
    t.deepEqual(verify({}, trailing(header), { [header]: right }), { etag, checksum: right });
    t.regex(
      refusal(() => verify({ [header]: wrong })),
      new RegExp(`^BadDigest: The ${name} you specified`),
    );
    t.regex(
      refusal(() => verify({}, trailing(header), { [header]: wrong })),
      /^BadDigest/,
    );
    for (const value of ['', 'x', right.slice(0, -1), `${right}AAAA`, '!'.repeat(right.length)]) {
      t.is(
        refusal(() => verify({ [header]: value })),
        `InvalidRequest: Value for ${header} header is invalid.`,
      );
    }
  });

  test(`${name} of a document is verified`, (t) => {
    t.true(verifyDocument({ [header]: base64(algorithm) }, unsigned, body, {}));
    t.true(verifyDocument({}, trailing(header), body, { [header]: base64(algorithm) }));
    t.regex(
      refusal(() => verifyDocument({}, trailing(header), body, {})),
      /^BadDigest/,
    );
  });
}

test('Content-MD5 is verified', (t) => {
  const right = createHash('md5').update(body).digest('base64');
  const wrong = createHash('md5').digest('base64');
  t.is(
    refusal(() => verify({ 'content-md5': right })),
    'accepted',
  );
  t.regex(
    refusal(() => verify({ 'content-md5': wrong })),
    /^BadDigest/,
  );
  t.regex(
    refusal(() => verify({ 'content-md5': 'x' })),
    /InvalidDigest/,
  );
  t.true(verifyDocument({ 'content-md5': right }, unsigned, body, {}));
  t.regex(
    refusal(() => verifyDocument({ 'content-md5': wrong }, unsigned, body, {})),
    /^BadDigest/,
  );
  t.false(verifyDocument({}, unsigned, body, {}));
});

test('one checksum is allowed, and the named algorithm must be its own', (t) => {
  const crc32 = { 'x-amz-checksum-crc32': base64('crc32') };
  t.regex(
    refusal(() => verify({ ...crc32, 'x-amz-checksum-sha1': base64('sha1') })),
    /Expecting a single/,
  );
  t.regex(
    refusal(() => verify(crc32, trailing('x-amz-checksum-sha1'))),
    /Expecting a single/,
  );
  t.is(
    refusal(() => verify({ ...crc32, 'x-amz-sdk-checksum-algorithm': 'CRC32' })),
    'accepted',
  );
  t.regex(
    refusal(() => verify({ ...crc32, 'x-amz-sdk-checksum-algorithm': 'SHA1' })),
    /is invalid/,
  );
  t.regex(
    refusal(() => verify({ 'x-amz-sdk-checksum-algorithm': 'CRC32' })),
    /no corresponding/,
  );
  t.regex(
    refusal(() => verify({ 'x-amz-sdk-checksum-algorithm': 'ROT13' })),
    /unsupported/,
  );
  t.regex(
    refusal(() => verify({ 'x-amz-sdk-checksum-algorithm': 'SHA512' })),
    /^NotImplemented/,
  );
  t.regex(
    refusal(() => verify({}, trailing('x-amz-checksum-crc32'))),
    /did not come/,
  );
});

test('an etag of parts is the MD5 of their MD5s', (t) => {
  const parts = ['a', 'b'].map((part) => createHash('md5').update(part).digest());
  const expected = createHash('md5').update(Buffer.concat(parts)).digest('hex');
  t.is(multipartEtag(parts.map((part) => part.toString('hex'))), `${expected}-2`);
});

test('the full checksum of parts is that of their bytes in a row', (t) => {
  const parts = fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(fc.constantFrom('crc32', 'crc32c', 'crc64nvme'), parts, (algorithm, pieces) => {
      const described = pieces.map((piece) => ({
        checksum: base64(algorithm, piece),
        sizeBytes: piece.length,
      }));
      return (
        multipartChecksum(algorithm, 'full-object', described) === base64(algorithm, Buffer.concat(pieces))
      );
    }),
  );
  t.pass();
});

test('the composite checksum of parts is that of their checksums, and their number', (t) => {
  for (const algorithm of ['crc32', 'crc32c', 'sha1', 'sha256'] as const) {
    const checksums = ['one', 'two', 'three'].map((part) => base64(algorithm, Buffer.from(part)));
    const joined = Buffer.concat(checksums.map((checksum) => Buffer.from(checksum, 'base64')));
    const parts = checksums.map((checksum) => ({ checksum, sizeBytes: 5 }));
    t.is(multipartChecksum(algorithm, 'composite', parts), `${base64(algorithm, joined)}-3`);
  }
});
