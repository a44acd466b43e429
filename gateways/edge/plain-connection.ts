// Owns a connection as long as its requests are plain: one at a time, each answered before the next is
// looked at. Guarantee: the first bytes that are not a plain request's go to node:http, and everything
// after them; nothing is read twice or lost. node:http costs more than half of a small request, so the
// requests that make up the load do without it.

import type { Socket } from 'node:net';
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

export class PlainConnection implements WatchedBody {
  moved = false;
  sinceMs = 0;
  readonly #socket: Socket;
  readonly #options: PlainConnectionOptions;
  #request: PlainRequest | undefined;
  #response: PlainResponse | undefined;
  /** Of requests that the client sent before it had this one's answer. */
  #ahead: Buffer | undefined;
  #halfClosed = false;

  constructor(socket: Socket, options: PlainConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
    options.idle.add(this);
  }

  /** Of the watch. */
  idle(): void {
    this.#socket.destroy();
  }

  readonly #onData = (bytes: Buffer): void => {
    const request = this.#request;
    if (!request) this.#begin(bytes);
    else this.#takeBody(request, bytes);
  };

  #takeBody(request: PlainRequest, bytes: Buffer): void {
    const left = request.leftBytes;
    if (bytes.length <= left) {
      request.take(bytes);
      return;
    }
    this.#ahead = this.#ahead ? Buffer.concat([this.#ahead, bytes]) : bytes.subarray(left);
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
    this.#options.idle.delete(this);
    socket.off('data', this.#onData);
    socket.off('end', this.#onEnd);
    socket.off('error', this.#onError);
    socket.off('close', this.#onClose);
    this.#options.handOver(socket, bytes);
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
