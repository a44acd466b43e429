// Owns a request of a plain connection and its body on the way to whoever asked for it. Budget per packet:
// no copy, no allocation; what comes before anybody asked is copied once.

import { EventEmitter } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import type { HttpRequest } from './http-messages.ts';
import type { PlainHead } from './plain-head.ts';

export class PlainRequest extends EventEmitter implements HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly httpVersionMinor = 1;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly socket: Socket;
  destroyed = false;
  readableEnded = false;
  readonly #bodyTaken: () => void;
  /** Came, but nobody wanted it yet: seldom more than what came with the head. */
  #held: Buffer[] = [];
  readonly #isBodiless: boolean;
  #leftBytes: number;
  #room: (() => Uint8Array | undefined) | undefined;
  #state: 'waiting' | 'flowing' | 'paused' = 'waiting';

  /** @param bodyTaken told when the last of the body was handed out */
  constructor(head: PlainHead, socket: Socket, bodyTaken: () => void) {
    super();
    this.method = head.method;
    this.url = head.target;
    this.headers = head.headers;
    this.rawHeaders = head.rawHeaders;
    this.socket = socket;
    this.#isBodiless = head.bodyBytes === 0;
    this.#leftBytes = head.bodyBytes;
    this.#bodyTaken = bodyTaken;
  }

  /** Bytes of the body that have not come yet. */
  get leftBytes(): number {
    return this.#leftBytes;
  }

  /** There is none, or it was handed out. */
  get bodyIsTaken(): boolean {
    return this.#isBodiless || this.readableEnded;
  }

  /** Of the connection: the next bytes of the body, not more than are left. */
  take(bytes: Buffer): void {
    this.#leftBytes -= bytes.length;
    if (this.#state === 'flowing' && this.#held.length === 0) {
      this.emit('data', bytes);
      this.#endWhenWhole();
      return;
    }
    this.#held.push(Buffer.from(bytes));
    if (this.#leftBytes > 0) this.socket.pause();
  }

  readInto(room: () => Uint8Array | undefined): void {
    this.#room = room;
  }

  /** Of the connection: where the next bytes of the body are best put, no more than are left. */
  room(): Uint8Array | undefined {
    if (this.#state !== 'flowing' || this.#held.length > 0 || this.#leftBytes === 0) return undefined;
    const room = this.#room?.();
    return room && room.length > this.#leftBytes ? room.subarray(0, this.#leftBytes) : room;
  }

  /** Of the connection: it is gone. */
  lost(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.#held = [];
    this.emit('close');
  }

  override on(event: string, listener: (...values: never[]) => void): this {
    super.on(event, listener as (...values: unknown[]) => void);
    if (event === 'data' && this.#state === 'waiting') this.resume();
    return this;
  }

  pause(): this {
    this.#state = 'paused';
    if (this.#leftBytes > 0) this.socket.pause();
    return this;
  }

  resume(): this {
    if (this.#state === 'flowing') return this;
    this.#state = 'flowing';
    // Not before the caller is ready.
    process.nextTick(this.#flow);
    return this;
  }

  readonly #flow = (): void => {
    while (this.#state === 'flowing' && !this.destroyed) {
      const bytes = this.#held.shift();
      if (!bytes) break;
      this.emit('data', bytes);
    }
    if (this.#state !== 'flowing' || this.destroyed) return;
    if (this.#leftBytes > 0) this.socket.resume();
    this.#endWhenWhole();
  };

  #endWhenWhole(): void {
    if (this.#leftBytes > 0 || this.#held.length > 0 || this.readableEnded) return;
    // Whoever paused at the last bytes hears of the end when it goes on.
    if (this.#state !== 'flowing' || this.destroyed) return;
    this.readableEnded = true;
    this.emit('end');
    this.#bodyTaken();
  }
}
