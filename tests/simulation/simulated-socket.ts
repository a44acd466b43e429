// Owns one end of a simulated connection: bytes come in the order in which they were written, in pieces of
// any size and after any time, or the connection closes. A receiver that stands still holds up its sender.

import { KIB } from '#core/kernel/limits.ts';
import type { Socket, SocketReceiver } from '#core/kernel/network.ts';
import type { SimulatedNetwork } from './simulated-network.ts';
import type { Life } from './world.ts';

/** What a system keeps of a connection for a receiver that does not take it. */
const KEPT_BYTES = 128 * KIB;
const PIECE_CHANCE = 0.15;
const NOWHERE = new Uint8Array(0);

/** What goes from one end to the other. */
type Parcel = Buffer | 'end' | 'reset';

interface UnderWay {
  readonly parcel: Parcel;
  readonly arrivesAtMs: number;
}

interface Writing {
  readonly bytes: Uint8Array;
  readonly written: (() => void) | undefined;
}

export class SimulatedSocket implements Socket {
  readonly peer: string;
  readonly life: Life;
  readonly #network: SimulatedNetwork;
  #other!: SimulatedSocket;
  #receiver: SocketReceiver | undefined;
  #closed = false;
  #ending = false;
  #paused = false;
  #writing: Writing[] = [];
  /** Bytes of the first that have gone. */
  #sentBytes = 0;
  #isScheduled = false;
  #isEndSent = false;
  /** Sent, and not taken by this end yet; the first is next. */
  #underWay: UnderWay[] = [];
  #arrivalMs = 0;
  #inbox: Buffer[] = [];
  /** Of the inbox and of what is under way. */
  #heldBytes = 0;
  #isEnded = false;
  #isTaking = false;
  /** Asked for before anything comes, as a system does: whatever it is by then, it is written to. */
  #room: Uint8Array = NOWHERE;

  constructor(network: SimulatedNetwork, life: Life, peer: string) {
    this.#network = network;
    this.life = life;
    this.peer = peer;
  }

  join(other: SimulatedSocket): void {
    this.#other = other;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  start(receiver: SocketReceiver): void {
    this.#receiver = receiver;
    if (this.#closed) {
      this.life.after(0, () => receiver.closed(undefined));
      return;
    }
    this.#room = receiver.room();
    this.life.after(0, () => this.#take());
  }

  write(bytes: Uint8Array, written?: () => void): void {
    if (this.#closed || this.#ending) {
      if (written) this.life.after(0, written);
      return;
    }
    this.#writing.push({ bytes, written });
    this.#sendSoon();
  }

  cork(): void {}

  uncork(): void {}

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.life.after(0, () => this.#take());
  }

  end(): void {
    if (this.#ending || this.#closed) return;
    this.#ending = true;
    this.#sendSoon();
  }

  destroy(error?: Error): void {
    if (this.#closed) return;
    // What its system had of it already still goes.
    if (this.#network.chance.happens(0.5)) this.#dispatchUnsent();
    this.#dispatch('reset');
    this.#close(error);
  }

  /** The program at this end is gone, and its system says so. */
  reset(): void {
    this.#closed = true;
    this.#dispatch('reset');
  }

  /** What was held up on its way here goes on. */
  released(): void {
    if (this.#underWay.length > 0) this.#network.after(0, () => this.#arrive());
  }

  #sendSoon(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.life.after(this.#network.chance.between(0, 0.05), () => {
      this.#isScheduled = false;
      this.#send();
    });
  }

  /** All that is to be written goes as one parcel, now and then a part of it. */
  #send(): void {
    if (this.#closed) return;
    if (this.#other.#heldBytes >= KEPT_BYTES) return;
    const { chance } = this.#network;
    const pieces: Uint8Array[] = [];
    const done: Writing[] = [];
    for (let first = this.#writing[0]; first; first = this.#writing[0]) {
      const left = first.bytes.subarray(this.#sentBytes);
      const isPart = left.length > 1 && chance.happens(PIECE_CHANCE);
      const piece = isPart ? left.subarray(0, chance.whole(1, left.length - 1)) : left;
      pieces.push(piece);
      this.#sentBytes += piece.length;
      if (isPart) break;
      this.#writing.shift();
      this.#sentBytes = 0;
      done.push(first);
    }
    if (pieces.length > 0) this.#dispatch(Buffer.concat(pieces));
    for (const { written } of done) written?.();
    if (this.#writing.length > 0) this.#sendSoon();
    else if (this.#ending) this.#sendEnd();
  }

  #dispatchUnsent(): void {
    const unsent = this.#writing.map(({ bytes }, at) => bytes.subarray(at === 0 ? this.#sentBytes : 0));
    if (unsent.length > 0) this.#dispatch(Buffer.concat(unsent));
  }

  #sendEnd(): void {
    if (this.#isEndSent) return;
    this.#isEndSent = true;
    this.#dispatch('end');
  }

  #dispatch(parcel: Parcel): void {
    const other = this.#other;
    const network = this.#network;
    // Never before what was sent before.
    other.#arrivalMs = Math.max(other.#arrivalMs, network.nowMs + network.delayMs());
    if (typeof parcel !== 'string') {
      network.mayCorrupt(parcel);
      other.#heldBytes += parcel.length;
    }
    other.#underWay.push({ parcel, arrivesAtMs: other.#arrivalMs });
    network.after(other.#arrivalMs - network.nowMs, () => other.#arrive());
  }

  /** All that is due. While the network is silent nothing comes; it is sent again later, save a reset. */
  #arrive(): void {
    const network = this.#network;
    const from = this.#other.life.host;
    const isDue = ({ arrivesAtMs }: UnderWay) => arrivesAtMs <= network.nowMs;
    if (network.isSilent(from, this.life.host)) {
      this.#underWay = this.#underWay.filter((each) => each.parcel !== 'reset' || !isDue(each));
      return;
    }
    for (let first = this.#underWay[0]; first && isDue(first); first = this.#underWay[0]) {
      this.#underWay.shift();
      network.arrived(from, this.life.host, first.parcel);
      this.#land(first.parcel);
    }
  }

  #land(parcel: Parcel): void {
    if (this.#closed || !this.life.isAlive) {
      // A machine that is up knows nothing of a connection that is over.
      if (parcel !== 'reset' && this.#network.isUp(this.life.host)) this.#dispatch('reset');
      return;
    }
    if (parcel === 'reset') {
      this.#close(new Error('the connection was reset'));
      return;
    }
    if (parcel === 'end') this.#isEnded = true;
    else this.#inbox.push(parcel);
    this.#take();
  }

  #take(): void {
    if (!this.#receiver || this.#isTaking) return;
    this.#isTaking = true;
    while (!this.#closed && !this.#paused && this.#inbox.length > 0) this.#takePiece(this.#receiver);
    this.#isTaking = false;
    if (this.#closed) return;
    if (!this.#paused && this.#heldBytes < KEPT_BYTES) this.#other.#sendSoon();
    if (!this.#isEnded || this.#inbox.length > 0) return;
    this.#sendEnd();
    this.#close(undefined);
  }

  #takePiece(receiver: SocketReceiver): void {
    const { chance } = this.#network;
    const first = this.#inbox[0] as Buffer;
    const most = Math.min(this.#room.length, first.length);
    const count = most > 1 && chance.happens(PIECE_CHANCE) ? chance.whole(1, most) : most;
    this.#room.set(first.subarray(0, count));
    this.#heldBytes -= count;
    if (count === first.length) this.#inbox.shift();
    else this.#inbox[0] = first.subarray(count);
    receiver.landed(count);
    this.#room = receiver.room();
  }

  #close(error: Error | undefined): void {
    this.#closed = true;
    this.#inbox = [];
    this.#underWay = [];
    this.#heldBytes = 0;
    this.#room = NOWHERE;
    const writing = this.#writing;
    this.#writing = [];
    const receiver = this.#receiver;
    this.#network.forget(this);
    this.life.after(0, () => {
      for (const { written } of writing) written?.();
      receiver?.closed(error);
    });
  }
}
