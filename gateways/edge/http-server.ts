// Owns the HTTP server that every gateway stands on: limits, request ids, the answer to what escapes a
// handler, the draining of unwanted bodies and the graceful end. Guarantee: no request crashes the process
// or is left unanswered. Plain requests are read by ourselves, everything else by node:http.

import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Clock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Random } from '#core/kernel/random.ts';
import { BodyWatch } from './body-watch.ts';
import { Connections } from './connections.ts';
import { drainAfterAnswer } from './drain.ts';
import type { HttpRequest, HttpResponse } from './http-messages.ts';
import { plainConnection } from './plain-connection.ts';
import { requestIds } from './request-ids.ts';

export type RequestHandler = (
  request: HttpRequest,
  response: HttpResponse,
  requestId: string,
) => Promise<void> | void;

/** Answers a request whose handler threw before it wrote a head: in the dialect's own words, to the end. */
export type FailureHandler = (
  request: HttpRequest,
  response: HttpResponse,
  requestId: string,
  error: unknown,
) => void;

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
  readonly failed: FailureHandler;
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
  // One more than allowed, so that a request with too many can be told from one with its last headers
  // dropped.
  server.maxHeadersCount = limits.httpHeaders + 1;
  server.maxConnections = limits.httpConnections;
  return new Gate(server, options);
}

class Gate implements HttpServer {
  readonly #server: Server;
  readonly #options: HttpServerOptions;
  readonly #nextId: () => string;
  readonly #connections = new Connections();
  readonly #idle: BodyWatch;

  constructor(server: Server, options: HttpServerOptions) {
    this.#server = server;
    this.#options = options;
    this.#nextId = requestIds(options.random);
    this.#idle = new BodyWatch(options.clock, limits.httpIdleTimeoutMs);
    this.#acceptPlain(server);
    server.on('clientError', this.#connections.refuse);
    server.on('request', this.#serve);
    // Only a body that is wanted is asked for: `100 Continue` is request-body.ts's.
    server.on('checkContinue', this.#serve);
    server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) =>
      plain(response, 417),
    );
  }

  /** A connection is ours until it asks for more than plain requests; then it is as if node accepted it. */
  #acceptPlain(server: Server): void {
    const ofNode = server.listeners('connection') as ((socket: Socket) => void)[];
    server.removeAllListeners('connection');
    const options = {
      idle: this.#idle,
      serve: this.#serve,
      handOver(socket: Socket, bytes: Buffer) {
        for (const accept of ofNode) accept.call(server, socket);
        socket.unshift(bytes);
      },
    };
    server.on('connection', (accepted: Socket) => {
      const socket = plainConnection(accepted, options);
      if (socket) this.#connections.add(socket);
    });
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
    const graceOver = new AbortController();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#connections.close();
    this.#idle.stop();
    const grace = this.#options.clock.sleep(limits.shutdownGraceMs, graceOver.signal);
    await Promise.race([closed, grace.then(() => this.#connections.cut())]);
    graceOver.abort();
    await closed;
  }

  readonly #serve = (request: HttpRequest, response: HttpResponse): void => {
    const requestId = this.#nextId();
    if (this.#options.access) this.#recordAccess(this.#options.access, request, response, requestId);
    drainAfterAnswer(request, response, this.#options.watch);
    this.#connections.begin(request, response);
    const refused = refusedStatus(request);
    if (refused !== undefined) {
      plain(response, refused);
      return;
    }
    try {
      const done = this.#options.handler(request, response, requestId);
      if (done) done.catch((error: unknown) => this.#escaped(request, response, requestId, error));
    } catch (error) {
      this.#escaped(request, response, requestId, error);
    }
  };

  #escaped(request: HttpRequest, response: HttpResponse, requestId: string, error: unknown): void {
    this.#options.log?.(error, requestId);
    if (response.writableEnded || response.destroyed) return;
    if (response.headersSent) {
      // The status cannot be changed any more; a cut connection says that the body is not whole.
      response.destroy();
      return;
    }
    try {
      this.#options.failed(request, response, requestId, error);
    } catch (second) {
      this.#options.log?.(second, requestId);
      if (response.headersSent) response.destroy();
      else plain(response, 500);
    }
  }

  #recordAccess(
    access: (entry: AccessEntry) => void,
    request: HttpRequest,
    response: HttpResponse,
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

/** What the parser lets through and no gateway can serve. */
function refusedStatus(request: HttpRequest): number | undefined {
  if (request.rawHeaders.length > 2 * limits.httpHeaders) return 431;
  const coding = request.headers['transfer-encoding'];
  return coding === undefined || coding.toLowerCase() === 'chunked' ? undefined : 501;
}

function plain(response: HttpResponse, status: number): void {
  const text = `${STATUS_CODES[status]}\n`;
  response.shouldKeepAlive = false;
  response.writeHead(status, ['Content-Type', 'text/plain', 'Content-Length', String(text.length)]);
  response.end(text);
}
