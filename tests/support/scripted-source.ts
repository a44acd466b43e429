// Owns a source of bytes for tests: pushes given slices, one a turn or all it may at once, stops when it
// is paused, and can fail or fall silent at any point. It checks that its sink and its owner keep the
// contract.

import { assert } from '#core/kernel/assert.ts';
import type { ByteSink, ByteSource } from '#storage-nodes/stream/blob-stream.ts';

export interface SourceScript {
  readonly slices: readonly Uint8Array[];
  readonly sizeBytes?: number | undefined;
  /** All slices that it may push are pushed in one turn; else one a turn. */
  readonly eager?: boolean;
  /** How many slices still follow a pause. */
  readonly overrun?: number;
  /** Puts its bytes where the sink wants them; also, as long as it may, when it was cancelled. */
  readonly inPlace?: boolean;
  /** Instead of the end. */
  readonly error?: Error;
  /** After the last slice nothing comes, neither end nor failure. */
  readonly silent?: boolean;
}

export class ScriptedSource implements ByteSource {
  readonly sizeBytes: number | undefined;
  readonly #script: SourceScript;
  #sink: ByteSink | undefined;
  #room: Uint8Array | undefined;
  #next = 0;
  #paused = false;
  #overrun = 0;
  #scheduled = false;
  cancelled = false;
  finished = false;
  pauses = 0;

  constructor(script: SourceScript) {
    this.#script = script;
    this.sizeBytes = script.sizeBytes;
  }

  get pushedSlices(): number {
    return this.#next;
  }

  start(sink: ByteSink): void {
    assert(this.#sink === undefined, 'a source is started once');
    this.#sink = sink;
    if (this.#script.eager) this.#push();
    else this.#schedule();
  }

  pause(): void {
    assert(!this.#paused, 'a source that is paused is not paused again');
    this.#paused = true;
    this.pauses++;
    this.#overrun = this.#script.overrun ?? 0;
  }

  resume(): void {
    assert(this.#paused, 'a source that flows is not resumed');
    this.#paused = false;
    if (this.#script.eager) this.#push();
    else this.#schedule();
  }

  cancel(): void {
    assert(!this.cancelled && !this.finished, 'a source that is over is not cancelled');
    this.cancelled = true;
    this.#room?.fill(0xee);
    setImmediate(() => this.#room?.fill(0xee));
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#push();
    });
  }

  #mayPush(): boolean {
    return !this.cancelled && !this.finished && (!this.#paused || this.#overrun-- > 0);
  }

  #write(slice: Uint8Array): void {
    let left = slice;
    while (left.length > 0 && !this.cancelled) {
      let bytes = left;
      if (this.#room !== undefined) {
        bytes = this.#room.subarray(0, left.length);
        bytes.set(left.subarray(0, bytes.length));
      }
      left = left.subarray(bytes.length);
      this.#sink?.write(bytes);
      if (this.#script.inPlace) this.#room = this.#sink?.room?.();
    }
  }

  #push(): void {
    const { slices, eager, error, silent } = this.#script;
    while (this.#mayPush()) {
      const slice = slices[this.#next];
      if (slice !== undefined) {
        this.#next++;
        this.#write(slice);
        if (eager) continue;
        this.#schedule();
        return;
      }
      if (silent) return;
      this.finished = true;
      if (error === undefined) this.#sink?.end();
      else this.#sink?.fail(error);
    }
  }
}

/** Cuts bytes at the given places. */
export function slicesOf(bytes: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  const slices: Uint8Array[] = [];
  let at = 0;
  for (let turn = 0; at < bytes.length; turn++) {
    const length = lengths[turn % lengths.length] ?? bytes.length;
    slices.push(bytes.subarray(at, at + length));
    at += length;
  }
  return slices;
}
