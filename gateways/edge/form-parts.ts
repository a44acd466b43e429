// Owns the reading of forms (RFC 7578): one part after the other, as they come. Guarantee: never holds more
// than one piece of the body, the head of a part and a boundary; a head that is too long, or cut, is refused.
//
// Weighed and left: @fastify/busboy. It cuts a head that is too long, skips a part whose head it cannot read,
// and hands out neither Content-Encoding of a file nor what its Content-Type says behind the semicolon.

import { limits } from '#core/kernel/limits.ts';
import type { PulledBody } from './pulled-body.ts';

export interface FormPart {
  /** By name in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** What `Content-Disposition: form-data` says: `name`, `filename`. */
  readonly disposition: ReadonlyMap<string, string>;
  /** What is not taken of it is skipped when the next part is asked for. */
  readonly body: AsyncIterable<Buffer>;
}

const BOUNDARY_CHARACTERS = 200;
const LINE_END = Buffer.from('\r\n');
const HEAD_END = Buffer.from('\r\n\r\n');

/** Undefined where the type is not that of a form. */
export function boundaryOf(contentType: string | undefined): string | undefined {
  if (contentType === undefined || !/^multipart\/form-data\s*;/i.test(contentType)) return undefined;
  const boundary = parametersOf(contentType).get('boundary');
  return boundary && boundary.length <= BOUNDARY_CHARACTERS ? boundary : undefined;
}

function parametersOf(value: string): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const [, name = '', quoted, bare = ''] of value.matchAll(/;\s*([\w*-]+)=(?:"([^"]*)"|([^;\s"]*))/g)) {
    parameters.set(name.toLowerCase(), quoted ?? bare);
  }
  return parameters;
}

export class FormParts {
  readonly #body: PulledBody;
  readonly #delimiter: Buffer;
  readonly #invalid: (what: string) => Error;
  /** Begins with a line's end, so that the first boundary looks like all others. */
  #held: Buffer = LINE_END;

  /** @param invalid the error to throw where the body is no form */
  constructor(body: PulledBody, boundary: string, invalid: (what: string) => Error) {
    this.#body = body;
    this.#invalid = invalid;
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<FormPart> {
    await this.#first();
    while (!(await this.#isLast())) {
      const head = await this.#upTo(HEAD_END);
      const headers = headersOf(head.toString());
      const form = headers.get('content-disposition') ?? '';
      const isForms = /^form-data\s*(;|$)/i.test(form);
      const body = this.#content();
      yield { headers, disposition: isForms ? parametersOf(form) : new Map(), body };
      for await (const _ of body);
    }
  }

  async #first(): Promise<void> {
    const { length } = this.#delimiter;
    while (await this.#has(length)) {
      if (this.#held.subarray(0, length).equals(this.#delimiter)) {
        this.#drop(length);
        return;
      }
      if (!this.#held.subarray(0, HEAD_END.length).equals(HEAD_END)) break;
      this.#drop(LINE_END.length);
    }
    throw this.#invalid('invalid starting boundary');
  }

  /** Behind a boundary. */
  async #isLast(): Promise<boolean> {
    if (!(await this.#has(2))) throw this.#invalid(ENDS_EARLY);
    if (this.#held.subarray(0, 2).toString('latin1') === '--') return true;
    const rest = await this.#upTo(LINE_END, true);
    if (rest.toString('latin1').trim() !== '') throw this.#invalid('invalid boundary');
    return false;
  }

  /** The bytes up to the boundary, which is taken too. */
  async *#content(): AsyncGenerator<Buffer> {
    const { length } = this.#delimiter;
    for (;;) {
      const at = this.#held.indexOf(this.#delimiter);
      if (at >= 0) {
        const last = this.#held.subarray(0, at);
        this.#drop(at + length);
        if (last.length > 0) yield last;
        return;
      }
      // What may be the beginning of a boundary waits.
      const sure = this.#held.length - length + 1;
      if (sure > 0) {
        const piece = this.#held.subarray(0, sure);
        this.#drop(sure);
        yield piece;
      }
      if (!(await this.#more())) throw this.#invalid(ENDS_EARLY);
    }
  }

  /** @param keepsEnd whether what follows begins with the end */
  async #upTo(end: Buffer, keepsEnd = false): Promise<Buffer> {
    let from = 0;
    for (;;) {
      const at = this.#held.indexOf(end, from);
      const length = at < 0 ? this.#held.length : at;
      if (length > limits.formHeadBytes) throw this.#invalid('headers too long');
      if (at >= 0) {
        const found = this.#held.subarray(0, at);
        this.#drop(keepsEnd ? at : at + end.length);
        return found;
      }
      from = Math.max(0, this.#held.length - end.length);
      if (!(await this.#more())) throw this.#invalid(ENDS_EARLY);
    }
  }

  async #has(length: number): Promise<boolean> {
    while (this.#held.length < length) if (!(await this.#more())) return false;
    return true;
  }

  async #more(): Promise<boolean> {
    const piece = await this.#body.next();
    if (!piece) return false;
    this.#held = this.#held.length === 0 ? piece : Buffer.concat([this.#held, piece]);
    return true;
  }

  #drop(length: number): void {
    this.#held = this.#held.subarray(length);
  }
}

const ENDS_EARLY = 'the form ends early';

function headersOf(head: string): Map<string, string> {
  const headers = new Map<string, string>();
  for (const line of head.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  return headers;
}
