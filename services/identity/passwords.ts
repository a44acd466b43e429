// Owns the hashing of passwords: scrypt (RFC 7914), memory-hard, on the thread pool. Guarantees: a hash tells
// its own cost, so raising the cost locks nobody out; only so many are computed at once, so that nobody can
// take the memory by logging in.

import { scrypt, timingSafeEqual } from 'node:crypto';
import { Fault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Random } from '#core/kernel/random.ts';

/** OWASP's password storage cheat sheet: 2^15, 8, 3. */
export interface PasswordCost {
  /** A power of two. Memory: 128 * cost * blockSize bytes. */
  readonly cost: number;
  readonly blockSize: number;
  readonly parallelization: number;
}

const PASSWORD_COST: PasswordCost = { cost: 32_768, blockSize: 8, parallelization: 3 };

/** @param power of two: that of `cost` */
export function passwordCostOf(power: number | undefined): PasswordCost {
  return power === undefined ? PASSWORD_COST : { ...PASSWORD_COST, cost: 2 ** power };
}

/**
 * Who chose the secret: a person, whose choice can be guessed, or we, who drew 128 random bits or more.
 * There is nothing to be guessed of those, so no time is spent on making guesses dear.
 */
export type SecretSource = 'chosen' | 'drawn';

const DRAWN_COST: PasswordCost = { cost: 1_024, blockSize: 8, parallelization: 1 };

const HASH_BYTES = 32;
const SALT_BYTES = 16;

export class Passwords {
  readonly #random: Random;
  readonly #cost: PasswordCost;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(random: Random, cost: PasswordCost = PASSWORD_COST) {
    this.#random = random;
    this.#cost = cost;
  }

  /** @throws Fault `busy` where too many wait. */
  async hash(password: string, source: SecretSource): Promise<string> {
    const salt = this.#random.fill(Buffer.alloc(SALT_BYTES));
    const used = source === 'drawn' ? DRAWN_COST : this.#cost;
    const { cost, blockSize, parallelization } = used;
    const hash = await this.#derive(password, salt, used);
    const parts = [cost, blockSize, parallelization, salt.toString('base64'), hash.toString('base64')];
    return ['scrypt', ...parts].join('$');
  }

  /**
   * Takes as long as for a chosen password where there is no hash, so that nobody learns who has one.
   * @throws Fault `busy` where too many wait.
   */
  async verify(password: string, stored: string | undefined): Promise<boolean> {
    const { cost, blockSize, parallelization } = this.#cost;
    const own = ['', cost, blockSize, parallelization, '', ''];
    const [, n, r, p, salt = '', hash = ''] = stored === undefined ? own : stored.split('$');
    const wanted = Buffer.from(String(hash), 'base64');
    const used = { cost: Number(n), blockSize: Number(r), parallelization: Number(p) };
    const derived = await this.#derive(password, Buffer.from(String(salt), 'base64'), used);
    return wanted.length === derived.length && timingSafeEqual(wanted, derived);
  }

  async #derive(password: string, salt: Buffer, cost: PasswordCost): Promise<Buffer> {
    if (this.#running >= limits.passwordHashesAtOnce) {
      if (this.#waiting.length >= limits.passwordHashesWaiting) {
        throw new Fault('busy', 'too many passwords are being checked');
      }
      await new Promise<void>((next) => this.#waiting.push(next));
    } else {
      this.#running++;
    }
    try {
      const memory = 2 * 128 * cost.cost * cost.blockSize;
      return await new Promise((resolve, reject) => {
        scrypt(password, salt, HASH_BYTES, { ...cost, maxmem: memory }, (error, key) =>
          error ? reject(error) : resolve(key),
        );
      });
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }
}
