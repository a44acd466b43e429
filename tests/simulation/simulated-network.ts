// Owns the simulated network between hosts: messages that take time, overtake each other, get lost, come
// twice or long after their sender gave up, and hosts that cannot reach each other. Between the same two
// hosts it is not said to which of these a silence is due.

import type { Chance, World } from './world.ts';

const FASTEST_MS = 0.05;
const SLOWEST_MS = 1.5;
const LATE_MS = 8_000;

/** Probabilities for each message. */
export interface NetworkTrouble {
  lost: number;
  late: number;
  repeated: number;
}

export class SimulatedNetwork {
  readonly trouble: NetworkTrouble = { lost: 0, late: 0, repeated: 0 };
  readonly #world: World;
  readonly #chance: Chance;
  /** Hosts on the far side of a partition; the others are on the near one. */
  #cutOff: ReadonlySet<string> = new Set();

  constructor(world: World) {
    this.#world = world;
    this.#chance = world.chance('network');
  }

  partition(hosts: readonly string[]): void {
    this.#cutOff = new Set(hosts);
  }

  heal(): void {
    this.#cutOff = new Set();
    this.trouble.lost = 0;
    this.trouble.late = 0;
    this.trouble.repeated = 0;
  }

  /** @param deliver may be called once, twice, late or never. */
  send(from: string, to: string, what: string, deliver: () => void): void {
    const { trace } = this.#world;
    const isCut = this.#isCut(from, to);
    if (isCut || this.#chance.happens(this.trouble.lost)) {
      trace.note(isCut ? 'message-cut' : 'message-lost', `${from} ${to} ${what}`);
      return;
    }
    this.#deliver(from, to, what, deliver);
    if (!this.#chance.happens(this.trouble.repeated)) return;
    trace.note('message-repeated', `${from} ${to} ${what}`);
    this.#deliver(from, to, what, deliver);
  }

  #deliver(from: string, to: string, what: string, deliver: () => void): void {
    const isLate = this.#chance.happens(this.trouble.late);
    if (isLate) this.#world.trace.note('message-late', `${from} ${to} ${what}`);
    const delayMs = this.#chance.between(FASTEST_MS, isLate ? LATE_MS : SLOWEST_MS);
    this.#world.scheduler.after(delayMs, () => {
      if (this.#isCut(from, to)) return;
      this.#world.trace.note('message', `${from} ${to} ${what}`);
      deliver();
    });
  }

  #isCut(from: string, to: string): boolean {
    return this.#cutOff.has(from) !== this.#cutOff.has(to);
  }
}
