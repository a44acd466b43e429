// Owns the simulated network between hosts, the byte connections of core/kernel/network.ts: slow, cut at any
// byte, silent in one direction or in both, damaging what it carries, and refused where nothing listens.
// Bytes of one connection never overtake each other; those of two may.

import { crc32 } from '@node-rs/crc32';
import type { Address, Listener, Network, Socket } from '#core/kernel/network.ts';
import { SimulatedSocket } from './simulated-socket.ts';
import type { Chance, Life, World } from './world.ts';

const FASTEST_MS = 0.05;
const SLOWEST_MS = 1.5;
/** A program that was killed is told of by its machine; of one whose machine lost its power nobody tells. */
const TOLD_CHANCE = 0.6;

interface Listening {
  readonly life: Life;
  readonly accept: (socket: Socket) => void;
}

export class SimulatedNetwork {
  readonly chance: Chance;
  /** Everything takes up to so much longer. */
  slowMs = 0;
  /** So probably a byte of what is sent at once is another when it arrives. */
  corruption = 0;
  readonly #world: World;
  readonly #isUp: (host: string) => boolean;
  readonly #listening = new Map<Address, Listening>();
  readonly #sockets = new Set<SimulatedSocket>();
  readonly #networks = new WeakMap<Life, Network>();
  /** Hosts on the far side of a partition; the others are on the near one. */
  #cutOff: ReadonlySet<string> = new Set();
  /** Hosts of which nothing is heard, though they hear. */
  #mute: ReadonlySet<string> = new Set();

  /** @param isUp whether a program runs on the host. */
  constructor(world: World, isUp: (host: string) => boolean) {
    this.#world = world;
    this.#isUp = isUp;
    this.chance = world.chance('network');
  }

  get nowMs(): number {
    return this.#world.scheduler.nowMs;
  }

  partition(hosts: readonly string[]): void {
    this.#cutOff = new Set(hosts);
    this.#release();
  }

  mute(hosts: readonly string[]): void {
    this.#mute = new Set(hosts);
    this.#release();
  }

  /** Resets each connection with this probability. */
  cutSome(probability: number): void {
    for (const socket of [...this.#sockets]) {
      if (this.chance.happens(probability)) socket.destroy(new Error('the connection was cut'));
    }
  }

  heal(): void {
    this.slowMs = 0;
    this.corruption = 0;
    this.mute([]);
    this.partition([]);
  }

  /** The network as one program has it. */
  of(life: Life): Network {
    const known = this.#networks.get(life);
    if (known) return known;
    void life.died.then(() => this.#died(life));
    const network: Network = {
      listen: async (address, accept) => this.#listen(life, address, accept),
      connect: (address, options) => this.#connect(life, address, options?.signal),
    };
    this.#networks.set(life, network);
    return network;
  }

  delayMs(): number {
    return this.chance.between(FASTEST_MS, SLOWEST_MS) + this.chance.next() * this.slowMs;
  }

  after(delayMs: number, run: () => void): void {
    this.#world.scheduler.after(delayMs, run);
  }

  isSilent(from: string, to: string): boolean {
    return from !== to && (this.#cutOff.has(from) !== this.#cutOff.has(to) || this.#mute.has(from));
  }

  isUp(host: string): boolean {
    return this.#isUp(host);
  }

  mayCorrupt(parcel: Buffer): void {
    if (this.corruption === 0 || !this.chance.happens(this.corruption)) return;
    const at = this.chance.whole(0, parcel.length - 1);
    parcel[at] = (parcel[at] as number) ^ this.chance.whole(1, 255);
    this.#world.trace.note('parcel-corrupted', `${at}`);
  }

  arrived(from: string, to: string, parcel: Buffer | string): void {
    const what = typeof parcel === 'string' ? parcel : `${parcel.length} ${crc32(parcel)}`;
    this.#world.trace.note('parcel', `${from} ${to} ${what}`);
  }

  forget(socket: SimulatedSocket): void {
    this.#sockets.delete(socket);
  }

  #listen(life: Life, address: Address, accept: (socket: Socket) => void): Listener {
    const listening = { life, accept };
    this.#listening.set(address, listening);
    return {
      address,
      close: async () => {
        if (this.#listening.get(address) === listening) this.#listening.delete(address);
      },
    };
  }

  #connect(life: Life, address: Address, signal?: AbortSignal): Promise<Socket> {
    const host = address.split(':')[1] ?? '';
    return new Promise((resolve, reject) => {
      const giveUp = () => reject(new Error('nobody waits for the connection any more'));
      if (signal?.aborted) return giveUp();
      signal?.addEventListener('abort', giveUp, { once: true });
      life.after(this.delayMs(), () => {
        // Without an answer whoever connects waits as long as it likes.
        if (signal?.aborted || this.isSilent(life.host, host) || this.isSilent(host, life.host)) return;
        const listening = this.#listening.get(address);
        if (!listening?.life.isAlive) {
          if (this.#isUp(host)) reject(new Error(`${address} refuses connections`));
          return;
        }
        const [near, far] = this.#pair(life, listening.life);
        listening.accept(far);
        life.after(this.delayMs(), () => {
          signal?.removeEventListener('abort', giveUp);
          if (signal?.aborted) near.destroy();
          else resolve(near);
        });
      });
    });
  }

  #pair(life: Life, other: Life): [SimulatedSocket, SimulatedSocket] {
    const near = new SimulatedSocket(this, life, other.host);
    const far = new SimulatedSocket(this, other, life.host);
    near.join(far);
    far.join(near);
    this.#sockets.add(near).add(far);
    return [near, far];
  }

  #died(life: Life): void {
    const isTold = this.chance.happens(TOLD_CHANCE);
    for (const socket of [...this.#sockets]) {
      if (socket.life !== life) continue;
      this.#sockets.delete(socket);
      if (isTold) socket.reset();
    }
  }

  #release(): void {
    for (const socket of this.#sockets) socket.released();
  }
}
