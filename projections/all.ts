// Owns the list of all projections, and the questions that can be asked of them.

import { accountsById } from './accounts-by-id/accounts-by-id.projection.ts';
import { type AccountsById, createAccountsById } from './accounts-by-id/accounts-by-id.query.ts';
import { bucketsByName } from './buckets-by-name/buckets-by-name.projection.ts';
import { type BucketsByName, createBucketsByName } from './buckets-by-name/buckets-by-name.query.ts';
import { identityById } from './identity-by-id/identity-by-id.projection.ts';
import { createIdentityById, type IdentityById } from './identity-by-id/identity-by-id.query.ts';
import { createNamedBlobs, type NamedBlobs } from './named-blobs/named-blobs.query.ts';
import { createObjectVersions, type ObjectVersions } from './object-versions/object-versions.query.ts';
import { objectsByKey } from './objects-by-key/objects-by-key.projection.ts';
import { createObjectsByKey, type ObjectsByKey } from './objects-by-key/objects-by-key.query.ts';
import type { Projection, ProjectionRunner } from './store/projection.ts';
import { tokensInForce } from './tokens-in-force/tokens-in-force.projection.ts';
import { createTokensInForce, type TokensInForce } from './tokens-in-force/tokens-in-force.query.ts';
import { uploadsByBucket } from './uploads-by-bucket/uploads-by-bucket.projection.ts';
import { createUploadsByBucket, type UploadsByBucket } from './uploads-by-bucket/uploads-by-bucket.query.ts';
import { createUsageByBucket, type UsageByBucket } from './usage-by-bucket/usage-by-bucket.query.ts';

export const projections: readonly Projection[] = [
  accountsById,
  bucketsByName,
  objectsByKey,
  uploadsByBucket,
  identityById,
  tokensInForce,
];

export interface ReadModels {
  readonly accounts: AccountsById;
  readonly buckets: BucketsByName;
  readonly objects: ObjectsByKey;
  readonly versions: ObjectVersions;
  readonly uploads: UploadsByBucket;
  readonly usage: UsageByBucket;
  readonly identity: IdentityById;
  readonly tokens: TokensInForce;
  readonly namedBlobs: NamedBlobs;
}

/** @param runner one that keeps all of {@link projections}. */
export function openReadModels(runner: Pick<ProjectionRunner, 'table'>): ReadModels {
  const objectRows = runner.table(objectsByKey.name);
  const uploads = createUploadsByBucket(runner.table(uploadsByBucket.name));
  const accounts = createAccountsById(runner.table(accountsById.name));
  const identity = createIdentityById(runner.table(identityById.name));
  const tokens = createTokensInForce(runner.table(tokensInForce.name));
  const buckets = createBucketsByName(runner.table(bucketsByName.name));
  return {
    accounts,
    buckets,
    objects: createObjectsByKey(objectRows),
    versions: createObjectVersions(objectRows),
    uploads,
    usage: createUsageByBucket({ objectRows, buckets }),
    identity,
    tokens,
    namedBlobs: createNamedBlobs({ objectRows, uploads, accounts, identity, tokens }),
  };
}
