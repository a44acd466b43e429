// Owns the port by which operators manage accounts and access keys: what the CLI and later gateways call. A
// secret leaves this port once, in the answer to the call that made it, and is never to be read again.

import type { Rejection } from '#core/kernel/decider.ts';

export type AccountAdminRejection =
  | 'account-exists'
  | 'no-such-account'
  | 'no-such-key'
  | 'too-many-keys'
  | 'key-exists'
  /** Letters, digits and `._@-`, at most limits.accountNameCharacters. */
  | 'invalid-name'
  /** The account still owns buckets, which nobody could reach any more. */
  | 'account-owns-buckets'
  /** The account is the only administrator left, or the key the only one of that administrator. */
  | 'last-admin';

export type AccountRole = 'admin' | 'member';

export interface AddAccountOptions {
  readonly email?: string;
  /** Default: `member`. */
  readonly role?: AccountRole;
}

/** Shown to the operator once. */
export interface NewAccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface NewAccount extends NewAccessKey {
  readonly accountId: string;
  /** As S3 shows the account: 64 hexadecimal digits. */
  readonly canonicalId: string;
}

export interface ListedAccount {
  readonly accountId: string;
  readonly canonicalId: string;
  readonly name: string;
  readonly email?: string;
  readonly role: string;
  readonly createdMs: number;
  readonly accessKeyIds: readonly string[];
}

/**
 * Every effect is durable on the log, and seen by the gateways of this process, when the promise resolves.
 */
export interface AccountAdmin {
  addAccount(
    name: string,
    options?: AddAccountOptions,
  ): Promise<NewAccount | Rejection<AccountAdminRejection>>;
  /** In order of name. */
  listAccounts(): Promise<readonly ListedAccount[]>;
  removeAccount(name: string): Promise<undefined | Rejection<AccountAdminRejection>>;
  createKey(name: string): Promise<NewAccessKey | Rejection<AccountAdminRejection>>;
  revokeKey(accessKeyId: string): Promise<undefined | Rejection<AccountAdminRejection>>;
}
