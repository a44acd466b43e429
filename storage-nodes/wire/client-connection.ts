// Owns one connection of a gateway to a node, from its handshake to its end. Guarantees that each call issued
// is settled once; that no byte is placed in a caller's memory after its call was settled, nor read from it:
// where that cannot be had otherwise, the connection is closed; and that no more is asked of a device at once
// than its window holds, so that one that hangs does not hold up the others.
// Budget per call: see pending-call.ts; per frame nothing.

import { assert } from '#core/kernel/assert.ts';
import { Fault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Socket } from '#core/kernel/network.ts';
import { FieldReader, WireError } from './fields.ts';
import { FRAME, type Frame } from './frame.ts';
import { type FrameHandler, FrameReader } from './frame-reader.ts';
import { FrameWriter } from './frame-writer.ts';
import {
  type Hello,
  newHello,
  objectionToNode,
  proofOf,
  proves,
  readHello,
  readProof,
  writeHello,
} from './handshake.ts';
import type { NodeConnectionOptions } from './node-wire.ts';
import { Incoming, readPayloadHead, writePayloadHead } from './payload.ts';
import type { PendingCall } from './pending-call.ts';
import { Stall } from './stall.ts';
import { readFault, writeReason } from './wire-fault.ts';

interface Window {
  callBytes: number;
  answerBytes: number;
  /** First come, first served. */
  readonly waiting: PendingCall[];
}

const SLOT_BITS = Math.log2(limits.wireCalls);
const SLOT_MASK = limits.wireCalls - 1;
const LAST_ROUND = 2 ** (32 - SLOT_BITS) - 1;
const NOTHING = new Uint8Array(0);
const NO_FIELDS = new FieldReader();
/** Where answers land that nobody waits for. */
const DISCARDED = Buffer.allocUnsafeSlow(limits.chunkBytes);

export class ClientConnection implements FrameHandler {
  /** Whether the node has proven who it is; false when the connection ended before. */
  readonly opened: Promise<boolean>;
  readonly ended: Promise<void>;
  /** Why it ended. */
  reason = '';
  readonly #options: NodeConnectionOptions;
  readonly #callMs: number;
  #settleOpened: (isOpen: boolean) => void = () => undefined;
  #settleEnded: () => void = () => undefined;
  readonly #socket: Socket;
  readonly #writer: FrameWriter;
  readonly #reader: FrameReader;
  readonly #hello: Hello;
  #state: 'hello' | 'proof' | 'open' | 'closed' = 'hello';
  #wantedProof: Buffer = Buffer.alloc(0);
  /** In flight, by slot; a slot is used again under another id. */
  readonly #calls: (PendingCall | undefined)[] = [];
  readonly #freeSlots: number[] = [];
  #round = 1;
  #abandoned = 0;
  readonly #windows = new Map<number, Window>();
  /** The call that the data now landing belongs to. */
  #landing: PendingCall | undefined;
  /** In flight or waiting for their window. */
  #open = 0;
  readonly #startedMs: number;
  readonly #receiving: Stall;
  readonly #answers: Stall;

  constructor(options: NodeConnectionOptions, callMs: number, socket: Socket) {
    const { credentials, random, node, clock } = options;
    this.#options = options;
    this.#callMs = callMs;
    this.opened = new Promise((resolve) => {
      this.#settleOpened = resolve;
    });
    this.ended = new Promise((resolve) => {
      this.#settleEnded = resolve;
    });
    this.#socket = socket;
    this.#writer = new FrameWriter(socket, () => undefined);
    this.#reader = new FrameReader(this);
    this.#startedMs = clock.monotonicMs();
    this.#receiving = new Stall(this.#startedMs);
    this.#answers = new Stall(this.#startedMs);
    this.#hello = newHello(credentials, random, node);
    socket.start(this.#reader);
    writeHello(this.#writer.begin(FRAME.hello, 0, 0), this.#hello);
    this.#writer.end();
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** Frames that came; grows while the node is alive. */
  get frames(): number {
    return this.#reader.frames;
  }

  /** @throws Fault `busy` */
  issue(call: PendingCall): void {
    if (this.#open >= limits.wireCalls) throw new Fault('busy', 'too many calls to one node at once');
    this.#open++;
    if (call.callBytes === 0 && call.answerBytes === 0) {
      this.#send(call);
      return;
    }
    const window = this.#windowOf(call.deviceId);
    if (window.waiting.length > 0 || !hasRoom(window, call)) window.waiting.push(call);
    else this.#sendWithin(window, call);
  }

  frame(frame: Frame): Uint8Array | undefined {
    const { kind } = frame;
    if (this.#state === 'open') {
      if (kind === FRAME.answer) return this.#answer(frame);
      if (kind === FRAME.data) return this.#data(frame);
    }
    if (frame.dataBytes > 0) throw new WireError('data where none belongs');
    if (kind === FRAME.goodbye) this.destroy(`it said: ${frame.fields.text()}`);
    else if (this.#state === 'open' && kind === FRAME.fault) this.#fault(frame);
    else if (this.#state === 'hello' && kind === FRAME.hello) this.#nodeHello(readHello(frame.fields));
    else if (this.#state === 'proof' && kind === FRAME.proof) this.#nodeProof(frame);
    else throw new WireError(`a frame of kind ${kind} where none belongs`);
    return undefined;
  }

  dataLanded(): void {
    const call = this.#landing;
    this.#landing = undefined;
    const incoming = call?.incoming;
    if (call === undefined || incoming === undefined) return;
    if (!call.isAbandoned) incoming.landed();
    if (incoming.complete) this.#complete(call, incoming);
  }

  broken(error: WireError): void {
    this.destroy(`what came from it was wrong: ${error.message}`);
  }

  closed(error: Error | undefined): void {
    this.#end(error === undefined ? 'it closed the connection' : error.message);
  }

  tick(nowMs: number): void {
    const { frames, isInsideFrame } = this.#reader;
    if (this.#state !== 'open') {
      if (nowMs - this.#startedMs > limits.wireHandshakeMs) this.destroy('the handshake took too long');
    } else if (this.#receiving.lasts(isInsideFrame, frames, nowMs, limits.wireFrameMs)) {
      this.destroy('a frame did not come to its end in time');
    } else if (this.#answers.lasts(this.#open > 0, frames, nowMs, this.#callMs)) {
      this.destroy('it answers nothing any more', timeoutOf(this.#options.node));
    } else this.#abandonLate(nowMs);
  }

  /** Says why, and closes. */
  goodbye(reason: string, fault: Fault): void {
    if (this.#state === 'open') {
      writeReason(this.#writer.begin(FRAME.goodbye, 0, 0), reason);
      this.#writer.end();
      this.#writer.flush();
    }
    this.destroy(reason, fault);
  }

  /** @param fault what the calls in flight fail with; `unreachable` unless given. */
  destroy(reason: string, fault?: Fault): void {
    this.#socket.destroy();
    this.#end(reason, fault);
  }

  #end(reason: string, given?: Fault): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#reader.stop();
    this.#writer.close();
    const fault = given ?? new Fault('unreachable', `lost node ${this.#options.node}: ${reason}`);
    for (const call of this.#calls) if (call !== undefined && !call.isAbandoned) call.reject(fault);
    for (const { waiting } of this.#windows.values()) for (const call of waiting) call.reject(fault);
    this.#calls.length = 0;
    this.#windows.clear();
    this.reason = reason;
    this.#settleOpened(false);
    this.#settleEnded();
  }

  #nodeHello(node: Hello): void {
    const { credentials } = this.#options;
    const objection = objectionToNode(node, this.#hello);
    if (objection !== undefined) {
      this.destroy(objection);
      return;
    }
    this.#wantedProof = proofOf('node', credentials, this.#hello, node);
    const fields = this.#writer.begin(FRAME.proof, 0, 0);
    fields.bytes(proofOf('gateway', credentials, this.#hello, node));
    this.#writer.end();
    this.#state = 'proof';
  }

  #nodeProof(frame: Frame): void {
    const given = readProof(frame.fields);
    frame.fields.finish();
    if (proves(given, this.#wantedProof)) {
      this.#state = 'open';
      this.#settleOpened(true);
    } else this.destroy('it does not hold the secret of this cluster');
  }

  #answer(frame: Frame): Uint8Array | undefined {
    const call = this.#callOf(frame.call);
    const head = readPayloadHead(frame.fields);
    if (head.sizeBytes > call.answerBytes) throw new WireError('an answer longer than was asked for');
    if (head.sizeBytes === 0) {
      if (frame.dataBytes > 0) throw new WireError('data where none belongs');
      const result = call.row.readResult(frame.fields, NOTHING);
      frame.fields.finish();
      this.#release(call);
      if (!call.isAbandoned) call.resolve(result);
      return undefined;
    }
    frame.fields.finish();
    if (call.incoming !== undefined) throw new WireError('two answers to one call');
    const memory = call.isAbandoned ? DISCARDED : (call.target ?? Buffer.allocUnsafe(head.sizeBytes));
    call.incoming = new Incoming(head, memory);
    return frame.dataBytes > 0 ? this.#land(call, call.incoming, frame.dataBytes) : undefined;
  }

  #data(frame: Frame): Uint8Array {
    frame.fields.finish();
    const call = this.#callOf(frame.call);
    if (call.incoming === undefined || frame.dataBytes === 0) throw new WireError('data of no answer');
    return this.#land(call, call.incoming, frame.dataBytes);
  }

  #land(call: PendingCall, incoming: Incoming, dataBytes: number): Uint8Array {
    const place = incoming.next(dataBytes);
    this.#landing = call;
    return place;
  }

  #complete(call: PendingCall, incoming: Incoming): void {
    if (!call.isAbandoned) {
      if (!incoming.isWhole) throw new WireError('bytes that do not match their checksums');
      call.resolve(call.row.readResult(NO_FIELDS, incoming.bytes));
    }
    this.#release(call);
  }

  #fault(frame: Frame): void {
    const call = this.#callOf(frame.call);
    const error = readFault(frame.fields);
    if (call.incoming !== undefined) throw new WireError('two answers to one call');
    this.#release(call);
    if (!call.isAbandoned) call.reject(error);
  }

  /** @throws WireError */
  #callOf(id: number): PendingCall {
    const call = this.#calls[id & SLOT_MASK];
    if (call === undefined || call.id !== id) throw new WireError('an answer to no call');
    return call;
  }

  #sendWithin(window: Window, call: PendingCall): void {
    window.callBytes += call.callBytes;
    window.answerBytes += call.answerBytes;
    this.#send(call);
  }

  #send(call: PendingCall): void {
    const slot = this.#freeSlots.pop() ?? this.#calls.length;
    call.id = ((this.#round << SLOT_BITS) | slot) >>> 0;
    this.#round = this.#round === LAST_ROUND ? 1 : this.#round + 1;
    this.#calls[slot] = call;
    const fields = this.#writer.begin(FRAME.call, call.row.number, call.id);
    writePayloadHead(fields, call.payload);
    fields.uint32(call.deviceId);
    call.row.writeArguments(fields, call.given);
    const bytes = call.payload?.bytes;
    if (call.callBytes <= limits.wireInlineBytes) this.#writer.end(bytes);
    else {
      call.isSending = true;
      this.#writer.end(bytes, () => {
        call.isSending = false;
      });
    }
  }

  /** The node is done with the call: what it took of the window is free for the next. */
  #release(call: PendingCall): void {
    const slot = call.id & SLOT_MASK;
    this.#calls[slot] = undefined;
    this.#freeSlots.push(slot);
    this.#open--;
    if (call.isAbandoned) this.#abandoned--;
    if (call.callBytes === 0 && call.answerBytes === 0) return;
    const window = this.#windowOf(call.deviceId);
    window.callBytes -= call.callBytes;
    window.answerBytes -= call.answerBytes;
    assert(window.callBytes >= 0 && window.answerBytes >= 0, 'a window gets back what was taken from it');
    while (window.waiting.length > 0 && hasRoom(window, window.waiting[0] as PendingCall))
      this.#sendWithin(window, window.waiting.shift() as PendingCall);
  }

  #abandonLate(nowMs: number): void {
    const fault = timeoutOf(this.#options.node);
    for (const window of this.#windows.values()) {
      while (window.waiting.length > 0 && (window.waiting[0] as PendingCall).deadlineMs <= nowMs) {
        this.#open--;
        window.waiting.shift()?.reject(fault);
      }
    }
    let isInUse = false;
    for (const call of this.#calls) {
      if (call === undefined || call.isAbandoned || call.deadlineMs > nowMs) continue;
      this.#abandoned++;
      call.abandon(fault);
      if (call.isSending || call.incoming !== undefined) isInUse = true;
    }
    if (isInUse) this.destroy('the bytes of a call took too long');
    else if (this.#abandoned > limits.wireCalls / 2) this.destroy('it leaves too many calls unanswered');
  }

  #windowOf(deviceId: number): Window {
    const known = this.#windows.get(deviceId);
    if (known !== undefined) return known;
    const window: Window = { callBytes: 0, answerBytes: 0, waiting: [] };
    this.#windows.set(deviceId, window);
    return window;
  }
}

function hasRoom(window: Window, call: PendingCall): boolean {
  return (
    window.callBytes + call.callBytes <= limits.wireWindowBytes &&
    window.answerBytes + call.answerBytes <= limits.wireWindowBytes
  );
}

const timeoutOf = (node: string) => new Fault('timeout', `node ${node} did not answer in time`);
