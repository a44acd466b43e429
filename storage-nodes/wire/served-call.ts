// Owns one call on its way through a node: its payload comes in, the device runs it, its answer goes out. It
// holds memory of the device's share from the first to the last of it, and lets go of it exactly once.
// Budget: this object, the promise of the device and one reaction to it.

import { Bug } from '#core/kernel/assert.ts';
import { Fault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import type { NodeChunks } from '#storage-nodes/client/device-port.ts';
import type { Lease } from '#storage-nodes/stream/stream-memory.ts';
import type { WireCall } from './calls.ts';
import type { NodeMemory } from './device-memory.ts';
import { WireError } from './fields.ts';
import { FRAME } from './frame.ts';
import type { FrameWriter } from './frame-writer.ts';
import { Incoming, type Payload, type PayloadHead, payloadOf, writePayloadHead } from './payload.ts';
import { writeFault } from './wire-fault.ts';

/** What a device has in flight over one connection. */
export interface Window {
  callBytes: number;
  answerBytes: number;
}

/** As it was read from the wire. */
export interface CallRequest {
  readonly id: number;
  readonly row: WireCall<unknown, unknown>;
  readonly given: unknown;
  readonly deviceId: number;
  /** Undefined: there is no such device. */
  readonly chunks: NodeChunks | undefined;
  readonly window: Window;
  readonly head: PayloadHead;
  readonly startedMs: number;
}

/** The connection that the call came over. */
export interface CallParts {
  /** Takes no new calls. */
  readonly isClosing: boolean;
  readonly writer: FrameWriter;
  readonly memory: NodeMemory;
  /** What came cannot have been sent by a gateway in its right mind. */
  broken(error: WireError): void;
  /** A call is answered. */
  ended(): void;
}

export class ServedCall {
  readonly id: number;
  readonly startedMs: number;
  readonly #parts: CallParts;
  readonly #row: WireCall<unknown, unknown>;
  readonly #given: unknown;
  readonly #chunks: NodeChunks | undefined;
  readonly #deviceId: number;
  readonly #window: Window;
  readonly #answerBytes: number;
  readonly #incoming: Incoming;
  #lease: Lease | undefined;
  /** Why the call is not run: its payload is discarded. */
  #refusal: Fault | undefined;

  constructor(parts: CallParts, request: CallRequest) {
    const { id, row, given, deviceId, chunks, window, head, startedMs } = request;
    this.#parts = parts;
    this.id = id;
    this.#row = row;
    this.#given = given;
    this.#deviceId = deviceId;
    this.#chunks = chunks;
    this.#window = window;
    this.startedMs = startedMs;
    this.#answerBytes = row.answerBytes(given);
    window.callBytes += head.sizeBytes;
    window.answerBytes += this.#answerBytes;
    this.#incoming = new Incoming(head, this.#memoryFor(head.sizeBytes));
  }

  /** Where the next data of the call lands. @throws WireError */
  next(dataBytes: number): Uint8Array {
    return this.#incoming.next(dataBytes);
  }

  /** It has landed. @returns whether that was all of it. */
  landed(): boolean {
    if (this.#refusal === undefined) this.#incoming.landed();
    return this.#incoming.complete;
  }

  /** All of the payload is there. */
  run(): void {
    if (this.#refusal === undefined && !this.#incoming.isWhole)
      this.#refusal = new Fault('chunk-corrupt', 'the bytes that came do not match their checksums');
    if (this.#refusal !== undefined) this.#refuse(this.#refusal);
    else if (this.#answerBytes <= limits.streamSmallBytes) this.#runWith(undefined);
    else this.#runLarge();
  }

  /** Nobody waits for it any more, and its payload is not complete. */
  drop(): void {
    this.#lease?.release();
    this.#lease = undefined;
  }

  #memoryFor(sizeBytes: number): Uint8Array {
    if (this.#parts.isClosing) this.#refusal = new Fault('closed', 'the node is closing');
    else if (this.#chunks === undefined)
      this.#refusal = new Fault('unreachable', `no device ${this.#deviceId} is served here`);
    else if (sizeBytes === 0) return NOTHING;
    else this.#lease = this.#parts.memory.of(this.#deviceId).calls.tryTake(sizeBytes);
    if (this.#lease !== undefined) return this.#lease.bytes;
    this.#refusal ??= new Fault('busy', `device ${this.#deviceId} has too much in hand`);
    return DISCARDED;
  }

  #runLarge(): void {
    const { answers } = this.#parts.memory.of(this.#deviceId);
    const lease = answers.tryTake(this.#answerBytes);
    if (lease !== undefined) this.#runWith(lease);
    else answers.take(this.#answerBytes, (granted) => this.#runWith(granted));
  }

  /** @param target memory for the answer, to be let go of when it has gone. */
  #runWith(target: Lease | undefined): void {
    let result: Promise<unknown>;
    try {
      const chunks = this.#chunks as NodeChunks;
      result = this.#row.run(chunks, this.#given, this.#incoming as Payload, target?.bytes);
    } catch (error) {
      this.#failed(error, target);
      return;
    }
    result.then(
      (value) => this.#succeeded(value, target),
      (error) => this.#failed(error, target),
    );
  }

  #succeeded(result: unknown, target: Lease | undefined): void {
    const { writer } = this.#parts;
    const bytes = this.#row.bytesOf(result);
    const fields = writer.begin(FRAME.answer, 0, this.id);
    writePayloadHead(fields, bytes && payloadOf(bytes));
    this.#row.writeResult(fields, result);
    writer.end(bytes, () => {
      target?.release();
      this.#window.answerBytes -= this.#answerBytes;
    });
    this.#end();
  }

  #failed(error: unknown, target: Lease | undefined): void {
    // A bug stops the process, as it would without a wire between.
    if (error instanceof Bug) throw error;
    target?.release();
    if (error instanceof WireError) {
      this.#end();
      this.#parts.broken(error);
    } else this.#refuse(error);
  }

  #refuse(error: unknown): void {
    const { writer } = this.#parts;
    writeFault(writer.begin(FRAME.fault, 0, this.id), error);
    writer.end();
    this.#window.answerBytes -= this.#answerBytes;
    this.#end();
  }

  #end(): void {
    this.#window.callBytes -= this.#incoming.bytes.length;
    this.#lease?.release();
    this.#lease = undefined;
    this.#parts.ended();
  }
}

const NOTHING = new Uint8Array(0);
/** Where payloads land that nobody reads. */
const DISCARDED = Buffer.allocUnsafeSlow(limits.chunkBytes);
