// Owns the flow of an `aws-chunked` body through its decoder into a sink. Guarantee: the sink gets nothing
// while it is paused, and end() only for a body that its decoder found whole. Budget: no copy, save of the
// rest of the one piece in the middle of which the sink paused.

import { assert } from '#core/kernel/assert.ts';
import type { ByteSink, ByteSource } from '#storage-nodes/stream/blob-stream.ts';
import { ChunkDecoder, type ChunkedFraming } from './chunk-decoder.ts';
import { BodyRefused, type Refusal } from './refusal.ts';

export class ChunkedPayload implements ByteSource {
  readonly sizeBytes: number;
  readonly #body: ByteSource;
  readonly #decoder: ChunkDecoder;
  #sink: ByteSink | undefined;
  #over = false;
  #paused = false;
  #bodyPaused = false;
  #taking = false;
  /** Of the piece that was being taken when the sink paused: what is still to be decoded. */
  #held: Uint8Array | undefined;
  #bodyEnded = false;

  constructor(body: ByteSource, framing: ChunkedFraming) {
    this.sizeBytes = framing.decodedBytes;
    this.#body = body;
    this.#decoder = new ChunkDecoder(framing);
  }

  get trailers(): Readonly<Record<string, string>> {
    return this.#decoder.trailers;
  }

  start(sink: ByteSink): void {
    assert(this.#sink === undefined, 'a payload is started once');
    this.#sink = sink;
    this.#body.start({
      write: (bytes) => {
        const rest = this.#held === undefined ? this.#take(bytes) : Buffer.concat([this.#held, bytes]);
        // A copy, since what a source gives is its own again when write() returns.
        this.#held = rest && Uint8Array.from(rest);
        this.#flow();
      },
      end: () => {
        this.#bodyEnded = true;
        this.#flow();
      },
      fail: (error) => {
        if (this.#over) return;
        this.#over = true;
        this.#held = undefined;
        sink.fail(error);
      },
    });
  }

  pause(): void {
    this.#paused = true;
    if (!this.#taking) this.#flow();
  }

  resume(): void {
    this.#paused = false;
    if (!this.#taking) this.#flow();
  }

  cancel(): void {
    this.#over = true;
    this.#held = undefined;
    this.#body.cancel();
  }

  /**
   * The only place where the flow changes: decodes what is held, then lets the body follow the sink's wish.
   */
  #flow(): void {
    while (this.#held !== undefined && !this.#paused && !this.#over) this.#held = this.#take(this.#held);
    if (this.#over) return;
    if (this.#paused !== this.#bodyPaused) {
      this.#bodyPaused = this.#paused;
      if (this.#paused) this.#body.pause();
      else this.#body.resume();
    }
    if (this.#bodyEnded && !this.#paused && !this.#over) this.#finish();
  }

  /** Decodes `bytes` until the sink pauses; returns what is left then. */
  #take(bytes: Uint8Array): Uint8Array | undefined {
    const decoder = this.#decoder;
    let offset = 0;
    this.#taking = true;
    while (offset < bytes.length && !this.#paused && !this.#over) {
      offset = decoder.step(bytes, offset);
      if (decoder.refusal !== undefined) this.#refuse(decoder.refusal);
      else if (decoder.data !== undefined) this.#sink?.write(decoder.data);
    }
    this.#taking = false;
    return this.#over || offset === bytes.length ? undefined : bytes.subarray(offset);
  }

  #finish(): void {
    const refused = this.#decoder.finish();
    this.#over = true;
    if (refused === undefined) this.#sink?.end();
    else this.#sink?.fail(new BodyRefused(refused));
  }

  #refuse(refused: Refusal): void {
    this.cancel();
    this.#sink?.fail(new BodyRefused(refused));
  }
}
