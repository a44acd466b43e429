// Owns the keys and values of the rows of accounts-by-id. Values are JSON: accounts are few, and read one at
// a time.

import { endOfPrefix } from '../store/key-order.ts';
import type { RowRange } from '../store/projection.ts';
import type { StoredAccessKey, StoredAccount } from './accounts-by-id.query.ts';

/** An account's row: its access keys have rows of their own. */
export interface AccountRow extends Omit<StoredAccount, 'accessKeys'> {
  readonly accessKeyIds: readonly string[];
}

const ACCOUNT = 'account/';

export const accountRowKey = (id: string): string => ACCOUNT + id;
export const accessKeyRowKey = (accessKeyId: string): string => `access-key/${accessKeyId}`;
export const nameRowKey = (name: string): string => `name/${name}`;
/** What an account's end leaves: its stream's revision. */
export const removedRowKey = (id: string): string => `removed/${id}`;
export const ACCOUNTS: RowRange = { gte: ACCOUNT, lt: endOfPrefix(ACCOUNT) as string };

export const accountValue = (account: AccountRow): Uint8Array => Buffer.from(JSON.stringify(account));

export function readAccount(value: Uint8Array): AccountRow {
  return JSON.parse(Buffer.from(value).toString());
}

export function accessKeyValue(key: Omit<StoredAccessKey, 'accessKeyId'>): Uint8Array {
  const { accountId, sealedSecret, createdMs } = key;
  const secret = Buffer.from(sealedSecret).toString('base64');
  return Buffer.from(JSON.stringify({ accountId, createdMs, secret }));
}

export function readAccessKey(accessKeyId: string, value: Uint8Array): StoredAccessKey {
  const { accountId, createdMs, secret } = JSON.parse(Buffer.from(value).toString());
  return { accessKeyId, accountId, createdMs, sealedSecret: Buffer.from(secret, 'base64') };
}
