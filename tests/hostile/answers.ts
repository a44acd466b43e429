// Owns the reading of answers on a raw connection, strictly: an answer that is framed wrongly is itself a
// finding.

export interface Answer {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  /** One character per byte. */
  readonly body: string;
}

const STATUS_LINE = /^HTTP\/1\.1 (\d{3}) [ -~]*$/;

/** Fed with what comes; hands out answers as they are whole. */
export class AnswerReader {
  readonly answers: Answer[] = [];
  /** What is wrong with what came. */
  broken: string | undefined;
  #bytes: Buffer = Buffer.alloc(0);
  readonly #methodOf: (index: number) => string | undefined;

  /** @param methodOf of the request that the n-th answer is for; undefined where there is none */
  constructor(methodOf: (index: number) => string | undefined) {
    this.#methodOf = methodOf;
  }

  /** Bytes that are no whole answer yet. */
  get rest(): string {
    return this.#bytes.toString('latin1', 0, 1_000);
  }

  feed(bytes: Buffer): void {
    this.#bytes = this.#bytes.length > 0 ? Buffer.concat([this.#bytes, bytes]) : bytes;
    while (this.broken === undefined && this.#takeOne()) {}
  }

  #takeOne(): boolean {
    const end = this.#bytes.indexOf('\r\n\r\n');
    if (end < 0) return false;
    const lines = this.#bytes.toString('latin1', 0, end).split('\r\n');
    const status = Number(STATUS_LINE.exec(lines[0] as string)?.[1]);
    if (!(status >= 100)) return this.#break(`no status line: ${lines[0]}`);
    const headers = headersOf(lines.slice(1));
    if (!headers) return this.#break(`malformed headers: ${lines.join(' | ')}`);
    if (status === 100) {
      this.#bytes = this.#bytes.subarray(end + 4);
      return true;
    }
    const method = this.#methodOf(this.answers.length);
    const isBodiless = method === 'HEAD' || status === 204 || status === 304;
    const body = isBodiless ? { text: '', length: 0 } : this.#bodyAt(end + 4, headers);
    if (!body) return false;
    this.answers.push({ status, headers, body: body.text });
    this.#bytes = this.#bytes.subarray(end + 4 + body.length);
    return this.#bytes.length > 0;
  }

  #bodyAt(start: number, headers: ReadonlyMap<string, string>): { text: string; length: number } | undefined {
    if (headers.get('transfer-encoding') === 'chunked') return this.#chunkedAt(start);
    const length = Number(headers.get('content-length') ?? 'none');
    if (Number.isNaN(length)) {
      this.#break('an answer without a length');
      return undefined;
    }
    if (this.#bytes.length < start + length) return undefined;
    return { text: this.#bytes.toString('latin1', start, start + length), length };
  }

  #chunkedAt(start: number): { text: string; length: number } | undefined {
    let text = '';
    for (let at = start; ; ) {
      const lineEnd = this.#bytes.indexOf('\r\n', at);
      if (lineEnd < 0) return undefined;
      const sizeBytes = Number.parseInt(this.#bytes.toString('latin1', at, lineEnd), 16);
      const dataEnd = lineEnd + 2 + sizeBytes;
      if (this.#bytes.length < dataEnd + 2) return undefined;
      text += this.#bytes.toString('latin1', lineEnd + 2, dataEnd);
      at = dataEnd + 2;
      if (sizeBytes === 0) return { text, length: at - start };
    }
  }

  #break(why: string): boolean {
    this.broken = why;
    return false;
  }
}

function headersOf(lines: readonly string[]): ReadonlyMap<string, string> | undefined {
  const headers = new Map<string, string>();
  for (const line of lines) {
    const found = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\t\x20-\x7e\x80-\xff]*)$/.exec(line);
    if (!found) return undefined;
    headers.set((found[1] as string).toLowerCase(), found[2] as string);
  }
  return headers;
}
