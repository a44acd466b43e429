// Owns what the proof of the collector stands on: two gateways with clocks and read models of their own over
// one log and one store of chunks, writes that go on and end when they are told to, and read models that can
// be made to lag.

import { bucketStream, buckets } from '#core/buckets/buckets.events.ts';
import { type Clock, ManualClock } from '#core/kernel/clock.ts';
import { isRejected } from '#core/kernel/decider.ts';
import { isFault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import { seededRandom } from '#core/kernel/random.ts';
import type { EventLog, FollowOptions, RecordedEvent } from '#core/log/event-log.ts';
import { type Content, objects } from '#core/objects/objects.events.ts';
import { openReadModels, projections } from '#projections/all.ts';
import { createMemoryStore } from '#projections/store/memory-store.ts';
import { createProjectionRunner } from '#projections/store/runner.ts';
import { BucketCollection } from '#services/bucket-collection.ts';
import type { Caller, Cloud } from '#services/cloud.ts';
import { Collector } from '#services/collector.ts';
import { createCloud } from '#services/create-cloud.ts';
import { WritesInFlight } from '#services/writes-in-flight.ts';
import { blockChecksums } from '#storage-nodes/chunks/block-checksums.ts';
import { type Chunk, type ChunkId, type ChunkInfo, chunkIdOf } from '#storage-nodes/chunks/chunk-store.ts';
import type { QuorumPut } from '#storage-nodes/client/blob-client.ts';
import type { ByteSink, ByteSource } from '#storage-nodes/stream/blob-stream.ts';
import { createBlobStream } from '#storage-nodes/stream/create-blob-stream.ts';
import { createInlineDigestPool } from '#storage-nodes/stream/digest.ts';
import { memorySubjectKeys } from './memory-cloud.ts';
import { MemoryLog } from './memory-log.ts';

export const GRACE_MS = 1_000;

const CALLER: Caller = { accountId: 'ada', role: 'member', requestId: 'r' };
const BODY = Buffer.alloc(limits.chunkBytes, 7);

/** A clock that is wrong by always the same. */
function skewed(clock: Clock, skewMs: number): Clock {
  return {
    nowMs: () => clock.nowMs() + skewMs,
    monotonicMs: () => clock.monotonicMs(),
    // To let others run is no wait for time to pass.
    sleep: (delayMs, signal) => (delayMs > 0 ? clock.sleep(delayMs, signal) : Promise.resolve()),
  };
}

/** Chunks as all devices together have them; durable at once, dated by the devices' clock. */
class RigChunks {
  readonly partitions = 1;
  readonly #clock: Clock;
  readonly #chunks = new Map<string, ChunkInfo>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get held(): number {
    return this.#chunks.size;
  }

  has(blob: string, index: number): boolean {
    return this.#chunks.has(hexOf(chunkIdOf(blob, index)));
  }

  put({ id, data, owner }: Chunk): QuorumPut {
    const info = { id: Uint8Array.from(id), sizeBytes: data.length, createdMs: this.#clock.nowMs(), owner };
    this.#chunks.set(hexOf(id), info);
    return { durable: Promise.resolve(), released: Promise.resolve(), kept: false };
  }

  read(): Promise<never> {
    return Promise.reject(new Error('nobody reads here'));
  }

  async delete(id: ChunkId): Promise<void> {
    this.#chunks.delete(hexOf(id));
  }

  async *chunksOf(): AsyncGenerator<ChunkInfo> {
    for (const info of [...this.#chunks.values()]) yield info;
  }
}

const hexOf = (id: ChunkId) => Buffer.from(id).toString('hex');

/** A body that comes chunk by chunk, as told. */
class ToldSource implements ByteSource {
  readonly sizeBytes = undefined;
  #sink: ByteSink | undefined;
  #wanted = 0;
  #ends = false;

  start(sink: ByteSink): void {
    this.#sink = sink;
    this.#flow();
  }

  push(): void {
    this.#wanted++;
    this.#flow();
  }

  end(): void {
    this.#ends = true;
    this.#flow();
  }

  pause(): void {}
  resume(): void {}

  cancel(): void {
    this.#sink = undefined;
  }

  #flow(): void {
    for (; this.#sink && this.#wanted > 0; this.#wanted--) this.#sink.write(BODY);
    if (!this.#ends) return;
    this.#sink?.end();
    this.#sink = undefined;
  }
}

export interface RigWrite {
  /** One more chunk. */
  push(): RigWrite;
  end(): RigWrite;
  readonly outcome: Promise<string>;
}

/** What was appended, in order. */
type History = { readonly stream: string; readonly type: string; readonly payload: Uint8Array }[];

/** The log as a gateway sees it that may fall behind. */
function lagging(log: EventLog, history: History) {
  let open = () => {};
  let gate: Promise<void> | undefined;
  const lag = (lags: boolean) => {
    open();
    gate = lags ? new Promise((resolve) => (open = resolve)) : undefined;
  };
  async function* follow(options: FollowOptions): AsyncGenerator<readonly RecordedEvent[]> {
    for await (const batch of log.follow(options)) {
      while (gate) await gate;
      yield batch;
    }
  }
  const behind: EventLog = {
    append: async (request) => {
      const appended = await log.append(request);
      for (const event of request.events) history.push({ stream: request.stream, ...event });
      return appended;
    },
    read: (stream, options) => log.read(stream, options),
    tail: () => log.tail(),
    follow,
    close: async () => {},
  };
  return { behind, lag };
}

async function openGateway(log: EventLog, history: History, chunks: RigChunks, clock: Clock, seed: number) {
  const { behind, lag } = lagging(log, history);
  const onFault = (error: unknown) => {
    throw error;
  };
  const runner = await createProjectionRunner({
    ...{ log: behind, store: createMemoryStore(), projections, clock, onFault },
  });
  const models = openReadModels(runner);
  const random = seededRandom(seed);
  const digests = createInlineDigestPool();
  const blobs = createBlobStream({ chunks, random, clock: new ManualClock(), digests });
  const writes = new WritesInFlight();
  const context = { ...models, log: behind, runner, blobs, writes, random, barrier: () => undefined };
  const { cloud } = createCloud(context, memorySubjectKeys());
  const collection = new BucketCollection(context, clock, GRACE_MS);
  const collector = new Collector({
    ...{ clock, chunks, isNamed: models.namedBlobs.isNamed, buckets: collection, graceMs: GRACE_MS },
  });
  const open: RigWrite[] = [];
  return {
    cloud,
    collection,
    collector,
    runner,
    lag,
    /** Writes that were begun and have no outcome. */
    open,
    put(key: string): RigWrite {
      const source = new ToldSource();
      const write: RigWrite = {
        push: () => {
          source.push();
          return write;
        },
        end: () => {
          source.end();
          return write;
        },
        outcome: outcomeOf(cloud, key, source).finally(() => open.splice(open.indexOf(write), 1)),
      };
      open.push(write);
      return write;
    },
    announcements: () => history.filter(({ type }) => type === 'CollectionAnnounced').length,
    async close() {
      lag(false);
      await blobs.close();
      await runner.close();
      await digests.close();
    },
  };
}

export type RigGateway = Awaited<ReturnType<typeof openGateway>>;

async function outcomeOf(cloud: Cloud, key: string, source: ByteSource): Promise<string> {
  const described = { etag: 'e', contentType: '', headers: {}, metadata: {}, storageClass: 'STANDARD' };
  try {
    const stored = await cloud.objects.put(CALLER, {
      ...{ bucket: 'b', key, source, digests: [], condition: {}, describe: () => described },
    });
    return isRejected(stored) ? stored.rejected : 'stored';
  } catch (error) {
    if (isFault(error)) return error.code;
    throw error;
  }
}

/** @param options.skewsMs of the two gateways and of the devices */
export async function collectionRig(options: { readonly skewsMs?: readonly [number, number, number] } = {}) {
  const [first, second, devices] = options.skewsMs ?? [0, 0, 0];
  const clock = new ManualClock();
  const log = new MemoryLog({ clock, random: seededRandom(1) });
  const history: History = [];
  const chunks = new RigChunks(skewed(clock, devices));
  const gateways = [
    await openGateway(log, history, chunks, skewed(clock, first), 2),
    await openGateway(log, history, chunks, skewed(clock, second), 3),
  ] as const;
  await gateways[0].cloud.buckets.create(CALLER, 'b', 'us-east-1');
  await gateways[1].runner.whenCaughtUp(await log.tail());
  let orphans = 0;
  /** By key, what the log says now. */
  const named = () => {
    const found = new Map<string, Content>();
    for (const { type, payload, stream } of history) {
      if (type === 'ObjectPut') found.set(stream, objects.decode('ObjectPut', payload).data);
      else if (type === 'ObjectDeleted') found.delete(stream);
    }
    return [...found.values()].flatMap(({ segments }) => segments);
  };
  const chunksOf = (sizeBytes: number) => Math.ceil(sizeBytes / limits.chunkBytes);
  return {
    caller: CALLER,
    clock,
    chunks,
    gateways,
    /** As a gateway does that dies in the middle of deleting the bucket. */
    async beginDeletion(): Promise<void> {
      const payload = buckets.encode({ type: 'BucketClosed', data: {} });
      const actor = { user: CALLER.accountId, project: CALLER.accountId, requestId: CALLER.requestId };
      const events = [{ type: 'BucketClosed', payload }];
      await log.append({ stream: bucketStream('b'), events, expect: 'any', actor });
      for (const { runner } of gateways) await runner.whenCaughtUp(await log.tail());
    },
    /** A chunk that no write is under way for. */
    async orphan(owner: string): Promise<void> {
      const blob = (++orphans).toString(16).padStart(32, '0');
      const data = Buffer.from('lost');
      chunks.put({ id: chunkIdOf(blob, 0), data, checksums: blockChecksums(data), owner });
    },
    /** Blobs that are named and have lost a chunk: there must never be one. */
    lost(): string[] {
      return named().flatMap(({ blob, sizeBytes }) => {
        for (let index = 0; index < chunksOf(sizeBytes); index++) if (!chunks.has(blob, index)) return [blob];
        return [];
      });
    },
    namedChunks: () => named().reduce((sum, { sizeBytes }) => sum + chunksOf(sizeBytes), 0),
    /** Lets what can go on go on. */
    async settle(): Promise<void> {
      for (let turn = 0; turn < 4; turn++) await new Promise(setImmediate);
    },
    async close(): Promise<void> {
      for (const { close } of gateways) await close();
      await log.close();
    },
  };
}

export type CollectionRig = Awaited<ReturnType<typeof collectionRig>>;
