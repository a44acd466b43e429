// Owns the cutting of received bytes into frames. Guarantees that a frame is handed on only when its header
// and fields are whole and match their checksum, that nothing is handed on after the first that is not, and
// that no more than one receive buffer is held, whatever the other side sends.
// Budget per frame: no allocation, no promise. Of large data only what came with its header is copied; the
// rest lands where it belongs.

import { assert } from '#core/kernel/assert.ts';
import { limits } from '#core/kernel/limits.ts';
import type { SocketReceiver } from '#core/kernel/network.ts';
import { WireError } from './fields.ts';
import { Frame, HEADER_BYTES, readFrame } from './frame.ts';

export interface FrameHandler {
  /**
   * Header and fields of a frame; both are the reader's and valid for the time of the call.
   * @returns where its data shall land: exactly `frame.dataBytes`.
   * @throws WireError
   */
  frame(frame: Frame): Uint8Array | undefined;
  /** The data of the last frame has landed. @throws WireError */
  dataLanded(): void;
  /** What came cannot be understood. */
  broken(error: WireError): void;
  closed(error: Error | undefined): void;
}

/** Headers, and the fields of most calls. */
const AFTER_LARGE_BYTES = 512;
const NOTHING = new Uint8Array(0);

export class FrameReader implements SocketReceiver {
  /** Frames that came whole: grows as long as the other side makes progress. */
  frames = 0;
  receivedBytes = 0;
  readonly #handler: FrameHandler;
  readonly #frame = new Frame();
  readonly #buffer = Buffer.allocUnsafeSlow(limits.wireReceiveBytes);
  /** Unread bytes of the buffer. */
  #from = 0;
  #to = 0;
  /** The data of the current frame, and how much of it has landed. */
  #data: Uint8Array = NOTHING;
  #dataAt = 0;
  #direct = false;
  #afterLarge = false;
  #stopped = false;

  constructor(handler: FrameHandler) {
    this.#handler = handler;
  }

  /** Whether the last bytes that came left a frame unfinished. */
  get isInsideFrame(): boolean {
    return this.#to > this.#from || this.#dataAt < this.#data.length;
  }

  /** Reads no more. */
  stop(): void {
    this.#stopped = true;
    this.#data = NOTHING;
    this.#dataAt = 0;
    this.#from = 0;
    this.#to = 0;
  }

  room(): Uint8Array {
    if (this.#stopped) return this.#buffer;
    const leftBytes = this.#data.length - this.#dataAt;
    this.#direct = leftBytes >= limits.wireDirectBytes;
    if (this.#direct) return this.#data.subarray(this.#dataAt);
    // After large data comes another header, and most of what follows that has its own place too.
    const wantedBytes = this.#afterLarge ? leftBytes + AFTER_LARGE_BYTES : this.#buffer.length;
    return this.#buffer.subarray(this.#to, Math.min(this.#buffer.length, this.#to + wantedBytes));
  }

  landed(lengthBytes: number): void {
    if (this.#stopped) return;
    this.receivedBytes += lengthBytes;
    try {
      if (this.#direct) {
        this.#dataAt += lengthBytes;
        if (this.#dataAt === this.#data.length) this.#endFrame();
      } else {
        this.#to += lengthBytes;
        this.#read();
      }
    } catch (error) {
      this.stop();
      if (!(error instanceof WireError)) throw error;
      this.#handler.broken(error);
    }
  }

  closed(error: Error | undefined): void {
    this.stop();
    this.#handler.closed(error);
  }

  #read(): void {
    while (!this.#stopped) {
      if (this.#dataAt < this.#data.length) {
        if (!this.#copyData()) break;
      } else if (!this.#beginFrame()) break;
    }
    this.#makeRoom();
  }

  /** @returns false when more bytes are needed. */
  #beginFrame(): boolean {
    if (!readFrame(this.#frame, this.#buffer, this.#from, this.#to)) return false;
    const { fieldsBytes, dataBytes } = this.#frame;
    this.#from += HEADER_BYTES + fieldsBytes;
    this.#data = this.#handler.frame(this.#frame) ?? NOTHING;
    this.#dataAt = 0;
    assert(this.#stopped || this.#data.length === dataBytes, 'data lands in a place of its size');
    this.#afterLarge = dataBytes >= limits.wireDirectBytes;
    if (dataBytes === 0) this.frames++;
    return true;
  }

  /** @returns false when more bytes are needed. */
  #copyData(): boolean {
    const lengthBytes = Math.min(this.#to - this.#from, this.#data.length - this.#dataAt);
    if (lengthBytes === 0) return false;
    this.#buffer.copy(this.#data, this.#dataAt, this.#from, this.#from + lengthBytes);
    this.#from += lengthBytes;
    this.#dataAt += lengthBytes;
    if (this.#dataAt < this.#data.length) return false;
    this.#endFrame();
    return true;
  }

  #endFrame(): void {
    this.frames++;
    this.#data = NOTHING;
    this.#dataAt = 0;
    this.#handler.dataLanded();
  }

  /** The rest of the buffer has room for a whole frame's fields, or the unread bytes move to the start. */
  #makeRoom(): void {
    if (this.#from === this.#to) {
      this.#from = 0;
      this.#to = 0;
    } else if (this.#buffer.length - this.#from < HEADER_BYTES + limits.wireFieldsBytes) {
      this.#buffer.copyWithin(0, this.#from, this.#to);
      this.#to -= this.#from;
      this.#from = 0;
    }
  }
}
