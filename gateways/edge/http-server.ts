// Owns the HTTP server that every gateway stands on: limits, request ids, the answer to what escapes a handler, the
// draining of unwanted bodies and the graceful end. Guarantee: no request crashes the process or is left unanswered.

import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Random } from '#core/kernel/random.ts';
import type { BodyWatch } from './body-watch.ts';
import { drainAfterAnswer } from './drain.ts';
import { requestIds } from './request-ids.ts';

export type RequestHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
) => Promise<void> | void;

/** One line of the access log. */
export interface AccessEntry {
  readonly requestId: string;
  readonly method: string;
  /** As sent, with its query. */
  readonly target: string;
  readonly remoteAddress: string;
  readonly userAgent: string;
  /** 0 where the client went away before an answer. */
  readonly status: number;
  readonly durationMs: number;
  /** The whole answer reached the socket. */
  readonly complete: boolean;
}

export interface HttpServerOptions {
  readonly handler: RequestHandler;
  /** Answers a request whose handler threw, before it sent a header: in the dialect's own words, and to the end. */
  readonly failed: (response: ServerResponse, requestId: string, error: unknown) => void;
  readonly watch: BodyWatch;
  readonly clock: Clock;
  readonly random: Random;
  /** Told of each request when it is over. */
  readonly access?: (entry: AccessEntry) => void;
  /** Told of what escaped the handler. */
  readonly log?: (error: unknown, requestId: string) => void;
}

export interface HttpServer {
  /** Resolves to the port; `port` 0 takes any free one. */
  listen(port: number, host: string): Promise<number>;
  /** Resolves when nothing is in flight any more: what still is after the grace is cut off. */
  close(): Promise<void>;
}

export function createHttpServer(options: HttpServerOptions): HttpServer {
  const server = createServer({
    maxHeaderSize: limits.httpHeaderBytes,
    headersTimeout: limits.httpHeadersTimeoutMs,
    // A body may stream for hours; the watch finds those that stopped.
    requestTimeout: 0,
    keepAliveTimeout: limits.httpIdleTimeoutMs,
    insecureHTTPParser: false,
    requireHostHeader: false,
    noDelay: true,
  });
  // One more than allowed, so that a request with too many can be told from one with its last headers dropped.
  server.maxHeadersCount = limits.httpHeaders + 1;
  server.maxConnections = limits.httpConnections;
  const gate = new Gate(server, options);
  server.on('request', gate.serve);
  server.on('checkContinue', gate.serve);
  server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) =>
    plain(response, 417),
  );
  server.on('clientError', answerClientError);
  return gate;
}

class Gate implements HttpServer {
  readonly #server: Server;
  readonly #options: HttpServerOptions;
  readonly #nextId: () => string;
  #closing = false;

  constructor(server: Server, options: HttpServerOptions) {
    this.#server = server;
    this.#options = options;
    this.#nextId = requestIds(options.random);
  }

  listen(port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ port, host, backlog: LISTEN_BACKLOG }, () => {
        this.#server.off('error', reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  async close(): Promise<void> {
    this.#closing = true;
    const graceOver = new AbortController();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const grace = this.#options.clock.sleep(limits.shutdownGraceMs, graceOver.signal);
    await Promise.race([closed, grace.then(() => this.#server.closeAllConnections())]);
    graceOver.abort();
    await closed;
  }

  readonly serve = (request: IncomingMessage, response: ServerResponse): void => {
    const requestId = this.#nextId();
    if (this.#options.access) this.#recordAccess(this.#options.access, request, response, requestId);
    drainAfterAnswer(request, response, this.#options.watch);
    // So that the last answer of a connection ends it.
    if (this.#closing) response.shouldKeepAlive = false;
    if (request.rawHeaders.length > 2 * limits.httpHeaders) {
      plain(response, 431);
      return;
    }
    try {
      const done = this.#options.handler(request, response, requestId);
      if (done) done.catch((error: unknown) => this.#escaped(response, requestId, error));
    } catch (error) {
      this.#escaped(response, requestId, error);
    }
  };

  #escaped(response: ServerResponse, requestId: string, error: unknown): void {
    this.#options.log?.(error, requestId);
    if (response.writableEnded || response.destroyed) return;
    if (response.headersSent) {
      // The status cannot be changed any more; a cut connection says that the body is not whole.
      response.destroy();
      return;
    }
    try {
      for (const name of response.getHeaderNames()) response.removeHeader(name);
      this.#options.failed(response, requestId, error);
    } catch (second) {
      this.#options.log?.(second, requestId);
      if (response.headersSent) response.destroy();
      else plain(response, 500);
    }
  }

  #recordAccess(
    access: (entry: AccessEntry) => void,
    request: IncomingMessage,
    response: ServerResponse,
    requestId: string,
  ): void {
    const { clock } = this.#options;
    const startMs = clock.monotonicMs();
    const remoteAddress = request.socket.remoteAddress ?? '';
    response.on('close', () => {
      access({
        requestId,
        method: request.method ?? '',
        target: request.url ?? '',
        remoteAddress,
        userAgent: request.headers['user-agent'] ?? '',
        status: response.headersSent ? response.statusCode : 0,
        durationMs: clock.monotonicMs() - startMs,
        complete: response.writableFinished,
      });
    });
  }
}

const LISTEN_BACKLOG = 1024;

function plain(response: ServerResponse, status: number): void {
  const text = `${STATUS_CODES[status]}\n`;
  response.shouldKeepAlive = false;
  response.writeHead(status, { 'content-type': 'text/plain', 'content-length': text.length });
  response.end(text);
}

const CLIENT_ERRORS: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** What the parser refused never becomes a request, so it is answered without a dialect. */
function answerClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = CLIENT_ERRORS[error.code ?? ''] ?? 400;
  const text = `${STATUS_CODES[status]}\n`;
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: text/plain\r\n`;
  socket.end(`${head}Content-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`);
}
