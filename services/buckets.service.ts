// Owns the use cases of buckets. Each settles a deletion that it meets half done (settle-bucket.ts).

import { bucketStream, nameOfBucket, qualifiedId } from '#core/buckets/buckets.events.ts';
import { type Properties, type PropertyChanges, SECRET_PREFIX } from '#core/buckets/properties.ts';
import { spaceStream } from '#core/buckets/spaces.events.ts';
import type { SubjectKeys } from '#core/identity/subject-keys.ts';
import { assert } from '#core/kernel/assert.ts';
import { isRejected, type Rejection } from '#core/kernel/decider.ts';
import { limits } from '#core/kernel/limits.ts';
import type { StoredBucket } from '#projections/buckets-by-name/buckets-by-name.query.ts';
import type { BucketUsage } from '#projections/usage-by-bucket/usage-by-bucket.query.ts';
import { bucketIdOf, newBucketId } from './bucket-names.ts';
import type { BucketRejection, Buckets, Caller, NewBucketOptions, Space } from './cloud.ts';
import { actorOf, type ServiceContext } from './context.ts';
import { isEnough, type Permission } from './permissions.ts';
import { type BucketKeys, isBucketKey } from './sealed-blobs.ts';
import { SecretProperties } from './secret-properties.ts';
import { runBucketCommand, settleBucket } from './settle-bucket.ts';
import { changeSpace } from './spaces.ts';

type BucketAccess = StoredBucket | Rejection<'access-denied' | 'no-such-bucket'>;

/** What the other use cases need of buckets. */
export interface BucketAccessCheck {
  /** Which bucket the caller means by the name; to be asked once the read models are as they have to be. */
  idOf(caller: Caller, name: string): string;
  /** The bucket as the read model shows it now, if the caller may do that there; also a closing one. */
  find(caller: Caller, id: string, permission: Permission): BucketAccess;
  /** Ends a deletion that is under way, one way or the other. */
  settle(caller: Caller, id: string): Promise<void>;
}

export function createBuckets(
  context: ServiceContext,
  keys: SubjectKeys,
): Buckets & BucketAccessCheck & BucketKeys {
  return new BucketUseCases(context, keys);
}

class BucketUseCases implements Buckets, BucketAccessCheck, BucketKeys {
  readonly #context: ServiceContext;
  readonly #secrets: SecretProperties;

  constructor(context: ServiceContext, keys: SubjectKeys) {
    this.#context = context;
    this.#secrets = new SecretProperties(context, keys);
  }

  idOf(caller: Caller, name: string): string {
    return bucketIdOf(this.#context.buckets, caller.accountId, name);
  }

  find(caller: Caller, id: string, permission: Permission): BucketAccess {
    if (!isEnough(caller.role, permission)) return { rejected: 'access-denied' };
    const bucket = this.#context.buckets.get(id);
    if (!bucket) return { rejected: 'no-such-bucket' };
    return bucket.owner === caller.accountId ? bucket : { rejected: 'access-denied' };
  }

  named(accountId: string, name: string): StoredBucket | undefined {
    const { buckets } = this.#context;
    return buckets.get(bucketIdOf(buckets, accountId, name));
  }

  async latest(accountId: string, name: string): Promise<StoredBucket | undefined> {
    await this.#context.barrier();
    return this.named(accountId, name);
  }

  async settle(caller: Caller, id: string): Promise<void> {
    const closing = this.#context.buckets.get(id);
    if (closing?.status !== 'closing') return;
    await settleBucket(this.#context, caller, id);
    // What is closing is not described any more: these were the last.
    if (!this.#context.buckets.get(id)) await this.#secrets.eraseAll(closing.properties);
  }

  async get(caller: Caller, name: string): Promise<BucketAccess> {
    await this.#context.barrier();
    const id = this.idOf(caller, name);
    await this.settle(caller, id);
    return this.find(caller, id, 'read-bucket');
  }

  async properties(name: string, caller?: Caller): Promise<Properties | undefined> {
    await this.#context.barrier();
    return this.known(name, caller);
  }

  known(name: string, caller?: Caller): Properties | undefined {
    const { buckets } = this.#context;
    return buckets.get(bucketIdOf(buckets, caller?.accountId ?? '', name))?.properties;
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
    { scope = 'shared', properties = {} }: NewBucketOptions = {},
  ): Promise<StoredBucket | Rejection<BucketRejection>> {
    if (!isEnough(caller.role, 'make-bucket')) return { rejected: 'access-denied' };
    await this.#context.barrier();
    const owned = this.idOf(caller, name);
    await this.settle(caller, owned);
    const { buckets } = this.#context;
    const id =
      scope === 'shared' || buckets.get(owned) ? owned : newBucketId(buckets, caller.accountId, name);
    const made = await this.#create(caller, id, region, properties);
    // Somebody else was first to take the name that all share.
    const isTaken = scope === 'own' && isRejected(made) && made.rejected === 'bucket-exists';
    if (!isTaken) return made;
    return this.#create(caller, qualifiedId(caller.accountId, name), region, properties);
  }

  async #create(
    caller: Caller,
    id: string,
    region: string,
    properties: Properties,
  ): Promise<StoredBucket | Rejection<BucketRejection>> {
    const { accountId: owner } = caller;
    const { buckets } = this.#context;
    if (!buckets.get(id)) {
      const owned = await buckets.ofOwner(owner, '', limits.s3BucketsPerAccount);
      if (owned.length >= limits.s3BucketsPerAccount) return { rejected: 'too-many-buckets' };
    }
    const command = { type: 'CreateBucket', owner, region, properties } as const;
    const outcome = await runBucketCommand(this.#context, caller, id, command);
    if (isRejected(outcome)) return outcome;
    assert(outcome, 'creating a bucket has an event or a rejection');
    const { timeMs: createdMs, revision } = outcome;
    const made = { id, name: nameOfBucket(id), owner, region, createdMs, status: 'open' } as const;
    const writesSince = Object.keys(properties).length > 0 ? revision - 1 : revision;
    return { ...made, revision, writesSince, properties };
  }

  async delete(caller: Caller, name: string): Promise<undefined | Rejection<BucketRejection>> {
    await this.#context.barrier();
    const id = this.idOf(caller, name);
    await this.settle(caller, id);
    const bucket = this.find(caller, id, 'delete-bucket');
    if (isRejected(bucket)) return bucket;
    // Most refusals need no event: closing is only for a bucket that looks empty.
    if (!(await this.#context.objects.isEmpty(id))) return { rejected: 'bucket-not-empty' };
    const closed = await runBucketCommand(this.#context, caller, id, { type: 'CloseBucket' });
    if (isRejected(closed)) return closed;
    await this.settle(caller, id);
    return this.#context.buckets.get(id) ? { rejected: 'bucket-not-empty' } : undefined;
  }

  async describe(
    caller: Caller,
    name: string,
    changes: PropertyChanges,
  ): Promise<undefined | Rejection<BucketRejection>> {
    const bucket = await this.get(caller, name);
    if (isRejected(bucket)) return bucket;
    if (!isEnough(caller.role, 'describe-bucket')) return { rejected: 'access-denied' };
    const { id } = bucket;
    return this.#secrets.changing(bucketStream(id), changes, async (sealed, replacing) => {
      const command = { type: 'DescribeBucket', ...sealed } as const;
      const outcome = await runBucketCommand(this.#context, caller, id, command, (now) =>
        replacing(now?.properties ?? {}),
      );
      return isRejected(outcome) ? outcome : undefined;
    });
  }

  usage(bucket: StoredBucket): BucketUsage {
    return this.#context.usage.ofBucket(bucket.id);
  }

  async space(caller: Caller): Promise<Space | Rejection<'access-denied'>> {
    if (!isEnough(caller.role, 'list-buckets')) return { rejected: 'access-denied' };
    await this.#context.barrier();
    const { buckets, usage } = this.#context;
    return { ...buckets.space(caller.accountId), usage: await usage.ofOwner(caller.accountId) };
  }

  async describeSpace(
    caller: Caller,
    changes: PropertyChanges,
  ): Promise<undefined | Rejection<'access-denied'>> {
    if (!isEnough(caller.role, 'describe-space')) return { rejected: 'access-denied' };
    await this.#context.barrier();
    await changeSpace(this.#context, this.#secrets, actorOf(caller), caller.accountId, changes);
    return undefined;
  }

  async secrets(caller: Caller, bucket: StoredBucket): Promise<Properties> {
    const { id, owner, properties } = bucket;
    if (owner !== caller.accountId || !isEnough(caller.role, 'describe-bucket')) return {};
    return this.#secrets.opened(
      bucketStream(id),
      only(properties, (property) => !isBucketKey(property)),
    );
  }

  async bucketKeys({ id, properties }: StoredBucket): Promise<Properties> {
    const opened = await this.#secrets.opened(bucketStream(id), only(properties, isBucketKey));
    const named = Object.entries(opened).map(([name, key]) => [SECRET_PREFIX + name, key]);
    return Object.fromEntries(named);
  }

  async spaceSecrets(caller: Caller): Promise<Properties> {
    if (!isEnough(caller.role, 'describe-space')) return {};
    await this.#context.barrier();
    const { properties } = this.#context.buckets.space(caller.accountId);
    return this.#secrets.opened(spaceStream(caller.accountId), properties);
  }
}

const only = (properties: Properties, isWanted: (property: string) => boolean): Properties =>
  Object.fromEntries(Object.entries(properties).filter(([property]) => isWanted(property)));
