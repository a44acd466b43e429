// Owns a connection as long as its requests are plain: one at a time, each answered before the next is
// looked at. Guarantee: the first bytes that are not a plain request's go to node:http, and everything
// after them; nothing is read twice or lost. node:http costs more than half of a small request, so the
// requests that make up the load do without it.

import type { Socket } from 'node:net';
import { limits } from '#core/kernel/limits.ts';
import { readInto } from '#core/kernel/read-into.ts';
import type { BodyWatch, WatchedBody } from './body-watch.ts';
import { plainHead } from './plain-head.ts';
import { PlainRequest } from './plain-request.ts';
import { PlainResponse } from './plain-response.ts';

export interface PlainConnectionOptions {
  /** Finds connections that have had no request for too long. */
  readonly idle: BodyWatch;
  serve(request: PlainRequest, response: PlainResponse): void;
  /** Serves the connection from now on; what it gets of the socket begins with `bytes`. */
  handOver(socket: Socket, bytes: Buffer): void;
}

/** Where every connection's bytes land that have no better place: whoever keeps some copies them. */
const LANDING = Buffer.allocUnsafeSlow(limits.httpReadBytes);

/** Undefined where the client is gone already. */
export function plainConnection(accepted: Socket, options: PlainConnectionOptions): Socket | undefined {
  return new PlainConnection(options).begin(accepted);
}

class PlainConnection implements WatchedBody {
  moved = false;
  sinceMs = 0;
  #socket!: Socket;
  readonly #options: PlainConnectionOptions;
  #request: PlainRequest | undefined;
  #response: PlainResponse | undefined;
  /** Of requests that the client sent before it had this one's answer. */
  #ahead: Buffer | undefined;
  #halfClosed = false;
  #handedOver = false;

  constructor(options: PlainConnectionOptions) {
    this.#options = options;
  }

  begin(accepted: Socket): Socket | undefined {
    const socket = readInto(accepted, { room: this.#room, landed: this.#landed });
    if (socket === undefined) return undefined;
    this.#socket = socket;
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
    socket.resume();
    this.#options.idle.add(this);
    return socket;
  }

  /** Of the watch. */
  idle(): void {
    this.#socket.destroy();
  }

  readonly #room = (): Uint8Array => this.#request?.room() ?? LANDING;

  readonly #landed = (lengthBytes: number, room: Uint8Array): boolean => {
    const bytes = Buffer.from(room.buffer, room.byteOffset, lengthBytes);
    const request = this.#request;
    // As node would have read it by itself.
    if (this.#handedOver) return this.#socket.push(Buffer.from(bytes));
    if (!request) this.#begin(bytes);
    else this.#takeBody(request, bytes);
    return true;
  };

  #takeBody(request: PlainRequest, bytes: Buffer): void {
    const left = request.leftBytes;
    if (bytes.length <= left) {
      request.take(bytes);
      return;
    }
    this.#ahead = Buffer.concat(this.#ahead ? [this.#ahead, bytes] : [bytes.subarray(left)]);
    this.#socket.pause();
    if (left > 0) request.take(bytes.subarray(0, left));
  }

  #begin(bytes: Buffer): void {
    const head = plainHead(bytes);
    if (!head) {
      this.#handOver(bytes);
      return;
    }
    this.#options.idle.delete(this);
    const request = new PlainRequest(head, this.#socket, this.#over);
    const response = new PlainResponse(this.#socket, head.method, this.#over);
    this.#request = request;
    this.#response = response;
    if (bytes.length > head.length) this.#takeBody(request, bytes.subarray(head.length));
    this.#options.serve(request, response);
  }

  /** A side of the exchange is over; the next begins when both are. */
  readonly #over = (): void => {
    const request = this.#request;
    const response = this.#response;
    if (!request || !response?.writableFinished) return;
    if (!response.shouldKeepAlive || this.#halfClosed) {
      this.#forget();
      this.#socket.destroySoon();
      return;
    }
    if (!request.bodyIsTaken) return;
    this.#forget();
    const ahead = this.#ahead;
    if (!ahead) {
      this.#options.idle.add(this);
      this.#socket.resume();
      return;
    }
    this.#ahead = undefined;
    this.#begin(ahead);
    this.#socket.resume();
  };

  #forget(): void {
    this.#request = undefined;
    this.#response = undefined;
  }

  #handOver(bytes: Buffer): void {
    const socket = this.#socket;
    this.#handedOver = true;
    this.#options.idle.delete(this);
    socket.off('end', this.#onEnd);
    socket.off('error', this.#onError);
    socket.off('close', this.#onClose);
    this.#options.handOver(socket, Buffer.from(bytes));
  }

  /** The client sends no more; it may still wait for an answer. */
  readonly #onEnd = (): void => {
    this.#halfClosed = true;
    if (!this.#request) this.#socket.end();
    else if (this.#request.leftBytes > 0) this.#socket.destroy();
  };

  /** The close that follows tells everybody. */
  readonly #onError = (): void => {};

  readonly #onClose = (): void => {
    this.#options.idle.delete(this);
    // First the answer, so that whoever hears of the lost body does not try to give one.
    this.#response?.lost();
    this.#request?.lost();
    this.#forget();
  };
}
