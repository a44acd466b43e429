// Owns the proof that two gateways on one Kafka are one truth: what one acknowledged the other shows, at
// once; keys made at one open the other; and without Kafka both say clearly that they cannot answer.

import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import test from 'ava';
import { ClusterProcesses } from '#tests/support/cluster-processes.ts';
import { KAFKA, KafkaServer } from '#tests/support/kafka-server.ts';
import { judgeRandomClients, SEED } from '#tests/support/random-clients.ts';
import { s3ClientOf } from '#tests/support/strata-process.ts';

const BUCKET = 'two-doors';
const ROUNDS = 40;

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

test.serial('without Kafka writes and reads fail with 503 in time, and go on when it is back', async (t) => {
  const s3 = cluster.client(0, { maxAttempts: 1 });
  await kafka.killBroker(0);
  const [put, get] = await Promise.all([
    t.throwsAsync(s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'late', Body: 'x' }))),
    t.throwsAsync(s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'meanwhile' }))),
  ]);
  for (const failure of [put, get]) {
    const { $response } = failure as { $response?: { statusCode: number; headers: Record<string, string> } };
    t.is($response?.statusCode, 503);
    t.truthy($response?.headers['retry-after']);
  }
  const health = await fetch(`${cluster.gateways[0]?.ready.endpoints.admin}/healthz`);
  t.is(health.status, 503);
  t.not(((await health.json()) as { parts: { log: string } }).parts.log, 'ok');
  const ill = await cluster.run(['doctor'], 0);
  t.is(ill.code, 1);
  t.regex(ill.stdout, /^WRONG log: /m);

  kafka.startBroker(0);
  await kafka.untilBrokers(1);
  const patient = cluster.client(0, { maxAttempts: 10 });
  await patient.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'after', Body: 'y' }));
  const { Body } = await cluster
    .client(1, { maxAttempts: 10 })
    .send(new GetObjectCommand({ Bucket: BUCKET, Key: 'after' }));
  t.is(await Body?.transformToString(), 'y');
});
