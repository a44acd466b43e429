// Owns what must hold of a device however it is reached, by a call in the process or over a wire, beyond what
// the suite of the chunk store says of one device by itself: faults keep their meaning, many calls at once do
// not mix, one that hangs holds up no other.

import type { ExecutionContext, TestFn } from 'ava';
import { ManualClock } from '#core/kernel/clock.ts';
import { FAULT_CODES, Fault, type FaultCode, isFault } from '#core/kernel/errors.ts';
import { limits } from '#core/kernel/limits.ts';
import { seededRandom } from '#core/kernel/random.ts';
import { type ChunkInfo, chunkIdOf } from '#storage-nodes/chunks/chunk-store.ts';
import { MemoryChunkStore } from '#storage-nodes/chunks/memory-chunk-store.ts';
import { all, chunkOf, hexOf, idOf } from '#storage-nodes/chunks/suite/suite-support.ts';
import type { NodeChunks } from './device-port.ts';

export interface NodeChunksFactory {
  readonly name: string;
  reach(device: NodeChunks): Promise<{ readonly chunks: NodeChunks; readonly destroy: () => Promise<void> }>;
}

export function nodeChunksSuite(test: TestFn, factory: NodeChunksFactory): void {
  for (const cases of [faultCases, mixedCases, listCases]) cases(test, factory);
}

const newStore = () => new MemoryChunkStore({ clock: new ManualClock() });

async function reach(
  t: ExecutionContext,
  factory: NodeChunksFactory,
  device: NodeChunks,
): Promise<NodeChunks> {
  const { chunks, destroy } = await factory.reach(device);
  t.teardown(destroy);
  return chunks;
}

/** A device of which every call fails in the same way. */
function failingWith(error: Error): NodeChunks {
  const fail = () => Promise.reject(error);
  return {
    put: fail,
    read: fail,
    stat: fail,
    delete: fail,
    digests: fail,
    probe: fail,
    status: fail,
    // biome-ignore lint/correctness/useYield: it fails before there is anything to tell
    async *list() {
      throw error;
    },
  };
}

const callsOf = (chunks: NodeChunks): Promise<unknown>[] => [
  chunks.put(chunkOf(1, 100)),
  chunks.put(chunkOf(1, limits.chunkBytes)),
  chunks.read(idOf(1), 0, 100),
  chunks.read(idOf(1), 0, limits.chunkBytes),
  chunks.stat(idOf(1)),
  chunks.delete(idOf(1)),
  chunks.digests(4, Uint32Array.of(1, 2)),
  chunks.probe(),
  Promise.resolve(chunks.status()),
  all(chunks.list()),
];

function faultCases(test: TestFn, factory: NodeChunksFactory): void {
  const { name } = factory;

  test(`${name}: every fault of a device is told with its code and its words`, async (t) => {
    for (const code of Object.keys(FAULT_CODES) as FaultCode[]) {
      const chunks = await reach(t, factory, failingWith(new Fault(code, `because of ${code}`)));
      for (const outcome of await Promise.allSettled(callsOf(chunks))) {
        const error = outcome.status === 'rejected' ? outcome.reason : undefined;
        t.true(isFault(error, code), `${error} is ${code}`);
        t.is(error?.message, `because of ${code}`);
      }
    }
  });

  test(`${name}: what is no fault stays none, and is told with its words`, async (t) => {
    const chunks = await reach(t, factory, failingWith(new Error('EIO: i/o error, pread')));
    for (const outcome of await Promise.allSettled(callsOf(chunks))) {
      const error = outcome.status === 'rejected' ? outcome.reason : undefined;
      t.false(isFault(error));
      t.is(error?.message, 'EIO: i/o error, pread');
    }
  });
}

function mixedCases(test: TestFn, factory: NodeChunksFactory): void {
  const { name } = factory;

  test(`${name}: 64 callers who put, read and delete at once each get what is theirs`, async (t) => {
    const chunks = await reach(t, factory, newStore());
    const random = seededRandom(64);
    const sizes = [0, 1, 500, 4096, 16_384, 16_385, 65_536, 65_537, 262_144, 400_000, limits.chunkBytes];
    const caller = async (number: number) => {
      const target = Buffer.alloc(limits.chunkBytes + limits.blockBytes);
      for (let turn = 0; turn < 4; turn++) {
        const sizeBytes = sizes[Math.floor(random.next() * sizes.length)] as number;
        const chunk = chunkOf(number * 100 + turn, sizeBytes);
        await chunks.put(chunk);
        const from = Math.floor(random.next() * (sizeBytes + 1));
        const [part, whole, info] = await Promise.all([
          chunks.read(chunk.id, from, 5000),
          chunks.read(chunk.id, 0, limits.chunkBytes, target),
          chunks.stat(chunk.id),
        ]);
        t.true(Buffer.from(chunk.data.subarray(from, from + 5000)).equals(part));
        t.true(Buffer.from(chunk.data).equals(whole));
        t.is(info?.sizeBytes, sizeBytes);
        if (turn % 2 === 0) await chunks.delete(chunk.id);
      }
    };
    await Promise.all(Array.from({ length: 64 }, (_, number) => caller(number)));
    t.is((await chunks.status()).chunks, 128);
  });

  test(`${name}: calls that hang hold up no other`, async (t) => {
    const store = newStore();
    let free: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      free = resolve;
    });
    const device: NodeChunks = Object.assign(Object.create(store), {
      put: (chunk: Parameters<NodeChunks['put']>[0]) => gate.then(() => store.put(chunk)),
      stat: (id: Parameters<NodeChunks['stat']>[0]) => store.stat(id),
      read: (...given: Parameters<NodeChunks['read']>) => store.read(...given),
    });
    const chunks = await reach(t, factory, device);
    await store.put(chunkOf(1, 700_000));
    const hanging = Promise.all([2, 3, 4].map((number) => chunks.put(chunkOf(number, limits.chunkBytes))));
    t.is((await chunks.read(idOf(1), 0, 700_000)).length, 700_000);
    t.is(await chunks.stat(idOf(2)), undefined);
    free();
    await hanging;
    t.is((await chunks.stat(idOf(2)))?.sizeBytes, limits.chunkBytes);
  });
}

const lineOf = ({ id, sizeBytes, createdMs, owner }: ChunkInfo) =>
  `${hexOf(id)} ${sizeBytes} ${createdMs} ${owner.length}`;

function listCases(test: TestFn, factory: NodeChunksFactory): void {
  const { name } = factory;

  test(`${name}: a long list comes whole and in order, from anywhere, and of one partition`, async (t) => {
    const store = newStore();
    const chunks = await reach(t, factory, store);
    const owner = 'o'.repeat(limits.chunkOwnerBytes);
    for (let index = 0; index < 400; index++) {
      const id = chunkIdOf(hexOf(idOf(index % 40)).slice(0, 32), index);
      await store.put({ ...chunkOf(index, 10, index % 3 === 0 ? owner : 'short'), id });
    }
    const found = await all(chunks.list());
    t.is(found.length, 400);
    t.deepEqual(found.map(lineOf), (await all(store.list())).map(lineOf));
    const after = found[123]?.id ?? new Uint8Array();
    t.deepEqual((await all(chunks.list({ after }))).map(lineOf), found.slice(124).map(lineOf));
    const partitions = await Promise.all(
      [0, 1, 2, 3].map((number) => all(chunks.list({ partition: { number, power: 2 } }))),
    );
    t.deepEqual(partitions.flat().map(lineOf), found.map(lineOf));
    let seen = 0;
    for await (const _ of chunks.list()) if (++seen === 70) break;
    t.is(seen, 70);
  });

  test(`${name}: digests and status are those of the device`, async (t) => {
    const store = newStore();
    const chunks = await reach(t, factory, store);
    await Promise.all(Array.from({ length: 50 }, (_, number) => store.put(chunkOf(number, number * 100))));
    const partitions = Uint32Array.from({ length: limits.digestPartitions }, (_, number) => number);
    t.deepEqual(await chunks.digests(16, partitions), await store.digests(16, partitions));
    t.deepEqual(await chunks.status(), store.status());
    await chunks.probe();
  });
}
