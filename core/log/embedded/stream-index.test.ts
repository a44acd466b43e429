// Owns the proof that the stream index always answers as a plain map would, through rolls, merges and
// reopening, and that what is missing or damaged of it is made anew from the log.

import test from 'ava';
import fc from 'fast-check';
import { KIB, limits } from '#core/kernel/limits.ts';
import { MemoryDisk } from '#core/kernel/memory-disk.ts';
import { seededRandom } from '#core/kernel/random.ts';
import { LOG_DIRECTORY, openLogOn } from '#tests/support/log-on-disk.ts';
import { note, textsIn } from '../suite/support.ts';
import type { EmbeddedLog } from './embedded-log.ts';
import { StreamHasher } from './stream-hash.ts';
import { StreamIndex } from './stream-index.ts';
import { compareHash, ENTRY_WORDS, type StreamEntry, StreamTable } from './stream-table.ts';

const hasher = new StreamHasher(seededRandom(1).fill(Buffer.alloc(16)));

function find(index: StreamIndex | StreamTable, stream: string): StreamEntry | undefined {
  const entry = { revision: 0, segment: 0, position: 0 };
  return index.find(hasher.hashText(stream), entry) ? entry : undefined;
}

function set(index: StreamIndex | StreamTable, stream: string, entry: StreamEntry): void {
  const [h0, h1, h2, h3] = hasher.hashText(stream);
  index.set(h0 as number, h1 as number, h2 as number, h3 as number, entry);
}

test('a table answers as a map does, and comes out sorted', (t) => {
  const table = new StreamTable();
  const map = new Map<string, StreamEntry>();
  const random = seededRandom(5);
  for (let round = 0; round < 30_000; round++) {
    const stream = `notes/${Math.floor(random.next() * 20_000)}`;
    const entry = { revision: round, segment: 1 + (round % 7), position: 0xffff_0000 + round };
    table.set(...words(stream), entry);
    map.set(stream, entry);
  }
  t.is(table.size, map.size);
  for (const [stream, entry] of map) t.deepEqual(find(table, stream), entry);
  for (let other = 0; other < 1_000; other++) t.is(find(table, `other/${other}`), undefined);
  const sorted = table.sorted();
  t.is(sorted.length, map.size * ENTRY_WORDS);
  for (let at = ENTRY_WORDS; at < sorted.length; at += ENTRY_WORDS) {
    if (compareHash(sorted, at - ENTRY_WORDS, sorted, at) >= 0) t.fail('out of order');
  }
});

function words(stream: string): [number, number, number, number] {
  return [...hasher.hashText(stream)] as [number, number, number, number];
}

test('hashes differ by key and by every character', (t) => {
  const names = Array.from({ length: 5_000 }, (_, at) => `notes/${at}`);
  const near = ['', 'a', 'aa', 'aaa', 'aaaa', 'aaaaa', 'a\0', '\0', '\0\0', 'é', 'e\u0301'];
  const hashes = [...names, ...near].map((name) => words(name).join());
  t.is(new Set(hashes).size, hashes.length);
  const other = new StreamHasher(Buffer.alloc(16, 3));
  t.notDeepEqual([...other.hashText('notes/1')], words('notes/1'));
  const bytes = Buffer.from('...notes/1...');
  t.deepEqual([...hasher.hashBytes(bytes, 3, bytes.length - 3)], words('notes/1'));
});

test('the index answers as a map does through rolls, merges and reopening', async (t) => {
  const step = fc.record({
    writes: fc.nat(400),
    streams: fc.integer({ min: 1, max: 2_000 }),
    reopen: fc.boolean(),
  });
  const property = fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.integer(), async (steps, seed) => {
    const disk = new MemoryDisk();
    const random = seededRandom(seed);
    const map = new Map<string, StreamEntry>();
    let index = await StreamIndex.open(disk, LOG_DIRECTORY, 0);
    let segment = 1;
    for (const { writes, streams, reopen } of steps) {
      for (let write = 0; write < writes; write++) {
        const stream = `notes/${Math.floor(random.next() * streams)}`;
        const entry = { revision: write, segment, position: write * 8 };
        set(index, stream, entry);
        map.set(stream, entry);
      }
      await index.waitForRoom();
      index.freeze(segment);
      if (reopen) {
        await index.settle();
        t.is(index.coveredSegments, segment);
        await index.close();
        index = await StreamIndex.open(disk, LOG_DIRECTORY, segment);
        t.is(index.coveredSegments, segment);
      }
      segment++;
      for (let stream = 0; stream < streams; stream += 7) {
        t.deepEqual(find(index, `notes/${stream}`), map.get(`notes/${stream}`));
      }
    }
    await index.settle();
    for (const [stream, entry] of map) t.deepEqual(find(index, stream), entry);
    const files = disk.list(LOG_DIRECTORY).length;
    t.true(files < limits.logIndexFanIn * 2, `${files} files of ${steps.length} segments`);
    await index.close();
  });
  await fc.assert(property, { numRuns: 25 });
});

async function longLog(disk: MemoryDisk, events: number): Promise<EmbeddedLog> {
  const log = await openOn(disk);
  for (let at = log.count; at < events; at += 100) {
    const some = Array.from({ length: 100 }, (_, each) =>
      note(log, `notes/${(at + each) % 37}`, `${at + each}`),
    );
    await Promise.all(some);
  }
  return log;
}

const openOn = (disk: MemoryDisk) => openLogOn(disk, 8 * KIB, 2);

test('what is missing or damaged of the index is made anew from the log', async (t) => {
  const disk = new MemoryDisk();
  await (await longLog(disk, 2_000)).close();
  const runs = () => disk.list(LOG_DIRECTORY).filter((name) => name.endsWith('.streams'));
  t.true(runs().length > 1);
  const damages: (() => void)[] = [
    () => {
      for (const name of runs()) disk.remove(`${LOG_DIRECTORY}/${name}`);
    },
    () => disk.remove(`${LOG_DIRECTORY}/${runs()[0]}`),
    () => {
      const path = `${LOG_DIRECTORY}/${runs()[1]}`;
      const bytes = disk.bytesOf(path);
      disk.put(path, bytes.fill(1, bytes.length - 80, bytes.length - 70));
    },
    () => disk.put(`${LOG_DIRECTORY}/0000000001-0000009999.streams`, Buffer.alloc(4_096)),
  ];
  for (const damage of damages) {
    damage();
    const log = await openOn(disk);
    for (let stream = 0; stream < 37; stream++) {
      const expected = Array.from({ length: 2_000 }, (_, at) => at).filter((at) => at % 37 === stream);
      t.deepEqual(await textsIn(log, `notes/${stream}`), expected.map(String));
    }
    await t.throwsAsync(note(log, 'notes/0', 'x', { expect: 'none' }), { code: 'conflict' });
    await log.close();
  }
});

test('a damaged page of the index is refused, not believed', async (t) => {
  const disk = new MemoryDisk();
  await (await longLog(disk, 2_000)).close();
  for (const name of disk.list(LOG_DIRECTORY).filter((each) => each.endsWith('.streams'))) {
    const bytes = disk.bytesOf(`${LOG_DIRECTORY}/${name}`);
    bytes[9] = (bytes[9] as number) ^ 1;
    disk.put(`${LOG_DIRECTORY}/${name}`, bytes);
  }
  const log = await openOn(disk);
  const outcomes = await Promise.allSettled(
    Array.from({ length: 37 }, (_, stream) => note(log, `notes/${stream}`, 'x', { expect: 'none' })),
  );
  const codes = outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason.code : 'written'));
  t.true(codes.includes('corruption'));
  t.false(codes.includes('written'));
  await log.close();
});
