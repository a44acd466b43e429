// Owns the reading of tar archives (POSIX.1-2017, pax, "ustar Interchange Format"; long names as GNU tar
// writes them too): one entry after the other, as they come. Guarantee: never holds more than a piece of the
// body and one header.

import { isUtf8 } from 'node:buffer';
import { limits } from '#core/kernel/limits.ts';

/** What no archive has. */
export class TarFailure extends Error {
  override readonly name = 'TarFailure';
}

export interface TarEntry {
  /** Undefined where it is no UTF-8. */
  readonly name: string | undefined;
  /** Not a folder, a link, or anything else that has no bytes. */
  readonly isFile: boolean;
  readonly sizeBytes: number;
  /** What is not taken of it is skipped when the next entry is asked for. */
  readonly body: AsyncIterable<Buffer>;
}

const BLOCK_BYTES = 512;
const CHECKSUM = [148, 156] as const;
const SPACE = 0x20;
const FILES = ['0', '\0', '7'];
/** Links, devices and folders have no content, whatever size they say. */
const BARE = ['1', '2', '3', '4', '5', '6'];
const GLOBAL = 'g';
const EXTENDED = 'x';
const LONG_NAME = 'L';
const LONG_LINK = 'K';

interface Header {
  readonly name: Buffer;
  readonly sizeBytes: number;
  readonly type: string;
}

/** What stands before an entry and is said of it. */
interface Said {
  name?: Buffer;
  sizeBytes?: number;
}

export class TarEntries {
  readonly #pieces: AsyncIterator<Buffer>;
  #held: Buffer = Buffer.alloc(0);
  /** Of the entry's content and what fills its last block. */
  #left = 0;

  constructor(pieces: AsyncIterable<Buffer>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** @throws TarFailure */
  async *[Symbol.asyncIterator](): AsyncGenerator<TarEntry> {
    try {
      yield* this.#entries();
    } finally {
      // Not waited for: what it waits for may never come.
      this.#pieces.return?.().catch(() => undefined);
    }
  }

  async *#entries(): AsyncGenerator<TarEntry> {
    let said: Said = {};
    for (;;) {
      const header = await this.#header();
      if (!header) return;
      const { type } = header;
      if ([GLOBAL, EXTENDED, LONG_NAME, LONG_LINK].includes(type)) {
        const content = await this.#extension(header.sizeBytes);
        if (type === EXTENDED) said = { ...said, ...recordsOf(content) };
        if (type === LONG_NAME) said.name = upToNull(content);
        continue;
      }
      const sizeBytes = BARE.includes(type) ? 0 : (said.sizeBytes ?? header.sizeBytes);
      const name = said.name ?? header.name;
      const isFile = FILES.includes(type) && name.at(-1) !== '/'.charCodeAt(0);
      said = {};
      this.#left = sizeBytes + fillOf(sizeBytes);
      const text = isUtf8(name) ? name.toString() : undefined;
      yield { name: text, isFile, sizeBytes, body: this.#content(sizeBytes) };
      while (this.#left > 0) await this.#piece(this.#left);
    }
  }

  async #header(): Promise<Header | undefined> {
    const block = await this.#block();
    if (!block || block.every((byte) => byte === 0)) return undefined;
    const [from, to] = CHECKSUM;
    let sum = (to - from) * SPACE;
    for (let at = 0; at < BLOCK_BYTES; at++) if (at < from || at >= to) sum += block[at] as number;
    if (sum !== octalIn(block, from, to)) throw new TarFailure('a header has a wrong checksum');
    const isUstar = block.toString('latin1', 257, 262) === 'ustar';
    const prefix = isUstar && block[262] === 0 ? upToNull(block.subarray(345, 500)) : Buffer.alloc(0);
    const short = upToNull(block.subarray(0, 100));
    const name = prefix.length === 0 ? short : Buffer.concat([prefix, Buffer.from('/'), short]);
    return {
      name: Buffer.from(name),
      sizeBytes: sizeIn(block),
      type: String.fromCharCode(block[156] as number),
    };
  }

  async #extension(sizeBytes: number): Promise<Buffer> {
    if (sizeBytes > limits.swiftArchiveHeadBytes) throw new TarFailure('a header is too long');
    this.#left = sizeBytes + fillOf(sizeBytes);
    const pieces: Buffer[] = [];
    for await (const piece of this.#content(sizeBytes)) pieces.push(Buffer.from(piece));
    while (this.#left > 0) await this.#piece(this.#left);
    return Buffer.concat(pieces);
  }

  async *#content(sizeBytes: number): AsyncGenerator<Buffer> {
    const fill = fillOf(sizeBytes);
    while (this.#left > fill) yield await this.#piece(this.#left - fill);
  }

  /** Some bytes, at most so many. */
  async #piece(most: number): Promise<Buffer> {
    if (this.#held.length === 0 && !(await this.#more())) throw new TarFailure('it ends early');
    const piece = this.#held.subarray(0, most);
    this.#held = this.#held.subarray(piece.length);
    this.#left -= piece.length;
    return piece;
  }

  /** Undefined at the end. */
  async #block(): Promise<Buffer | undefined> {
    while (this.#held.length < BLOCK_BYTES) {
      const isEnd = this.#held.length === 0;
      if (!(await this.#more())) {
        if (isEnd) return undefined;
        throw new TarFailure('it ends early');
      }
    }
    const block = this.#held.subarray(0, BLOCK_BYTES);
    this.#held = this.#held.subarray(BLOCK_BYTES);
    return block;
  }

  async #more(): Promise<boolean> {
    const { value, done } = await this.#pieces.next();
    if (done) return false;
    this.#held = this.#held.length === 0 ? value : Buffer.concat([this.#held, value]);
    return true;
  }
}

const fillOf = (sizeBytes: number): number => (BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES;

function upToNull(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}

function octalIn(block: Buffer, from: number, to: number): number {
  const text = upToNull(block.subarray(from, to)).toString('latin1').trim();
  if (!/^[0-7]*$/.test(text)) throw new TarFailure('a header has no number where one belongs');
  return text === '' ? 0 : Number.parseInt(text, 8);
}

const BINARY = 0x80;

function sizeIn(block: Buffer): number {
  const first = block[124] as number;
  if ((first & BINARY) === 0) return octalIn(block, 124, 136);
  const sizeBytes = block.readBigUInt64BE(128);
  const isSane = first === BINARY && block.readUIntBE(125, 3) === 0;
  if (!isSane || sizeBytes > Number.MAX_SAFE_INTEGER) throw new TarFailure('a size is out of bounds');
  return Number(sizeBytes);
}

/** `<length> <name>=<value>\n`, each length that of the whole record. */
function recordsOf(content: Buffer): Said {
  const said: Said = {};
  for (let at = 0; at < content.length; ) {
    const space = content.indexOf(SPACE, at);
    const length = space < 0 ? Number.NaN : Number(content.toString('latin1', at, space));
    const end = at + length;
    if (!Number.isInteger(length) || length <= space - at + 1 || end > content.length) {
      throw new TarFailure('an extended header is malformed');
    }
    const record = content.subarray(space + 1, end - 1);
    const equals = record.indexOf('=');
    const name = record.toString('latin1', 0, Math.max(0, equals));
    const value = record.subarray(equals + 1);
    if (name === 'path') said.name = Buffer.from(value);
    if (name === 'size') {
      const text = value.toString('latin1');
      if (!/^\d{1,15}$/.test(text)) throw new TarFailure('a size is out of bounds');
      said.sizeBytes = Number(text);
    }
    at = end;
  }
  return said;
}
