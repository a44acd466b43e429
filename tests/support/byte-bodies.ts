// Owns sources and sinks of bytes for tests: a body in given pieces, and a sink that remembers what it was
// told.

import type { ByteSink, ByteSource } from '#storage-nodes/stream/blob-stream.ts';

/**
 * Pushes its pieces while it is not paused, each in a buffer that it wipes afterwards, as the port allows
 * it.
 */
export class PiecesSource implements ByteSource {
  readonly sizeBytes: number | undefined;
  cancelled = false;
  readonly #pieces: readonly Uint8Array[];
  readonly #failure: Error | undefined;
  #next = 0;
  #sink: ByteSink | undefined;
  #paused = false;
  #pushing = false;

  /** With a `failure`, fails after the pieces instead of ending. */
  constructor(pieces: readonly Uint8Array[], failure?: Error) {
    this.sizeBytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
    this.#pieces = pieces;
    this.#failure = failure;
  }

  start(sink: ByteSink): void {
    this.#sink = sink;
    this.#push();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#push();
  }

  cancel(): void {
    this.cancelled = true;
    this.#sink = undefined;
  }

  #push(): void {
    if (this.#pushing) return;
    this.#pushing = true;
    while (this.#sink && !this.#paused && this.#next < this.#pieces.length) {
      const piece = Buffer.from(this.#pieces[this.#next++] as Uint8Array);
      this.#sink.write(piece);
      piece.fill(0xee);
    }
    this.#pushing = false;
    if (!this.#sink || this.#paused || this.#next < this.#pieces.length) return;
    const sink = this.#sink;
    this.#sink = undefined;
    if (this.#failure) sink.fail(this.#failure);
    else sink.end();
  }
}

/** What came of a body. `outcome` resolves to its bytes, or to the error it failed with. */
export class RecordingSink implements ByteSink {
  readonly outcome: Promise<Buffer | Error>;
  readonly pieces: Buffer[] = [];
  settled = 0;
  #settle: (outcome: Buffer | Error) => void = () => undefined;

  constructor() {
    this.outcome = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  get bytes(): Buffer {
    return Buffer.concat(this.pieces);
  }

  write(bytes: Uint8Array): void {
    if (this.settled > 0) throw new Error('bytes after the end');
    this.pieces.push(Buffer.from(bytes));
  }

  end(): void {
    this.settled++;
    this.#settle(this.bytes);
  }

  fail(error: Error): void {
    this.settled++;
    this.#settle(error);
  }
}

/** `bytes` cut at the given places (taken modulo its length). */
export function cutAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const cuts = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  const edges = [0, ...cuts, bytes.length];
  return edges.slice(1).map((end, index) => bytes.subarray(edges[index], end));
}
