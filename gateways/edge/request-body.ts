// Owns the body of an HTTP request as a source of bytes. Guarantee: the sink's end() means that every
// announced byte came; anything less is a failure. Budget per packet: no copy, no await, no allocation of
// ours.

import { assert } from '#core/kernel/assert.ts';
import type { ByteSink, ByteSource } from '#storage-nodes/stream/blob-stream.ts';
import type { BodyWatch, WatchedBody } from './body-watch.ts';
import type { HttpRequest, HttpResponse } from './http-messages.ts';

export type BodyFailureReason = 'incomplete' | 'too-large' | 'idle';

/** Why a body did not arrive whole. */
export class BodyFailure extends Error {
  override readonly name = 'BodyFailure';
  readonly reason: BodyFailureReason;
  /** What was announced, or had arrived, when it was too large. */
  readonly sizeBytes: number | undefined;
  readonly maxBytes: number;

  constructor(reason: BodyFailureReason, sizeBytes: number | undefined, maxBytes: number, cause?: unknown) {
    super(`the request body is ${reason}`, cause === undefined ? undefined : { cause });
    this.reason = reason;
    this.sizeBytes = sizeBytes;
    this.maxBytes = maxBytes;
  }
}

export interface RequestBodyOptions {
  readonly watch: BodyWatch;
  /** The most bytes to take from the wire. */
  readonly maxBytes: number;
}

/**
 * The body of `request`. `100 Continue`, where the client waits for it, is sent by start() and by nothing
 * else.
 */
export function requestBody(
  request: HttpRequest,
  response: HttpResponse,
  options: RequestBodyOptions,
): ByteSource {
  return new RequestBody(request, response, options);
}

/** The announced length in bytes; undefined where the body is chunked, 0 where there is none. */
export function announcedBytes(request: HttpRequest): number | undefined {
  if (request.headers['transfer-encoding'] !== undefined) return undefined;
  return Number(request.headers['content-length'] ?? 0);
}

/** Whether the client waits for `100 Continue` before it sends the body. */
export function expectsContinue(request: HttpRequest): boolean {
  const { expect } = request.headers;
  return expect !== undefined && request.httpVersionMinor > 0 && expect.toLowerCase() === '100-continue';
}

class RequestBody implements ByteSource, WatchedBody {
  readonly sizeBytes: number | undefined;
  moved = false;
  sinceMs = 0;
  readonly #request: HttpRequest;
  readonly #response: HttpResponse;
  readonly #watch: BodyWatch;
  readonly #maxBytes: number;
  #sink: ByteSink | undefined;
  #started = false;
  #paused = false;
  #received = 0;

  constructor(request: HttpRequest, response: HttpResponse, options: RequestBodyOptions) {
    this.sizeBytes = announcedBytes(request);
    this.#request = request;
    this.#response = response;
    this.#watch = options.watch;
    this.#maxBytes = options.maxBytes;
  }

  start(sink: ByteSink): void {
    assert(!this.#started, 'a request body is started once');
    this.#started = true;
    this.#sink = sink;
    if (this.sizeBytes !== undefined && this.sizeBytes > this.#maxBytes) {
      // Not before start() has returned: its caller may not be ready for an answer.
      process.nextTick(() => this.#fail('too-large', this.sizeBytes));
      return;
    }
    this.#request.on('data', this.#onData);
    this.#request.on('end', this.#onEnd);
    this.#request.on('error', this.#onGone);
    this.#request.on('close', this.#onGone);
    this.#request.readInto?.(() => this.#sink?.room?.());
    this.#watch.add(this);
    if (this.#request.destroyed && !this.#request.readableEnded) process.nextTick(this.#onGone);
    else if (expectsContinue(this.#request) && !this.#response.headersSent) this.#response.writeContinue();
    if (this.#paused) this.#request.pause();
  }

  pause(): void {
    this.#paused = true;
    if (this.#sink) this.#request.pause();
  }

  resume(): void {
    this.#paused = false;
    if (!this.#sink) return;
    this.moved = true;
    this.#request.resume();
  }

  cancel(): void {
    this.#detach();
  }

  /**
   * Of the watch: nothing came for too long. A sink that paused us is the one we wait for, not the client.
   */
  idle(): void {
    if (this.#paused) this.#watch.add(this);
    else this.#fail('idle', undefined);
  }

  #onData = (bytes: Buffer): void => {
    this.moved = true;
    this.#received += bytes.length;
    if (this.#received > this.#maxBytes) this.#fail('too-large', this.#received);
    else this.#sink?.write(bytes);
  };

  #onEnd = (): void => {
    if (this.sizeBytes !== undefined && this.#received !== this.sizeBytes) {
      this.#fail('incomplete', this.#received);
      return;
    }
    const sink = this.#detach();
    sink?.end();
  };

  #onGone = (cause?: unknown): void => this.#fail('incomplete', this.#received, cause);

  #fail(reason: BodyFailureReason, sizeBytes: number | undefined, cause?: unknown): void {
    const sink = this.#detach();
    sink?.fail(new BodyFailure(reason, sizeBytes, this.#maxBytes, cause));
  }

  /**
   * Leaves the request to the server, which takes what the client still sends off the wire once it is
   * answered.
   */
  #detach(): ByteSink | undefined {
    const sink = this.#sink;
    if (!sink) return undefined;
    this.#sink = undefined;
    this.#watch.delete(this);
    this.#request.off('data', this.#onData);
    this.#request.off('end', this.#onEnd);
    this.#request.off('close', this.#onGone);
    // An error of a request that nobody reads any more must not become an uncaught exception.
    this.#request.off('error', this.#onGone);
    this.#request.on('error', ignore);
    if (!this.#request.readableEnded) this.#request.pause();
    return sink;
  }
}

function ignore(): void {}
