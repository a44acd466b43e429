// Owns the proof that digest threads answer like node:crypto, from source and bundled, and that one that
// dies fails its bodies, is replaced, and leaves nobody waiting.

import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import test from 'ava';
import { build } from 'esbuild';
import { ManualClock } from '#core/kernel/clock.ts';
import { isFault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import { seededRandom } from '#core/kernel/random.ts';
import { MemoryChunkClient } from '#tests/support/memory-chunk-client.ts';
import { ScriptedSource, slicesOf } from '#tests/support/scripted-source.ts';
import { createBlobStream } from './create-blob-stream.ts';
import type { DigestPool } from './digest.ts';
import { createWorkerDigestPool } from './digest-pool.ts';

const source = new URL('./digest-worker.ts', import.meta.url);
const folder = mkdtempSync(join(tmpdir(), 'strata-'));
const bundle = join(folder, 'digest-worker.mjs');
const FATAL_BYTES = 13;

test.before(async () => {
  const entryPoints = [fileURLToPath(source)];
  await build({
    entryPoints,
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: bundle,
    logLevel: 'error',
  });
});

test.after.always(() => rmSync(folder, { recursive: true }));

/** A worker that exits when it is to digest so many bytes. */
function mortalWorker(): URL {
  const file = join(folder, 'mortal.mjs');
  const death = `import { parentPort as ours } from 'node:worker_threads';
    ours.on('message', (order) => Array.isArray(order) && order[3] === ${FATAL_BYTES} && process.exit(3));`;
  writeFileSync(file, `${death}\n${readFileSync(bundle, 'utf8')}`);
  return pathToFileURL(file);
}

function shared(length: number): Buffer {
  const bytes = Buffer.from(new SharedArrayBuffer(length));
  bytes.set(randomBytes(length));
  return bytes;
}

/** Digests three chunks through one reused buffer and a tail in plain memory. */
async function digestInPieces(pool: DigestPool) {
  const memory = shared(limits.chunkBytes + limits.blockBytes);
  const chunks = [randomBytes(limits.chunkBytes), randomBytes(1_000), randomBytes(70_001)];
  const tail = randomBytes(777).subarray(7, 707);
  const running = pool.start(['md5', 'crc32c', 'sha256']);
  for (const chunk of chunks) {
    memory.set(chunk, 5);
    await running.update(memory.subarray(5, 5 + chunk.length));
  }
  await running.update(tail);
  const digests = await running.finish();
  return { digests, whole: Buffer.concat([...chunks, tail]) };
}

for (const { name, workerUrl } of [
  { name: 'from source', workerUrl: () => source },
  { name: 'bundled', workerUrl: () => pathToFileURL(bundle) },
]) {
  test(`digest threads ${name} answer like node:crypto`, async (t) => {
    const pool = createWorkerDigestPool({ workerUrl: workerUrl() });
    const answers = await Promise.all(Array.from({ length: 5 }, () => digestInPieces(pool)));
    for (const { digests, whole } of answers) {
      t.deepEqual(Buffer.from(digests.md5 ?? []), createHash('md5').update(whole).digest());
      t.deepEqual(Buffer.from(digests.sha256 ?? []), createHash('sha256').update(whole).digest());
      t.is(digests.crc32c?.length, 4);
    }
    await pool.close();
  });
}

test('a thread that dies fails the bodies it served and the next body gets another', async (t) => {
  const pool = createWorkerDigestPool({ workerUrl: mortalWorker(), workers: 1 });
  const memory = shared(1_000);
  const bystander = pool.start(['sha256']);
  await bystander.update(memory);
  const victim = pool.start(['md5', 'crc32']);
  const fatal = victim.update(memory.subarray(0, FATAL_BYTES));
  const waiting = victim.update(memory);
  for (const outcome of await Promise.allSettled([fatal, waiting, bystander.finish(), victim.finish()])) {
    t.true(outcome.status === 'rejected' && isFault(outcome.reason, 'busy'));
  }
  await t.throwsAsync(async () => victim.update(memory), undefined, 'a lost digest stays lost');
  victim.cancel();
  const { digests, whole } = await digestInPieces(pool);
  t.deepEqual(Buffer.from(digests.md5 ?? []), createHash('md5').update(whole).digest());
  await pool.close();
});

test('a worker that cannot be loaded fails what it was to digest', async (t) => {
  const pool = createWorkerDigestPool({ workerUrl: pathToFileURL(join(folder, 'absent.mjs')) });
  const running = pool.start(['md5']);
  const error = await t.throwsAsync(async () => running.update(shared(100)));
  t.true(isFault(error, 'busy'));
  await pool.close();
});

test('a cancelled digest lets go of what it was given', async (t) => {
  const pool = createWorkerDigestPool({ workerUrl: pathToFileURL(bundle) });
  const running = pool.start(['md5', 'sha1']);
  const updates = [running.update(shared(100_000)), running.update(shared(100_000))];
  running.cancel();
  await t.notThrowsAsync(Promise.all(updates));
  await pool.close();
});

test('memory may be forgotten while a thread works and while it idles', async (t) => {
  const pool = createWorkerDigestPool({ workerUrl: pathToFileURL(bundle), workers: 1 });
  const [kept, dropped] = [shared(4_000), shared(4_000)];
  const running = pool.start(['md5']);
  await running.update(kept);
  await running.update(dropped);
  pool.forget(dropped.buffer as unknown as SharedArrayBuffer);
  await running.update(kept);
  const digests = await running.finish();
  const expected = createHash('md5').update(kept).update(dropped).update(kept).digest();
  t.deepEqual(Buffer.from(digests.md5 ?? []), expected);
  pool.forget(kept.buffer as unknown as SharedArrayBuffer);
  const { digests: again, whole } = await digestInPieces(pool);
  t.deepEqual(Buffer.from(again.md5 ?? []), createHash('md5').update(whole).digest());
  await pool.close();
});

test('bodies in flight share threads and recycled buffers, and each gets its own digests', async (t) => {
  const digests = createWorkerDigestPool({ workerUrl: pathToFileURL(bundle) });
  const clock = new ManualClock();
  const chunks = new MemoryChunkClient();
  const random = seededRandom(6);
  const budgetBytes = 5 * (limits.chunkBytes + limits.blockBytes);
  const stream = createBlobStream({ chunks, random, clock, digests, budgetBytes });
  const content = random.fill(Buffer.alloc(3 * limits.chunkBytes));
  for (let round = 0; round < 3; round++) {
    const writes = Array.from({ length: 10 }, async (_, index) => {
      const bytes = content.subarray(index * 10_007, index * 10_007 + 65_000 * (index * 4 + 1));
      const source = new ScriptedSource({ slices: slicesOf(bytes, [65_536]), sizeBytes: bytes.length });
      const written = await stream.write({ source, owner: 'o', digests: ['md5', 'sha256', 'crc32'] });
      t.deepEqual(Buffer.from(written.digests.md5 ?? []), createHash('md5').update(bytes).digest());
      t.deepEqual(Buffer.from(written.digests.sha256 ?? []), createHash('sha256').update(bytes).digest());
    });
    await Promise.all(writes);
    // All buffers are dropped, so the next round begins with new memory.
    for (let period = 0; period < 2; period++) {
      clock.advance(limits.streamBufferIdleMs);
      await new Promise((resolve) => setImmediate(resolve));
    }
    t.is(stream.status().idleBuffers, 0);
  }
  t.deepEqual(chunks.complaints, []);
  await stream.close();
  await digests.close();
});

test('closing fails what runs and refuses what comes', async (t) => {
  const pool = createWorkerDigestPool({ workerUrl: pathToFileURL(bundle) });
  const running = pool.start(['sha256']);
  const lost = t.throwsAsync(async () => running.update(shared(1_000_000)));
  await pool.close();
  t.true(isFault(await lost, 'closed'));
  t.throws(() => pool.start(['md5']), { message: /closed/ });
});
