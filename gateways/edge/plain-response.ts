// Owns the answer on a plain connection: its head, and a body of known length or in chunks. Guarantee: no
// value can end a header line. Budget of a small answer: one string, one write to the socket.

import { EventEmitter } from 'node:events';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { assert } from '#core/kernel/assert.ts';
import { limits } from '#core/kernel/limits.ts';
import type { HttpResponse } from './http-messages.ts';

/** What a name or a value of a header may hold: RFC 9110, section 5.5, in one byte a character. */
const FIELD = /^[\t\x20-\x7e\x80-\xff]*$/;
/** Statuses that no standard has, and clients know. */
const REASONS: typeof STATUS_CODES = { ...STATUS_CODES, 497: 'Blacklisted', 498: 'Rate Limited' };
const IDLE_S = Math.floor(limits.httpIdleTimeoutMs / 1_000);
const KEEP_ALIVE = `Connection: keep-alive\r\nKeep-Alive: timeout=${IDLE_S}\r\n\r\n`;
const CLOSE = 'Connection: close\r\n\r\n';
const CONTENT_LENGTH = 'content-length';

export class PlainResponse extends EventEmitter implements HttpResponse {
  statusCode = 200;
  headersSent = false;
  writableEnded = false;
  writableFinished = false;
  destroyed = false;
  shouldKeepAlive = true;
  readonly #socket: Socket;
  readonly #isHead: boolean;
  readonly #over: () => void;
  /** Given, but not on the socket yet: it goes with the first bytes of the body. */
  #head = '';
  #chunked = false;
  #bodiless = false;

  /** @param over told when the whole answer is with the operating system */
  constructor(socket: Socket, method: string, over: () => void) {
    super();
    this.#socket = socket;
    this.#isHead = method === 'HEAD';
    this.#over = over;
  }

  writeHead(status: number, headers: readonly string[] = []): this {
    assert(!this.headersSent, 'an answer has one head');
    let head = `HTTP/1.1 ${status} ${REASONS[status] ?? ''}\r\n`;
    let sized = false;
    for (let i = 0; i + 1 < headers.length; i += 2) {
      const name = headers[i] as string;
      const value = headers[i + 1] as string;
      if (!FIELD.test(value) || !FIELD.test(name)) throw new TypeError(`a header cannot be ${name}`);
      if (name.length === CONTENT_LENGTH.length && name.toLowerCase() === CONTENT_LENGTH) sized = true;
      head += `${name}: ${value}\r\n`;
    }
    this.#bodiless = this.#isHead || status === 204 || status === 304;
    if (!sized && !this.#bodiless) {
      this.#chunked = true;
      head += 'Transfer-Encoding: chunked\r\n';
    }
    this.statusCode = status;
    this.headersSent = true;
    this.#head = head + (this.shouldKeepAlive ? KEEP_ALIVE : CLOSE);
    return this;
  }

  write(data: Uint8Array | string, written?: (error?: Error | null) => void): boolean {
    assert(!this.writableEnded, 'nothing follows the end of an answer');
    if (!this.headersSent) this.writeHead(this.statusCode);
    const socket = this.#socket;
    socket.cork();
    this.#sendHead();
    if (this.#bodiless || data.length === 0) socket.write('', written);
    else if (!this.#chunked) socket.write(data, written);
    else {
      socket.write(`${Buffer.byteLength(data).toString(16)}\r\n`, 'latin1');
      socket.write(data);
      socket.write('\r\n', 'latin1', written);
    }
    socket.uncork();
    return !socket.writableNeedDrain;
  }

  end(data: string | Uint8Array = '', encoding: 'latin1' | 'utf8' = 'utf8'): this {
    if (this.writableEnded) return this;
    if (!this.headersSent) {
      const sizeBytes = typeof data === 'string' ? Buffer.byteLength(data, encoding) : data.length;
      this.writeHead(this.statusCode, ['Content-Length', String(sizeBytes)]);
    }
    if (this.#chunked && data.length > 0) {
      this.write(typeof data === 'string' ? Buffer.from(data, encoding) : data);
    }
    this.writableEnded = true;
    const body = this.#bodiless || this.#chunked ? '' : data;
    const last = this.#chunked ? '0\r\n\r\n' : '';
    const socket = this.#socket;
    if (body === '') {
      socket.write(this.#head + last, 'latin1', this.#sent);
    } else if (typeof body === 'string' && encoding === 'latin1') {
      socket.write(this.#head + body, 'latin1', this.#sent);
    } else {
      socket.cork();
      this.#sendHead();
      socket.write(body, encoding, this.#sent);
      socket.uncork();
    }
    this.#head = '';
    return this;
  }

  writeContinue(sent?: () => void): void {
    this.#socket.write('HTTP/1.1 100 Continue\r\n\r\n', 'latin1', sent);
  }

  destroy(): this {
    this.#socket.destroy();
    return this;
  }

  /** Of the connection: it is gone. */
  lost(): void {
    if (this.destroyed || this.writableFinished) return;
    this.destroyed = true;
    this.emit('close');
  }

  #sendHead(): void {
    if (this.#head === '') return;
    this.#socket.write(this.#head, 'latin1');
    this.#head = '';
  }

  readonly #sent = (error?: Error | null): void => {
    if (error || this.destroyed) return;
    this.writableFinished = true;
    this.emit('finish');
    this.emit('close');
    this.#over();
  };
}
