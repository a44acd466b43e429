// Owns bodies that are taken apart as they come: a source of bytes is asked for one piece at a time, and what
// is found in it is a source again. Guarantee: never holds more than what was on its way when it was paused.

import type { ByteSource } from '#storage-nodes/stream/blob-stream.ts';

export class PulledBody {
  readonly #source: ByteSource;
  readonly #pieces: Buffer[] = [];
  #isStarted = false;
  #isOver = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** Undefined at the end. One call at a time. @throws what the source failed with */
  async next(): Promise<Buffer | undefined> {
    for (;;) {
      const piece = this.#pieces.shift();
      if (piece) return piece;
      if (this.#failure) throw this.#failure;
      if (this.#isOver) return undefined;
      const more = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      if (this.#isStarted) this.#source.resume();
      else this.#start();
      await more;
    }
  }

  /** No more of it is wanted. */
  cancel(): void {
    this.#isOver = true;
    this.#pieces.length = 0;
    this.#source.cancel();
    this.#wake?.();
  }

  #start(): void {
    this.#isStarted = true;
    this.#source.start({
      write: (bytes) => {
        // The bytes are the source's again once we return.
        this.#pieces.push(Buffer.from(bytes));
        this.#source.pause();
        this.#wake?.();
      },
      end: () => {
        this.#isOver = true;
        this.#wake?.();
      },
      fail: (error) => {
        this.#failure = error;
        this.#wake?.();
      },
    });
  }
}

/** What the pieces are together, as a source: asked for one after the other. */
export function sourceOf(pieces: AsyncIterable<Uint8Array>, sizeBytes?: number): ByteSource {
  let isCancelled = false;
  let isPaused = false;
  let wake: (() => void) | undefined;
  return {
    sizeBytes,
    start(sink) {
      const run = async () => {
        for await (const piece of pieces) {
          while (isPaused && !isCancelled) {
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
          }
          if (isCancelled) return;
          sink.write(piece);
        }
        if (!isCancelled) sink.end();
      };
      run().catch((error: Error) => {
        if (!isCancelled) sink.fail(error);
      });
    },
    pause() {
      isPaused = true;
    },
    resume() {
      isPaused = false;
      wake?.();
    },
    cancel() {
      isCancelled = true;
      wake?.();
    },
  };
}
