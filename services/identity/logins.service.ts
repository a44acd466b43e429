// Owns the judgement whether somebody is let in by a password or a one-time password, under the policy of
// the cloud. Guarantees: whoever is not let in learns only that, after the same time, save that a password
// that is right has expired; and of as many guesses as one likes, at the same time or one after the other,
// only so many are looked at before the user is locked out.
//
// What is an event, and what is memory. A wrong password is none of the facts of the log: anybody may send as
// many as they like, and each would grow it for ever. They are counted here, for a bounded number of users,
// the oldest forgotten first. That a user was locked out is a fact, which must hold in all gateways and after
// a restart: one event for as many failures as the policy allows and for as long as the lock holds (a minute
// at least), so that whoever guesses adds at most one event per user and minute. Its end is judged by the
// clock and needs no event. With several gateways each counts for itself: so many times as many guesses. That
// a user logged in is noted once a day at most, and only where the policy asks for it.

import type { Rejection } from '#core/kernel/decider.ts';
import { limits } from '#core/kernel/limits.ts';
import type { Actor } from '#core/log/event-log.ts';
import type { StoredCredential, StoredUser } from '#projections/identity-by-id/identity-by-id.query.ts';
import type { UserRejection } from './identity.ts';
import type { IdentityContext } from './identity-context.ts';
import {
  hasFlag,
  isActive,
  isLockedOut,
  type LoginPolicy,
  passwordEndMs,
  passwordOldEnoughMs,
} from './login-policy.ts';
import { fromBase32, stepOf } from './one-time-passwords.ts';
import type { UserUseCases } from './users.service.ts';

/** `expired`: it is the password, which is only good for choosing another. */
export type Login = 'right' | 'wrong' | 'expired';

/** What is remembered of a user between two logins. */
interface Attempts {
  readonly failures: number;
  /** Locked out, though the log does not say so yet. */
  readonly isBeingLocked: boolean;
  /** Of the last one-time password that was used: none is good twice (RFC 6238, 5.2). */
  readonly usedStep: number;
}

const NO_ATTEMPTS: Attempts = { failures: 0, isBeingLocked: false, usedStep: -1 };
const DAY_MS = 24 * 60 * 60 * 1_000;

export class LoginUseCases {
  readonly policy: LoginPolicy;
  readonly #context: IdentityContext;
  readonly #users: UserUseCases;
  /** By user: those whose last attempt is longest ago first. */
  readonly #attempts = new Map<string, Attempts>();

  constructor(context: IdentityContext, users: UserUseCases, policy: LoginPolicy) {
    this.#context = context;
    this.#users = users;
    this.policy = policy;
  }

  /** @throws Fault `busy` where too many passwords are being checked */
  async byPassword(user: StoredUser | undefined, password: string, nowMs: number): Promise<Login> {
    const isRight = await this.#users.isPassword(user, password);
    if (!user || !(await this.#isLetIn(user, isRight, nowMs))) return 'wrong';
    const endMs = passwordEndMs(this.policy, user);
    if (endMs !== undefined && endMs <= nowMs) return 'expired';
    await this.#noteSeen(user, nowMs);
    return 'right';
  }

  /** By any of the seeds that the user has. */
  async byOneTimePassword(user: StoredUser | undefined, given: string, nowMs: number): Promise<boolean> {
    if (!user) return false;
    const { usedStep } = this.#attemptsOf(user.id);
    let step: number | undefined;
    for (const seed of await this.#seedsOf(user)) {
      const found = stepOf(seed, given, nowMs);
      if (found !== undefined && found > usedStep) step = found;
    }
    if (!(await this.#isLetIn(user, step !== undefined, nowMs))) return false;
    // Two that came with the same at the same time: the second finds it used.
    if (step === undefined || step <= this.#attemptsOf(user.id).usedStep) return false;
    this.#remember(user.id, { ...NO_ATTEMPTS, usedStep: step });
    return true;
  }

  /** By the user, with the password from before, which may have expired. */
  async changePassword(
    actor: Actor,
    user: StoredUser | undefined,
    before: string,
    password: string,
    nowMs: number,
  ): Promise<undefined | Rejection<UserRejection | 'wrong-password'>> {
    const isRight = await this.#users.isPassword(user, before);
    if (!user || !(await this.#isLetIn(user, isRight, nowMs))) return { rejected: 'wrong-password' };
    if (hasFlag(user, 'lock_password')) return { rejected: 'password-locked' };
    const isExpired = (passwordEndMs(this.policy, user) ?? Infinity) <= nowMs;
    if (!isExpired && nowMs < passwordOldEnoughMs(this.policy, user))
      return { rejected: 'password-too-young' };
    if (this.policy.passwordHistory > 0 && (await this.#users.wasPassword(user, password))) {
      return { rejected: 'password-used-before' };
    }
    return this.#users.setPassword({ ...actor, user: user.id }, user.id, password, { by: 'self' });
  }

  /** Judged after the password was looked at, and in one go: of many guesses at once only so many count. */
  async #isLetIn(user: StoredUser, isRight: boolean, nowMs: number): Promise<boolean> {
    const now = this.#context.identity.get('user', user.id);
    if (!now || !isActive(this.policy, now, nowMs)) return false;
    const { failures, isBeingLocked, usedStep } = this.#attemptsOf(user.id);
    const { lockoutFailures, lockoutMs } = this.policy;
    if (lockoutFailures === undefined || hasFlag(now, 'ignore_lockout_failure_attempts')) return isRight;
    if (isLockedOut(now, nowMs) || isBeingLocked) return false;
    if (isRight) {
      if (failures > 0) this.#remember(user.id, { ...NO_ATTEMPTS, usedStep });
      return true;
    }
    if (failures + 1 < lockoutFailures) {
      this.#remember(user.id, { failures: failures + 1, isBeingLocked: false, usedStep });
      return false;
    }
    const untilMs = lockoutMs === undefined ? undefined : nowMs + lockoutMs;
    // Whoever waits for the same judgement must find the lock before the log has it.
    this.#remember(user.id, { failures, isBeingLocked: true, usedStep });
    try {
      await this.#users.lockOut(actorOf(user), user.id, untilMs);
      this.#remember(user.id, { ...NO_ATTEMPTS, usedStep });
    } catch (error) {
      this.#remember(user.id, { failures, isBeingLocked: false, usedStep });
      throw error;
    }
    return false;
  }

  #attemptsOf(userId: string): Attempts {
    return this.#attempts.get(userId) ?? NO_ATTEMPTS;
  }

  #remember(userId: string, attempts: Attempts): void {
    this.#attempts.delete(userId);
    if (this.#attempts.size >= limits.failedLogins) {
      for (const oldest of this.#attempts.keys()) {
        this.#attempts.delete(oldest);
        break;
      }
    }
    this.#attempts.set(userId, attempts);
  }

  async #seedsOf(user: StoredUser): Promise<readonly Uint8Array[]> {
    const credentials = user.credentialIds.map((id) => this.#context.identity.credential(id));
    const isSeed = (each: StoredCredential | undefined) => each?.kind === 'totp';
    const blobs = credentials.filter(isSeed).map((each) => each && this.#users.credentialBlob(each));
    const seeds = (await Promise.all(blobs)).map((blob) => blob && fromBase32(blob));
    return seeds.filter((seed) => seed !== undefined && seed !== '');
  }

  async #noteSeen(user: StoredUser, nowMs: number): Promise<void> {
    if (this.policy.inactiveMs === undefined) return;
    if (Math.floor((user.seenMs ?? 0) / DAY_MS) === Math.floor(nowMs / DAY_MS)) return;
    await this.#users.noteSeen(actorOf(user), user.id);
  }
}

const actorOf = ({ id }: StoredUser): Actor => ({ user: id, project: id, requestId: 'login' });
