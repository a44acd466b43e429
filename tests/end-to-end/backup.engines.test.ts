// Owns the proof that the log can be copied while a cluster writes it, and that a gateway which lost all it
// had is whole again from the copy: with every object that was acknowledged before.

import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import test from 'ava';
import { ClusterProcesses } from '#tests/support/cluster-processes.ts';
import { contentOf, md5 } from '#tests/support/contents.ts';
import { runStrata } from '#tests/support/program-process.ts';

const BUCKET = 'backed-up';

async function put(s3: S3Client, key: string, seed: number): Promise<string> {
  const body = contentOf(seed, (seed * 7_919) % 200_000);
  await s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: body }));
  return md5(body);
}

async function read(s3: S3Client, key: string): Promise<string> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: key }));
  return md5((await Body?.transformToByteArray()) ?? new Uint8Array());
}

test('a gateway that lost its log is restored from a copy that was made under load', async (t) => {
  const cluster = await ClusterProcesses.start();
  t.teardown(() => cluster.remove());
  const before = cluster.client();
  await before.send(new CreateBucketCommand({ Bucket: BUCKET }));
  const kept = new Map<string, string>();
  for (let seed = 0; seed < 40; seed++) kept.set(`before-${seed}`, await put(before, `before-${seed}`, seed));
  let copying = true;
  const load = [0, 1, 2].map(async (lane) => {
    for (let turn = 0; copying; turn++) await put(before, `during-${lane}-${turn}`, turn);
  });
  const copy = join(cluster.directory, 'backup');
  const first = await cluster.run(['log', 'backup', copy]);
  t.is(first.code, 0, first.stderr);
  const again = await cluster.run(['log', 'backup', copy]);
  t.is(again.code, 0, again.stderr);
  copying = false;
  await Promise.all(load);
  const [, events = '', hash = ''] = /(\d+) events, .* last hash ([0-9a-f]{64})\./.exec(again.stdout) ?? [];
  const verified = await runStrata(['log', 'verify', '--data', copy]);
  t.true(verified.stdout.includes(`${events} events`) && verified.stdout.includes(hash), verified.stdout);

  await cluster.gateways[0]?.kill();
  rmSync(cluster.gatewayData(), { recursive: true });
  mkdirSync(cluster.gatewayData(), { mode: 0o700 });
  cpSync(join(copy, 'log'), join(cluster.gatewayData(), 'log'), { recursive: true });
  await cluster.startGateway(0);
  const after = cluster.client(0, { maxAttempts: 10 });
  for (const [key, digest] of kept) t.is(await read(after, key), digest, key);
  kept.set('after', await put(after, 'after', 5));
  for (const index of cluster.nodes.keys()) {
    await cluster.nodes[index]?.stop();
    await cluster.startNode(index);
  }
  for (const [key, digest] of kept) t.is(await read(after, key), digest, key);
  t.is((await cluster.run(['log', 'verify'])).code, 0);
});
