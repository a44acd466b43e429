// Owns the putting together of the use cases: what a gateway is given, and the operator's side of accounts.

import type { SubjectKeys } from '#core/identity/subject-keys.ts';
import { type AccountService, createAccounts } from './accounts.service.ts';
import { createBuckets } from './buckets.service.ts';
import type { Cloud } from './cloud.ts';
import type { ServiceContext } from './context.ts';
import { createIdentity, type Identity, type IdentityOptions } from './identity/identity.ts';
import { createObjects } from './objects.service.ts';
import { createUploads } from './uploads.service.ts';

export interface CreatedCloud {
  readonly cloud: Cloud;
  readonly accounts: AccountService;
  readonly identity: Identity;
}

export function createCloud(
  context: ServiceContext,
  keys: SubjectKeys,
  options: IdentityOptions = {},
): CreatedCloud {
  const buckets = createBuckets(context, keys);
  const objects = createObjects(context, buckets);
  const uploads = createUploads(context, buckets, objects);
  const identity = createIdentity(context, keys, options);
  const accounts = createAccounts(context, keys, identity);
  return { cloud: { buckets, objects, uploads, accounts }, accounts, identity };
}
