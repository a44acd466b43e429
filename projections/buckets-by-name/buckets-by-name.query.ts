// Owns the questions "is there such a bucket?" and "which buckets has this account?".

export interface StoredBucket {
  readonly name: string;
  readonly owner: string;
  readonly region: string;
  readonly createdMs: number;
  readonly status: 'open' | 'closing';
  /** Revision of the bucket's stream: the guard of whatever is put into it. */
  readonly revision: number;
}

export interface BucketsByName {
  get(name: string): StoredBucket | undefined;
  /** Revision of the bucket's stream, deleted ones too; undefined when there never was one. */
  revision(name: string): number | undefined;
  /** In order of name, those above `after`, at most `limit`. */
  ofOwner(owner: string, after: string, limit: number): Promise<readonly StoredBucket[]>;
}
