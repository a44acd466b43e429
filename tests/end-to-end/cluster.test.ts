// Owns the proof that a cluster of processes serves as one process does: storage nodes and a gateway apart,
// a node killed and back, a node added under load, and refused where it is not who it says it is.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import test, { type ExecutionContext } from 'ava';
import { ClusterProcesses } from '#tests/support/cluster-processes.ts';
import { contentOf, md5 } from '#tests/support/contents.ts';
import { runStrata } from '#tests/support/program-process.ts';

const BUCKET = 'clustered';
const SIZES = [0, 1, 5_000, 70_000, 1_048_576, 2_500_000];

interface Listed {
  readonly node: string;
  readonly state: string;
  readonly weight: number;
  readonly partitions: number;
  readonly devices: readonly { readonly status?: { readonly chunks: number } }[];
}

/** What was acknowledged, by key. */
class Writer {
  readonly acknowledged = new Map<string, string>();
  readonly #s3: S3Client;

  constructor(s3: S3Client) {
    this.#s3 = s3;
  }

  async put(key: string, seed: number, size: number): Promise<void> {
    const body = contentOf(seed, size);
    await this.#s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: body }));
    this.acknowledged.set(key, md5(body));
  }

  async putAll(prefix: string): Promise<void> {
    await Promise.all(SIZES.map((size, seed) => this.put(`${prefix}/${size}`, seed, size)));
  }

  /** The keys that are not listed, or whose bytes are not what was put. */
  async wrong(): Promise<string[]> {
    const { Contents = [] } = await this.#s3.send(new ListObjectsV2Command({ Bucket: BUCKET }));
    const listed = new Set(Contents.map(({ Key }) => Key));
    const keys: string[] = [];
    for (const [key, digest] of this.acknowledged) {
      const { Body } = await this.#s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: key }));
      const found = md5((await Body?.transformToByteArray()) ?? new Uint8Array());
      if (!listed.has(key) || found !== digest) keys.push(key);
    }
    return keys;
  }
}

async function nodesOf(cluster: ClusterProcesses): Promise<Listed[]> {
  const { code, stdout, stderr } = await cluster.run(['node', 'list', '--json']);
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

const ATTEMPTS = 100;

/** @param ask Undefined when all is as it must be in the end, else what is not */
async function until(ask: () => Promise<string | undefined>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const wrong = await ask();
    if (wrong === undefined) return;
    if (attempt === ATTEMPTS) throw new Error(wrong);
  }
}

async function withCluster(
  t: ExecutionContext,
  use: (cluster: ClusterProcesses, writer: Writer) => Promise<void>,
): Promise<void> {
  const cluster = await ClusterProcesses.start();
  try {
    const s3 = cluster.client(0, { maxAttempts: 1 });
    await s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
    await use(cluster, new Writer(s3));
  } catch (error) {
    for (const each of [...cluster.gateways, ...cluster.nodes]) if (each.stderr) t.log(each.stderr);
    throw error;
  } finally {
    await cluster.remove();
  }
}

test.serial('three nodes and a gateway serve; one killed is not missed, and comes back whole', async (t) => {
  await withCluster(t, async (cluster, writer) => {
    await writer.putAll('all-up');
    t.deepEqual(await writer.wrong(), []);
    await cluster.nodes[1]?.kill();
    await writer.putAll('one-down');
    t.deepEqual(await writer.wrong(), []);
    const ill = await cluster.run(['doctor']);
    t.is(ill.code, 1);
    t.regex(ill.stdout, /^WRONG nodes: node node-2 in zone zone-2 does not answer$/m);

    await cluster.startNode(1);
    // The others take a node for silent until they have heard its heart.
    await until(async () => {
      t.is((await cluster.run(['ring', 'rebalance'])).code, 0);
      const chunks = (await nodesOf(cluster)).map(({ devices }) => devices[0]?.status?.chunks);
      return new Set(chunks).size === 1 ? undefined : `the nodes hold ${chunks.join(', ')} chunks`;
    });
    await until(async () => {
      const { code, stdout } = await cluster.run(['doctor']);
      return code === 0 ? undefined : stdout;
    });
    t.deepEqual(await writer.wrong(), []);

    t.deepEqual(await cluster.nodes[2]?.stop(), { code: 0, signal: null });
    t.deepEqual(await cluster.gateways[0]?.stop(), { code: 0, signal: null });
    await Promise.all([cluster.startNode(2), cluster.startGateway(0)]);
    t.deepEqual(await new WriterOf(writer, cluster).wrong(), []);
  });
});

/** The same objects, read through a gateway that was started anew. */
class WriterOf extends Writer {
  constructor(before: Writer, cluster: ClusterProcesses) {
    super(cluster.client());
    for (const [key, digest] of before.acknowledged) this.acknowledged.set(key, digest);
  }
}

test.serial('a fourth node takes its share under load, and no request fails', async (t) => {
  await withCluster(t, async (cluster, writer) => {
    await writer.putAll('before');
    await cluster.startNode(3);
    t.like((await nodesOf(cluster))[3], { node: 'node-4', state: 'up', weight: 0, partitions: 0 });
    let isMoving = true;
    let puts = 0;
    const load = async (lane: number) => {
      for (let turn = 0; isMoving; turn++, puts++) {
        await writer.put(`lane-${lane}/${turn % 10}`, turn, 1 + ((turn * 7_919) % 100_000));
      }
    };
    const lanes = [1, 2, 3].map(load);
    const before = new WriterOf(writer, cluster);
    const reading = (async () => {
      while (isMoving) t.deepEqual(await before.wrong(), []);
    })();
    const moved = await cluster.run(['ring', 'add', 'node-4']);
    isMoving = false;
    await Promise.all([...lanes, reading]);
    t.is(moved.code, 0, moved.stderr);
    t.regex(moved.stdout, /^ring 2 is in force: 768 replicas of partitions moved, imbalance 0 %\n$/);
    t.true(puts > 0);
    const nodes = await nodesOf(cluster);
    t.deepEqual(
      nodes.map(({ partitions }) => partitions),
      [768, 768, 768, 768],
    );
    t.true(nodes.every(({ devices }) => (devices[0]?.status?.chunks ?? 0) > 0));
    t.deepEqual(await writer.wrong(), []);
  });
});

test.serial('a node that is not who it says it is does not get in', async (t) => {
  await withCluster(t, async (cluster) => {
    const refused = async (args: readonly string[]) => {
      const { code, stderr } = await runStrata(args);
      t.is(code, 1);
      return stderr;
    };
    t.regex(
      await refused(cluster.nodeArguments(5, 'node-1', 'zone-1')),
      /^strata: Node node-1 is known with other disks, none of which is here/,
    );
    t.regex(
      await refused(cluster.nodeArguments(6, 'node-1', 'zone-9')),
      /^strata: Node node-1 lies in zone zone-1, not in zone-9/,
    );
    await cluster.nodes[2]?.stop();
    t.regex(await refused(cluster.nodeArguments(2, 'other')), /belongs to node node-3, not to other\.\n$/);
    const shared = cluster.nodeArguments(0);
    t.regex(await refused(shared), /^strata: .*(in use|another process|locked)/i);
    const elsewhere = join(cluster.directory, 'elsewhere');
    mkdirSync(elsewhere);
    const open = cluster.nodeArguments(7).map((each) => (each === cluster.secretFile ? elsewhere : each));
    t.regex(await refused(open), /^strata: /);
  });
});
