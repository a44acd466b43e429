// Owns the bodies that simulated clients send and take: in slices, in their own time, and not always to the
// end.

import type { BlobTarget, ByteSink, ByteSource } from '#storage-nodes/stream/blob-stream.ts';
import type { Chance, Life } from './world.ts';

const SLICE_BYTES = 12_000;
const SLICE_MS = 2;
const STALL_MS = 40_000;

/** What a client does with one body. */
export interface BodyManner {
  /** Falls silent in the middle for a while. */
  readonly stalls: boolean;
  /** Goes away in the middle. */
  readonly breaksOff: boolean;
  readonly tellsSize: boolean;
}

export class SimulatedBody implements ByteSource {
  readonly sizeBytes: number | undefined;
  readonly #life: Life;
  readonly #chance: Chance;
  readonly #bytes: Uint8Array;
  readonly #manner: BodyManner;
  readonly #middle: number;
  #sink: ByteSink | undefined;
  #sent = 0;
  #stalled = false;
  #paused = false;
  #over = false;
  #scheduled = false;

  constructor(life: Life, chance: Chance, bytes: Uint8Array, manner: BodyManner) {
    this.sizeBytes = manner.tellsSize ? bytes.length : undefined;
    this.#life = life;
    this.#chance = chance;
    this.#bytes = bytes;
    this.#manner = manner;
    this.#middle = chance.whole(0, bytes.length);
  }

  start(sink: ByteSink): void {
    this.#sink = sink;
    this.#soon();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#soon();
  }

  cancel(): void {
    this.#over = true;
  }

  #soon(delayMs = this.#chance.between(0, SLICE_MS)): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#life.after(delayMs, () => {
      this.#scheduled = false;
      if (!this.#paused && !this.#over) this.#push();
    });
  }

  #push(): void {
    const { stalls, breaksOff } = this.#manner;
    if (this.#sent >= this.#middle) {
      if (breaksOff) {
        this.#over = true;
        this.#sink?.fail(new Error('the client went away'));
        return;
      }
      if (stalls && !this.#stalled) {
        this.#stalled = true;
        this.#soon(this.#chance.between(0, STALL_MS));
        return;
      }
    }
    if (this.#sent === this.#bytes.length) {
      this.#over = true;
      this.#sink?.end();
      return;
    }
    const slice = this.#bytes.subarray(this.#sent, this.#sent + this.#chance.whole(1, SLICE_BYTES));
    this.#sent += slice.length;
    this.#soon();
    this.#sink?.write(slice);
  }
}

/** Takes a body, now and then slowly. */
export class SimulatedReceiver implements BlobTarget {
  readonly #life: Life;
  readonly #chance: Chance;
  readonly #parts: Uint8Array[] = [];

  constructor(life: Life, chance: Chance) {
    this.#life = life;
    this.#chance = chance;
  }

  write(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#chance.happens(0.7)) {
      this.#parts.push(Uint8Array.from(bytes));
      return undefined;
    }
    // The bytes are the reader's until then, so they must still be the same at the end.
    return this.#life.clock.sleep(this.#chance.between(0, 300)).then(() => {
      this.#parts.push(Uint8Array.from(bytes));
    });
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }
}
