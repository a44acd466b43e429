// Owns a whole cloud in memory for tests of gateways: the real use cases, read models and streaming path over
// a log and chunks that nothing survives.

import type { SubjectKeys } from '#core/identity/subject-keys.ts';
import { SUBJECT_KEY_BYTES } from '#core/identity/subject-keys.ts';
import { type ManualClock, systemClock } from '#core/kernel/clock.ts';
import { newId } from '#core/kernel/ids.ts';
import { seededRandom, systemRandom } from '#core/kernel/random.ts';
import type { EventLog } from '#core/log/event-log.ts';
import type { AccountService } from '#services/accounts.service.ts';
import type { Cloud } from '#services/cloud.ts';
import { type ServiceContext, untilCaughtUp } from '#services/context.ts';
import { createCloud } from '#services/create-cloud.ts';
import { Expirer } from '#services/expirer.ts';
import type { Identity, IdentityOptions } from '#services/identity/identity.ts';
import type { KeyKeeper } from '#services/key-keeper.ts';
import { LifecycleKeeper } from '#services/lifecycle-keeper.ts';
import { WritesInFlight } from '#services/writes-in-flight.ts';
import { createBlobStream } from '#storage-nodes/stream/create-blob-stream.ts';
import { createInlineDigestPool } from '#storage-nodes/stream/digest.ts';
import { MemoryChunkClient } from './memory-chunk-client.ts';
import { openTestReadModels } from './read-models.ts';

export interface MemoryCloud {
  readonly cloud: Cloud;
  readonly accounts: AccountService;
  readonly identity: Identity;
  /** Dates whatever is stored. It stands still unless it is told to go on. */
  readonly clock: ManualClock;
  readonly log: EventLog;
  readonly chunks: MemoryChunkClient;
  readonly expirer: Expirer;
  readonly lifecycle: LifecycleKeeper;
  readonly keyKeeper: KeyKeeper;
  close(): Promise<void>;
}

/** What several gateways have in common, where there are several. */
export interface SharedParts {
  readonly log?: EventLog;
  readonly chunks?: MemoryChunkClient;
  readonly keys?: SubjectKeys;
  readonly identityOptions?: Omit<IdentityOptions, 'passwordCost'>;
}

/** Hashing is to cost little here. */
const CHEAP = { cost: 16, blockSize: 1, parallelization: 1 };

export async function openMemoryCloud(shared: SharedParts = {}): Promise<MemoryCloud> {
  const models = await openTestReadModels(shared.log ? { log: shared.log } : {});
  const { clock, log, runner } = models;
  // Blobs of several gateways must differ.
  const random = shared.log ? systemRandom : seededRandom(2);
  const chunks = shared.chunks ?? new MemoryChunkClient();
  const digests = createInlineDigestPool();
  const blobs = createBlobStream({ chunks, random, clock: systemClock, digests });
  const context: ServiceContext = {
    ...models,
    log,
    runner,
    blobs,
    writes: new WritesInFlight(),
    random,
    barrier: () => (shared.log ? untilCaughtUp(context) : undefined),
  };
  return {
    ...createCloud(context, shared.keys ?? memorySubjectKeys(), {
      passwordCost: CHEAP,
      ...shared.identityOptions,
    }),
    clock,
    log,
    chunks,
    expirer: new Expirer(context, clock),
    lifecycle: new LifecycleKeeper(context, clock),
    close: async () => {
      await blobs.close();
      await digests.close();
      await models.close();
    },
  };
}

export function memorySubjectKeys(): SubjectKeys {
  const random = seededRandom(3);
  const keys = new Map<string, Uint8Array>();
  return {
    async make() {
      const key = random.fill(new Uint8Array(SUBJECT_KEY_BYTES));
      const blob = newId(random);
      keys.set(blob, key);
      return { blob, key };
    },
    find: async (blob) => keys.get(blob),
    async destroy(blob) {
      keys.delete(blob);
    },
  };
}
