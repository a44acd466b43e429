// Owns the proof that nodes can be added, drained and removed while the cloud serves, in one process: what
// was put stays readable, and the ring ends up as the operator asked.

import { CreateBucketCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import test from 'ava';
import { contentOf, md5 } from '#tests/support/contents.ts';
import { type Ran, runStrata } from '#tests/support/program-process.ts';
import { StrataProcess } from '#tests/support/strata-process.ts';

interface Listed {
  readonly node: string;
  readonly state: string;
  readonly weight: number;
  readonly partitions: number;
}

const KEYS = Array.from({ length: 30 }, (_, number) => `object-${number}`);
const sizeOf = (key: string) => 1_000 + Number(key.slice(7)) * 60_000;

test('a node takes the place of another while the cloud serves', async (t) => {
  const strata = await StrataProcess.start();
  const run = (...args: string[]): Promise<Ran> => runStrata([...args, '--data', strata.data]);
  const listed = async (): Promise<Listed[]> => JSON.parse((await run('node', 'list', '--json')).stdout);
  try {
    const s3 = strata.client();
    await s3.send(new CreateBucketCommand({ Bucket: 'moving' }));
    for (const [seed, key] of KEYS.entries()) {
      const Body = contentOf(seed, sizeOf(key));
      await s3.send(new PutObjectCommand({ Bucket: 'moving', Key: key, Body }));
    }
    t.deepEqual(
      (await listed()).map(({ node, state, weight, partitions }) => [node, state, weight, partitions]),
      [1, 2, 3].map((number) => [`node-${number}`, 'up', 1, 1_024]),
    );
    const held = await run('ring', 'remove', 'node-1');
    t.regex(held.stderr, /^strata: The ring places data on node-1: strata ring set-weight node-1 0/);
    t.is(held.code, 1);
    t.regex((await run('ring', 'add', 'node-4')).stderr, /^strata: node-4 needs a zone/);

    t.is((await run('ring', 'add', 'node-4', '--zone', 'zone-1', '--later')).code, 0);
    const drained = await run('ring', 'set-weight', 'node-1', '0');
    t.regex(drained.stdout, /^ring 2 is in force: 1024 replicas of partitions moved, imbalance 0 %\n$/);
    t.is((await run('ring', 'remove', 'node-1')).code, 0);
    t.deepEqual(
      (await listed()).map(({ node, partitions }) => [node, partitions]),
      [2, 3, 4].map((number) => [`node-${number}`, 1_024]),
    );
    for (const [seed, key] of KEYS.entries()) {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: 'moving', Key: key }));
      t.is(md5((await Body?.transformToByteArray()) ?? new Uint8Array()), md5(contentOf(seed, sizeOf(key))));
    }
    const well = await run('doctor');
    t.is(well.code, 0, well.stdout);
    t.regex(well.stdout, /^ok {4}log: the log answers in \d+ ms\n/);
    await strata.stop();
    await strata.restart();
    t.is((await listed()).length, 3);
  } finally {
    await strata.remove();
  }
});
