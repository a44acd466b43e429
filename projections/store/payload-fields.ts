// Owns the reading of single fields out of an event's payload without decoding the rest (protobuf wire
// format, https://protobuf.dev/programming-guides/encoding/). Field numbers come from the lifecycle tables.

import { assert } from '#core/kernel/assert.ts';
import { asBuffer } from './row-value.ts';

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

/** Remembers a field's text, so that rows that say the same share one and it is decoded once. */
export class LastText {
  #bytes = Buffer.alloc(0);
  #text = '';

  of(bytes: Buffer, start: number, end: number): string {
    const last = this.#bytes;
    if (end - start === last.length) {
      let at = 0;
      while (at < last.length && bytes[start + at] === last[at]) at++;
      if (at === last.length) return this.#text;
    }
    this.#bytes = Buffer.from(bytes.subarray(start, end));
    this.#text = bytes.toString('utf8', start, end);
    return this.#text;
  }
}

/** Goes from field to field: `while (fields.next()) switch (fields.number) …`. */
export class PayloadFields {
  /** The field's number. */
  number = 0;
  /** Of a varint: its value, whole up to 2^53. */
  uint = 0;
  /** Of text, bytes or a record: where it lies. */
  start = 0;
  end = 0;
  readonly #bytes: Buffer;
  readonly #limit: number;
  #at: number;

  constructor(bytes: Uint8Array, from: number, to = bytes.length) {
    this.#bytes = asBuffer(bytes);
    this.#at = from;
    this.#limit = to;
  }

  next(): boolean {
    if (this.#at >= this.#limit) return false;
    const tag = this.#varint();
    this.number = tag >>> 3;
    const wireType = tag & 7;
    if (wireType === VARINT) this.uint = this.#varint();
    else if (wireType === LENGTH_DELIMITED) this.#span(this.#varint());
    else if (wireType === FIXED64) this.#span(8);
    else if (wireType === FIXED32) this.#span(4);
    else assert(false, 'a payload has only wire types that a lifecycle table can write');
    if (this.#at > this.#limit) assert(false, 'a payload field ends inside its payload');
    return true;
  }

  /** The current field as text. */
  text(): string {
    return this.#bytes.toString('utf8', this.start, this.end);
  }

  /** As `text`, of a field that mostly says the same from row to row. */
  textAs(last: LastText): string {
    return last.of(this.#bytes, this.start, this.end);
  }

  /** The current field's own fields. */
  record(): PayloadFields {
    return new PayloadFields(this.#bytes, this.start, this.end);
  }

  #span(length: number): void {
    this.start = this.#at;
    this.#at += length;
    this.end = this.#at;
  }

  #varint(): number {
    let byte = this.#bytes[this.#at++] as number;
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    let scale = 0x80;
    do {
      byte = this.#bytes[this.#at++] as number;
      // Multiplied, not shifted: sizes go beyond 32 bits.
      value += (byte & 0x7f) * scale;
      scale *= 0x80;
    } while (byte >= 0x80);
    return value;
  }
}

/** The text of a field; empty where it is absent, as the wire format has it. */
export function textField(bytes: Uint8Array, from: number, number: number): string {
  const fields = new PayloadFields(bytes, from);
  let found = '';
  while (fields.next()) if (fields.number === number) found = fields.text();
  return found;
}
