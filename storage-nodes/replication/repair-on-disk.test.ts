// Owns the proof on real directories, while they serve: a lost directory and flipped bytes cost no object,
// and the passes of auditor and replicator bring back three good replicas.

import { closeSync, openSync, readdirSync, readSync, statSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '#core/kernel/clock.ts';
import { MIB } from '#core/kernel/limits.ts';
import { seededRandom, systemRandom } from '#core/kernel/random.ts';
import { rebalance } from '#core/ring/ring-builder.ts';
import { createAuditor } from '#storage-nodes/audit/auditor.ts';
import { blockChecksums } from '#storage-nodes/chunks/block-checksums.ts';
import { type Chunk, type ChunkStore, chunkIdOf } from '#storage-nodes/chunks/chunk-store.ts';
import { DiskChunkStore } from '#storage-nodes/chunks/disk-chunk-store.ts';
import { createChunkClient } from '#storage-nodes/client/quorum-client.ts';
import { createReplicator } from './replicator.ts';

async function cluster(t: ExecutionContext) {
  const directory = await mkdtemp(join(tmpdir(), 'strata-'));
  const places = [0, 1, 2].map((id) => join(directory, `node-${id}`));
  const stores: ChunkStore[] = await Promise.all(
    places.map((place) =>
      DiskChunkStore.open({
        directory: place,
        clock: systemClock,
        random: systemRandom,
        segmentBytes: 4 * MIB,
      }),
    ),
  );
  const devices = places.map((_, id) => ({ id, node: `node-${id}`, zone: `zone-${id}`, weight: 1 }));
  const shape = { partitionPower: 10, replicas: 3, minMoveIntervalMs: 0, seed: 1 };
  const { ring } = rebalance({ shape, devices, nowMs: 0 });
  const parts = { ring: () => ring, node: (id: number) => stores[id], clock: systemClock };
  const client = createChunkClient(parts);
  const replicator = createReplicator(parts);
  const auditor = createAuditor({
    ring: parts.ring,
    store: parts.node,
    repair: (id) => replicator.repair(id),
  });
  t.teardown(async () => {
    await client.close();
    for (const store of stores) await store.close();
    await rm(directory, { recursive: true, force: true });
  });
  return { places, stores, client, replicator, auditor };
}

type Cluster = Awaited<ReturnType<typeof cluster>>;

async function stored({ client }: Cluster, count: number): Promise<Chunk[]> {
  const random = seededRandom(count);
  const chunks = Array.from({ length: count }, (_, i) => {
    const blob = Buffer.from(random.fill(new Uint8Array(16))).toString('hex');
    const data = random.fill(new Uint8Array(1 + ((i * 7919) % 100_000)));
    return { id: chunkIdOf(blob, i), data, checksums: blockChecksums(data), owner: 'objects/b/k' };
  });
  const puts = chunks.map((chunk) => client.put(chunk));
  await Promise.all(puts.flatMap(({ durable, released }) => [durable, released]));
  return chunks;
}

async function goodReplicas(stores: readonly ChunkStore[], chunk: Chunk): Promise<number> {
  const reads = await Promise.all(
    stores.map((store) => store.read(chunk.id, 0, chunk.data.length).catch(() => undefined)),
  );
  return reads.filter((data) => data && Buffer.compare(data, chunk.data) === 0).length;
}

async function allReadable({ client }: Cluster, chunks: readonly Chunk[]): Promise<boolean> {
  for (const { id, data } of chunks) {
    if (Buffer.compare(await client.read(id, 0, data.length), data) !== 0) return false;
  }
  return true;
}

/** Changes one byte in each 64 KiB of the largest files. */
function flipBytes(place: string): void {
  for (const name of readdirSync(place, { recursive: true, encoding: 'utf8' })) {
    const path = join(place, name);
    const { size } = statSync(path);
    if (!statSync(path).isFile() || size < MIB) continue;
    const file = openSync(path, 'r+');
    const byte = Buffer.alloc(1);
    for (let at = 40_000; at < size; at += 65_536) {
      readSync(file, byte, 0, 1, at);
      byte[0] = (byte[0] as number) ^ 0xff;
      writeSync(file, byte, 0, 1, at);
    }
    closeSync(file);
  }
}

test('after a node lost its directory every chunk stays readable and one pass brings it back', async (t) => {
  const nodes = await cluster(t);
  const chunks = await stored(nodes, 120);
  await rm(nodes.places[1] as string, { recursive: true });
  t.true(await allReadable(nodes, chunks));
  await nodes.client.idle();
  await nodes.replicator.runOnce();
  t.is((await nodes.replicator.runOnce()).failed, 0);
  for (const chunk of chunks) t.is(await goodReplicas(nodes.stores, chunk), 3);
});

test('after bytes of a node were flipped an audit brings every chunk back', async (t) => {
  const nodes = await cluster(t);
  const chunks = await stored(nodes, 120);
  flipBytes(nodes.places[2] as string);
  t.true(await allReadable(nodes, chunks));
  await nodes.client.idle();
  const { damaged } = await nodes.auditor.runOnce();
  t.true(damaged > 10, `${damaged} damaged`);
  for (const chunk of chunks) t.is(await goodReplicas(nodes.stores, chunk), 3);
});
