// Owns the proof of the way out: any range of any extents arrives whole and in order; whoever goes away,
// nothing leaks.

import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { ManualClock } from '#core/kernel/clock.ts';
import { Fault, isFault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import { seededRandom } from '#core/kernel/random.ts';
import { chunkIdOf } from '#storage-nodes/chunks/chunk-store.ts';
import { MemoryChunkClient } from '#tests/support/memory-chunk-client.ts';
import { ScriptedSource, slicesOf } from '#tests/support/scripted-source.ts';
import type { BlobExtent, BlobTarget, ByteSource } from './blob-stream.ts';
import { createBlobStream } from './create-blob-stream.ts';
import { createInlineDigestPool } from './digest.ts';

const { chunkBytes, blockBytes } = limits;
const BUFFER_BYTES = chunkBytes + blockBytes;
const content = seededRandom(3).fill(Buffer.alloc(6 * chunkBytes));

type Stream = ReturnType<typeof createStream>;

function createStream(client: MemoryChunkClient, budgetBytes = 16 * BUFFER_BYTES) {
  return createBlobStream({
    chunks: client,
    random: seededRandom(4),
    clock: new ManualClock(),
    digests: createInlineDigestPool(),
    budgetBytes,
  });
}

async function expectNoLeak(t: ExecutionContext, stream: Stream, client: MemoryChunkClient) {
  await stream.close();
  t.deepEqual(stream.status(), { usedBytes: 0, waiting: 0, buffersOut: 0, idleBuffers: 0 });
  t.deepEqual(client.complaints, []);
}

/** Puts bytes as a blob of chunks of the given size, as they may have been written in other times. */
function store(client: MemoryChunkClient, bytes: Buffer, extentChunkBytes = chunkBytes): BlobExtent {
  const blob = seededRandom(client.chunks.size + 5)
    .fill(Buffer.alloc(16))
    .toString('hex');
  for (let index = 0; index * extentChunkBytes < bytes.length; index++) {
    const data = bytes.subarray(index * extentChunkBytes, (index + 1) * extentChunkBytes);
    client.chunks.set(Buffer.from(chunkIdOf(blob, index)).toString('hex'), { data, owner: 'o' });
  }
  return { blob: bytes.length === 0 ? '' : blob, sizeBytes: bytes.length, chunkBytes: extentChunkBytes };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Copies what it is given; takes it in at once or a turn later, checking that it stays what it was. */
class Collector implements BlobTarget {
  readonly parts: Buffer[] = [];
  changed = false;
  readonly #slow: boolean;

  constructor(slow = false) {
    this.#slow = slow;
  }

  write(bytes: Uint8Array): Promise<void> | undefined {
    const copy = Buffer.from(bytes);
    this.parts.push(copy);
    if (!this.#slow) return undefined;
    return turn().then(() => {
      if (!copy.equals(bytes)) this.changed = true;
    });
  }

  get bytes(): Buffer {
    return Buffer.concat(this.parts);
  }
}

function collect(source: ByteSource, pauseEvery = 0): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    source.start({
      write: (bytes) => {
        parts.push(Buffer.from(bytes));
        if (pauseEvery === 0 || parts.length % pauseEvery !== 0) return;
        source.pause();
        setImmediate(() => source.resume());
      },
      end: () => resolve(Buffer.concat(parts)),
      fail: reject,
    });
  });
}

const extentShape = fc.record({
  size: fc.oneof(
    fc.constantFrom(0, 1, blockBytes, chunkBytes - 1, chunkBytes, chunkBytes + 1),
    fc.integer({ min: 0, max: 2 * chunkBytes }),
  ),
  chunk: fc.constantFrom(chunkBytes, chunkBytes, blockBytes, 100_000),
});

test('any range of any extents arrives whole and in order, as a read and as a source', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(extentShape, { maxLength: 4 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.boolean(),
      async (shapes, from, share, slow) => {
        const client = new MemoryChunkClient();
        const stream = createStream(client);
        const bodies = shapes.map(({ size }, index) => content.subarray(index * 999, index * 999 + size));
        const extents = bodies.map((body, index) => store(client, body, shapes[index]?.chunk));
        const whole = Buffer.concat(bodies);
        const offset = Math.floor(from * whole.length);
        const length = Math.floor(share * (whole.length - offset));
        const expected = whole.subarray(offset, offset + length);
        const target = new Collector(slow);
        await stream.read(extents, offset, length, target);
        t.true(target.bytes.equals(expected));
        t.false(target.changed, 'no buffer is reused before the target is through with it');
        const source = stream.source(extents, offset, length);
        t.is(source.sizeBytes, length);
        t.true((await collect(source, slow ? 2 : 0)).equals(expected));
        await expectNoLeak(t, stream, client);
      },
    ),
    { numRuns: 60 },
  );
});

test('a small read is one read of the client, one write, and no buffer of the pool', async (t) => {
  const client = new MemoryChunkClient();
  const stream = createStream(client);
  const extent = store(client, content.subarray(0, 2 * chunkBytes));
  const target = new Collector();
  let status: ReturnType<Stream['status']> | undefined;
  await stream.read([extent], chunkBytes - 10, 10, {
    write: (bytes) => {
      status = stream.status();
      return target.write(bytes);
    },
  });
  t.is(client.reads, 1);
  t.is(target.parts.length, 1);
  t.deepEqual(status, { usedBytes: 10, waiting: 0, buffersOut: 0, idleBuffers: 0 });
  await expectNoLeak(t, stream, client);
});

test('no more than the agreed number of chunks is read ahead of a slow target', async (t) => {
  const client = new MemoryChunkClient();
  const stream = createStream(client);
  const extent = store(client, content);
  let open: () => void = () => undefined;
  const stalled = new Promise<void>((resolve) => {
    open = resolve;
  });
  const target = new Collector();
  const reading = stream.read([extent], 0, content.length, {
    write: (bytes) => {
      target.write(bytes);
      return stalled;
    },
  });
  for (let i = 0; i < 10; i++) await turn();
  t.is(client.reads, 1 + limits.streamReadAhead);
  t.is(target.parts.length, 1);
  open();
  await reading;
  t.true(target.bytes.equals(content));
  await expectNoLeak(t, stream, client);
});

test('a target that goes away stops the read at once, and all buffers come back', async (t) => {
  for (const goesAt of [0, 1, 3]) {
    const client = new MemoryChunkClient();
    const stream = createStream(client);
    const extent = store(client, content);
    const gone = new Error('the receiver has gone');
    let writes = 0;
    const reading = stream.read([extent], 0, content.length, {
      write: () => (writes++ === goesAt ? Promise.reject(gone) : undefined),
    });
    t.is(await t.throwsAsync(reading), gone);
    t.is(writes, goesAt + 1);
    t.true(client.reads <= goesAt + 1 + limits.streamReadAhead);
    await expectNoLeak(t, stream, client);
  }
});

test('a target that throws, in a small read or a large one, ends it without a leak', async (t) => {
  const client = new MemoryChunkClient();
  const stream = createStream(client);
  const extent = store(client, content);
  for (const length of [10, 3 * chunkBytes]) {
    const write = () => {
      throw new Error('closed');
    };
    await t.throwsAsync(stream.read([extent], 0, length, { write }), { message: 'closed' });
  }
  await expectNoLeak(t, stream, client);
});

test('an unreadable chunk fails the read in its turn, even when later ones fail sooner', async (t) => {
  const unreadable = (read: number) => new Fault('chunk-unreadable', `read ${read}`);
  const beforeRead = async (read: number) => {
    if (read === 0) for (let i = 0; i < 5; i++) await turn();
    if (read >= 1) throw unreadable(read);
  };
  const client = new MemoryChunkClient(undefined, beforeRead);
  const stream = createStream(client);
  const extent = store(client, content);
  const target = new Collector();
  const thrown = await t.throwsAsync(stream.read([extent], 0, content.length, target), { message: 'read 1' });
  t.true(isFault(thrown, 'chunk-unreadable'));
  t.true(target.bytes.equals(content.subarray(0, chunkBytes)));
  const failing = collect(stream.source([extent], 0, content.length));
  t.true(isFault(await t.throwsAsync(failing), 'chunk-unreadable'));
  await expectNoLeak(t, stream, client);
});

test('a cancelled source keeps its buffer until the read that fills it has settled', async (t) => {
  let open: () => void = () => undefined;
  const stalled = new Promise<void>((resolve) => {
    open = resolve;
  });
  const client = new MemoryChunkClient(undefined, () => stalled);
  const stream = createStream(client);
  const source = stream.source([store(client, content)], 0, content.length);
  const called = () => t.fail('nothing follows a cancel');
  source.start({ write: called, end: called, fail: called });
  source.cancel();
  t.is(stream.status().buffersOut, 1);
  open();
  await expectNoLeak(t, stream, client);
});

test('a source that is cancelled while it waits for its buffer leaves the queue', async (t) => {
  const client = new MemoryChunkClient();
  const stream = createStream(client, 2 * BUFFER_BYTES);
  const extent = store(client, content);
  const nothing = { write: () => undefined, end: () => undefined, fail: () => undefined };
  const [first, second] = [stream.source([extent], 0, 10), stream.source([extent], 0, 10)];
  first.start(nothing);
  second.start(nothing);
  t.is(stream.status().waiting, 1);
  second.cancel();
  t.is(stream.status().waiting, 0);
  first.cancel();
  await expectNoLeak(t, stream, client);
});

test('copies, writes and reads at once all finish on the smallest budget there can be', async (t) => {
  const client = new MemoryChunkClient(
    () => ({ released: turn() }),
    () => turn(),
  );
  const stream = createStream(client, 2 * BUFFER_BYTES);
  const original = content.subarray(0, 2 * chunkBytes + 12_345);
  const extent = store(client, original);
  // An offset makes each chunk of the source straddle two of the copy.
  const copies = Array.from({ length: 12 }, async (_, index) => {
    const length = original.length - 777 - index;
    const source = stream.source([extent], 777, length);
    const written = await stream.write({ source, owner: 'copy', digests: ['crc32'] });
    t.true(client.bytesOf(written.blob).equals(original.subarray(777, 777 + length)));
  });
  const writes = Array.from({ length: 12 }, async (_, index) => {
    const bytes = content.subarray(index, index + chunkBytes + 5_000);
    const source = new ScriptedSource({ slices: slicesOf(bytes, [blockBytes]), sizeBytes: bytes.length });
    const written = await stream.write({ source, owner: 'write', digests: [] });
    t.true(client.bytesOf(written.blob).equals(bytes));
  });
  const reads = Array.from({ length: 12 }, async () => {
    const target = new Collector(true);
    await stream.read([extent], 0, original.length, target);
    t.true(target.bytes.equals(original));
  });
  await Promise.all([...copies, ...writes, ...reads]);
  await expectNoLeak(t, stream, client);
});

test('a copy whose original cannot be read fails with that as its cause', async (t) => {
  const client = new MemoryChunkClient();
  const stream = createStream(client);
  const lost: BlobExtent = { blob: '00'.repeat(16), sizeBytes: 2 * chunkBytes, chunkBytes };
  const source = stream.source([store(client, content), lost], 0, content.length + 10);
  const before = client.chunks.size;
  const thrown = await t.throwsAsync(stream.write({ source, owner: 'o', digests: ['md5'] }));
  t.true(isFault(thrown, 'aborted'));
  t.true(isFault(thrown?.cause, 'chunk-unreadable'));
  t.is(client.chunks.size, before);
  await expectNoLeak(t, stream, client);
});

test('a range outside the extents is a bug of the caller', async (t) => {
  const client = new MemoryChunkClient();
  const stream = createStream(client);
  const extent = store(client, content.subarray(0, 100));
  await t.throwsAsync(stream.read([extent], 0, 101, new Collector()), { name: 'Bug' });
  await t.throwsAsync(stream.read([extent], -1, 1, new Collector()), { name: 'Bug' });
  await expectNoLeak(t, stream, client);
});
