// Tests the reading of archives piece by piece: names of every kind, bodies taken or left, and that what has
// no end, ends early, or fails on its way is told as what it is.

import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import fc from 'fast-check';
import { pack } from 'tar-stream';
import { KIB, limits } from '#core/kernel/limits.ts';
import { TarFailure, tarEntries } from './tar-entries.ts';

const PIECE_BYTES = 7_000;
const BLOCK_BYTES = 512;

async function archiveOf(contents: Readonly<Record<string, Buffer>>): Promise<Buffer> {
  const packed = pack();
  for (const [name, content] of Object.entries(contents)) packed.entry({ name }, content);
  packed.finalize();
  const pieces: Buffer[] = [];
  for await (const piece of packed) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

async function* inPieces(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
}

/** A header of that type, with a name of these bytes. */
function headerOf(type: string, name: Buffer, sizeBytes: number): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  name.copy(block, 0, 0, 100);
  block.write(`${sizeBytes.toString(8).padStart(11, '0')}\0`, 124);
  block.write(' '.repeat(8), 148);
  block.write(type, 156);
  block.write('ustar\0', 257);
  block.write('00', 263);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

async function namesIn(pieces: AsyncIterable<Buffer>): Promise<(string | undefined)[]> {
  const names: (string | undefined)[] = [];
  for await (const { name } of tarEntries(pieces)) names.push(name);
  return names;
}

test('bodies are taken whole, or left', async (t) => {
  const contents = { a: Buffer.alloc(100 * KIB, 'a'), b: Buffer.alloc(0), größe: Buffer.from('c') };
  const archive = await archiveOf(contents);
  t.deepEqual(await namesIn(inPieces(archive)), Object.keys(contents));
  const read: Record<string, Buffer> = {};
  for await (const { name = '', body, isFile } of tarEntries(inPieces(archive))) {
    t.true(isFile);
    const pieces: Buffer[] = [];
    for await (const piece of body) pieces.push(piece);
    read[name] = Buffer.concat(pieces);
  }
  t.deepEqual(read, contents);
});

test('no more is brought than is taken', async (t) => {
  const sizeBytes = 20_000 * KIB;
  const [piece, head] = [Buffer.alloc(64 * KIB), headerOf('0', Buffer.from('a'), sizeBytes)];
  let [given, taken, mostAhead] = [0, 0, 0];
  const pieces = async function* () {
    yield head;
    for (; given < sizeBytes; given += piece.length) yield piece.subarray(0, sizeBytes - given);
  };
  for await (const { body } of tarEntries(pieces())) {
    for await (const { length } of body) {
      taken += length;
      mostAhead = Math.max(mostAhead, given - taken);
      await setImmediate();
    }
  }
  t.is(taken, sizeBytes);
  t.true(mostAhead <= 4 * piece.length, `${mostAhead} bytes`);
});

test('a name that is no UTF-8 is no name, however it is written', async (t) => {
  const bad = Buffer.from([0x61, 0xff, 0x62]);
  const extended = Buffer.alloc(BLOCK_BYTES);
  Buffer.concat([Buffer.from('12 path='), bad, Buffer.from('\n')]).copy(extended);
  const pieces = [
    headerOf('0', bad, 0),
    headerOf('x', Buffer.from('pax'), 12),
    extended,
    headerOf('0', Buffer.from('short'), 0),
    headerOf('0', Buffer.from('good'), 0),
  ];
  t.deepEqual(await namesIn(inPieces(Buffer.concat(pieces))), [undefined, undefined, 'good']);
});

test('whatever headers say, the reading comes to an end', async (t) => {
  const sizes = [0, 5, 600, 8 ** 11 - 1];
  const entry = fc.record({
    type: fc.constantFrom(...'0025xgLK7S'),
    sizeBytes: fc.constantFrom(...sizes),
    content: fc.constantFrom('', 'hello', '30 path=../x\n', '-5 a=b\n', '12 size=-10\n', '13 size=1e999\n'),
  });
  const property = fc.asyncProperty(fc.array(entry), fc.boolean(), async (entries, isFilled) => {
    const blocks = entries.flatMap(({ type, sizeBytes, content }) => {
      const fill = isFilled ? (BLOCK_BYTES - (content.length % BLOCK_BYTES)) % BLOCK_BYTES : 0;
      return [headerOf(type, Buffer.from('a'), sizeBytes), Buffer.from(content), Buffer.alloc(fill)];
    });
    try {
      await namesIn(inPieces(Buffer.concat(blocks)));
    } catch (error) {
      t.true(error instanceof TarFailure);
    }
  });
  await fc.assert(property, { numRuns: 200 });
  t.deepEqual(await namesIn(inPieces(headerOf('5', Buffer.from('folder'), 5))), ['folder']);
});

test('headers without end are refused once they are too long', async (t) => {
  let given = 0;
  const endless = async function* () {
    const content = Buffer.alloc(4 * BLOCK_BYTES, '9');
    const one = Buffer.concat([headerOf('x', Buffer.from('pax'), content.length), content]);
    for (; ; given += one.length) yield one;
  };
  const failure = await t.throwsAsync(namesIn(endless()), { instanceOf: TarFailure });
  t.is(failure.message, 'a header is too long');
  t.true(given <= limits.swiftArchiveHeadBytes + 64 * KIB);
});

test('an archive that ends early is no archive; what failed on its way is told as it failed', async (t) => {
  const archive = await archiveOf({ a: Buffer.alloc(50_000, 'a') });
  for (const length of [100, 700, 30_000, 50_500]) {
    await t.throwsAsync(namesIn(inPieces(archive.subarray(0, length))), { instanceOf: TarFailure });
  }
  const failing = async function* () {
    yield archive.subarray(0, 20_000);
    throw new RangeError('the wire');
  };
  await t.throwsAsync(namesIn(failing()), { instanceOf: RangeError, message: 'the wire' });
});

test('who stops early ends what brings the archive', async (t) => {
  const archive = await archiveOf({ a: Buffer.alloc(50_000, 'a'), b: Buffer.alloc(10) });
  const ended = new Promise<void>((resolve) => {
    const pieces = async function* () {
      try {
        yield* inPieces(archive);
      } finally {
        resolve();
      }
    };
    const first = async () => {
      for await (const { name } of tarEntries(pieces())) return name;
      return undefined;
    };
    first().then((name) => t.is(name, 'a'));
  });
  await ended;
  t.pass();
});
