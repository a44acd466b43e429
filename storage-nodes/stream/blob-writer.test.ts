// Owns the proof of the way in: what is written is what came, whatever the cuts; and whatever fails,
// nothing leaks.

import { createHash } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { ManualClock } from '#core/kernel/clock.ts';
import { Fault, isFault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import { seededRandom } from '#core/kernel/random.ts';
import { MemoryChunkClient, type PutScript } from '#tests/support/memory-chunk-client.ts';
import { ScriptedSource, type SourceScript, slicesOf } from '#tests/support/scripted-source.ts';
import type { DigestAlgorithm } from './blob-stream.ts';
import { createBlobStream } from './create-blob-stream.ts';
import { createInlineDigestPool, type DigestPool, digestOnce } from './digest.ts';

const { chunkBytes, blockBytes } = limits;
const BUFFER_BYTES = chunkBytes + blockBytes;
const ALL: readonly DigestAlgorithm[] = ['md5', 'sha1', 'sha256', 'crc32', 'crc32c', 'crc64nvme'];
const content = seededRandom(1).fill(Buffer.alloc((limits.streamChunksInFlight + 2) * chunkBytes));

/** Around every border, and within. */
const sizes = fc.oneof(
  fc.constantFrom(0, 1, blockBytes - 1, blockBytes, blockBytes + 1),
  fc.constantFrom(chunkBytes - 1, chunkBytes, chunkBytes + 1, chunkBytes + blockBytes, 2 * chunkBytes),
  fc.constantFrom(2 * chunkBytes + blockBytes + 1, 5 * chunkBytes + 3),
  fc.integer({ min: 0, max: 3 * chunkBytes }),
);
/** Lengths that are repeated; one at least is long, since millions of turns prove nothing more. */
const slicing = fc
  .array(fc.integer({ min: 1, max: 3 * blockBytes }), { maxLength: 5 })
  .map((lengths) => [...lengths, blockBytes]);
const sourceKind = fc.record({
  known: fc.boolean(),
  eager: fc.boolean(),
  inPlace: fc.boolean(),
  overrun: fc.integer({ min: 0, max: 3 }),
});

function createStream(client: MemoryChunkClient, more: { budgetBytes?: number; digests?: DigestPool } = {}) {
  const digests = more.digests ?? createInlineDigestPool();
  const { budgetBytes = 16 * BUFFER_BYTES } = more;
  return createBlobStream({
    chunks: client,
    random: seededRandom(2),
    clock: new ManualClock(),
    digests,
    budgetBytes,
  });
}

/** Nothing is in use any more, nobody waits, and the client has no complaint. */
async function expectNoLeak(
  t: ExecutionContext,
  stream: ReturnType<typeof createStream>,
  client: MemoryChunkClient,
) {
  await stream.close();
  t.deepEqual(stream.status(), { usedBytes: 0, waiting: 0, buffersOut: 0, idleBuffers: 0 });
  t.deepEqual(client.complaints, []);
  t.is(client.held, 0);
}

const sourceOf = (bytes: Uint8Array, more: Partial<SourceScript> = {}) =>
  new ScriptedSource({ slices: [bytes], sizeBytes: bytes.length, ...more });

function gate() {
  let open: () => void = () => undefined;
  let fail: (error: Error) => void = () => undefined;
  const promise = new Promise<void>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { promise, open, fail };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('a body of any size, cut anyhow, of known length or not, is stored whole and digested', async (t) => {
  await fc.assert(
    fc.asyncProperty(sizes, slicing, sourceKind, fc.subarray([...ALL]), async (size, cuts, kind, digests) => {
      const client = new MemoryChunkClient();
      const stream = createStream(client);
      const bytes = content.subarray(0, size);
      const sizeBytes = kind.known ? size : undefined;
      const source = new ScriptedSource({ ...kind, slices: slicesOf(bytes, cuts), sizeBytes });
      const written = await stream.write({ source, owner: 'objects/b/k', digests });
      t.is(written.sizeBytes, size);
      t.is(written.chunkBytes, chunkBytes);
      t.is(written.blob.length, size === 0 ? 0 : 32);
      t.is(client.chunks.size, Math.ceil(size / chunkBytes));
      if (size > 0) t.true(client.bytesOf(written.blob).equals(bytes));
      for (const chunk of client.chunks.values()) t.is(chunk.owner, 'objects/b/k');
      const expected = digestOnce(digests, bytes);
      t.deepEqual(Object.keys(written.digests).sort(), [...digests].sort());
      for (const name of digests) t.deepEqual(written.digests[name], expected[name]);
      if (written.digests.sha1) {
        t.deepEqual(Buffer.from(written.digests.sha1), createHash('sha1').update(bytes).digest());
      }
      await expectNoLeak(t, stream, client);
    }),
    { numRuns: 60 },
  );
});

test('a buffer that a given-up device may read is not used again, its permit is', async (t) => {
  const client = new MemoryChunkClient((put) => ({ kept: put < 5 }));
  const stream = createStream(client);
  const bytes = content.subarray(0, 5 * chunkBytes);
  await stream.write({ source: sourceOf(bytes), owner: 'objects/b/k', digests: [] });
  await turn();
  t.like(stream.status(), { usedBytes: 0, buffersOut: 0, idleBuffers: 0 });
  await stream.write({ source: sourceOf(bytes), owner: 'objects/b/k', digests: [] });
  t.deepEqual(client.complaints, []);
  await turn();
  t.true(stream.status().idleBuffers > 0);
});

test('a buffer into which the source may still write is not used again, its permit is', async (t) => {
  const gone = gate();
  const client = new MemoryChunkClient((put) => (put === 0 ? { durable: gone.promise } : {}));
  const stream = createStream(client, { budgetBytes: 2 * BUFFER_BYTES });
  const half = content.subarray(0, chunkBytes + chunkBytes / 2);
  const source = sourceOf(half, { inPlace: true, silent: true, sizeBytes: 2 * chunkBytes });
  const failed = stream.write({ source, owner: 'objects/b/k', digests: [] });
  await turn();
  gone.fail(new Fault('no-space', 'the devices are full'));
  await t.throwsAsync(failed);
  t.true(source.cancelled);
  t.like(stream.status(), { usedBytes: 0, buffersOut: 0, idleBuffers: 1 });

  const bytes = content.subarray(0, 2 * chunkBytes);
  const written = await stream.write({ source: sourceOf(bytes), owner: 'objects/b/k', digests: [] });
  await turn();
  t.true(client.bytesOf(written.blob).equals(bytes));
  await expectNoLeak(t, stream, client);
});

test('a failure at any point is reported, nothing is left behind, nothing leaks', async (t) => {
  const failures = fc.constantFrom('source', 'put', 'late put', 'release', 'short', 'long', 'throw');
  await fc.assert(
    fc.asyncProperty(
      sizes,
      slicing,
      sourceKind,
      failures,
      fc.nat(),
      async (size, cuts, kind, failure, at) => {
        const chunks = Math.ceil(size / chunkBytes);
        const needsChunk = ['put', 'late put', 'release', 'throw'].includes(failure);
        fc.pre(!(needsChunk && chunks === 0) && !(failure === 'short' && size === 0));
        const noSpace = new Fault('no-space', 'the devices are full');
        const unlucky = chunks === 0 ? -1 : at % chunks;
        const script = (put: number): PutScript => {
          if (put !== unlucky) return {};
          if (failure === 'throw') throw noSpace;
          if (failure === 'put') return { durable: Promise.reject(noSpace) };
          if (failure === 'late put') return { durable: turn().then(() => Promise.reject(noSpace)) };
          return failure === 'release'
            ? { durable: Promise.reject(noSpace), released: turn().then(() => undefined) }
            : {};
        };
        const client = new MemoryChunkClient(script);
        const stream = createStream(client);
        const error = new Error('connection reset');
        let slices = slicesOf(content.subarray(0, size), cuts);
        if (failure === 'source' || failure === 'short')
          slices = slices.slice(0, at % Math.max(1, slices.length));
        if (failure === 'long') slices.push(content.subarray(0, 1));
        const known = kind.known || failure === 'short' || failure === 'long';
        const source = new ScriptedSource({
          ...kind,
          slices,
          sizeBytes: known ? size : undefined,
          ...(failure === 'source' && { error }),
        });
        const writing = stream.write({ source, owner: 'o', digests: ['md5'] });
        const thrown = await t.throwsAsync(writing);
        if (needsChunk) t.is(thrown, noSpace);
        else t.true(isFault(thrown, 'aborted'));
        if (failure === 'source') t.is(thrown?.cause, error);
        t.true(source.finished || source.cancelled);
        t.is(client.chunks.size, 0, 'what was written is deleted');
        await expectNoLeak(t, stream, client);
      },
    ),
    { numRuns: 100 },
  );
});

test('the source is cancelled as soon as a put fails, not at its end', async (t) => {
  const client = new MemoryChunkClient((put) =>
    put === 0 ? { durable: Promise.reject(new Fault('quorum-not-reached', 'two nodes are away')) } : {},
  );
  const stream = createStream(client);
  const source = new ScriptedSource({ slices: slicesOf(content, [blockBytes]) });
  const thrown = await t.throwsAsync(stream.write({ source, owner: 'o', digests: ['md5'] }));
  t.true(isFault(thrown, 'quorum-not-reached'));
  t.true(source.cancelled);
  t.true(source.pushedSlices < 3 * (chunkBytes / blockBytes));
  await expectNoLeak(t, stream, client);
});

test('a write is acknowledged at its quorum while the slowest replica keeps buffer and permit', async (t) => {
  const slow = gate();
  const client = new MemoryChunkClient(() => ({ released: slow.promise }));
  const stream = createStream(client);
  const bytes = content.subarray(0, 2 * chunkBytes);
  const written = await stream.write({ source: sourceOf(bytes), owner: 'o', digests: ['md5'] });
  t.true(client.bytesOf(written.blob).equals(bytes));
  t.is(stream.status().usedBytes, 2 * BUFFER_BYTES);
  t.is(stream.status().buffersOut, 2);
  let closed = false;
  const closing = stream.close().then(() => {
    closed = true;
  });
  await turn();
  t.false(closed, 'closing waits for the buffers');
  slow.open();
  await closing;
  await expectNoLeak(t, stream, client);
});

test('slow replicas pause the source when a body has its share of chunks in flight', async (t) => {
  const slow = gate();
  const client = new MemoryChunkClient(() => ({ released: slow.promise }));
  const stream = createStream(client);
  const source = new ScriptedSource({ slices: slicesOf(content, [blockBytes]) });
  const writing = stream.write({ source, owner: 'o', digests: [] });
  const enough = limits.streamChunksInFlight * (chunkBytes / blockBytes);
  while (source.pushedSlices < enough) await turn();
  for (let i = 0; i < 5; i++) await turn();
  t.is(source.pushedSlices, enough);
  t.is(stream.status().buffersOut, limits.streamChunksInFlight);
  slow.open();
  const written = await writing;
  t.true(client.bytesOf(written.blob).equals(content));
  t.is(client.mostHeld, limits.streamChunksInFlight);
  await expectNoLeak(t, stream, client);
});

test('many writers share a budget of one buffer, in order, and all finish', async (t) => {
  const client = new MemoryChunkClient(() => ({ released: turn().then(() => undefined) }));
  const stream = createStream(client, { budgetBytes: 2 * BUFFER_BYTES });
  let mostUsed = 0;
  const bodies = Array.from({ length: 40 }, (_, index) => {
    const start = index * 4_099;
    return content.subarray(start, start + (index % 3 === 0 ? 3_000 : chunkBytes + index * 7_919));
  });
  const writes = bodies.map(async (bytes, index) => {
    const slices = slicesOf(bytes, [blockBytes, 999]);
    const sizeBytes = index % 2 === 0 ? bytes.length : undefined;
    const source = new ScriptedSource({ slices, sizeBytes, overrun: index % 2 });
    const written = await stream.write({ source, owner: 'o', digests: ['md5', 'crc32'] });
    mostUsed = Math.max(mostUsed, stream.status().usedBytes);
    t.true(client.bytesOf(written.blob).equals(bytes));
  });
  await Promise.all(writes);
  t.true(mostUsed <= BUFFER_BYTES, 'the other buffer is for sources of copies');
  await expectNoLeak(t, stream, client);
});

test('a writer that fails while it waits for budget leaves the queue', async (t) => {
  const slow = gate();
  const client = new MemoryChunkClient(() => ({ released: slow.promise }));
  const stream = createStream(client, { budgetBytes: 2 * BUFFER_BYTES });
  const first = stream.write({ source: sourceOf(content.subarray(0, chunkBytes)), owner: 'o', digests: [] });
  await first;
  const error = new Error('gone');
  const slices = [content.subarray(0, 10)];
  const failing = stream.write({
    source: new ScriptedSource({ slices, error, eager: true, overrun: 2 }),
    owner: 'o',
    digests: [],
  });
  const thrown = await t.throwsAsync(failing);
  t.is(thrown?.cause, error);
  t.is(stream.status().waiting, 0);
  slow.open();
  await expectNoLeak(t, stream, client);
});

test('a small body takes its own size from the budget, and no large buffer', async (t) => {
  const slow = gate();
  const client = new MemoryChunkClient(() => ({ released: slow.promise }));
  const stream = createStream(client);
  await stream.write({ source: sourceOf(content.subarray(0, 4_096)), owner: 'o', digests: ['md5'] });
  t.deepEqual(stream.status(), { usedBytes: 4_096, waiting: 0, buffersOut: 0, idleBuffers: 0 });
  const tail = content.subarray(0, chunkBytes + 100);
  await stream.write({ source: sourceOf(tail), owner: 'o', digests: ['md5'] });
  t.is(stream.status().usedBytes, 4_096 + BUFFER_BYTES + 100, 'nor does the end of a longer one');
  slow.open();
  await expectNoLeak(t, stream, client);
});

test('a source that ignores its pause is stopped before it fills the memory', async (t) => {
  const slow = gate();
  const client = new MemoryChunkClient(() => ({ released: slow.promise }));
  const stream = createStream(client);
  const slices = Array.from({ length: 64 }, () => content.subarray(0, chunkBytes));
  const source = new ScriptedSource({ slices, eager: true, overrun: 1_000 });
  const writing = t.throwsAsync(stream.write({ source, owner: 'o', digests: [] }), { name: 'Bug' });
  t.true(source.cancelled);
  const takenBytes = (limits.streamChunksInFlight + 1) * chunkBytes;
  t.true(source.pushedSlices * chunkBytes <= limits.streamSpillBytes + takenBytes);
  slow.open();
  await writing;
  await expectNoLeak(t, stream, client);
});

test('a digest that dies fails the write, and so does one that ends in a fault', async (t) => {
  const died = new Fault('busy', 'a digest thread ended');
  for (const when of ['start', 'update', 'finish']) {
    const digests: DigestPool = {
      start: () => {
        if (when === 'start') throw died;
        return {
          update: () => (when === 'update' ? Promise.reject(died) : undefined),
          finish: () => Promise.reject(died),
          cancel: () => undefined,
        };
      },
      forget: () => undefined,
      close: async () => undefined,
    };
    const client = new MemoryChunkClient();
    const stream = createStream(client, { digests });
    const source = new ScriptedSource({ slices: slicesOf(content, [blockBytes]) });
    const thrown = await t.throwsAsync(stream.write({ source, owner: 'o', digests: ['md5'] }));
    t.is(thrown as Error, died);
    t.is(client.chunks.size, 0);
    await expectNoLeak(t, stream, client);
  }
});

test('a digest slower than the nodes keeps the buffers until it is through', async (t) => {
  const slow = gate();
  const seen = createHash('md5');
  const digests: DigestPool = {
    start: () => ({
      update: (bytes) => slow.promise.then(() => void seen.update(bytes)),
      finish: async () => ({ md5: seen.digest() }),
      cancel: () => undefined,
    }),
    forget: () => undefined,
    close: async () => undefined,
  };
  const client = new MemoryChunkClient();
  const stream = createStream(client, { digests });
  const source = new ScriptedSource({ slices: slicesOf(content, [blockBytes]) });
  const writing = stream.write({ source, owner: 'o', digests: ['md5'] });
  const enough = limits.streamChunksInFlight * (chunkBytes / blockBytes);
  while (source.pushedSlices < enough) await turn();
  t.is(stream.status().buffersOut, limits.streamChunksInFlight);
  slow.open();
  const { digests: result } = await writing;
  t.deepEqual(Buffer.from(result.md5 ?? []), createHash('md5').update(content).digest());
  await expectNoLeak(t, stream, client);
});

test('a source that throws when it is started fails the write', async (t) => {
  const client = new MemoryChunkClient();
  const stream = createStream(client);
  const source = sourceOf(content.subarray(0, 10));
  source.start({ write: () => undefined, end: () => undefined, fail: () => undefined });
  await t.throwsAsync(stream.write({ source, owner: 'o', digests: [] }), { message: /started once/ });
  await expectNoLeak(t, stream, client);
});

test('discarding a blob deletes its chunks; a closed stream takes nothing more', async (t) => {
  const client = new MemoryChunkClient();
  const stream = createStream(client);
  const written = await stream.write({
    source: sourceOf(content.subarray(0, 3 * chunkBytes + 1)),
    owner: 'o',
    digests: [],
  });
  await stream.discard(written);
  t.is(client.chunks.size, 0);
  t.is(client.deleted.length, 4);
  await stream.close();
  const refused = await t.throwsAsync(stream.write({ source: sourceOf(content), owner: 'o', digests: [] }));
  t.true(isFault(refused, 'closed'));
  t.true(isFault(await t.throwsAsync(stream.read([written], 0, 1, { write: () => undefined })), 'closed'));
});
