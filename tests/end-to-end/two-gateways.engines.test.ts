// Owns the proof that two gateways on one Kafka are one truth: what one acknowledged the other shows, at
// once; keys made at one open the other; without Kafka both say clearly that they cannot answer, and when it
// is back nothing that was acknowledged is lost, and nothing counts twice.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { S3Client } from '@aws-sdk/client-s3';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import test from 'ava';
import { systemClock } from '#core/kernel/clock.ts';
import { limits } from '#core/kernel/limits.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { openKafkaLog } from '#core/log/kafka/kafka-log.ts';
import { ClusterProcesses } from '#tests/support/cluster-processes.ts';
import { KAFKA, KafkaServer } from '#tests/support/kafka-server.ts';
import { judgeRandomClients, SEED } from '#tests/support/random-clients.ts';
import { s3ClientOf } from '#tests/support/strata-process.ts';

const BUCKET = 'two-doors';
const ROUNDS = 40;
const MORE = 50;
/** The deadline of an append, and something for the rest. */
const WITHIN_MS = limits.orderedAppendMs + 5_000;

let kafka: KafkaServer;
let cluster: ClusterProcesses;

test.before(async () => {
  kafka = await KafkaServer.start(1);
  const log = kafka.address('strata');
  cluster = await ClusterProcesses.start({ logs: [log, log] });
});

test.after.always(async () => {
  await cluster?.remove();
  await kafka?.stop();
});

test.serial(`what one gateway acknowledged the other shows at once (${KAFKA})`, async (t) => {
  const doors = [cluster.client(0, { maxAttempts: 1 }), cluster.client(1, { maxAttempts: 1 })] as const;
  await doors[0].send(new CreateBucketCommand({ Bucket: BUCKET }));
  t.is((await doors[1].send(new ListBucketsCommand({}))).Buckets?.length, 1);
  const there = new Set<string>();
  for (let round = 0; round < ROUNDS; round++) {
    const [writer, reader] = round % 2 === 0 ? doors : [doors[1], doors[0]];
    const key = `k${round % 7}`;
    if (round % 5 === 4) {
      await writer.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: key }));
      there.delete(key);
      await t.throwsAsync(reader.send(new GetObjectCommand({ Bucket: BUCKET, Key: key })), {
        name: 'NoSuchKey',
      });
    } else {
      await writer.send(new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: `round ${round}` }));
      there.add(key);
      const { Body } = await reader.send(new GetObjectCommand({ Bucket: BUCKET, Key: key }));
      t.is(await Body?.transformToString(), `round ${round}`);
    }
    const { Contents = [] } = await reader.send(new ListObjectsV2Command({ Bucket: BUCKET }));
    t.deepEqual(
      Contents.map(({ Key }) => Key),
      [...there].sort(),
    );
  }
});

test.serial(`eight clients of two gateways see one order of things (seed ${SEED})`, async (t) => {
  await judgeRandomClients(t, [cluster.client(0, { maxAttempts: 1 }), cluster.client(1, { maxAttempts: 1 })]);
});

test.serial(
  'a user made at one gateway calls the other, until the key is revoked at the first',
  async (t) => {
    const { stdout } = await cluster.run(['user', 'add', 'alice', '--json'], 0);
    const key = JSON.parse(stdout);
    const endpoint = cluster.gateways[1]?.ready.endpoints.s3 ?? '';
    const alice = s3ClientOf(endpoint, key, { maxAttempts: 1 });
    t.deepEqual((await alice.send(new ListBucketsCommand({}))).Buckets ?? [], []);
    t.is((await cluster.run(['key', 'revoke', key.accessKeyId], 0)).code, 0);
    await cluster.client(1).send(new ListBucketsCommand({}));
    await t.throwsAsync(alice.send(new ListBucketsCommand({})), { name: 'InvalidAccessKeyId' });
  },
);

test.serial('an object put while the other gateway is away is there when it is back', async (t) => {
  await cluster.gateways[1]?.kill();
  await cluster.client(0).send(new PutObjectCommand({ Bucket: BUCKET, Key: 'meanwhile', Body: 'x' }));
  await cluster.startGateway(1);
  const { Body } = await cluster.client(1).send(new GetObjectCommand({ Bucket: BUCKET, Key: 'meanwhile' }));
  t.is(await Body?.transformToString(), 'x');
});

/** Puts one object after the other under names of their own, as one client of one gateway. */
class Uploads {
  /** By name, the request that was acknowledged. */
  readonly acknowledged = new Map<string, string>();
  readonly refused: Refusal[] = [];
  readonly #name: string;
  readonly #s3: S3Client;
  readonly #done: Promise<void>;
  #isOver = false;
  #tellNext: () => void = () => {};

  constructor(name: string, s3: S3Client) {
    this.#name = name;
    this.#s3 = s3;
    this.#done = this.#run();
  }

  async untilMore(count: number): Promise<void> {
    const wanted = this.acknowledged.size + count;
    while (this.acknowledged.size < wanted) {
      await new Promise<void>((resolve) => {
        this.#tellNext = resolve;
      });
    }
  }

  end(): Promise<void> {
    this.#isOver = true;
    return this.#done;
  }

  async #run(): Promise<void> {
    for (let number = 0; !this.#isOver; number++) {
      const Key = `${this.#name}-${number}`;
      try {
        const { $metadata } = await this.#s3.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: Key }));
        this.acknowledged.set(Key, $metadata.requestId ?? '');
        this.#tellNext();
      } catch (error) {
        this.refused.push(refusalOf(error));
      }
    }
  }
}

interface Refusal {
  readonly status: number | undefined;
  readonly retryAfter: string | undefined;
}

function refusalOf(error: unknown): Refusal {
  const { $response } = error as { $response?: { statusCode: number; headers: Record<string, string> } };
  return { status: $response?.statusCode, retryAfter: $response?.headers['retry-after'] };
}

async function refusal(request: Promise<unknown>): Promise<Refusal> {
  return request.then(() => ({ status: 200, retryAfter: undefined }), refusalOf);
}

/** Of each request that put an object, how often the log says so to one more reader of it. */
async function putsByRequest(): Promise<ReadonlyMap<string, number>> {
  const directory = mkdtempSync(join(tmpdir(), 'strata-'));
  const log = await openKafkaLog({
    ...{ address: kafka.address('strata'), directory, clock: systemClock, random: systemRandom },
    logger: { warn: () => {} },
  });
  try {
    const total = (await log.tail()).reduce((sum, offset) => sum + offset, 0);
    const counts = new Map<string, number>();
    let seen = 0;
    for await (const batch of log.follow({ from: [] })) {
      for (const { type, actor } of batch) {
        if (type === 'ObjectPut') counts.set(actor.requestId, (counts.get(actor.requestId) ?? 0) + 1);
      }
      seen += batch.length;
      if (seen >= total) return counts;
    }
    return counts;
  } finally {
    await log.close();
    rmSync(directory, { recursive: true });
  }
}

const outages: readonly { how: string; begin: () => unknown; end: () => unknown }[] = [
  { how: 'stopped answering', begin: () => kafka.pause(0), end: () => kafka.resume(0) },
  { how: 'is gone', begin: () => kafka.killBroker(0), end: () => kafka.startBroker(0) },
];

for (const { how, begin, end } of outages) {
  test.serial(
    `while Kafka ${how} all is refused with 503 in time; then nothing is lost or doubled`,
    async (t) => {
      t.timeout(180_000);
      const s3 = cluster.client(0, { maxAttempts: 1 });
      const name = how.replace(' ', '-');
      const uploads = [0, 1].map(
        (door) => new Uploads(`${name}-${door}`, cluster.client(door, { maxAttempts: 1 })),
      );
      await s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: name, Body: 'before' }));
      await Promise.all(uploads.map((each) => each.untilMore(MORE)));
      await begin();
      const beganMs = systemClock.monotonicMs();
      const refusals = await Promise.all([
        refusal(s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'late', Body: 'x' }))),
        refusal(s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: name }))),
        refusal(s3.send(new ListObjectsV2Command({ Bucket: BUCKET }))),
      ]);
      for (const refused of refusals) t.deepEqual(refused, { status: 503, retryAfter: '1' });
      t.true(systemClock.monotonicMs() - beganMs < WITHIN_MS);
      const health = await fetch(`${cluster.gateways[0]?.ready.endpoints.admin}/healthz`);
      t.is(health.status, 503);
      t.not(((await health.json()) as { parts: { log: string } }).parts.log, 'ok');
      const ill = await cluster.run(['doctor'], 0);
      t.is(ill.code, 1);
      t.regex(ill.stdout, /^WRONG log: /m);

      await end();
      await kafka.untilBrokers(1);
      for (const door of [0, 1]) {
        const patient = cluster.client(door, { maxAttempts: 10 });
        await patient.send(new PutObjectCommand({ Bucket: BUCKET, Key: `${name}-after-${door}`, Body: 'y' }));
      }
      await Promise.all(uploads.map((each) => each.untilMore(MORE)));
      await Promise.all(uploads.map((each) => each.end()));
      for (const [door, { acknowledged, refused }] of uploads.entries()) {
        t.log(`door ${door}: ${acknowledged.size} acknowledged, ${refused.length} refused`);
        for (const each of refused) t.deepEqual(each, { status: 503, retryAfter: '1' });
        const other = cluster.client(1 - door, { maxAttempts: 10 });
        for (const Key of acknowledged.keys()) {
          const { Body } = await other.send(new GetObjectCommand({ Bucket: BUCKET, Key }));
          if ((await Body?.transformToString()) !== Key) t.fail(`${Key} is another object`);
        }
      }
      const puts = await putsByRequest();
      const ids = uploads.flatMap(({ acknowledged }) => [...acknowledged.values()]);
      t.deepEqual(
        ids.filter((id) => !puts.has(id)),
        [],
      );
      t.deepEqual(
        [...puts].filter(([, count]) => count !== 1),
        [],
      );
    },
  );
}
