// Owns the proof that a device which fails, fills up or vanishes while serving makes operations fault and
// nothing else.

import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ManualClock, systemClock } from '#core/kernel/clock.ts';
import { Fault, isFault } from '#core/kernel/errors.ts';
import { limits, MIB } from '#core/kernel/limits.ts';
import { systemRandom } from '#core/kernel/random.ts';
import { needlesIn, segmentPaths } from '#tests/support/segment-files.ts';
import { type ChunkDisk, nodeChunkDisk } from './chunk-disk.ts';
import type { Chunk } from './chunk-store.ts';
import { DiskChunkStore } from './disk-chunk-store.ts';
import { TOMBSTONE_NEEDLE } from './needle.ts';
import { chunkOf, faults, hexOf, idOf, reads } from './suite/suite-support.ts';

/** A disk of which a test can break one thing at a time. */
class BrittleDisk {
  failSync = false;
  failWrite = false;
  /** No file grows any more. */
  full = false;
  /** Written ahead of any chunk: nothing else writes that way. */
  fillBytes = 0;

  readonly disk: ChunkDisk = {
    ...nodeChunkDisk,
    freeBytes: (directory) => (this.full ? 0 : nodeChunkDisk.freeBytes(directory)),
    open: (path, mode) => {
      const file = nodeChunkDisk.open(path, mode);
      const grows = (bytes: Uint8Array, position: number) => position + bytes.length > file.sizeBytes();
      const check = (bytes: Uint8Array, position: number) => {
        if (this.failWrite) throw new Error('EIO: i/o error, write');
        if (this.full && grows(bytes, position)) throw new Fault('no-space', 'no space left');
      };
      return {
        path: file.path,
        sizeBytes: () => file.sizeBytes(),
        readSync: (target, position) => file.readSync(target, position),
        read: (target, position) => file.read(target, position),
        write: (bytes, position) => {
          this.fillBytes += bytes.length;
          return file.write(bytes, position);
        },
        close: () => file.close(),
        writeSync: (bytes, position) => {
          check(bytes, position);
          file.writeSync(bytes, position);
        },
        writeDirect: async (parts, position) => {
          check(Buffer.concat(parts), position);
          return file.writeDirect(parts, position);
        },
        sync: async () => {
          await file.sync();
          if (this.failSync) throw new Error('EIO: i/o error, fdatasync');
        },
      };
    },
  };
}

interface Broken {
  readonly directory: string;
  readonly brittle: BrittleDisk;
  readonly store: DiskChunkStore;
  reopen(): Promise<DiskChunkStore>;
}

async function opened(t: ExecutionContext, segmentBytes = 2 * MIB): Promise<Broken> {
  const parent = mkdtempSync(join(tmpdir(), 'strata-'));
  const directory = join(parent, 'device');
  const brittle = new BrittleDisk();
  let store: DiskChunkStore;
  const open = async () => {
    store = await DiskChunkStore.open({
      ...{ directory, clock: systemClock, random: systemRandom, segmentBytes, disk: brittle.disk },
    });
    return store;
  };
  t.teardown(async () => {
    await store.close();
    rmSync(parent, { recursive: true, force: true });
  });
  const first = await open();
  const reopen = async () => {
    await store.close();
    return open();
  };
  return { directory, brittle, store: first, reopen };
}

/** Puts, again and again, until the store takes it. */
async function putAtLast(t: ExecutionContext, store: DiskChunkStore, chunk: Chunk): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    try {
      return await store.put(chunk);
    } catch (error) {
      t.true(isFault(error), String(error));
      await systemClock.sleep(20);
    }
  }
  t.fail('the store never took the chunk');
}

for (const what of ['failSync', 'failWrite'] as const) {
  test(`a put is not acknowledged when the device fails (${what}), and the next one may be`, async (t) => {
    const { store, brittle, reopen } = await opened(t);
    const [kept, lost, later] = [chunkOf(1, 5000), chunkOf(2, 5000), chunkOf(3, 5000)];
    await store.put(kept);
    brittle[what] = true;
    const attempts = [store.put(lost), store.put(chunkOf(4, 400_000)), store.delete(kept.id)];
    for (const attempt of attempts) await faults(t, 'busy', attempt);
    await reads(t, store, kept);
    await faults(t, 'chunk-missing', store.read(lost.id, 0, 1));
    brittle[what] = false;
    await store.put(later);
    await store.put(lost);
    const again = await reopen();
    for (const chunk of [kept, lost, later]) await reads(t, again, chunk);
    t.is(again.status().chunks, 3);
  });
}

test('a delete that failed does not come true after a crash, though it reached the disk', async (t) => {
  const { directory, store, brittle } = await opened(t);
  const chunk = chunkOf(1, 5000);
  await store.put(chunk);
  brittle.failSync = true;
  await faults(t, 'busy', store.delete(chunk.id));
  t.true(needlesIn(directory).some(({ kind }) => kind === TOMBSTONE_NEEDLE));
  brittle.failSync = false;
  await store.put(chunk);
  await store.put(chunkOf(2, 10));
  for (const withIndex of [true, false]) {
    const image = `${directory}-image-${withIndex}`;
    cpSync(directory, image, { recursive: true });
    if (!withIndex) rmSync(join(image, 'index'), { recursive: true });
    const again = await DiskChunkStore.open({
      ...{ directory: image, clock: new ManualClock(), random: systemRandom },
    });
    await reads(t, again, chunk);
    t.is(again.status().chunks, 2);
    await again.close();
  }
});

test('on a full device reads and deletes go on, and puts again after compaction', async (t) => {
  const { store, brittle, reopen } = await opened(t);
  let chunks = Array.from({ length: 60 }, (_, number) => chunkOf(number, 100_000));
  for (const chunk of chunks) await store.put(chunk);
  for (const { id } of chunks.splice(0, 40)) await store.delete(id);
  t.true((await store.compact(3)) > 1);
  brittle.full = true;
  const more: Chunk[] = [];
  for (let number = 100; ; number++) {
    const chunk = chunkOf(number, 100_000);
    const put = store.put(chunk);
    if (
      !(await put.then(
        () => true,
        (error) => !isFault(error, 'no-space'),
      ))
    )
      break;
    more.push(chunk);
  }
  t.true(store.status().full);
  chunks = [...chunks, ...more];
  for (const chunk of chunks) await reads(t, store, chunk);
  const going = chunks.filter((_, at) => at % 2 === 0);
  for (const { id } of going) await store.delete(id);
  t.true((await store.compact(10)) > 0);
  await store.put(chunkOf(1, 100_000));
  chunks = [...chunks.filter((_, at) => at % 2 === 1), chunkOf(1, 100_000)];
  for (const chunk of chunks) await reads(t, store, chunk);
  brittle.full = false;
  const again = await reopen();
  t.is(again.status().chunks, chunks.length);
  for (const chunk of chunks) await reads(t, again, chunk);
});

test('a put that the device turns out to have no room for fails alone', async (t) => {
  const { store, brittle } = await opened(t);
  await store.put(chunkOf(1, 500_000));
  brittle.full = true;
  await faults(t, 'no-space', store.put(chunkOf(2, 500_000)));
  t.true(store.status().full);
  await reads(t, store, chunkOf(1, 500_000));
  brittle.full = false;
  await store.put(chunkOf(2, 500_000));
  t.false(store.status().full);
  await reads(t, store, chunkOf(2, 500_000));
});

test('a directory removed while serving leaves an empty store that takes puts', async (t) => {
  const { directory, store, reopen } = await opened(t);
  const chunks = Array.from({ length: 20 }, (_, number) => chunkOf(number, 150_000));
  for (const chunk of chunks) await store.put(chunk);
  rmSync(directory, { recursive: true });
  await Promise.allSettled(chunks.map((chunk) => store.read(chunk.id, 0, 150_000)));
  // A put of an old id is a no-op as long as the store has not noticed; one of a new id makes it notice.
  await putAtLast(t, store, chunkOf(100, 5000));
  for (const chunk of chunks) await putAtLast(t, store, chunk);
  for (const chunk of chunks) await reads(t, store, chunk);
  const again = await reopen();
  t.is(again.status().chunks, 21);
  for (const chunk of chunks) await reads(t, again, chunk);
});

test('an audit notices that the directory is gone', async (t) => {
  const { directory, store } = await opened(t);
  await store.put(chunkOf(1, 5000));
  rmSync(directory, { recursive: true });
  await store.audit(10).catch((error) => t.true(isFault(error), String(error)));
  await faults(t, 'chunk-missing', store.read(idOf(1), 0, 1));
  await putAtLast(t, store, chunkOf(1, 5000));
  t.true(existsSync(join(directory, 'segments')));
  await reads(t, store, chunkOf(1, 5000));
});

test('chunks of a vanished segment file are missing, all others are not', async (t) => {
  const { directory, store, reopen } = await opened(t);
  const chunks = Array.from({ length: 60 }, (_, number) => chunkOf(number, 90_000));
  for (const chunk of chunks) await store.put(chunk);
  const [path = ''] = segmentPaths(directory).sort();
  const gone = new Set(
    needlesIn(directory)
      .filter((needle) => needle.path === path)
      .map(({ id }) => hexOf(id)),
  );
  rmSync(path);
  await store.audit(1000);
  t.is(store.status().chunks, chunks.length - gone.size);
  for (const again of [false, true]) {
    const current = again ? await reopen() : store;
    for (const chunk of chunks) {
      if (gone.has(hexOf(chunk.id))) await faults(t, 'chunk-missing', current.read(chunk.id, 0, 1));
      else await reads(t, current, chunk);
    }
  }
});

test('an index removed while serving is rebuilt by the next start', async (t) => {
  const { directory, store, reopen } = await opened(t);
  const chunks = Array.from({ length: 30 }, (_, number) => chunkOf(number, 9000));
  for (const chunk of chunks.slice(0, 20)) await store.put(chunk);
  rmSync(join(directory, 'index'), { recursive: true });
  for (const chunk of chunks.slice(20)) await store.put(chunk);
  for (const chunk of chunks) await reads(t, store, chunk);
  const again = await reopen();
  for (const chunk of chunks) await reads(t, again, chunk);
});

test('once a segment is half full, filled files wait for the next', async (t) => {
  const { directory, store } = await opened(t);
  const small = Array.from({ length: 50 }, (_, number) => chunkOf(100 + number, 30_000));
  await Promise.all(small.map((chunk) => store.put(chunk)));
  const filled = () => segmentPaths(directory).filter((path) => statSync(path).size === 2 * MIB).length;
  for (let turn = 0; turn < 500 && filled() < 1; turn++) await systemClock.sleep(10);
  t.is(filled(), 1);
  for (let number = 3; number < 9; number++) await store.put(chunkOf(number, limits.chunkBytes / 2));
  for (let number = 3; number < 9; number++) await reads(t, store, chunkOf(number, limits.chunkBytes / 2));
  t.true(readdirSync(join(directory, 'segments')).length >= 2);
});

test('nothing is filled ahead of large chunks, which gain nothing by it', async (t) => {
  const { brittle, store } = await opened(t, 16 * MIB);
  for (let number = 1; number < 13; number++) await store.put(chunkOf(number, limits.chunkBytes));
  t.is(brittle.fillBytes, 0);
});
