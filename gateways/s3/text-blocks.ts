// Owns long documents on their way to the socket: text goes into blocks of bytes that are used again, so that
// a listing neither joins its text to one long string nor leaves garbage outside the heap. Guarantee: a block
// is used again only when the socket is done with it.

import { limits } from '#core/kernel/limits.ts';
import type { Answering } from './reply.ts';

const encoder = new TextEncoder();
const spare: Buffer[] = [];

function takeBlock(): Buffer {
  return spare.pop() ?? Buffer.allocUnsafeSlow(limits.s3TextBlockBytes);
}

function giveBack(block: Buffer): void {
  if (spare.length < limits.s3SpareTextBlocks) spare.push(block);
}

export class TextBlocks {
  readonly #full: { readonly block: Buffer; readonly sizeBytes: number }[] = [];
  #fullBytes = 0;
  #block = takeBlock();
  #used = 0;

  /** Of all that was added, in UTF-8. */
  get sizeBytes(): number {
    return this.#fullBytes + this.#used;
  }

  add(text: string): void {
    for (let rest = text; ; ) {
      const { read, written } = encoder.encodeInto(rest, this.#block.subarray(this.#used));
      this.#used += written;
      if (read === rest.length) return;
      this.#setAside();
      this.#block = takeBlock();
      this.#used = 0;
      rest = rest.slice(read);
    }
  }

  /** Once, after the last text. */
  writeTo(response: Pick<Answering['response'], 'write'>): void {
    this.#setAside();
    for (const { block, sizeBytes } of this.#full) {
      response.write(block.subarray(0, sizeBytes), () => giveBack(block));
    }
  }

  #setAside(): void {
    this.#full.push({ block: this.#block, sizeBytes: this.#used });
    this.#fullBytes += this.#used;
    this.#used = 0;
  }
}
