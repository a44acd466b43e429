// Owns one call on the gateway's side, from when it is made until it is settled, in time or not.
// Budget: this object and its promise.

import type { Fault } from '#core/kernel/errors.ts';
import type { WireCall } from './calls.ts';
import type { Incoming, Payload } from './payload.ts';

export class PendingCall {
  readonly row: WireCall<unknown, unknown>;
  readonly deviceId: number;
  readonly given: unknown;
  readonly payload: Payload | undefined;
  /** Where the bytes of the answer are placed; own memory without it. */
  readonly target: Uint8Array | undefined;
  readonly answerBytes: number;
  readonly deadlineMs: number;
  readonly settled: Promise<unknown>;
  resolve: (result: unknown) => void = nothing;
  reject: (error: unknown) => void = nothing;
  /** Nobody waits for the answer any more. */
  isAbandoned = false;
  /** Set while it is in flight. */
  id = 0;
  sentMs = 0;
  /** Its payload is not all with the kernel. */
  isSending = false;
  /** The bytes of its answer, from when the head of them has come. */
  incoming: Incoming | undefined = undefined;

  constructor(
    row: WireCall<unknown, unknown>,
    deviceId: number,
    given: unknown,
    payload: Payload | undefined,
    target: Uint8Array | undefined,
    deadlineMs: number,
  ) {
    this.row = row;
    this.deviceId = deviceId;
    this.given = given;
    this.payload = payload;
    this.target = target;
    this.answerBytes = row.answerBytes(given);
    this.deadlineMs = deadlineMs;
    this.settled = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  get callBytes(): number {
    return this.payload === undefined ? 0 : this.payload.bytes.length;
  }

  abandon(fault: Fault): void {
    this.isAbandoned = true;
    this.reject(fault);
  }
}

function nothing(): void {}
