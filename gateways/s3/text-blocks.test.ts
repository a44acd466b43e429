// Tests that text comes out of its blocks as it went in, and that no block is used again too early.

import test from 'ava';
import fc from 'fast-check';
import { limits } from '#core/kernel/limits.ts';
import { TextBlocks } from './text-blocks.ts';

/** Keeps what is written, without a copy, until it says that it is done with it. */
function slowSocket() {
  const kept: Uint8Array[] = [];
  const done: (() => void)[] = [];
  return {
    write(bytes: Uint8Array | string, written?: () => void): boolean {
      kept.push(bytes as Uint8Array);
      if (written) done.push(written);
      return false;
    },
    text: () => Buffer.concat(kept).toString(),
    finish: () => {
      for (const written of done) written();
    },
  };
}

test('texts come out joined, in UTF-8, wherever a block ends', (t) => {
  const unit = fc.constantFrom('a', 'é', '€', '\u{1f600}');
  const piece = fc.tuple(fc.string({ unit, minLength: 1, maxLength: 7 }), fc.nat(9_000));
  const property = fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
    const blocks = new TextBlocks();
    const texts = pieces.map(([text, times]) => text.repeat(times));
    for (const text of texts) blocks.add(text);
    const socket = slowSocket();
    t.is(blocks.sizeBytes, Buffer.byteLength(texts.join('')));
    blocks.writeTo(socket);
    t.is(socket.text(), texts.join(''));
    socket.finish();
  });
  fc.assert(property, { numRuns: 50 });
});

test('a document waits unharmed for a slow client while others are written', (t) => {
  const long = (letter: string) => letter.repeat(limits.s3TextBlockBytes * 2.5);
  const write = (letter: string) => {
    const blocks = new TextBlocks();
    blocks.add(long(letter));
    const socket = slowSocket();
    blocks.writeTo(socket);
    return socket;
  };
  const slow = write('a');
  const fast = write('b');
  fast.finish();
  write('c').finish();
  t.is(slow.text(), long('a'));
  slow.finish();
});
