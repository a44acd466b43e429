// Owns the putting together of the use cases: what a gateway is given, and the operator's side of accounts.

import type { SubjectKeys } from '#core/identity/subject-keys.ts';
import { type AccountService, createAccounts } from './accounts.service.ts';
import { createBuckets } from './buckets.service.ts';
import type { Cloud } from './cloud.ts';
import type { ServiceContext } from './context.ts';
import { createIdentity, type Identity, type IdentityOptions } from './identity/identity.ts';
import { KeyKeeper } from './key-keeper.ts';
import { createObjects } from './objects.service.ts';
import { SealedBlobs } from './sealed-blobs.ts';
import { createUploads } from './uploads.service.ts';

export interface CreatedCloud {
  readonly cloud: Cloud;
  readonly accounts: AccountService;
  readonly identity: Identity;
  readonly keyKeeper: KeyKeeper;
}

export function createCloud(
  context: ServiceContext,
  keys: SubjectKeys,
  options: IdentityOptions = {},
): CreatedCloud {
  const buckets = createBuckets(context, keys);
  const sealed = new SealedBlobs(context, buckets);
  const objects = createObjects(context, buckets, sealed);
  const uploads = createUploads(context, buckets, objects, sealed);
  const identity = createIdentity(context, keys, options);
  const accounts = createAccounts(context, keys, identity);
  const keyKeeper = new KeyKeeper(context, sealed);
  return { cloud: { buckets, objects, uploads, accounts }, accounts, identity, keyKeeper };
}
