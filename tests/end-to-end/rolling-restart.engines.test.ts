// Owns the proof that an upgrade needs no downtime: every gateway and storage node of a cluster on Kafka is
// stopped and started again, one after the other, while clients put, read, list and delete. The clients are
// the AWS SDK as it comes, behind a balancer of connections.

import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import test from 'ava';
import { ClusterProcesses } from '#tests/support/cluster-processes.ts';
import { contentOf, md5 } from '#tests/support/contents.ts';
import { KAFKA, KafkaServer } from '#tests/support/kafka-server.ts';
import { LoadBalancer } from '#tests/support/load-balancer.ts';

const BUCKET = 'rolled';
const LANES = 4;
const SIZES = [0, 4_096, 4_096, 70_000, 1_500_000];
const drain = (part: string) => (part.startsWith('gateway') ? ['--drain', '2'] : []);
const REQUESTS_BETWEEN = 40;

let kafka: KafkaServer;
let cluster: ClusterProcesses;
let balancer: LoadBalancer;

test.before(async () => {
  kafka = await KafkaServer.start(1);
  const log = kafka.address('strata');
  cluster = await ClusterProcesses.start({ logs: [log, log], more: drain });
  balancer = await LoadBalancer.start(
    cluster.gateways.map((_, index) => () => {
      const gateway = cluster.gateways[index];
      if (!gateway) throw new Error('there is no such gateway');
      return gateway.ready;
    }),
  );
});

test.after.always(async () => {
  await balancer?.stop();
  await cluster?.remove();
  await kafka?.stop();
});

/** Clients that write and read what only they write, and so know what must be there. */
class Load {
  readonly kept = new Map<string, string>();
  readonly failures: string[] = [];
  requests = 0;
  /** Of those: answered only after the SDK had asked again. */
  retried = 0;
  readonly #s3: S3Client;
  #isStopping = false;
  #lanes: Promise<unknown> = Promise.resolve();
  #waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  constructor(s3: S3Client) {
    this.#s3 = s3;
  }

  start(): void {
    this.#lanes = Promise.all(Array.from({ length: LANES }, (_, lane) => this.#run(lane)));
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#lanes;
  }

  /** Resolves when so many more requests have been answered. */
  answered(more: number): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ count: this.requests + more, resolve }));
  }

  async read(key: string): Promise<string> {
    const { Body } = await this.#s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: key }));
    return md5((await Body?.transformToByteArray()) ?? new Uint8Array());
  }

  async #run(lane: number): Promise<void> {
    for (let turn = 0; !this.#isStopping; turn++) {
      const key = `lane-${lane}/${turn}`;
      const body = contentOf(turn * LANES + lane, SIZES[turn % SIZES.length] ?? 0);
      await this.#ask(`put ${key}`, async () => {
        await this.#count(new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: body }));
        this.kept.set(key, md5(body));
      });
      await this.#ask(`get ${key}`, async () => {
        if ((await this.read(key)) !== this.kept.get(key)) throw new Error('other bytes than were put');
      });
      if (turn % 4 !== 3) continue;
      await this.#ask(`delete ${key}`, async () => {
        this.kept.delete(key);
        await this.#count(new DeleteObjectCommand({ Bucket: BUCKET, Key: key }));
      });
      await this.#ask(`list of ${key}`, async () => {
        const prefix = { Bucket: BUCKET, Prefix: key };
        const { KeyCount } = await this.#s3.send(new ListObjectsV2Command(prefix));
        if (KeyCount !== 0) throw new Error('it lists what was deleted');
      });
    }
  }

  async #count(command: PutObjectCommand | DeleteObjectCommand): Promise<void> {
    const { $metadata } = await this.#s3.send(command as PutObjectCommand);
    if (($metadata.attempts ?? 1) > 1) this.retried++;
  }

  async #ask(what: string, request: () => Promise<void>): Promise<void> {
    await request().catch((error) => this.failures.push(`${what}: ${error}`));
    this.requests++;
    this.#waiting = this.#waiting.filter(({ count, resolve }) => {
      if (count > this.requests) return true;
      resolve();
      return false;
    });
  }
}

/** As the operator waits before the next part: until nothing is found. */
async function untilWell(): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    // The replicator would do it by itself within a minute.
    await cluster.run(['ring', 'rebalance'], attempt % 2);
    const { code, stdout } = await cluster.run(['doctor'], attempt % 2);
    if (code === 0) return;
    if (attempt === 60) throw new Error(stdout);
  }
}

test(`gateways and nodes are restarted one after the other, and no request fails (${KAFKA})`, async (t) => {
  t.timeout(5 * 60_000);
  const s3 = cluster.client(0, { endpoint: balancer.endpoint });
  await s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
  const load = new Load(s3);
  load.start();
  try {
    await load.answered(REQUESTS_BETWEEN);
    for (const index of cluster.gateways.keys()) {
      const stopped = cluster.gateways[index]?.stop();
      await balancer.untilHealth(index, false);
      await load.answered(REQUESTS_BETWEEN);
      t.deepEqual(await stopped, { code: 0, signal: null });
      await cluster.startGateway(index);
      await balancer.untilHealth(index, true);
      await load.answered(REQUESTS_BETWEEN);
    }
    for (const index of cluster.nodes.keys()) {
      t.deepEqual(await cluster.nodes[index]?.stop(), { code: 0, signal: null });
      await load.answered(REQUESTS_BETWEEN);
      await cluster.startNode(index);
      await untilWell();
    }
    await load.answered(REQUESTS_BETWEEN);
  } finally {
    await load.stop();
  }
  t.deepEqual(load.failures, []);
  for (const [key, digest] of load.kept)
    if ((await load.read(key)) !== digest) t.fail(`${key} has other bytes`);
  t.log(`${load.requests} requests, ${load.kept.size} objects; the SDK asked again for ${load.retried}`);
});
