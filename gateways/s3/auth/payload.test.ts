// Owns the proof that every payload mode gives the signed bytes or a refusal, however the body is cut or
// changed.

import { hash } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { cutAt, PiecesSource, RecordingSink } from '#tests/support/byte-bodies.ts';
import {
  chunkedExample,
  type Example,
  exampleContext,
  requestOfExample,
  trailerExample,
} from '#tests/support/s3-requests.ts';
import { type Authenticated, authenticate } from './authenticate.ts';
import { checkWrittenSha256, contentMd5, type PayloadSource, payloadSource } from './payload.ts';
import type { PayloadMode } from './payload-mode.ts';
import { BodyRefused, type RefusalCode, refusalOf } from './refusal.ts';
import { chunkSignature, trailerSignature } from './signature-v4.ts';

const LIMIT = { maxBytes: 10_000_000 };

function accepted(example: Example): Authenticated {
  const outcome = authenticate(requestOfExample(example), exampleContext());
  if (!outcome.ok) throw new Error(outcome.error.message);
  return outcome;
}

const chunked = accepted(chunkedExample);
const trailing = accepted(trailerExample);

const chunk = (data: string, signature: string) =>
  `${data.length.toString(16)};chunk-signature=${signature}\r\n${data}\r\n`;

const exampleData = 'a'.repeat(66_560);

const chunkedBody = Buffer.from(
  chunk('a'.repeat(65_536), 'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648') +
    chunk('a'.repeat(1_024), '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497') +
    chunk('', 'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9'),
);

const trailerBody = Buffer.from(
  chunk('a'.repeat(65_536), 'b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2') +
    chunk('a'.repeat(1_024), '1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7') +
    '0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n' +
    'x-amz-checksum-crc32c:sOO8/Q==\r\n' +
    'x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n',
);

interface Taken {
  readonly source: PayloadSource;
  readonly body: PiecesSource;
  readonly outcome: Buffer | Error;
}

async function take(by: Authenticated, pieces: readonly Uint8Array[]): Promise<Taken> {
  const body = new PiecesSource(pieces);
  const source = payloadSource(body, by, LIMIT);
  const sink = new RecordingSink();
  source.start(sink);
  const outcome = await sink.outcome;
  if (sink.settled !== 1) throw new Error('settled more than once');
  return { source, body, outcome };
}

async function refused(t: ExecutionContext, by: Authenticated, body: Uint8Array | string, code: RefusalCode) {
  const { outcome } = await take(by, [Buffer.from(body)]);
  t.is(refusalOf(outcome)?.code, code);
}

const withPayload = (payload: PayloadMode, by = trailing): Authenticated => ({ ...by, payload });

function unsigned(decodedBytes: number, trailers = ['x-amz-checksum-crc32']): Authenticated {
  return withPayload({ kind: 'chunked', signed: false, decodedBytes, trailers });
}

test("Amazon's chunked example gives its bytes", async (t) => {
  t.is(chunkedBody.length, 66_824);
  const { source, outcome } = await take(chunked, [chunkedBody]);
  t.is(String(outcome), exampleData);
  t.is(source.sizeBytes, 66_560);
  t.deepEqual(source.trailers, {});
});

test("Amazon's trailer example gives its bytes and its trailer", async (t) => {
  const { source, outcome } = await take(trailing, [trailerBody]);
  t.is(String(outcome), exampleData);
  t.deepEqual(source.trailers, { 'x-amz-checksum-crc32c': 'sOO8/Q==' });
});

test('other ways to end the trailers are understood', async (t) => {
  const text = trailerBody.toString();
  for (const variant of [
    text.slice(0, -4),
    text.replace('sOO8/Q==\r\n', 'sOO8/Q==\n\r\n'),
    text.replace('x-amz-checksum-crc32c:', 'X-Amz-Checksum-Crc32c: '),
  ]) {
    const { outcome, source } = await take(trailing, [Buffer.from(variant)]);
    t.is(String(outcome), exampleData);
    t.deepEqual(source.trailers, { 'x-amz-checksum-crc32c': 'sOO8/Q==' });
  }
});

test('however a body is cut, it gives the same bytes', async (t) => {
  const places = fc.array(fc.nat({ max: 70_000 }), { maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(places, fc.constantFrom(true, false), async (cuts, withTrailer) => {
      const [by, body] = withTrailer ? [trailing, trailerBody] : [chunked, chunkedBody];
      const { outcome } = await take(by, cutAt(body, cuts));
      return String(outcome) === exampleData;
    }),
    { numRuns: 150 },
  );
  // And byte by byte, where framing is.
  const around = [...Array(120).keys(), ...Array.from({ length: 500 }, (_, index) => 65_600 + index)];
  const tail = Array.from({ length: 300 }, (_, index) => trailerBody.length - 300 + index);
  t.is(String((await take(trailing, cutAt(trailerBody, [...around, ...tail]))).outcome), exampleData);
});

test('a changed body is refused, and never taken for whole', async (t) => {
  const at = fc.oneof(fc.nat({ max: trailerBody.length - 1 }), fc.constantFrom(0, 5, 20, 65_620, 66_700));
  const mutation = fc.record({
    at,
    kind: fc.constantFrom('flip', 'cut', 'insert', 'remove', 'repeat'),
    byte: fc.integer({ min: 1, max: 255 }),
    cuts: fc.array(fc.nat({ max: 70_000 }), { maxLength: 5 }),
  });
  const codes = new Set<string | undefined>();
  await fc.assert(
    fc.asyncProperty(mutation, async ({ at, kind, byte, cuts }) => {
      const before = trailerBody.subarray(0, at);
      const after = trailerBody.subarray(at + 1);
      const same = trailerBody[at] as number;
      const changed = {
        flip: [before, [same ^ byte], after],
        cut: [before],
        insert: [before, [byte], [same], after],
        remove: [before, after],
        repeat: [before, trailerBody.subarray(Math.max(0, at - 100))],
      }[kind];
      const { outcome, source } = await take(trailing, cutAt(Buffer.concat(changed.map(Buffer.from)), cuts));
      // Only what no signature covers may differ: white space, letter case and the very end.
      if (Buffer.isBuffer(outcome)) {
        return outcome.toString() === exampleData && source.trailers['x-amz-checksum-crc32c'] === 'sOO8/Q==';
      }
      codes.add(refusalOf(outcome)?.code);
      return outcome instanceof BodyRefused;
    }),
    { numRuns: 400 },
  );
  t.true(codes.has('SignatureDoesNotMatch'));
  t.true(codes.has('IncompleteBody'));
  t.false(codes.has(undefined));
});

test('any bytes at all end in a defined way', async (t) => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 50 }),
    fc.constantFrom(
      '0\r\n',
      '5\r\nhello\r\n',
      '\r\n',
      '\n',
      'x-amz-checksum-crc32:AA==\r\n',
      ';',
      'ffff\r\n',
    ),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 8 }), fc.nat({ max: 20 }), async (pieces, decodedBytes) => {
      const { outcome } = await take(unsigned(decodedBytes), pieces.map(Buffer.from));
      return Buffer.isBuffer(outcome) ? outcome.length === decodedBytes : refusalOf(outcome) !== undefined;
    }),
    { numRuns: 500 },
  );
  t.pass();
});

test('a sink that pauses gets nothing until it resumes', async (t) => {
  const pieces = cutAt(trailerBody, [10, 30_000, 60_000, 66_000]);
  const body = new PiecesSource(pieces);
  const source = payloadSource(body, trailing, LIMIT);
  let paused = false;
  let whilePaused = 0;
  const sink = new RecordingSink();
  const { write } = sink;
  sink.write = (bytes) => {
    if (paused) whilePaused++;
    write.call(sink, bytes);
    paused = true;
    source.pause();
    setImmediate(() => {
      paused = false;
      source.resume();
    });
  };
  source.start(sink);
  t.is(String(await sink.outcome), exampleData);
  t.is(whilePaused, 0);
  t.true(sink.pieces.length > 3);
});

test('a sink that cancels gets nothing more, and closes the body', (t) => {
  const body = new PiecesSource(cutAt(trailerBody, [10, 30_000]));
  const source = payloadSource(body, trailing, LIMIT);
  const sink = new RecordingSink();
  sink.write = (bytes) => {
    sink.pieces.push(Buffer.from(bytes));
    source.cancel();
  };
  source.start(sink);
  t.is(sink.pieces.length, 1);
  t.is(sink.settled, 0);
  t.true(body.cancelled);
});

test('a failure of the body is passed on', async (t) => {
  const failure = new Error('gone');
  const body = new PiecesSource(cutAt(trailerBody, [10, 30_000]).slice(0, 2), failure);
  const sink = new RecordingSink();
  payloadSource(body, trailing, LIMIT).start(sink);
  t.is(await sink.outcome, failure);
});

test('unsigned chunks with a trailer give their bytes', async (t) => {
  const { outcome, source } = await take(unsigned(5), [
    Buffer.from('5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n'),
  ]);
  t.is(String(outcome), 'hello');
  t.deepEqual(source.trailers, { 'x-amz-checksum-crc32': 'NhCmhg==' });
  const empty = await take(unsigned(0), [Buffer.from('0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n')]);
  t.is(String(empty.outcome), '');
});

test('malformed framing has a code for each way', async (t) => {
  const end = '0\r\nx-amz-checksum-crc32:AA==\r\n\r\n';
  const cases: [body: string, decodedBytes: number, code: RefusalCode][] = [
    ['', 5, 'IncompleteBody'],
    ['5\r\nhel', 5, 'IncompleteBody'],
    ['5\r\nhello\r\n', 5, 'IncompleteBody'],
    [`4\r\nhell\r\n${end}`, 5, 'IncompleteBody'],
    [`6\r\nhello!\r\n${end}`, 5, 'IncompleteBody'],
    [`ffffffffffffff\r\nhello\r\n${end}`, 5, 'IncompleteBody'],
    [`5\r\nhelloo\n${end}`, 5, 'InvalidRequest'],
    [`5\nhello\r\n${end}`, 5, 'InvalidRequest'],
    [`-5\r\nhello\r\n${end}`, 5, 'InvalidRequest'],
    [`5;chunk-signature=${'0'.repeat(64)}\r\nhello\r\n${end}`, 5, 'InvalidRequest'],
    [`${'0'.repeat(300)}5\r\nhello\r\n${end}`, 5, 'InvalidRequest'],
    ['0'.repeat(300), 5, 'InvalidRequest'],
    [`3\r\nhel\r\n2\r\nlo\r\n${end}`, 5, 'InvalidChunkSizeError'],
    ['5\r\nhello\r\n0\r\n\r\n', 5, 'MalformedTrailerError'],
    ['5\r\nhello\r\n0\r\nx-amz-checksum-sha1:AA==\r\n\r\n', 5, 'MalformedTrailerError'],
    [`5\r\nhello\r\n${end}x-amz-checksum-crc32:AA==\r\n`, 5, 'MalformedTrailerError'],
    [`5\r\nhello\r\n${end}x-amz-trailer-signature:00\r\n`, 5, 'MalformedTrailerError'],
    [`5\r\nhello\r\n0\r\nx-amz-checksum-crc32:${'A'.repeat(5_000)}\r\n`, 5, 'MalformedTrailerError'],
    [`5\r\nhello\r\n0\r\n${'\r\n'.repeat(5_000)}`, 5, 'MalformedTrailerError'],
    [`5\r\nhello\r\n${end}more`, 5, 'MalformedTrailerError'],
  ];
  for (const [body, decodedBytes, code] of cases) await refused(t, unsigned(decodedBytes), body, code);
  const { body } = await take(unsigned(5), [Buffer.from('5\r\nhelloo\r\n')]);
  t.true(body.cancelled);
});

test('a signed chunk out of order, from elsewhere or without its signature is refused', async (t) => {
  const text = chunkedBody.toString();
  const [first, second, last] = [text.slice(0, 65_626), text.slice(65_626, 66_738), text.slice(66_738)];
  t.true(last.startsWith('0;'));
  await refused(t, chunked, second + first + last, 'SignatureDoesNotMatch');
  await refused(t, chunked, first + second, 'IncompleteBody');
  await refused(t, chunked, first + last, 'IncompleteBody');
  await refused(t, chunked, trailerBody, 'SignatureDoesNotMatch');
  await refused(t, chunked, text.replaceAll(/;chunk-signature=[^\r]*/g, ''), 'InvalidRequest');
  await refused(t, chunked, `${text}x-amz-checksum-crc32c:sOO8/Q==\r\n`, 'MalformedTrailerError');
});

test('signed trailers must have the right signature', async (t) => {
  const text = trailerBody.toString();
  await refused(t, trailing, text.replace(/x-amz-trailer-signature.*\r\n/, ''), 'MalformedTrailerError');
  await refused(t, trailing, text.replace('signature:d8', 'signature:d9'), 'SignatureDoesNotMatch');
  await refused(t, trailing, text.replace('sOO8', 'sOO9'), 'SignatureDoesNotMatch');
  await refused(t, trailing, text.replace('signature:d8', 'signature:d'), 'SignatureDoesNotMatch');
});

test('only the last signed chunk may be small', async (t) => {
  const { signing } = trailing;
  if (!signing) return t.fail();
  const build = (sizes: readonly number[]) => {
    let [previous, body] = [signing.seed, ''];
    for (const size of [...sizes, 0]) {
      const data = 'b'.repeat(size);
      previous = chunkSignature(signing, previous, hash('sha256', data));
      body += size === 0 ? `0;chunk-signature=${previous}\r\n` : chunk(data, previous);
    }
    const line = 'x-amz-checksum-crc32c:AA==';
    const signature = trailerSignature(signing, previous, hash('sha256', `${line}\n`));
    return Buffer.from(`${body}${line}\r\nx-amz-trailer-signature:${signature}\r\n\r\n`);
  };
  const by = (decodedBytes: number) =>
    withPayload({ kind: 'chunked', signed: true, decodedBytes, trailers: ['x-amz-checksum-crc32c'] });
  t.is(String((await take(by(8_292), [build([8_192, 100])])).outcome), 'b'.repeat(8_292));
  const { outcome } = await take(by(8_291), [build([8_191, 100])]);
  const refusal = refusalOf(outcome);
  t.is(refusal?.code, 'InvalidChunkSizeError');
  t.is(refusal?.details.BadChunkSize, '8191');
});

test('a payload signed as a whole must have its digest', async (t) => {
  const bytes = Buffer.from('Welcome to Amazon S3.');
  const by = withPayload({ kind: 'signed', sha256: hash('sha256', bytes) });
  for (const cuts of [[], [3], [1, 2, 10]]) {
    t.deepEqual((await take(by, cutAt(bytes, cuts))).outcome, bytes);
    const { outcome } = await take(by, cutAt(Buffer.from('Welcome to Amazon S4.'), cuts));
    const refusal = refusalOf(outcome);
    t.is(refusal?.code, 'XAmzContentSHA256Mismatch');
    t.is(refusal?.details.ClientComputedContentSHA256, hash('sha256', bytes));
    t.is(refusal?.details.S3ComputedContentSHA256, hash('sha256', 'Welcome to Amazon S4.'));
  }
  t.is(String((await take(withPayload({ kind: 'signed', sha256: hash('sha256', '') }), [])).outcome), '');
});

test('a digest made by the writer is compared afterwards', (t) => {
  const by = withPayload({ kind: 'signed', sha256: hash('sha256', 'x') });
  t.notThrows(() => checkWrittenSha256(by, hash('sha256', 'x', 'buffer')));
  for (const digest of [hash('sha256', 'y', 'buffer'), undefined]) {
    const error = t.throws(() => checkWrittenSha256(by, digest), { instanceOf: BodyRefused });
    t.is(refusalOf(error)?.code, 'XAmzContentSHA256Mismatch');
  }
  t.notThrows(() => checkWrittenSha256(withPayload({ kind: 'unsigned' }), undefined));
  const sink = new RecordingSink();
  payloadSource(new PiecesSource([Buffer.from('y')]), by, { ...LIMIT, sha256: 'by-writer' }).start(sink);
  t.is(String(sink.bytes), 'y');
});

test('the size of the object is limited, not that of its framing', (t) => {
  const code = (run: () => void) => refusalOf(t.throws(run))?.code;
  const body = new PiecesSource([trailerBody]);
  t.is(
    code(() => payloadSource(body, trailing, { maxBytes: 66_559 })),
    'EntityTooLarge',
  );
  t.notThrows(() => payloadSource(body, trailing, { maxBytes: 66_560 }));
  const plain = withPayload({ kind: 'unsigned' });
  t.is(
    code(() => payloadSource(body, plain, { maxBytes: 66_560 })),
    'EntityTooLarge',
  );
  const endless = { ...body, sizeBytes: undefined } as unknown as PiecesSource;
  t.is(
    code(() => payloadSource(endless, plain, LIMIT)),
    'NotImplemented',
  );
});

test('Content-MD5 is sixteen bytes in base64', (t) => {
  t.is(contentMd5({}), undefined);
  const given = hash('md5', 'x', 'base64');
  t.is(contentMd5({ 'content-md5': given })?.toString('base64'), given);
  for (const bad of ['', 'x', given.slice(1), `${given}=`, given.replace(/.==$/, '*==')]) {
    t.is(refusalOf(t.throws(() => contentMd5({ 'content-md5': bad })))?.code, 'InvalidDigest');
  }
});
