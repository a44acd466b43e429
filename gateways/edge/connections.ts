// Owns which connection has requests in flight, so that a closing server cuts the idle ones at once and
// each other one after its answer, and what the parser refuses is never answered into the middle of an
// answer.

import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { HttpRequest, HttpResponse } from './http-messages.ts';

interface Connection {
  readonly socket: Socket;
  inFlight: number;
  /** The latest of its answers. */
  response: HttpResponse | undefined;
  /** Of requests in flight. */
  readonly responses: Set<HttpResponse>;
}

const CLIENT_ERRORS: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

export class Connections {
  readonly #open = new Map<HttpRequest['socket'], Connection>();
  #closing = false;

  add(socket: Socket): void {
    const connection = { socket, inFlight: 0, response: undefined, responses: new Set<HttpResponse>() };
    this.#open.set(socket, connection);
    socket.once('close', () => {
      this.#open.delete(socket);
      // After node has told whom it tells: an answer that waits behind another on a lost connection hears
      // nothing of it, and whoever writes it would wait for ever.
      if (connection.responses.size > 0) setImmediate(() => tellLost(connection.responses));
    });
  }

  /** A request has come in. */
  begin(request: HttpRequest, response: HttpResponse): void {
    const connection = this.#open.get(request.socket);
    if (!connection) return;
    connection.inFlight++;
    connection.response = response;
    connection.responses.add(response);
    if (this.#closing) response.shouldKeepAlive = false;
    response.on('close', () => {
      if (!connection.responses.delete(response)) return;
      connection.inFlight--;
      if (this.#closing && connection.inFlight === 0) connection.socket.destroySoon();
    });
  }

  /** From now on a connection is closed once it has no request in flight. */
  close(): void {
    this.#closing = true;
    for (const { socket, inFlight, response } of this.#open.values()) {
      if (inFlight === 0) socket.destroySoon();
      else if (response) response.shouldKeepAlive = false;
    }
  }

  /** Ends them all at once. */
  cut(): void {
    for (const { socket } of this.#open.values()) socket.destroy();
  }

  /** Answers, without a dialect, what the parser refused: it never became a request. */
  readonly refuse = (error: NodeJS.ErrnoException, socket: Socket): void => {
    const connection = this.#open.get(socket);
    const answering = connection !== undefined && connection.inFlight > 0;
    if (error.code === 'ECONNRESET' || !socket.writable || (answering && connection.response?.headersSent)) {
      socket.destroy();
      return;
    }
    const status = CLIENT_ERRORS[error.code ?? ''] ?? 400;
    const text = `${STATUS_CODES[status]}\n`;
    const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: text/plain\r\n`;
    const answer = `${head}Content-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`;
    // A request whose body cannot be parsed on will never end by itself.
    socket.end(answer, () => answering && socket.destroy());
  };
}

function tellLost(responses: ReadonlySet<HttpResponse>): void {
  for (const response of [...responses]) {
    response.destroy();
    response.emit('close');
  }
}
