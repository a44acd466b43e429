// Owns the questions "whose access key is this?" and "who are the accounts?".

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
