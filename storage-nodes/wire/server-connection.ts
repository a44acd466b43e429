// Owns one gateway's connection to a node. Guarantees that nothing is run before the gateway has proven who
// it is, that every call is answered once, and that what the gateway has in flight stays within its
// windows: one that sends more, or sends what no gateway sends, loses its connection and nothing else.
// Budget per call: see served-call.ts; per frame nothing.

import { limits } from '#core/kernel/limits.ts';
import type { Socket } from '#core/kernel/network.ts';
import { callOf, pingCall } from './calls.ts';
import type { NodeMemory } from './device-memory.ts';
import { WireError } from './fields.ts';
import { FRAME, type Frame } from './frame.ts';
import { type FrameHandler, FrameReader } from './frame-reader.ts';
import { FrameWriter } from './frame-writer.ts';
import {
  type Hello,
  newHello,
  objectionTo,
  proofOf,
  proves,
  readHello,
  readProof,
  writeHello,
} from './handshake.ts';
import type { NodeServerOptions } from './node-wire.ts';
import { readPayloadHead, writePayloadHead } from './payload.ts';
import { type CallParts, ServedCall, type Window } from './served-call.ts';
import { Stall } from './stall.ts';
import { writeReason } from './wire-fault.ts';

/** What a connection sees of its server. */
export interface ServerParts {
  readonly options: NodeServerOptions;
  readonly memory: NodeMemory;
  calls: number;
  refused(peer: string, reason: string): void;
  left(connection: ServerConnection): void;
}

export class ServerConnection implements FrameHandler, CallParts {
  readonly writer: FrameWriter;
  readonly #server: ServerParts;
  readonly #socket: Socket;
  readonly #reader: FrameReader;
  #state: 'hello' | 'proof' | 'open' | 'closing' | 'closed' = 'hello';
  #wantedProof: Buffer = Buffer.alloc(0);
  #ownProof: Buffer = Buffer.alloc(0);
  readonly #windows = new Map<number, Window>();
  /** Calls whose payload is still coming. */
  readonly #incomplete = new Map<number, ServedCall>();
  /** The call that the data now landing belongs to. */
  #landing: ServedCall | undefined;
  #calls = 0;
  #paused = false;
  readonly #startedMs: number;
  readonly #receiving: Stall;
  readonly #sending: Stall;
  readonly #silence: Stall;

  constructor(server: ServerParts, socket: Socket) {
    this.#server = server;
    this.#socket = socket;
    this.writer = new FrameWriter(socket, () => this.#eased());
    this.#reader = new FrameReader(this);
    this.#startedMs = server.options.clock.monotonicMs();
    this.#receiving = new Stall(this.#startedMs);
    this.#sending = new Stall(this.#startedMs);
    this.#silence = new Stall(this.#startedMs);
    socket.start(this.#reader);
  }

  get memory(): NodeMemory {
    return this.#server.memory;
  }

  get isClosing(): boolean {
    return this.#state === 'closing';
  }

  get receivedBytes(): number {
    return this.#reader.receivedBytes;
  }

  get sentBytes(): number {
    return this.writer.sentBytes;
  }

  frame(frame: Frame): Uint8Array | undefined {
    if (this.#state === 'open' || this.#state === 'closing') {
      if (frame.kind === FRAME.call) return this.#call(frame);
      if (frame.kind === FRAME.data) return this.#data(frame);
    }
    if (frame.dataBytes > 0) throw new WireError('data where none belongs');
    if (frame.kind === FRAME.goodbye) this.destroy();
    else if (this.#state === 'hello' && frame.kind === FRAME.hello) this.#hello(readHello(frame.fields));
    else if (this.#state === 'proof' && frame.kind === FRAME.proof) this.#proof(frame);
    else throw new WireError(`a frame of kind ${frame.kind} where none belongs`);
    return undefined;
  }

  dataLanded(): void {
    const call = this.#landing;
    this.#landing = undefined;
    if (call?.landed()) {
      this.#incomplete.delete(call.id);
      call.run();
    }
  }

  broken(error: WireError): void {
    this.#refuse(error.message);
  }

  closed(_error: Error | undefined): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#reader.stop();
    this.writer.close();
    for (const call of this.#incomplete.values()) call.drop();
    this.#incomplete.clear();
    this.#server.left(this);
  }

  ended(): void {
    this.#calls--;
    if (this.writer.inSocketBytes > limits.wireUntakenBytes && !this.#paused) this.#pause();
    if (this.#state === 'closing' && this.#calls === 0) this.#finish();
  }

  tick(nowMs: number): void {
    const complaint = this.#lateness(nowMs);
    if (complaint !== undefined) this.#refuse(complaint);
  }

  /** Lets the calls in hand finish, refuses new ones, and closes. */
  close(): void {
    if (this.#state === 'open') {
      this.#state = 'closing';
      if (this.#calls === 0) this.#finish();
    } else this.destroy();
  }

  destroy(): void {
    this.#socket.destroy();
    this.closed(undefined);
  }

  /** What should have come by now, or gone, and has not. */
  #lateness(nowMs: number): string | undefined {
    const { frames, isInsideFrame } = this.#reader;
    const isOpening = this.#state === 'hello' || this.#state === 'proof';
    if (isOpening && nowMs - this.#startedMs > limits.wireHandshakeMs)
      return 'it did not finish its handshake in time';
    if (this.#receiving.lasts(isInsideFrame && !this.#paused, frames, nowMs, limits.wireFrameMs))
      return 'a frame did not come to its end in time';
    const { inSocketBytes, batchesGone } = this.writer;
    if (this.#sending.lasts(inSocketBytes > 0, batchesGone, nowMs, limits.wireFrameMs))
      return 'it does not take what it asked for';
    if (this.#silence.lasts(this.#calls === 0, frames, nowMs, limits.wireIdleMs))
      return 'it has been silent for too long';
    const [oldest] = this.#incomplete.values();
    if (oldest !== undefined && !this.#paused && nowMs - oldest.startedMs > limits.wirePayloadMs)
      return 'the bytes of a call did not come in time';
    return undefined;
  }

  #hello(gateway: Hello): void {
    const { credentials, random, node } = this.#server.options;
    const own = newHello(credentials, random, node);
    const objection = objectionTo(gateway, own);
    if (objection !== undefined) {
      this.#refuse(objection);
      return;
    }
    this.#wantedProof = proofOf('gateway', credentials, gateway, own);
    this.#ownProof = proofOf('node', credentials, gateway, own);
    writeHello(this.writer.begin(FRAME.hello, 0, 0), own);
    this.writer.end();
    this.#state = 'proof';
  }

  #proof(frame: Frame): void {
    const given = readProof(frame.fields);
    frame.fields.finish();
    if (!proves(given, this.#wantedProof)) {
      this.#refuse('it does not hold the secret of this cluster');
      return;
    }
    const fields = this.writer.begin(FRAME.proof, 0, 0);
    fields.bytes(this.#ownProof);
    this.writer.end();
    this.#state = 'open';
  }

  #call(frame: Frame): Uint8Array | undefined {
    const { fields, call: id, dataBytes } = frame;
    const row = callOf(frame.number);
    const head = readPayloadHead(fields);
    const deviceId = fields.uint32();
    const given = row.readArguments(fields);
    fields.finish();
    this.#server.calls++;
    if (row.number === pingCall.number) return this.#ping(frame);
    if (++this.#calls > limits.wireCalls) throw new WireError('more calls at once than there may be');
    const chunks = this.#server.options.device(deviceId);
    const window = chunks === undefined ? { callBytes: 0, answerBytes: 0 } : this.#windowOf(deviceId);
    const { clock } = this.#server.options;
    const nowMs = clock.monotonicMs();
    const call = new ServedCall(this, { id, row, given, deviceId, chunks, window, head, startedMs: nowMs });
    // An answer may be there before this side hears that it has gone.
    if (window.callBytes > limits.wireWindowBytes || window.answerBytes > 2 * limits.wireWindowBytes) {
      call.drop();
      throw new WireError('more bytes in flight than the window has');
    }
    if (head.sizeBytes > dataBytes) {
      if (this.#incomplete.has(id)) {
        call.drop();
        throw new WireError('two calls with one id');
      }
      this.#incomplete.set(id, call);
    }
    if (dataBytes > 0) {
      this.#landing = call;
      return call.next(dataBytes);
    }
    if (head.sizeBytes === 0) call.run();
    return undefined;
  }

  #data(frame: Frame): Uint8Array {
    const call = this.#incomplete.get(frame.call);
    if (call === undefined) throw new WireError('data of no call');
    frame.fields.finish();
    if (frame.dataBytes === 0) throw new WireError('data without bytes');
    this.#landing = call;
    return call.next(frame.dataBytes);
  }

  #ping(frame: Frame): undefined {
    if (frame.dataBytes > 0) throw new WireError('data where none belongs');
    const fields = this.writer.begin(FRAME.answer, 0, frame.call);
    writePayloadHead(fields, undefined);
    pingCall.writeResult(fields, this.#server.options.clock.nowMs());
    this.writer.end();
  }

  #windowOf(deviceId: number): Window {
    const known = this.#windows.get(deviceId);
    if (known !== undefined) return known;
    const window = { callBytes: 0, answerBytes: 0 };
    this.#windows.set(deviceId, window);
    return window;
  }

  /** Nothing more is read from who does not take its answers. */
  #pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  #eased(): void {
    if (!this.#paused || this.writer.inSocketBytes > limits.wireUntakenBytes / 2) return;
    this.#paused = false;
    this.#socket.resume();
  }

  #refuse(reason: string): void {
    if (this.#state === 'closed') return;
    this.#server.refused(this.#socket.peer, reason);
    writeReason(this.writer.begin(FRAME.goodbye, 0, 0), reason);
    this.writer.end();
    // At once: where bytes may still be landing must not be given to another.
    this.writer.flush();
    this.destroy();
  }

  #finish(): void {
    writeReason(this.writer.begin(FRAME.goodbye, 0, 0), 'the node is closing');
    this.writer.end();
    this.writer.flush();
    this.#reader.stop();
    this.#socket.end();
  }
}
