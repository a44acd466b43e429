// Owns what may be known of a bucket, or of all that an owner has, besides what it is: text by name.
//
// Names: `meta/<name>` for the user's own; `access/read` and `access/write` for who else may (a bucket),
// and `access` (all of an owner); `quota/bytes` and `quota/objects` for the most that it may hold;
// `storage-policy` for where it is kept, for as long as it is there (a bucket); `s3/<name>` for a
// configuration of S3's, its policy and list of grants among them (a bucket); `secret/<name>` for what the
// log has sealed alone (services/secret-properties.ts); `encryption/key` for the name of that among them
// which new objects are sealed under, and `encryption/resealing` while others are sealed anew;
// `versioning`, `enabled` or `suspended`, for whether it keeps what is replaced: once said it can be said
// anew, never unsaid; and `archive/stack` or `archive/history` for the bucket that it moves what is
// replaced to.

export const SECRET_PREFIX = 'secret/';

export const VERSIONING = 'versioning';
export type Versioning = 'enabled' | 'suspended';
export const ARCHIVES = { stack: 'archive/stack', history: 'archive/history' } as const;

export type Properties = Readonly<Record<string, string>>;

export interface PropertyChanges {
  readonly set: Properties;
  readonly unset: readonly string[];
}

export function isChange({ set, unset }: PropertyChanges): boolean {
  return unset.length > 0 || Object.keys(set).length > 0;
}

export function changed(properties: Properties, { set, unset }: PropertyChanges): Properties {
  const after = { ...properties, ...set };
  for (const name of unset) delete after[name];
  return after;
}

/** Undefined of a bucket that never kept versions. */
export function versioningOf(properties: Properties): Versioning | undefined {
  return properties[VERSIONING] as Versioning | undefined;
}

/** Whether what is replaced would be kept in two ways. */
export function isTwofold(properties: Properties): boolean {
  return [VERSIONING, ARCHIVES.stack, ARCHIVES.history].filter((name) => name in properties).length > 1;
}
