// Owns the proof that a copy of a log is a beginning of it: while it is written, after damage, and again.

import test from 'ava';
import { KIB } from '#core/kernel/limits.ts';
import { MemoryDisk } from '#core/kernel/memory-disk.ts';
import { LOG_DIRECTORY, openLogOn } from '#tests/support/log-on-disk.ts';
import { followToTail, note, textOf } from '../suite/support.ts';
import { backUpLog } from './backup.ts';
import { segmentPath } from './segments.ts';
import { verifyLog } from './verify.ts';

const COPY = '/copy';
const openOn = (disk: MemoryDisk, seed = 1) => openLogOn(disk, 16 * KIB, seed);

async function write(log: Awaited<ReturnType<typeof openOn>>, from: number, to: number): Promise<void> {
  const padding = 'x'.repeat(500);
  for (let at = from; at < to; at++) await note(log, `notes/key/${at % 3}`, `event ${at} ${padding}`);
}

/** What a new log has that begins with the copy. */
async function restored(disk: MemoryDisk): Promise<string[]> {
  const other = new MemoryDisk();
  for (const name of disk.list(COPY)) {
    other.put(`${LOG_DIRECTORY}/${name}`, disk.bytesOf(`${COPY}/${name}`));
  }
  const log = await openOn(other);
  await note(log, 'notes/key/new', 'afterwards');
  const texts = (await followToTail(log)).map((each) => textOf(each).split(' x')[0] ?? '');
  await log.close();
  return texts;
}

const texts = (count: number) => Array.from({ length: count }, (_, at) => `event ${at}`);

test('a copy made beside the running log has what was acknowledged, and can be gone on with', async (t) => {
  const disk = new MemoryDisk();
  const log = await openOn(disk);
  await write(log, 0, 100);
  const writing = write(log, 100, 200);
  const copy = await backUpLog({ from: LOG_DIRECTORY, to: COPY, disk });
  await writing;
  t.true(copy.events >= 100 && copy.segments > 2, JSON.stringify(copy));
  t.deepEqual(await restored(disk), [...texts(copy.events), 'afterwards']);
  await log.close();
});

test('a second copy takes only what is new, and equals a fresh one', async (t) => {
  const disk = new MemoryDisk();
  const log = await openOn(disk);
  await write(log, 0, 150);
  const first = await backUpLog({ from: LOG_DIRECTORY, to: COPY, disk });
  await write(log, 150, 180);
  let told = 0;
  const report = (done: number) => {
    t.true(done >= told);
    told = done;
  };
  const second = await backUpLog({ from: LOG_DIRECTORY, to: COPY, disk, report });
  t.true(second.copiedBytes < first.copiedBytes / 2, `${second.copiedBytes} of ${first.copiedBytes}`);
  const fresh = await backUpLog({ from: LOG_DIRECTORY, to: '/fresh', disk });
  t.is(second.lastHash, fresh.lastHash);
  t.is(second.events, 180);
  t.is(second.lastHash, (await verifyLog({ directory: LOG_DIRECTORY, disk })).lastHash);
  t.deepEqual(await restored(disk), [...texts(180), 'afterwards']);
  await log.close();
});

test('a copy that lost its end is refused, not opened as a shorter log', async (t) => {
  const disk = new MemoryDisk();
  const log = await openOn(disk);
  await write(log, 0, 5);
  await backUpLog({ from: LOG_DIRECTORY, to: COPY, disk });
  await log.close();
  const path = segmentPath(COPY, 1);
  disk.put(path, disk.bytesOf(path).subarray(0, -600));
  await t.throwsAsync(restored(disk), { code: 'corruption' });
});

test('damage in the log is found, and an older copy stays as it was', async (t) => {
  const disk = new MemoryDisk();
  const log = await openOn(disk);
  await write(log, 0, 10);
  const before = await backUpLog({ from: LOG_DIRECTORY, to: COPY, disk });
  await write(log, 10, 40);
  const path = segmentPath(LOG_DIRECTORY, 1);
  const bytes = disk.bytesOf(path);
  bytes[6_000] = (bytes[6_000] ?? 0) ^ 1;
  disk.put(path, bytes);
  await t.throwsAsync(backUpLog({ from: LOG_DIRECTORY, to: COPY, disk }), { code: 'corruption' });
  t.is((await verifyLog({ directory: COPY, disk })).lastHash, before.lastHash);
});

test('the copy of another log is not written over', async (t) => {
  const disk = new MemoryDisk();
  const log = await openOn(disk);
  await write(log, 0, 5);
  await backUpLog({ from: LOG_DIRECTORY, to: COPY, disk });
  const other = new MemoryDisk();
  const otherLog = await openOn(other, 2);
  await write(otherLog, 0, 5);
  for (const name of disk.list(COPY)) other.put(`${COPY}/${name}`, disk.bytesOf(`${COPY}/${name}`));
  await t.throwsAsync(backUpLog({ from: LOG_DIRECTORY, to: COPY, disk: other }), {
    message: /holds a copy of another log/,
  });
  await t.throwsAsync(backUpLog({ from: '/nowhere', to: COPY, disk: other }), { message: /no log in/ });
  for (const each of [log, otherLog]) await each.close();
});
