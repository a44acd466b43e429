// Owns the questions "whose access key is this?" and "who are the accounts?".

import { DecodedRows } from '../store/decoded-rows.ts';
import type { RowReader } from '../store/projection.ts';
import { revisionOf } from '../store/row-value.ts';
import {
  ACCOUNTS,
  accessKeyRowKey,
  accountRowKey,
  nameRowKey,
  readAccessKey,
  readAccount,
  removedRowKey,
} from './account-rows.ts';

export interface StoredAccount {
  readonly id: string;
  readonly name: string;
  readonly email?: string;
  /** 64 hexadecimal digits, shown to S3 clients as the owner's id. */
  readonly canonicalId: string;
  /** `admin` or `member`. */
  readonly role: string;
  readonly createdMs: number;
  readonly revision: number;
  /** Names the key of its secrets: 32 hexadecimal digits. */
  readonly keyBlob?: string;
  readonly accessKeys: readonly StoredAccessKey[];
}

export interface StoredAccessKey {
  readonly accessKeyId: string;
  readonly accountId: string;
  readonly sealedSecret: Uint8Array;
  readonly createdMs: number;
}

export interface AccountsById {
  get(id: string): StoredAccount | undefined;
  /** Revision of the account's stream, removed ones too; undefined when there never was one. */
  revision(id: string): number | undefined;
  byName(name: string): StoredAccount | undefined;
  accessKey(accessKeyId: string): StoredAccessKey | undefined;
  all(): Promise<readonly StoredAccount[]>;
}

export function createAccountsById(rows: RowReader): AccountsById {
  const accessKeys = new DecodedRows(rows, (accessKeyId) => {
    const value = rows.get(accessKeyRowKey(accessKeyId));
    return value && readAccessKey(accessKeyId, value);
  });
  const accessKey = (accessKeyId: string) => accessKeys.get(accessKeyId);
  const withKeys = (value: Uint8Array): StoredAccount => {
    const { accessKeyIds, ...account } = readAccount(value);
    const accessKeys = accessKeyIds.map(accessKey).filter((key) => key !== undefined);
    return { ...account, accessKeys };
  };
  const get = (id: string): StoredAccount | undefined => {
    const value = rows.get(accountRowKey(id));
    return value && withKeys(value);
  };
  return {
    get,
    revision(id) {
      const value = rows.get(accountRowKey(id));
      if (value) return readAccount(value).revision;
      const removed = rows.get(removedRowKey(id));
      return removed && revisionOf(removed);
    },
    byName(name) {
      const id = rows.get(nameRowKey(name));
      return id && get(Buffer.from(id).toString());
    },
    accessKey,
    async all() {
      const cursor = rows.scan(ACCOUNTS);
      const found: StoredAccount[] = [];
      try {
        for (;;) {
          const more = await cursor.next(ACCOUNTS_AT_ONCE);
          if (more.length === 0) return found;
          for (const { value } of more) found.push(withKeys(value));
        }
      } finally {
        await cursor.close();
      }
    },
  };
}

const ACCOUNTS_AT_ONCE = 1_000;
