// Owns the proof that losing a disk loses nothing: with one node's files gone or rotten, while serving, every
// object stays readable with the right bytes.

import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import test from 'ava';
import { contentOf, md5 } from '#tests/support/contents.ts';
import { StrataProcess } from '#tests/support/strata-process.ts';

const BUCKET = 'replicated';
const SIZES = [1, 5_000, 70_000, 1_048_576, 2_500_000];

async function putAll(s3: S3Client, round: number): Promise<void> {
  for (const size of SIZES) {
    const body = contentOf(size + round, size);
    await s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: `${round}/${size}`, Body: body }));
  }
}

/** The keys whose bytes are not what was put. */
async function wrong(s3: S3Client, round: number): Promise<string[]> {
  const keys: string[] = [];
  for (const size of SIZES) {
    const key = `${round}/${size}`;
    const found = await s3
      .send(new GetObjectCommand({ Bucket: BUCKET, Key: key }))
      .then((answer) => answer.Body?.transformToByteArray());
    if (md5(found ?? new Uint8Array()) !== md5(contentOf(size + round, size))) keys.push(key);
  }
  return keys;
}

function nodeDirectories(strata: StrataProcess): string[] {
  const nodes = join(strata.data, 'nodes');
  return readdirSync(nodes).map((name) => join(nodes, name));
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

for (const [index, which] of ['first', 'second', 'third'].entries()) {
  test(`without the ${which} node's directory, every object is read and new ones are put`, async (t) => {
    const strata = await StrataProcess.start();
    try {
      const s3 = strata.client();
      await s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
      await putAll(s3, 1);
      const nodes = nodeDirectories(strata);
      t.is(nodes.length, 3);
      // What the node writes meanwhile is taken away too.
      rmSync(nodes[index] ?? '', { recursive: true, maxRetries: 20 });
      t.deepEqual(await wrong(s3, 1), []);
      await putAll(s3, 2);
      t.deepEqual(await wrong(s3, 2), []);
      await strata.stop();
      await strata.restart();
      t.deepEqual(await wrong(s3, 1), []);
      t.deepEqual(await wrong(s3, 2), []);
    } finally {
      await strata.remove();
    }
  });
}

test('with bytes flipped all over one node while serving, no wrong byte is ever answered', async (t) => {
  const strata = await StrataProcess.start();
  try {
    const s3 = strata.client();
    await s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
    await putAll(s3, 1);
    const [node = ''] = nodeDirectories(strata);
    let flipped = 0;
    for (const file of filesBelow(node).filter((path) => statSync(path).size > 100_000)) {
      const bytes = readFileSync(file);
      for (let at = 4_500; at < bytes.length; at += 30_011) bytes[at] = (bytes[at] ?? 0) ^ 0x55;
      writeFileSync(file, bytes, { flag: 'r+' });
      flipped++;
    }
    t.true(flipped > 0, 'the node has no large file to spoil');
    t.deepEqual(await wrong(s3, 1), []);
    t.deepEqual(await wrong(s3, 1), []);
  } finally {
    await strata.remove();
  }
});
