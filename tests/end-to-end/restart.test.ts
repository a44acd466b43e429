// Owns the proof that ending the program, well or badly, takes nothing away that was acknowledged.

import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import test from 'ava';
import { seededRandom } from '#core/kernel/random.ts';
import { contentOf, md5 } from '#tests/support/contents.ts';
import { runStrata } from '#tests/support/program-process.ts';
import { StrataProcess } from '#tests/support/strata-process.ts';

const BUCKET = 'kept';

const put = (s3: S3Client, key: string, body: Buffer) =>
  s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: body }));

async function md5Of(s3: S3Client, key: string): Promise<string> {
  const found = await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: key }));
  return md5((await found.Body?.transformToByteArray()) ?? new Uint8Array());
}

async function withStrata(use: (strata: StrataProcess, s3: S3Client) => Promise<void>): Promise<void> {
  const strata = await StrataProcess.start();
  try {
    const s3 = strata.client(undefined, { maxAttempts: 1 });
    await s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
    await use(strata, s3);
  } finally {
    await strata.remove();
  }
}

test('SIGTERM ends an idle program with 0, and a restart has the same objects and credentials', async (t) => {
  await withStrata(async (strata, s3) => {
    const sizes = [0, 10, 4_096, 1_048_576, 3_000_000];
    await Promise.all(sizes.map((size) => put(s3, `${size}`, contentOf(size, size))));
    const before = strata.credentials;
    t.deepEqual(await strata.stop(), { code: 0, signal: null });
    await strata.restart();
    t.deepEqual(strata.credentials, before);
    const again = strata.client();
    for (const size of sizes) t.is(await md5Of(again, `${size}`), md5(contentOf(size, size)));
    const listed = await again.send(new ListObjectsV2Command({ Bucket: BUCKET }));
    t.deepEqual(
      listed.Contents?.map(({ Key, Size, ETag }) => [Key, Size, ETag]),
      sizes
        .map(String)
        .sort()
        .map((key) => [key, Number(key), `"${md5(contentOf(Number(key), Number(key)))}"`]),
    );
  });
});

test('kill -9 under load, three times, loses no acknowledged object or overwrite', async (t) => {
  const random = seededRandom(4);
  await withStrata(async (strata, first) => {
    /**
     * Of each key the seeds of the last acknowledged write and of those that may have come through after it.
     */
    const written = new Map<string, { acknowledged: number; maybe: Set<number> }>();
    let seed = 0;
    let s3 = first;
    for (let round = 0; round < 3; round++) {
      let dead = false;
      const writer = async (lane: number) => {
        while (!dead) {
          const key = `lane-${lane}/${Math.floor(random.next() * 10)}`;
          const known = written.get(key) ?? { acknowledged: 0, maybe: new Set<number>() };
          written.set(key, known);
          const mine = ++seed;
          known.maybe.add(mine);
          try {
            await put(s3, key, contentOf(mine, 1 + (mine % 7) * 50_000));
            written.set(key, { acknowledged: mine, maybe: new Set() });
          } catch {
            return;
          }
        }
      };
      const writers = Array.from({ length: 16 }, (_, lane) => writer(lane));
      const enough = seed + 60 + Math.floor(random.next() * 100);
      while (seed < enough) await new Promise((resolve) => setImmediate(resolve));
      await strata.kill();
      dead = true;
      await Promise.all(writers);
      await strata.restart();
      s3 = strata.client(undefined, { maxAttempts: 1 });
    }
    let acknowledged = 0;
    for (const [key, { acknowledged: last, maybe }] of written) {
      const allowed = new Set([...maybe, last].filter((each) => each > 0));
      const hashes = [...allowed].map((each) => md5(contentOf(each, 1 + (each % 7) * 50_000)));
      if (last === 0) continue;
      acknowledged++;
      const found = await md5Of(s3, key).catch((error: Error) => error.name);
      t.true(hashes.includes(found), `${key}: ${found} is none of what was written last`);
    }
    t.true(acknowledged > 20, `${acknowledged} acknowledged keys prove too little`);
  });
});

test('SIGTERM lets an upload and a download finish, and then the program ends with 0', async (t) => {
  await withStrata(async (strata, s3) => {
    const content = contentOf(8, 6 * 1024 * 1024);
    await put(s3, 'there', content);
    const signer = strata.client(undefined, { requestChecksumCalculation: 'WHEN_REQUIRED' });
    const url = await getSignedUrl(signer, new PutObjectCommand({ Bucket: BUCKET, Key: 'late' }));
    const upload = httpRequest(url, { method: 'PUT', headers: { 'content-length': content.length } });
    const answered = once(upload, 'response');
    upload.write(content.subarray(0, 3_000_000));
    const download = await fetch(
      await getSignedUrl(s3, new GetObjectCommand({ Bucket: BUCKET, Key: 'there' })),
    );
    const reader = download.body?.getReader();
    const first = await reader?.read();
    const stopped = strata.stop();
    // As Ctrl-C under npm does: the terminal tells the program, and npm tells it again.
    process.kill(strata.pid, 'SIGINT');
    // Only when new connections are refused is the program known to be stopping.
    while (
      await fetch(strata.endpoint).then(
        () => true,
        () => false,
      )
    ) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    upload.end(content.subarray(3_000_000));
    const [response] = await answered;
    response.resume();
    t.is(response.statusCode, 200);
    const parts = [first?.value ?? new Uint8Array()];
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read())
      parts.push(next.value);
    t.is(md5(Buffer.concat(parts)), md5(content));
    t.deepEqual(await stopped, { code: 0, signal: null });
    await strata.restart();
    t.is(await md5Of(strata.client(), 'late'), md5(content));
  });
});

test('a second program on the same data is refused with a sentence, and the first goes on', async (t) => {
  await withStrata(async (strata, s3) => {
    const second = await runStrata([
      'up',
      '--json',
      '--data',
      strata.data,
      '--s3-port',
      '0',
      '--admin-port',
      '0',
      '--openstack-port',
      '0',
    ]);
    t.is(second.code, 1);
    t.is(second.stdout, '');
    t.true(second.stderr.includes(strata.data), second.stderr);
    t.is(second.stderr.trim().split('\n').length, 1, second.stderr);
    t.notRegex(second.stderr, /\n\s+at /);
    await put(s3, 'still', contentOf(1, 10));
    t.is(await md5Of(s3, 'still'), md5(contentOf(1, 10)));
  });
});

test('a port that is taken is one sentence and exit 1, and leaves the data free', async (t) => {
  await withStrata(async (strata) => {
    const data = `${strata.data}/other`;
    const { port } = new URL(strata.endpoint);
    const ports = ['--s3-port', port, '--admin-port', '0', '--openstack-port', '0'];
    const refused = await runStrata(['up', '--json', '--data', data, ...ports]);
    t.is(refused.code, 1);
    t.regex(refused.stderr, /EADDRINUSE/);
    t.notRegex(refused.stderr, /\n\s+at /);
    const again = await StrataProcess.start({ data });
    t.deepEqual(await again.stop(), { code: 0, signal: null });
  });
});
