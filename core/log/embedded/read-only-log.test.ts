// Owns the proof that a log can be looked at while another one writes it, and that looking changes nothing.

import test from 'ava';
import { ManualClock } from '#core/kernel/clock.ts';
import { KIB } from '#core/kernel/limits.ts';
import { MemoryDisk } from '#core/kernel/memory-disk.ts';
import { seededRandom } from '#core/kernel/random.ts';
import { LOG_DIRECTORY, openLogOn } from '#tests/support/log-on-disk.ts';
import { collect, followToTail, note, textOf } from '../suite/support.ts';
import { openForReading } from './read-only-log.ts';
import { verifyLog } from './verify.ts';

const openOn = (disk: MemoryDisk) => openLogOn(disk, 8 * KIB, 2);

const files = (disk: MemoryDisk) =>
  disk.list(LOG_DIRECTORY).map((name) => [name, disk.bytesOf(`${LOG_DIRECTORY}/${name}`).toString('latin1')]);

test('a reader sees what was appended, and changes no file', async (t) => {
  const disk = new MemoryDisk();
  const log = await openOn(disk);
  for (let at = 0; at < 100; at++) await note(log, `notes/${at % 3}`, `${at}`);
  const crashed = disk.crashed(seededRandom(3));
  const before = files(crashed);
  const reader = await openForReading(LOG_DIRECTORY, new ManualClock(), crashed);
  t.deepEqual(await reader.tail(), [100]);
  t.is((await followToTail({ ...unwritable, ...methodsOf(reader) })).length, 100);
  const read = await collect(reader.read('notes/1', { from: 30 }));
  t.deepEqual(read.map(textOf), ['91', '94', '97']);
  t.deepEqual((await collect(reader.replay({ from: [98] }))).flat().map(textOf), ['98', '99']);
  await reader.close();
  await t.throwsAsync(reader.tail(), { code: 'closed' });
  t.deepEqual(files(crashed), before);
  await log.close();
});

const unwritable = { append: () => Promise.reject(new Error('not written here')) };

function methodsOf(reader: Awaited<ReturnType<typeof openForReading>>) {
  return {
    read: reader.read.bind(reader),
    follow: reader.follow.bind(reader),
    tail: () => reader.tail(),
    close: () => reader.close(),
  };
}

test('a reader follows a log that goes on, across segments, as its clock moves', async (t) => {
  const disk = new MemoryDisk();
  const log = await openOn(disk);
  await note(log, 'notes/a', '0');
  const clock = new ManualClock();
  const reader = await openForReading(LOG_DIRECTORY, clock, disk);
  const texts: string[] = [];
  const following = (async () => {
    for await (const batch of reader.follow({ from: [] })) {
      texts.push(...batch.map(textOf));
      if (texts.length === 301) return;
    }
  })();
  for (let at = 1; at <= 300; at++) {
    await note(log, 'notes/a', `${at}`);
    if (at % 20 === 0) clock.advance(1_000);
  }
  t.true(disk.list(LOG_DIRECTORY).filter((name) => name.endsWith('.segment')).length > 3);
  let isDone = false;
  void following.then(() => {
    isDone = true;
  });
  while (!isDone) {
    clock.advance(1_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.deepEqual(
    texts,
    Array.from({ length: 301 }, (_, at) => `${at}`),
  );
  await reader.close();
  await log.close();
});

test('an unfinished frame is the end for a reader, until it is whole', async (t) => {
  const disk = new MemoryDisk();
  const log = await openOn(disk);
  await note(log, 'notes/a', 'one');
  const firstBytes = log.sizeBytes;
  await note(log, 'notes/a', 'two');
  const path = `${LOG_DIRECTORY}/0000000001.segment`;
  const whole = disk.bytesOf(path);
  const half = new MemoryDisk();
  half.put(path, Buffer.from(whole).fill(0, firstBytes + 100));
  const reader = await openForReading(LOG_DIRECTORY, new ManualClock(), half);
  t.deepEqual(await reader.tail(), [1]);
  t.is((await verifyLog({ directory: LOG_DIRECTORY, disk: half })).events, 1);
  const file = half.open(path, 'update');
  file.writeSync(whole, 0);
  t.deepEqual(await reader.tail(), [2]);
  await reader.close();
  await log.close();
});

test('a log may be verified while it is written', async (t) => {
  const disk = new MemoryDisk();
  const log = await openOn(disk);
  const writing = (async () => {
    for (let at = 0; at < 300; at++) await note(log, `notes/${at % 5}`, `${at}`);
  })();
  let isWriting = true;
  void writing.then(() => {
    isWriting = false;
  });
  let events = 0;
  while (isWriting) {
    const verified = await verifyLog({ directory: LOG_DIRECTORY, disk });
    t.true(verified.events >= events);
    events = verified.events;
    await new Promise((resolve) => setImmediate(resolve));
  }
  const reports: number[] = [];
  const options = { directory: LOG_DIRECTORY, disk, untilOffset: 300 };
  const verified = await verifyLog({ ...options, report: (done, total) => reports.push(done / total) });
  t.is(verified.events, 300);
  t.is(reports.at(-1), 1);
  await t.throwsAsync(verifyLog({ ...options, untilOffset: 301 }), { code: 'corruption' });
  await log.close();
});
