// Owns the way of frames into a socket: small ones are gathered and go out together once a tick, before any
// payload; payloads are cut into data frames, and those of one frame take turns with the longer ones, which
// go one after the other, so that each is received into warm memory. Guarantees that each payload's `gone`
// is called once, and that it is not read after that.
// Budget: small frames cost no allocation; a tick costs one object and one system call; payloads of more
// than limits.wireInlineBytes are not copied.

import { limits } from '#core/kernel/limits.ts';
import type { Socket } from '#core/kernel/network.ts';
import { FieldWriter } from './fields.ts';
import { FRAME, type FrameKind, HEADER_BYTES, writeHeader } from './frame.ts';

/** Smaller than this, the rest of a buffer might not hold the next frame. */
const FRAME_ROOM_BYTES = HEADER_BYTES + limits.wireFieldsBytes + limits.wireInlineBytes;

/** Buffers for small frames, recycled among all connections. */
const spare: Buffer[] = [];

function takeBuffer(): Buffer {
  return spare.pop() ?? Buffer.allocUnsafeSlow(limits.wireGatherBytes);
}

function giveBuffer(buffer: Buffer): void {
  if (spare.length < limits.wireSpareBuffers) spare.push(buffer);
}

/** A payload that goes out in data frames. */
interface Transfer {
  readonly call: number;
  readonly bytes: Uint8Array;
  readonly gone: (() => void) | undefined;
  sentBytes: number;
}

/** What goes to the socket in one tick, and what is let go of after it. */
class Batch {
  bytes = 0;
  readonly buffers: Buffer[] = [];
  readonly gone: (() => void)[] = [];
}

export class FrameWriter {
  sentBytes = 0;
  /** Grows as long as the other side takes what is sent. */
  batchesGone = 0;
  /** Called when what was handed to the socket has become less. */
  readonly #eased: () => void;
  readonly #socket: Socket;
  readonly #fields = new FieldWriter();
  #buffer: Buffer | undefined;
  /** What of the buffer is gathered and not yet written: from, to. */
  #from = 0;
  #to = 0;
  #kind: FrameKind = FRAME.call;
  #number = 0;
  #call = 0;
  /** Full buffers of this tick, before the current one. */
  readonly #full: Uint8Array[] = [];
  #batch = new Batch();
  readonly #pieces: Uint8Array[] = [];
  /** Payloads of one frame, and longer ones. */
  #short: Transfer[] = [];
  #long: Transfer[] = [];
  #isTurnOfLong = false;
  #inSocketBytes = 0;
  #scheduled = false;
  #closed = false;
  readonly #flush = () => {
    this.#scheduled = false;
    this.flush();
  };

  constructor(socket: Socket, eased: () => void) {
    this.#socket = socket;
    this.#eased = eased;
  }

  /** Bytes that the socket has not passed on yet. */
  get inSocketBytes(): number {
    return this.#inSocketBytes;
  }

  /** Begins a frame, whose fields the caller writes before any other call but `end`. */
  begin(kind: FrameKind, number: number, call: number): FieldWriter {
    // Into a closed socket nothing is gathered.
    if (this.#closed) this.#to = this.#from;
    if (this.#buffer === undefined || this.#buffer.length - this.#to < FRAME_ROOM_BYTES) this.#nextBuffer();
    this.#kind = kind;
    this.#number = number;
    this.#call = call;
    this.#fields.begin(this.#buffer as Buffer, this.#to + HEADER_BYTES);
    return this.#fields;
  }

  /**
   * Ends the frame.
   * @param payload goes with it or after it; must not change until `gone`.
   * @param gone called when the payload is with the kernel, or the connection closed.
   */
  end(payload?: Uint8Array, gone?: () => void): void {
    const buffer = this.#buffer as Buffer;
    const fieldsAt = this.#to + HEADER_BYTES;
    const fieldsEnd = this.#fields.end;
    const payloadBytes = payload === undefined ? 0 : payload.length;
    const inlineBytes = payloadBytes <= limits.wireInlineBytes ? payloadBytes : 0;
    writeHeader(buffer, this.#to, this.#kind, this.#number, this.#call, fieldsEnd - fieldsAt, inlineBytes);
    this.#to = fieldsEnd + inlineBytes;
    if (payload !== undefined && inlineBytes > 0) buffer.set(payload, fieldsEnd);
    if (payload !== undefined && payloadBytes > inlineBytes && !this.#closed)
      this.#enqueue({ call: this.#call, bytes: payload, gone, sentBytes: 0 });
    else if (gone !== undefined) gone();
    this.#schedule();
  }

  /** Hands to the socket what is gathered, and of the payloads as much as is its due. */
  flush(): void {
    if (this.#closed) return;
    for (const full of this.#full) this.#add(full);
    this.#full.length = 0;
    this.#addGathered();
    while (this.#hasTransfers && this.#inSocketBytes + this.#batch.bytes < limits.wireSocketBytes)
      this.#addPiece(this.#nextTransfer());
    if (this.#batch.bytes > 0) this.#writeBatch();
  }

  /** Lets go of everything; to be called when the socket is closed. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const transfers = [...this.#short, ...this.#long];
    this.#short = [];
    this.#long = [];
    for (const { gone } of transfers) gone?.();
    // The batch that was being gathered never reaches the socket.
    for (const gone of this.#batch.gone) gone();
    this.#buffer = undefined;
  }

  #schedule(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    process.nextTick(this.#flush);
  }

  #nextBuffer(): void {
    if (this.#buffer !== undefined) {
      if (this.#to > this.#from) this.#full.push(this.#buffer.subarray(this.#from, this.#to));
      this.#batch.buffers.push(this.#buffer);
    }
    this.#buffer = takeBuffer();
    this.#from = 0;
    this.#to = 0;
  }

  #addGathered(): void {
    if (this.#buffer === undefined || this.#to === this.#from) return;
    this.#add(this.#buffer.subarray(this.#from, this.#to));
    this.#from = this.#to;
  }

  get #hasTransfers(): boolean {
    return this.#short.length > 0 || this.#long.length > 0;
  }

  #enqueue(transfer: Transfer): void {
    const queue = transfer.bytes.length <= limits.wireFrameBytes ? this.#short : this.#long;
    queue.push(transfer);
  }

  #nextTransfer(): Transfer {
    const isLong = this.#short.length === 0 || (this.#isTurnOfLong && this.#long.length > 0);
    this.#isTurnOfLong = !isLong;
    return (isLong ? this.#long[0] : this.#short[0]) as Transfer;
  }

  /** One data frame of the transfer. */
  #addPiece(transfer: Transfer): void {
    const from = transfer.sentBytes;
    const lengthBytes = Math.min(limits.wireFrameBytes, transfer.bytes.length - from);
    if (this.#buffer === undefined || this.#buffer.length - this.#to < HEADER_BYTES) this.#nextBuffer();
    writeHeader(this.#buffer as Buffer, this.#to, FRAME.data, 0, transfer.call, 0, lengthBytes);
    this.#to += HEADER_BYTES;
    this.#addGathered();
    this.#add(transfer.bytes.subarray(from, from + lengthBytes));
    transfer.sentBytes += lengthBytes;
    if (transfer.sentBytes < transfer.bytes.length) return;
    if (transfer === this.#long[0]) this.#long.shift();
    else this.#short.shift();
    if (transfer.gone !== undefined) this.#batch.gone.push(transfer.gone);
  }

  #add(bytes: Uint8Array): void {
    this.#batch.bytes += bytes.length;
    this.#pieces.push(bytes);
  }

  #writeBatch(): void {
    const batch = this.#batch;
    this.#batch = new Batch();
    this.sentBytes += batch.bytes;
    this.#inSocketBytes += batch.bytes;
    const last = this.#pieces.length - 1;
    if (last > 0) this.#socket.cork();
    for (let piece = 0; piece < last; piece++) this.#socket.write(this.#pieces[piece] as Uint8Array);
    this.#socket.write(this.#pieces[last] as Uint8Array, () => this.#batchGone(batch));
    if (last > 0) this.#socket.uncork();
    this.#pieces.length = 0;
  }

  #batchGone(batch: Batch): void {
    this.batchesGone++;
    this.#inSocketBytes -= batch.bytes;
    for (const buffer of batch.buffers) giveBuffer(buffer);
    for (const gone of batch.gone) gone();
    if (this.#closed) return;
    if (this.#hasTransfers) this.#schedule();
    this.#eased();
  }
}
