// Owns the use cases of buckets. Each settles a deletion that it meets half done (settle-bucket.ts).

import { assert } from '#core/kernel/assert.ts';
import { isRejected, type Rejection } from '#core/kernel/decider.ts';
import { limits } from '#core/kernel/limits.ts';
import type { StoredBucket } from '#projections/buckets-by-name/buckets-by-name.query.ts';
import type { BucketRejection, Buckets, Caller } from './cloud.ts';
import type { ServiceContext } from './context.ts';
import { isEnough, PERMISSIONS, type Permission } from './permissions.ts';
import { runBucketCommand, settleBucket } from './settle-bucket.ts';

type BucketAccess = StoredBucket | Rejection<'access-denied' | 'no-such-bucket'>;

/** What the other use cases need of buckets. */
export interface BucketAccessCheck {
  /** The bucket as the read model shows it now, if the caller may do that there; also a closing one. */
  find(caller: Caller, name: string, permission: Permission): BucketAccess;
  /** Ends a deletion that is under way, one way or the other. */
  settle(caller: Caller, name: string): Promise<void>;
}

export function createBuckets(context: ServiceContext): Buckets & BucketAccessCheck {
  return new BucketUseCases(context);
}

class BucketUseCases implements Buckets, BucketAccessCheck {
  readonly #context: ServiceContext;

  constructor(context: ServiceContext) {
    this.#context = context;
  }

  find(caller: Caller, name: string, permission: Permission): BucketAccess {
    if (!isEnough(caller.role, permission)) return { rejected: 'access-denied' };
    const bucket = this.#context.buckets.get(name);
    if (!bucket) return { rejected: 'no-such-bucket' };
    return bucket.owner === caller.accountId ? bucket : { rejected: 'access-denied' };
  }

  allows(caller: Caller, permission: Permission, name: string): boolean | Promise<boolean> {
    if (this.#allowsNow(caller, permission, name)) return true;
    // Another gateway may have given the name to the caller a moment ago.
    const behind = this.#context.barrier();
    return behind ? behind.then(() => this.#allowsNow(caller, permission, name)) : false;
  }

  #allowsNow(caller: Caller, permission: Permission, name: string): boolean {
    if (PERMISSIONS[permission].on === 'project') return isEnough(caller.role, permission);
    const found = this.find(caller, name, permission);
    return !(isRejected(found) && found.rejected === 'access-denied');
  }

  async settle(caller: Caller, name: string): Promise<void> {
    await settleBucket(this.#context, caller, name);
  }

  async get(caller: Caller, name: string): Promise<BucketAccess> {
    await this.#context.barrier();
    await this.settle(caller, name);
    return this.find(caller, name, 'read-bucket');
  }

  async list(caller: Caller, after: string, limit: number): Promise<readonly StoredBucket[]> {
    if (!isEnough(caller.role, 'list-buckets')) return [];
    await this.#context.barrier();
    return this.#context.buckets.ofOwner(caller.accountId, after, limit);
  }

  async create(
    caller: Caller,
    name: string,
    region: string,
  ): Promise<StoredBucket | Rejection<BucketRejection>> {
    if (!isEnough(caller.role, 'make-bucket')) return { rejected: 'access-denied' };
    await this.#context.barrier();
    await this.settle(caller, name);
    const { accountId: owner } = caller;
    const owned = await this.#context.buckets.ofOwner(owner, '', limits.s3BucketsPerAccount);
    if (owned.length >= limits.s3BucketsPerAccount && !this.#context.buckets.get(name)) {
      return { rejected: 'too-many-buckets' };
    }
    const outcome = await runBucketCommand(this.#context, caller, name, {
      type: 'CreateBucket',
      owner,
      region,
    });
    if (isRejected(outcome)) return outcome;
    assert(outcome, 'creating a bucket has an event or a rejection');
    const { timeMs: createdMs, revision } = outcome;
    return { name, owner, region, createdMs, status: 'open', revision, writesSince: revision };
  }

  async delete(caller: Caller, name: string): Promise<undefined | Rejection<BucketRejection>> {
    await this.#context.barrier();
    await this.settle(caller, name);
    const bucket = this.find(caller, name, 'delete-bucket');
    if (isRejected(bucket)) return bucket;
    // Most refusals need no event: closing is only for a bucket that looks empty.
    if (!(await this.#context.objects.isEmpty(name))) return { rejected: 'bucket-not-empty' };
    const closed = await runBucketCommand(this.#context, caller, name, { type: 'CloseBucket' });
    if (isRejected(closed)) return closed;
    await this.settle(caller, name);
    return this.#context.buckets.get(name) ? { rejected: 'bucket-not-empty' } : undefined;
  }
}
