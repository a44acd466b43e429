// Owns what happens to a body that nobody took when the answer is out: it is read and dropped up to a
// limit, so that a client that sends everything before it reads still gets its answer; then the connection
// is cut. Guarantee: an unwanted body costs neither memory, nor more than the limit in bytes, nor a
// connection for longer than the watch.

import { limits } from '#core/kernel/limits.ts';
import type { BodyWatch, WatchedBody } from './body-watch.ts';
import type { HttpRequest, HttpResponse } from './http-messages.ts';
import { announcedBytes, expectsContinue } from './request-body.ts';

/** To be called before the request is handled. */
export function drainAfterAnswer(request: HttpRequest, response: HttpResponse, watch: BodyWatch): void {
  if (announcedBytes(request) === 0) return;
  if (expectsContinue(request)) closeUnlessContinued(response);
  // Before node's own listener, which would read on without a limit.
  response.prependOnceListener('finish', () => {
    if (!request.readableEnded && !request.destroyed) new Drain(request, watch).start();
  });
}

/**
 * A client that was not told to continue may send its body or a new request: only a new connection is
 * unambiguous.
 */
function closeUnlessContinued(response: HttpResponse): void {
  const { shouldKeepAlive } = response;
  const writeContinue = response.writeContinue;
  response.shouldKeepAlive = false;
  response.writeContinue = (callback) => {
    response.shouldKeepAlive = shouldKeepAlive;
    response.writeContinue = writeContinue;
    response.writeContinue(callback);
  };
}

class Drain implements WatchedBody {
  moved = false;
  sinceMs = 0;
  readonly #request: HttpRequest;
  readonly #watch: BodyWatch;
  #left: number = limits.httpDrainBytes;

  constructor(request: HttpRequest, watch: BodyWatch) {
    this.#request = request;
    this.#watch = watch;
  }

  start(): void {
    const request = this.#request;
    const over = () => this.#watch.delete(this);
    request.on('data', this.#onData);
    // On a plain connection the end of a body closes nothing: what follows must not be cut off for it.
    request.on('end', over);
    request.on('close', over);
    request.on('error', over);
    // Marks the body as consumed by us.
    request.read?.(0);
    request.resume();
    this.#watch.add(this);
  }

  /** It never says that it moved: the time-out is for the whole of what is dropped. */
  idle(): void {
    this.#request.socket.destroy();
  }

  readonly #onData = (bytes: Buffer): void => {
    this.#left -= bytes.length;
    if (this.#left < 0) this.#request.socket.destroy();
  };
}
