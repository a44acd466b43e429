// Owns how the fields of a frame are written and read: little-endian numbers, and bytes and texts with their
// length. Guarantees that reading never leaves the fields of its frame.
// Budget: no allocation but for bytes and texts that are kept.

import { assert } from '#core/kernel/assert.ts';
import { limits } from '#core/kernel/limits.ts';

/** What came is no frame of this protocol: the connection cannot go on. */
export class WireError extends Error {
  override readonly name = 'WireError';
}

/** Writes into a buffer that has room for the limit; whoever writes more has a bug. */
export class FieldWriter {
  readonly #limitBytes: number;
  #buffer: Buffer = Buffer.alloc(0);
  #start = 0;
  #at = 0;

  constructor(limitBytes: number = limits.wireFieldsBytes) {
    this.#limitBytes = limitBytes;
  }

  begin(buffer: Buffer, at: number): void {
    this.#buffer = buffer;
    this.#start = at;
    this.#at = at;
  }

  /** Where the next field would begin. */
  get end(): number {
    assert(this.#at - this.#start <= this.#limitBytes, 'fields have a limit');
    return this.#at;
  }

  uint8(value: number): void {
    this.#buffer[this.#at++] = value;
  }

  uint16(value: number): void {
    this.#at = this.#buffer.writeUInt16LE(value, this.#at);
  }

  uint32(value: number): void {
    this.#at = this.#buffer.writeUInt32LE(value, this.#at);
  }

  /** A time, or a number of bytes: any number that JavaScript has. */
  float64(value: number): void {
    this.#at = this.#buffer.writeDoubleLE(value, this.#at);
  }

  /** Without a length: both sides know it. */
  exactly(bytes: Uint8Array): void {
    this.#buffer.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  bytes(bytes: Uint8Array): void {
    this.uint16(bytes.length);
    this.exactly(bytes);
  }

  text(text: string): void {
    const lengthBytes = this.#buffer.write(text, this.#at + 2, 'utf8');
    this.#buffer.writeUInt16LE(lengthBytes, this.#at);
    this.#at += 2 + lengthBytes;
  }
}

/** Every method throws {@link WireError} where the fields end too early. */
export class FieldReader {
  #buffer: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;

  begin(buffer: Buffer, at: number, end: number): void {
    this.#buffer = buffer;
    this.#at = at;
    this.#end = end;
  }

  get atEnd(): boolean {
    return this.#at === this.#end;
  }

  uint8(): number {
    return this.#buffer[this.#next(1)] as number;
  }

  uint16(): number {
    return this.#buffer.readUInt16LE(this.#next(2));
  }

  uint32(): number {
    return this.#buffer.readUInt32LE(this.#next(4));
  }

  float64(): number {
    return this.#buffer.readDoubleLE(this.#next(8));
  }

  /** A whole number that is not negative, written as {@link float64}. */
  whole(): number {
    const value = this.float64();
    if (!Number.isSafeInteger(value) || value < 0) throw new WireError('a number that cannot be');
    return value;
  }

  /** A copy. */
  exactly(lengthBytes: number): Buffer {
    const at = this.#next(lengthBytes);
    const bytes = Buffer.allocUnsafe(lengthBytes);
    this.#buffer.copy(bytes, 0, at, at + lengthBytes);
    return bytes;
  }

  /** A copy. */
  bytes(): Buffer {
    return this.exactly(this.uint16());
  }

  text(): string {
    const lengthBytes = this.uint16();
    const at = this.#next(lengthBytes);
    return this.#buffer.toString('utf8', at, at + lengthBytes);
  }

  /** What is left unread is no part of the protocol. */
  finish(): void {
    if (this.#at !== this.#end) throw new WireError('a frame with more fields than its kind has');
  }

  #next(lengthBytes: number): number {
    const at = this.#at;
    if (at + lengthBytes > this.#end) throw new WireError('a frame with fewer fields than its kind has');
    this.#at = at + lengthBytes;
    return at;
  }
}
