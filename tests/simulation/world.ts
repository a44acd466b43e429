// Owns what all parts of one run share: time, chance and the trace. Each part draws from a stream of chance
// of its own, so that leaving out one fault changes nothing else that is drawn.

import { createHash } from 'node:crypto';
import type { Clock } from '#core/kernel/clock.ts';
import { type Random, seededRandom } from '#core/kernel/random.ts';
import { Scheduler } from './scheduler.ts';
import { Trace } from './trace.ts';

export class World {
  readonly seed: number;
  readonly scheduler = new Scheduler();
  readonly trace: Trace;
  /** What broke a promise, in order. */
  readonly violations: Violation[] = [];

  constructor(seed: number, print?: (line: string) => void) {
    this.seed = seed;
    this.trace = new Trace(this.scheduler, print);
  }

  chance(name: string): Chance {
    const digest = createHash('sha256').update(`${this.seed} ${name}`).digest();
    return new Chance(seededRandom(digest.readUInt32LE(0)));
  }

  /**
   * Lets time pass until the promise has settled. @throws what it rejects with, or Error when it takes longer
   */
  async until<T>(promise: Promise<T>, forMs: number): Promise<T> {
    let isSettled = false;
    const settled = () => {
      isSettled = true;
    };
    promise.then(settled, settled);
    if (await this.scheduler.run(() => isSettled, forMs)) return promise;
    throw new Error(`not within ${forMs} simulated ms`);
  }

  /** What nobody catches breaks a promise too. Returns what ends the watch. */
  watchForLostErrors(): () => void {
    const lost = (error: unknown) => this.violated('noErrorIsLost', String((error as Error)?.stack ?? error));
    process.on('unhandledRejection', lost);
    return () => process.off('unhandledRejection', lost);
  }

  /** @param promise the checker's name. */
  violated(promise: string, what: string): void {
    this.trace.note('VIOLATED', `${promise}: ${what}`);
    this.violations.push({ promise, what });
  }
}

export interface Violation {
  readonly promise: string;
  readonly what: string;
}

/** Draws of one part of the world. */
export class Chance implements Random {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  fill<T extends Uint8Array>(target: T): T {
    return this.#random.fill(target);
  }

  next(): number {
    return this.#random.next();
  }

  happens(probability: number): boolean {
    return this.#random.next() < probability;
  }

  between(low: number, high: number): number {
    return low + this.#random.next() * (high - low);
  }

  /** A whole number from `low` to `high`, both possible. */
  whole(low: number, high: number): number {
    return low + Math.floor(this.#random.next() * (high - low + 1));
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random.next() * from.length)] as T;
  }
}

/**
 * One life of a program: from its start to its crash or orderly end. What a dead one waits for never comes,
 * so its code stops where it is.
 */
export class Life {
  readonly host: string;
  readonly clock: Clock;
  readonly random: Chance;
  readonly died: Promise<void>;
  readonly #scheduler: Scheduler;
  #alive = true;
  #die!: () => void;

  constructor(world: World, host: string, name: string, skewMs: number) {
    this.host = host;
    this.#scheduler = world.scheduler;
    this.random = world.chance(name);
    this.died = new Promise((resolve) => {
      this.#die = resolve;
    });
    const { scheduler } = world;
    this.clock = {
      nowMs: () => scheduler.nowMs + skewMs,
      monotonicMs: () => scheduler.nowMs,
      sleep: (delayMs, signal) => this.#sleep(delayMs, signal),
    };
  }

  get isAlive(): boolean {
    return this.#alive;
  }

  end(): void {
    this.#alive = false;
    this.#die();
  }

  /** Runs later, if the program still lives then. */
  after(delayMs: number, run: () => void): void {
    this.#scheduler.after(delayMs, () => {
      if (this.#alive) run();
    });
  }

  #sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        signal?.removeEventListener('abort', done);
        resolve();
      };
      this.after(delayMs, done);
      signal?.addEventListener('abort', done, { once: true });
    });
  }
}
