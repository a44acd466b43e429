// Owns the bytes of an object on their way to the client. Budget of a small object: one write to the socket
// with its header, no copy but the one into that write.

import { assert } from '#core/kernel/assert.ts';
import { Fault } from '#core/kernel/errors.ts';
import { KIB } from '#core/kernel/limits.ts';
import type { BlobTarget } from '#storage-nodes/stream/blob-stream.ts';
import type { HttpResponse } from './http-messages.ts';

/** Up to here a body travels in the same write as its header. */
const ONE_WRITE_BYTES = 64 * KIB;

/** The body of an object on its way to the client. Nothing is sent before its first bytes are there. */
export class ResponseBody implements BlobTarget {
  readonly #response: HttpResponse;
  readonly #status: number;
  readonly #headers: string[];
  readonly #sizeBytes: number;
  #sentBytes = 0;
  #reject: ((reason: unknown) => void) | undefined;

  constructor(response: HttpResponse, status: number, headers: string[], sizeBytes: number) {
    this.#response = response;
    this.#status = status;
    this.#headers = headers;
    this.#sizeBytes = sizeBytes;
  }

  write(bytes: Uint8Array): Promise<void> | undefined {
    const response = this.#response;
    if (this.#sentBytes === 0) {
      response.writeHead(this.#status, this.#headers);
      if (bytes.length === this.#sizeBytes && bytes.length <= ONE_WRITE_BYTES) {
        // As a string of bytes it is copied into the header's own write, so `bytes` may be reused at once.
        response.end(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1'), 'latin1');
        this.#sentBytes = bytes.length;
        return undefined;
      }
      response.on('close', this.#gone);
    }
    this.#sentBytes += bytes.length;
    if (response.destroyed) return Promise.reject(clientGone());
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      response.write(bytes, (error) => {
        if (error) reject(clientGone(error));
        else resolve();
      });
    });
  }

  /** After the last write. */
  end(): void {
    assert(this.#sentBytes === this.#sizeBytes, 'a body has the length that was announced');
    if (this.#response.writableEnded) return;
    this.#response.off('close', this.#gone);
    this.#response.end();
  }

  #gone = (): void => this.#reject?.(clientGone());
}

function clientGone(cause?: unknown): Fault {
  return new Fault('aborted', 'the client went away while it was answered', { cause });
}
