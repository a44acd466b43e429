// Owns the latest frames in memory, so that followers who keep up never read a file. One copy for all of
// them, of bounded size: who falls behind it reads the files until it has caught up.

import { limits } from '#core/kernel/limits.ts';
import type { Frame } from './frame.ts';

export class RecentFrames {
  #frames: Frame[] = [];
  /** Frames before this one were dropped; compacted now and then. */
  #first = 0;
  #bytes = 0;

  /** Keeps a copy, for the writer uses its buffer again. */
  add(frame: Buffer, firstOffset: number, records: number): void {
    const buffer = Buffer.allocUnsafeSlow(frame.length);
    frame.copy(buffer);
    this.#frames.push({ buffer, at: 0, end: buffer.length, firstOffset, records, position: 0 });
    this.#bytes += buffer.length;
    while (this.#bytes > limits.logRecentBytes && this.#frames.length - this.#first > 1) {
      this.#bytes -= (this.#frames[this.#first] as Frame).end;
      this.#frames[this.#first++] = EMPTY;
    }
    if (this.#first > 64 && this.#first * 2 > this.#frames.length) {
      this.#frames = this.#frames.slice(this.#first);
      this.#first = 0;
    }
  }

  clear(): void {
    this.#frames = [];
    this.#first = 0;
    this.#bytes = 0;
  }

  /** The frame that holds the event, if it is still here. */
  holding(offset: number): Frame | undefined {
    let low = this.#first;
    let high = this.#frames.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const frame = this.#frames[middle] as Frame;
      if (frame.firstOffset + frame.records <= offset) low = middle + 1;
      else high = middle;
    }
    const frame = this.#frames[low];
    return frame && frame.firstOffset <= offset ? frame : undefined;
  }
}

const EMPTY: Frame = {
  buffer: Buffer.alloc(0),
  at: 0,
  end: 0,
  firstOffset: -1,
  records: 0,
  position: 0,
};
