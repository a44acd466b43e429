// Owns the measure of the streaming path alone: the client costs nothing on the way in and one copy on
// the way out.

import { systemClock } from '#core/kernel/clock.ts';
import { limits, MIB } from '#core/kernel/limits.ts';
import { systemRandom } from '#core/kernel/random.ts';
import type { ChunkClient } from '#storage-nodes/client/blob-client.ts';
import type { BlobExtent, ByteSink, ByteSource, DigestAlgorithm } from './blob-stream.ts';
import { crc64nvme } from './crc64nvme.ts';
import { createBlobStream } from './create-blob-stream.ts';
import { createInlineDigestPool, type DigestPool } from './digest.ts';
import { createWorkerDigestPool } from './digest-pool.ts';

const RUNS = 2;
const LARGE_BYTES = 64 * MIB;
const SMALL_BYTES = 4_096;
/** What one read of a socket brings. */
const SLICE_BYTES = 64 * 1024;

const done = Promise.resolve();
const chunkData = systemRandom.fill(Buffer.alloc(limits.chunkBytes));
const freeClient: ChunkClient = {
  put: () => ({ durable: done, released: done, kept: false }),
  read: async (_, offset, length, target) => {
    const bytes = chunkData.subarray(offset, offset + length);
    if (target === undefined) return bytes;
    target.set(bytes);
    return target.subarray(0, length);
  },
  delete: async () => undefined,
};

class BenchSource implements ByteSource {
  readonly sizeBytes: number;
  readonly #slice = systemRandom.fill(Buffer.alloc(SLICE_BYTES));
  #left: number;
  #sink: ByteSink | undefined;
  #paused = false;

  constructor(sizeBytes: number) {
    this.sizeBytes = sizeBytes;
    this.#left = sizeBytes;
  }

  start(sink: ByteSink): void {
    this.#sink = sink;
    this.#push();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#push();
  }

  cancel(): void {
    this.#left = 0;
  }

  #push(): void {
    while (!this.#paused && this.#left > 0) {
      const length = Math.min(SLICE_BYTES, this.#left);
      this.#left -= length;
      this.#sink?.write(this.#slice.subarray(0, length));
    }
    if (!this.#paused && this.#left === 0) this.#sink?.end();
  }
}

/** Best of some runs, in units a second. */
async function best(units: number, run: () => Promise<unknown>): Promise<number> {
  await run();
  let bestMs = Number.POSITIVE_INFINITY;
  for (let i = 0; i < RUNS; i++) {
    const startMs = systemClock.monotonicMs();
    await run();
    bestMs = Math.min(bestMs, systemClock.monotonicMs() - startMs);
  }
  return Math.round((units / bestMs) * 1_000);
}

const report = (line: Record<string, unknown>) => process.stdout.write(`${JSON.stringify(line)}\n`);

const streamOf = (digests: DigestPool) =>
  createBlobStream({ chunks: freeClient, random: systemRandom, clock: systemClock, digests });

async function benchWrites(
  where: string,
  digests: DigestPool,
  sets: readonly (readonly DigestAlgorithm[])[],
) {
  const stream = streamOf(digests);
  for (const set of sets) {
    const write = () => stream.write({ source: new BenchSource(LARGE_BYTES), owner: 'bench', digests: set });
    const mibPerSecond = await best(LARGE_BYTES / MIB, write);
    report({
      bench: 'stream-write',
      bodyBytes: LARGE_BYTES,
      digests: set.join('+') || 'none',
      where,
      mibPerSecond,
    });
  }
  const two = () =>
    Promise.all(
      [1, 2].map(() =>
        stream.write({ source: new BenchSource(LARGE_BYTES), owner: 'bench', digests: ['md5'] }),
      ),
    );
  const mibPerSecond = await best((2 * LARGE_BYTES) / MIB, two);
  report({ bench: 'stream-write', bodyBytes: LARGE_BYTES, bodies: 2, digests: 'md5', where, mibPerSecond });
  await stream.close();
}

async function benchSmallWrites(set: readonly DigestAlgorithm[]) {
  const stream = streamOf(createInlineDigestPool());
  const writes = 20_000;
  const perSecond = await best(writes, async () => {
    for (let i = 0; i < writes; i += 64) {
      const batch: Promise<unknown>[] = [];
      for (let one = 0; one < 64; one++) {
        batch.push(stream.write({ source: new BenchSmallSource(), owner: 'bench', digests: set }));
      }
      await Promise.all(batch);
    }
  });
  report({
    bench: 'stream-write-small',
    bodyBytes: SMALL_BYTES,
    digests: set.join('+') || 'none',
    perSecond,
  });
  await stream.close();
}

const smallBody = systemRandom.fill(Buffer.alloc(SMALL_BYTES));

class BenchSmallSource implements ByteSource {
  readonly sizeBytes = SMALL_BYTES;
  start(sink: ByteSink): void {
    sink.write(smallBody);
    sink.end();
  }
  pause(): void {}
  resume(): void {}
  cancel(): void {}
}

async function benchReads() {
  const stream = streamOf(createInlineDigestPool());
  const large: BlobExtent = { blob: '00'.repeat(16), sizeBytes: LARGE_BYTES, chunkBytes: limits.chunkBytes };
  const atOnce = { write: () => undefined };
  const nextTurn = { write: () => new Promise<void>((resolve) => setImmediate(resolve)) };
  for (const [target, to] of [
    ['at once', atOnce],
    ['next turn', nextTurn],
  ] as const) {
    const mibPerSecond = await best(LARGE_BYTES / MIB, () => stream.read([large], 0, LARGE_BYTES, to));
    report({ bench: 'stream-read', bodyBytes: LARGE_BYTES, target, mibPerSecond });
  }
  const copy = () =>
    stream.write({ source: stream.source([large], 0, LARGE_BYTES), owner: 'bench', digests: [] });
  report({ bench: 'stream-copy', bodyBytes: LARGE_BYTES, mibPerSecond: await best(LARGE_BYTES / MIB, copy) });
  const small: BlobExtent = { ...large, sizeBytes: SMALL_BYTES };
  const reads = 50_000;
  const perSecond = await best(reads, async () => {
    for (let i = 0; i < reads; i++) await stream.read([small], 0, SMALL_BYTES, atOnce);
  });
  report({ bench: 'stream-read-small', bodyBytes: SMALL_BYTES, perSecond });
  await stream.close();
}

async function benchCrc64() {
  const rounds = 200;
  let crc = 0n;
  const mibPerSecond = await best((rounds * limits.chunkBytes) / MIB, async () => {
    for (let i = 0; i < rounds; i++) crc = crc64nvme(chunkData, crc);
  });
  report({ bench: 'crc64nvme', mibPerSecond });
}

await benchCrc64();
const sets: readonly (readonly DigestAlgorithm[])[] = [
  [],
  ['md5'],
  ['md5', 'crc32'],
  ['md5', 'crc32c'],
  ['md5', 'crc64nvme'],
  ['md5', 'sha1'],
  ['md5', 'sha256'],
];
const threads = createWorkerDigestPool({ workerUrl: new URL('./digest-worker.ts', import.meta.url) });
await benchWrites('threads', threads, sets);
await threads.close();
await benchWrites('inline', createInlineDigestPool(), [['md5'], ['md5', 'sha256']]);
for (const set of [[], ['md5'], ['md5', 'crc32']] as const) await benchSmallWrites(set);
await benchReads();
