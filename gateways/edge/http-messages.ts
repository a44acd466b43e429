// Owns what a gateway may ask of a request and of its answer. node:http's own messages fulfil it, and so do
// those of the plain connection.

import type { IncomingHttpHeaders } from 'node:http';

export interface HttpRequest {
  readonly method?: string | undefined;
  /** The target as it was sent. */
  readonly url?: string | undefined;
  readonly httpVersionMinor: number;
  /** By lower-case name. */
  readonly headers: IncomingHttpHeaders;
  /** Names as they were sent, and values, in turn. */
  readonly rawHeaders: readonly string[];
  readonly socket: { readonly remoteAddress?: string | undefined; destroy(): unknown };
  /** Nothing more will come: the connection is gone. */
  readonly destroyed: boolean;
  /** The whole body was handed out. */
  readonly readableEnded: boolean;
  /** Who listens to `data` gets the body, soon after. The bytes are theirs until the listener returns. */
  on(event: 'data', listener: (bytes: Buffer) => void): unknown;
  on(event: 'end' | 'error' | 'close', listener: (cause?: unknown) => void): unknown;
  off(event: 'data', listener: (bytes: Buffer) => void): unknown;
  off(event: 'end' | 'error' | 'close', listener: (cause?: unknown) => void): unknown;
  pause(): unknown;
  resume(): unknown;
  /** Of the plain connection: who takes the body says where its next bytes are best put, each time anew. */
  readInto?(room: () => Uint8Array | undefined): void;
  /** Of node:http: claims the body, so that the server does not drop it by itself. */
  read?(sizeBytes: 0): unknown;
}

export interface HttpResponse {
  readonly statusCode: number;
  /** The status and the headers are given. */
  readonly headersSent: boolean;
  readonly writableEnded: boolean;
  /** The whole answer is with the operating system. */
  readonly writableFinished: boolean;
  readonly destroyed: boolean;
  /** False: the connection ends with this answer. To be set before the head is written. */
  shouldKeepAlive: boolean;
  /** @param headers names and values in turn */
  writeHead(status: number, headers?: string[]): HttpResponse;
  /** @param written called when the bytes may be reused, or with why they could not be sent */
  write(data: Uint8Array | string, written?: (error?: Error | null) => void): boolean;
  end(): unknown;
  end(data: string | Uint8Array): unknown;
  end(data: string, encoding: 'latin1'): unknown;
  /** Cuts the connection. */
  destroy(): unknown;
  /** `100 Continue`. */
  writeContinue(sent?: () => void): void;
  /** `finish`: as writableFinished; `close`: the answer is over, whole or not. */
  on(event: 'finish' | 'close', listener: () => void): unknown;
  off(event: 'finish' | 'close', listener: () => void): unknown;
  emit(event: 'close'): boolean;
  prependOnceListener(event: 'finish' | 'close', listener: () => void): unknown;
}
