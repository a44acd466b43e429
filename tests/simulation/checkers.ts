// Owns the judgement: once all faults are over, everything must work, come to rest and be whole; and what the
// clients saw must have been possible. Each checker is named after the promise that it judges.

import { isRejected } from '#core/kernel/decider.ts';
import { isFault } from '#core/kernel/errors.ts';
import { verifyLog } from '#core/log/embedded/verify.ts';
import { type EventLog, isBefore, type RecordedEvent } from '#core/log/event-log.ts';
import { partitionOf } from '#core/ring/partition.ts';
import { projections } from '#projections/all.ts';
import { replayProjection } from '#projections/replay.ts';
import { createMemoryStore } from '#projections/store/memory-store.ts';
import { type ChunkInfo, chunkIdOf } from '#storage-nodes/chunks/chunk-store.ts';
import type { DiskChunkStore } from '#storage-nodes/chunks/disk-chunk-store.ts';
import { isLinearizable } from '#tests/support/linearizability.ts';
import { digestOf, type History } from './history.ts';
import type { Plan } from './plan.ts';
import { BUCKETS, CALLER, keysOf, SimulatedClient } from './simulated-client.ts';
import type { SimulatedCluster } from './simulated-cluster.ts';
import { LOG_DIRECTORY, type OpenGateway } from './simulated-gateway.ts';
import type { World } from './world.ts';

const RECOVERY_MS_MAX = 60_000;
const REST_MS_MAX = 240_000;
const LOOK_EVERY_MS = 4_000;
/** In which every node audits all that it has. */
const AUDITED_MS = 12_000;
const WRITE_AGAIN_MS = 1_000;
const ANSWER_MS_MAX = 120_000;

export async function judge(
  world: World,
  plan: Plan,
  cluster: SimulatedCluster,
  history: History,
): Promise<void> {
  const before = new Map([...history.keys].map(([key, operations]) => [key, operations.length]));
  cluster.heal();
  if (!(await world.scheduler.run(() => cluster.isUp, RECOVERY_MS_MAX))) {
    return world.violated('clusterRecovers', `not within ${RECOVERY_MS_MAX} ms without faults`);
  }
  const judgement = new Judgement(world, plan, cluster, history);
  await world.until(judgement.writesSucceedAgain(), ANSWER_MS_MAX * 20);
  await world.until(judgement.comesToRest(), REST_MS_MAX + ANSWER_MS_MAX);
  await world.until(judgement.everythingIsAnswered(), ANSWER_MS_MAX * 20);
  judgement.readsAreLinearizable(before);
  await world.until(judgement.readModelsAndLog(), ANSWER_MS_MAX * 10);
  await world.until(judgement.logIsOne(), ANSWER_MS_MAX);
  judgement.memoryBounded();
}

interface HeldChunk {
  readonly info: ChunkInfo;
  readonly hosts: Set<string>;
  /** Of the first replica that can be read. */
  digest: string | undefined;
}

class Judgement {
  readonly #world: World;
  readonly #plan: Plan;
  readonly #cluster: SimulatedCluster;
  readonly #history: History;

  constructor(world: World, plan: Plan, cluster: SimulatedCluster, history: History) {
    this.#world = world;
    this.#plan = plan;
    this.#cluster = cluster;
    this.#history = history;
  }

  get #gateways(): OpenGateway[] {
    return this.#cluster.gateways.flatMap(({ open }) => open ?? []);
  }

  /** Without faults every gateway takes a write again, if not at once then soon. */
  async writesSucceedAgain(): Promise<void> {
    const { scheduler } = this.#world;
    const [bucket] = BUCKETS;
    const [key] = keysOf(this.#plan) as [string];
    for (const gateway of this.#gateways) {
      const client = this.#client(`writer-${gateway.life.host}`);
      const endMs = scheduler.nowMs + RECOVERY_MS_MAX;
      while (!(await client.putPlainly(gateway, bucket, key))) {
        if (scheduler.nowMs > endMs) {
          const what = `none at ${gateway.life.host} within ${RECOVERY_MS_MAX} ms without faults`;
          this.#world.violated('writesSucceedAgain', what);
          break;
        }
        await scheduler.sleep(WRITE_AGAIN_MS);
      }
    }
  }

  #client(name: string): SimulatedClient {
    return new SimulatedClient(this.#world, this.#cluster, this.#history, this.#plan, name);
  }

  /**
   * `everyNameHasItsBytes`, `replicasConverge` and `noOrphanOutlivesTheCollector`: looked at until all hold.
   */
  async comesToRest(): Promise<void> {
    const { scheduler } = this.#world;
    await scheduler.sleep(AUDITED_MS);
    const endMs = scheduler.nowMs + REST_MS_MAX;
    for (;;) {
      const lacking = await this.#chunksOutOfPlace();
      if (lacking.length === 0) return;
      if (scheduler.nowMs > endMs) {
        for (const { promise, what } of lacking.slice(0, 5)) this.#world.violated(promise, what);
        return;
      }
      await scheduler.sleep(LOOK_EVERY_MS);
    }
  }

  async #chunksOutOfPlace(): Promise<{ promise: string; what: string }[]> {
    const lacking: { promise: string; what: string }[] = [];
    const [gateway] = this.#gateways;
    if (!gateway) return [{ promise: 'clusterRecovers', what: 'no gateway serves' }];
    const held = new Map<string, HeldChunk>();
    for (const { host, store } of this.#cluster.nodes) {
      if (!store) return [{ promise: 'clusterRecovers', what: `${host} does not serve` }];
      for await (const info of store.list()) {
        const id = hexOf(info.id);
        const chunk: HeldChunk = held.get(id) ?? { info, hosts: new Set(), digest: undefined };
        held.set(id, chunk);
        chunk.hosts.add(host);
        const digest = await this.#judgeReplica(host, store, info, chunk.digest);
        chunk.digest ??= digest;
      }
    }
    const ring = gateway.cluster.ring();
    const named = await namedChunks(gateway, this.#plan);
    for (const [id, { info, hosts }] of held) {
      if (!gateway.models.namedBlobs.isNamed(info.owner, id.slice(0, 32))) {
        lacking.push({ promise: 'noOrphanOutlivesTheCollector', what: `${id} on ${[...hosts]}` });
      } else named.add(id);
    }
    for (const id of named) {
      const hosts = held.get(id)?.hosts ?? new Set();
      const primaries = ring.primaries(partitionOf(Buffer.from(id, 'hex'), ring.partitionPower));
      const wanted = primaries.map(({ node }) => node);
      if (wanted.length === hosts.size && wanted.every((host) => hosts.has(host))) continue;
      const promise = hosts.size === 0 ? 'everyNameHasItsBytes' : 'replicasConverge';
      lacking.push({ promise, what: `${id} is on ${[...hosts]}, not on ${wanted}` });
    }
    return lacking;
  }

  /**
   * `everyReplicaIsWhole`: a look that finds damage mends it, so the audit must have found it before.
   * Resolves to a digest of the bytes; undefined where the chunk was deleted meanwhile.
   */
  async #judgeReplica(
    host: string,
    store: DiskChunkStore,
    info: ChunkInfo,
    expected: string | undefined,
  ): Promise<string | undefined> {
    try {
      const digest = digestOf(await store.read(info.id, 0, info.sizeBytes));
      if (expected === undefined || digest === expected) return digest;
      this.#world.violated('everyReplicaIsWhole', `${hexOf(info.id)} on ${host} is unlike the others`);
    } catch (error) {
      if (isFault(error, 'chunk-missing')) return undefined;
      this.#world.violated('everyReplicaIsWhole', `${hexOf(info.id)} on ${host}: ${error}`);
    }
    return undefined;
  }

  /** Every key is read and every bucket listed once more: without faults there is an answer. */
  async everythingIsAnswered(): Promise<void> {
    for (const gateway of this.#gateways) {
      const client = this.#client(`judge-${gateway.life.host}`);
      for (const bucket of BUCKETS) {
        for (const key of keysOf(this.#plan)) {
          const isKnown = await client.get(gateway, bucket, key);
          if (!isKnown) this.#world.violated('noAcknowledgedWriteLost', `${bucket}/${key} cannot be read`);
        }
        const isListed = await client.list(gateway, bucket);
        if (!isListed) this.#world.violated('listingsMatch', `${bucket} cannot be listed`);
      }
    }
  }

  /** @param before how many operations of each key came before the end of the faults. */
  readsAreLinearizable(before: ReadonlyMap<string, number>): void {
    for (const [key, operations] of this.#history.keys) {
      if (isLinearizable(operations)) continue;
      // Where only the last look is inexplicable, something was there and is gone.
      const isLoss = isLinearizable(operations.slice(0, before.get(key) ?? 0));
      const promise = isLoss ? 'noAcknowledgedWriteLost' : 'readsAreLinearizable';
      const told = operations.map(({ calledAt, answeredAt, action }) =>
        JSON.stringify({ calledAt, answeredAt, ...action }),
      );
      this.#world.violated(promise, `no order explains what was seen of ${key}:\n${told.join('\n')}`);
    }
  }

  /** `projectionEqualsReplay` and `logChainWhole`. */
  async readModelsAndLog(): Promise<void> {
    for (const gateway of this.#gateways) {
      const { log, runner: running, life } = gateway;
      for (const projection of projections) {
        const scratch = createMemoryStore();
        const result = await replayProjection({ log, running, projection, scratch, clock: life.clock });
        if (result.equal) continue;
        const what = `${projection.name}: ${JSON.stringify(result.firstDifference)}`;
        this.#world.violated('projectionEqualsReplay', what);
      }
    }
    for (const { host, disk, open } of this.#cluster.gateways) {
      if (!open) continue;
      const directories = this.#cluster.broker
        ? Array.from({ length: this.#plan.partitions }, (_, at) => `${LOG_DIRECTORY}/partition-${at}`)
        : [LOG_DIRECTORY];
      for (const directory of directories) {
        await verifyLog({ directory, disk: disk.view(open.life) }).catch((error: unknown) =>
          this.#world.violated('logChainWhole', `${host} ${error}`),
        );
      }
    }
  }

  /**
   * `noAcknowledgedAppendLost`, `noEventTwice`, and `everyReaderSeesTheSame`: what stands in the log, as each
   * gateway reads it.
   */
  async logIsOne(): Promise<void> {
    const readings: Map<string, string>[] = [];
    for (const { log, life } of this.#gateways) {
      const seen = new Map<string, string>();
      const ids = new Set<string>();
      const last = new Map<string, number>();
      for (const event of await eventsOf(log)) {
        const { id, stream, revision, type, position } = event;
        seen.set(`${position.partition}/${position.offset}`, `${stream} ${revision} ${type} ${id}`);
        const expected = (last.get(stream) ?? -1) + 1;
        if (ids.has(id) || revision !== expected) {
          this.#world.violated('noEventTwice', `${life.host}: ${stream} ${revision} ${id}, not ${expected}`);
        }
        ids.add(id);
        last.set(stream, revision);
      }
      readings.push(seen);
      for (const { request, appended } of this.#cluster.oracle.acknowledged) {
        const { partition, offset } = appended.position;
        const found = seen.get(`${partition}/${offset}`);
        const type = request.events.at(-1)?.type;
        if (found?.startsWith(`${request.stream} ${appended.revision} ${type} `)) continue;
        const what = `${life.host}: ${request.stream} ${appended.revision} at ${offset}: ${found}`;
        this.#world.violated('noAcknowledgedAppendLost', what);
      }
    }
    const [first] = readings;
    for (const [at, reading] of readings.entries()) {
      const isSame = [...reading].every(([place, event]) => first?.get(place) === event);
      if (isSame && reading.size === first?.size) continue;
      this.#world.violated('everyReaderSeesTheSame', `gateways 1 and ${at + 1} read different logs`);
    }
  }

  /** Every permit and buffer was given back. */
  memoryBounded(): void {
    for (const { blobs, writes, life } of this.#gateways) {
      const { usedBytes, waiting, buffersOut } = blobs.status();
      if (usedBytes === 0 && waiting === 0 && buffersOut === 0 && writes.count === 0) continue;
      const what = JSON.stringify({ usedBytes, waiting, buffersOut, writes: writes.count });
      this.#world.violated('memoryBounded', `${life.host} at rest: ${what}`);
    }
  }
}

const hexOf = (id: Uint8Array) => Buffer.from(id).toString('hex');

async function eventsOf(log: EventLog): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  const tail = await log.tail();
  const total = tail.reduce((sum, offset) => sum + offset, 0);
  if (total === 0) return events;
  const ending = new AbortController();
  for await (const batch of log.follow({ from: [], signal: ending.signal })) {
    events.push(...batch.filter(({ position }) => isBefore(position, tail)));
    if (events.length >= total) break;
  }
  ending.abort();
  return events;
}

/** The chunks that the log names, by id in hexadecimal. */
async function namedChunks(gateway: OpenGateway, plan: Plan): Promise<Set<string>> {
  const named = new Set<string>();
  for (const bucket of BUCKETS) {
    for (const key of keysOf(plan)) {
      const object = await gateway.cloud.objects.get(CALLER, bucket, key);
      if (isRejected(object)) continue;
      for (const { blob, sizeBytes, chunkBytes } of object.segments) {
        for (let index = 0; index * chunkBytes < sizeBytes; index++) {
          named.add(hexOf(chunkIdOf(blob, index)));
        }
      }
    }
  }
  return named;
}
