// Owns what the operator of a cloud may demand of passwords and logins (Keystone's `[security_compliance]`),
// and the pure judgements that follow from it. What depends on time is judged when it is asked for, so that a
// change of the settings holds for the passwords that are there.

import type { StoredUser } from '#projections/identity-by-id/identity-by-id.query.ts';

export interface LoginPolicy {
  /** A password must match it, unless the operator sets it. */
  readonly passwordPattern?: RegExp;
  /** Said to whoever chose one that does not match. */
  readonly passwordPatternDescription: string;
  /** For so long a password that a user chose stays. Zero: not at all. */
  readonly passwordAgeMinMs: number;
  readonly passwordLifeMs?: number;
  /** Of the last passwords, the one of the moment included, none comes back. Zero: any may. */
  readonly passwordHistory: number;
  /** After so many wrong passwords in a row a user is locked out. */
  readonly lockoutFailures?: number;
  /** Absent: until somebody enables the user. */
  readonly lockoutMs?: number;
  /** What an administrator sets is only good for choosing another. */
  readonly changePasswordUponFirstUse: boolean;
  /** Who was away for so long is as one who is disabled. */
  readonly inactiveMs?: number;
}

export const NO_LOGIN_POLICY: LoginPolicy = {
  passwordPatternDescription: '',
  passwordAgeMinMs: 0,
  passwordHistory: 0,
  changePasswordUponFirstUse: false,
};

/** Names of the options of a user that are true or false, as Keystone has them. */
export const USER_FLAGS = [
  'ignore_change_password_upon_first_use',
  'ignore_password_expiry',
  'ignore_lockout_failure_attempts',
  'ignore_user_inactivity',
  'lock_password',
  'multi_factor_auth_enabled',
] as const;

export type UserFlag = (typeof USER_FLAGS)[number];

export function hasFlag(user: StoredUser, flag: UserFlag): boolean {
  return user.options?.flags.some(({ name, value }) => name === flag && value) ?? false;
}

export function isStrong({ passwordPattern }: LoginPolicy, password: string): boolean {
  return passwordPattern === undefined || passwordPattern.test(password);
}

/** From when on the password lets nobody in, but to choose another. Undefined: never. */
export function passwordEndMs(policy: LoginPolicy, user: StoredUser): number | undefined {
  const { password } = user;
  if (!password) return undefined;
  if (password.mustChange && !hasFlag(user, 'ignore_change_password_upon_first_use')) return password.setMs;
  if (policy.passwordLifeMs === undefined || password.neverExpires) return undefined;
  return hasFlag(user, 'ignore_password_expiry') ? undefined : password.setMs + policy.passwordLifeMs;
}

/** When a user may choose another password. */
export function passwordOldEnoughMs(policy: LoginPolicy, { password }: StoredUser): number {
  return password?.bySelf ? password.setMs + policy.passwordAgeMinMs : 0;
}

/** Enabled, and not away for too long. */
export function isActive(policy: LoginPolicy, user: StoredUser, nowMs: number): boolean {
  if (!user.enabled) return false;
  // Who has no password here does not log in here by one.
  const isLetOff = (user.password?.neverExpires ?? true) || hasFlag(user, 'ignore_user_inactivity');
  if (policy.inactiveMs === undefined || isLetOff) return true;
  return nowMs - (user.seenMs ?? user.createdMs) < policy.inactiveMs;
}

export function isLockedOut({ lockedOut }: StoredUser, nowMs: number): boolean {
  return lockedOut !== undefined && (lockedOut.untilMs === undefined || nowMs < lockedOut.untilMs);
}

/** Whether the methods by which a user logged in are enough, by the rules of the user. */
export function areEnough(user: StoredUser, methods: readonly string[]): boolean {
  const rules = user.options?.factorRules ?? [];
  if (rules.length === 0 || !hasFlag(user, 'multi_factor_auth_enabled')) return true;
  return rules.some((rule) => rule.methods.every((method) => methods.includes(method)));
}
