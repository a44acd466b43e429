// Owns what may be known of a bucket, or of all that an owner has, besides what it is: text by name.
//
// Names: `meta/<name>` for the user's own; `access/read` and `access/write` for who else may (a bucket), and
// `access` (all of an owner); `quota/bytes` and `quota/objects` for the most that it may hold;
// `storage-policy` for where it is kept, for as long as it is there (a bucket);
// `s3/<name>` for a configuration of S3's, its policy and list of grants among them (a bucket);
// `secret/<name>` for what the log has sealed alone (services/secret-properties.ts).

export const SECRET_PREFIX = 'secret/';

export type Properties = Readonly<Record<string, string>>;

export interface PropertyChanges {
  readonly set: Properties;
  readonly unset: readonly string[];
}

export function isChange({ set, unset }: PropertyChanges): boolean {
  return unset.length > 0 || Object.keys(set).length > 0;
}
