// Owns the list of all projections, and the questions that can be asked of them.

import { accountsById } from './accounts-by-id/accounts-by-id.projection.ts';
import { type AccountsById, createAccountsById } from './accounts-by-id/accounts-by-id.query.ts';
import { bucketsByName } from './buckets-by-name/buckets-by-name.projection.ts';
import { type BucketsByName, createBucketsByName } from './buckets-by-name/buckets-by-name.query.ts';
import { createNamedBlobs, type NamedBlobs } from './named-blobs/named-blobs.query.ts';
import { objectsByKey } from './objects-by-key/objects-by-key.projection.ts';
import { createObjectsByKey, type ObjectsByKey } from './objects-by-key/objects-by-key.query.ts';
import type { Projection, ProjectionRunner } from './store/projection.ts';
import { uploadsByBucket } from './uploads-by-bucket/uploads-by-bucket.projection.ts';
import { createUploadsByBucket, type UploadsByBucket } from './uploads-by-bucket/uploads-by-bucket.query.ts';

export const projections: readonly Projection[] = [
  accountsById,
  bucketsByName,
  objectsByKey,
  uploadsByBucket,
];

export interface ReadModels {
  readonly accounts: AccountsById;
  readonly buckets: BucketsByName;
  readonly objects: ObjectsByKey;
  readonly uploads: UploadsByBucket;
  readonly namedBlobs: NamedBlobs;
}

/** @param runner one that keeps all of {@link projections}. */
export function openReadModels(runner: Pick<ProjectionRunner, 'table'>): ReadModels {
  const objectRows = runner.table(objectsByKey.name);
  const uploads = createUploadsByBucket(runner.table(uploadsByBucket.name));
  const accounts = createAccountsById(runner.table(accountsById.name));
  return {
    accounts,
    buckets: createBucketsByName(runner.table(bucketsByName.name)),
    objects: createObjectsByKey(objectRows),
    uploads,
    namedBlobs: createNamedBlobs(objectRows, uploads, accounts),
  };
}
